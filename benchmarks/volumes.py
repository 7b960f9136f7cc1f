"""How often a label changes its identity between neighbouring slices, with and without starting from the neighbour.

python -m benchmarks.volumes --data ../shared/data/volumes
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from msformer import Config
from msformer.errors import ImageError
from msformer.io.medical import find_volumes, read_volume
from msformer.processes import limit_threads
from msformer.volumes import segment_volume


def main() -> None:
    """Print one line a volume and preset."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of volumes")
    parser.add_argument("--presets", nargs="+", default=["general", "lung-ct"])
    given = parser.parse_args()
    limit_threads(1)
    files = sorted(path for path in given.data.rglob("*") if path.is_file())
    print("| volume | shape | preset | changed, following | changed, alone | time, following / alone |")
    print("|---|---|---|---|---|---|")
    for members in find_volumes(files):
        volume = read_volume(members, max_voxels=10**9)
        name = members[0].parent.name if len(members) > 1 else members[0].name
        for preset in given.presets:
            config = Config.from_preset(preset)
            try:
                segment_volume(volume, config.replace(prepare={"window": "lung"}, read={"slices": "0"}))
                config = config.replace(prepare={"window": "lung"})
            except ImageError:  # no CT
                if preset == "lung-ct":
                    continue
            cells, seconds = [], []
            for follow in (True, False):
                start = time.perf_counter()
                found = segment_volume(volume, config, follow=follow)
                seconds.append(time.perf_counter() - start)
                cells.append(f"{found.changed} of {found.followed} ({found.changed / max(found.followed, 1):.1%})")
            shape = " × ".join(map(str, volume.shape))
            print(f"| {name} | {shape} | {preset} | {' | '.join(cells)} | {seconds[0] / seconds[1]:.2f} |", flush=True)


if __name__ == "__main__":
    main()
