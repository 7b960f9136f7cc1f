"""Cases on which methods agree least and most with each other, in pictures."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msformer.benchmark.table import Table
from msformer.evaluation.agreement import draw_agreement
from msformer.evaluation.files import read_truth
from msformer.render import data_uri, jpeg

PER_SET = 2
"""Cases of each kind and set."""
OTHERS = 2
"""Methods shown beside the own one: the best others of the set."""
WIDTH = 360


def gallery(table: Table, out: Path, own: str) -> Iterator[dict[str, Any]]:
    """The cases with the largest and the smallest spread of Dice between methods, a row of pictures each.

    Each picture shows the mask of one method against the ground truth, whose file the record names.
    """
    for set_name in table.sets:
        others = [row.method for row in table.rows(set_name, "automatic") if row.method != own][:OTHERS]
        methods = [own, *others]
        scores = {method: table.scores(set_name, method, "automatic") for method in methods}
        spread = {
            case: max(scores[m][case] for m in methods) - min(scores[m][case] for m in methods) for case in scores[own]
        }
        mean = {case: statistics.fmean(scores[method][case] for method in methods) for case in spread}
        apart = sorted(spread, key=lambda case: -spread[case])[:PER_SET]
        together = [case for case in sorted(spread, key=lambda case: (spread[case], -mean[case])) if case not in apart]
        for kind, cases in (("methods disagree", apart), ("methods agree", together[:PER_SET])):
            for case in cases:
                pictures = [_picture(table, out, set_name, method, case) for method in methods]
                yield {"set": set_name, "case": case, "kind": kind, "pictures": pictures}


def _picture(table: Table, out: Path, set_name: str, method: str, case: str) -> dict[str, str]:
    runs = [record for record in table.runs(set_name, method) if record["case"] == case]
    record = runs[0]
    if record["status"] == "failed":
        return {"method": method, "picture": "", "words": ": failed"}
    dice = record["scores"]["automatic"]["dice"]
    mask_pred, _ = read_truth(out / record["mask"])
    mask_gt, _ = read_truth(Path(record["truth"]))
    picture = data_uri("jpeg", jpeg(draw_agreement(mask_pred, mask_gt, Path(record["image"])), WIDTH))
    return {"method": method, "picture": picture, "words": f", seed {record['seed']}: Dice {dice:.3f}"}
