"""The cases on which a method is worst in a benchmark that was run, mean over seeds.

python -m benchmarks.worst --out OUT --method msformer
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections import defaultdict
from pathlib import Path


def main() -> None:
    """Print one line a case, the worst first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of a benchmark's results")
    parser.add_argument("--method", default="msformer")
    parser.add_argument("--count", type=int, default=20)
    given = parser.parse_args()
    dice: dict[tuple[str, str], list[float]] = defaultdict(list)
    confidence: dict[tuple[str, str], list[float]] = defaultdict(list)
    for path in (given.out / "runs").glob(f"*/{given.method}/*.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        key = record["set"], record["case"]
        dice[key].append(record["scores"]["automatic"]["dice"] if record["status"] == "done" else 0.0)
        confidence[key].append(record.get("confidence", 0.0))
    print("| Dice | confidence | set | case |\n|---|---|---|---|")
    for key in sorted(dice, key=lambda one: statistics.fmean(dice[one]))[: given.count]:
        print(f"| {statistics.fmean(dice[key]):.2f} | {statistics.fmean(confidence[key]):.2f} | {key[0]} | {key[1]} |")


if __name__ == "__main__":
    main()
