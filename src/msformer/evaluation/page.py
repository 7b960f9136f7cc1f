"""``index.html`` of an evaluation: self-contained, each protocol in tables of its own, the worst cases in pictures."""

from __future__ import annotations

import heapq
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image as Pillow

from msformer.errors import MSFormerError
from msformer.evaluation.agreement import COLOURS, draw_agreement
from msformer.evaluation.cases import ObjectRow, Row, Scored
from msformer.evaluation.files import read_truth, select
from msformer.evaluation.instances import INSTANCE_METRICS
from msformer.evaluation.metrics import LOWER_IS_BETTER
from msformer.evaluation.pairing import Case, index_folder
from msformer.io.write import text_file
from msformer.look import template
from msformer.render import Picture, data_uri

NAMES = {
    "dice": "Dice", "iou": "IoU", "sensitivity": "sensitivity", "specificity": "specificity",
    "hm_error": "HM error", "xor_error": "XOR error", "surface_dice": "surface Dice",
    "hausdorff95_px": "HD95, px", "hausdorff95_mm": "HD95, mm", "assd_px": "ASSD, px", "assd_mm": "ASSD, mm",
    "f1": "F1", "aji": "AJI", "pq": "PQ", "sq": "SQ", "rq": "RQ",
}  # fmt: skip
DIRECTIONS = {
    name: "lower" if name.removesuffix("_px").removesuffix("_mm") in LOWER_IS_BETTER else "higher" for name in NAMES
}
COUNTS = {"n_pred": "found", "n_gt": "true", "n_matched": "matched"}
"""Of objects: what is counted, and what it is called."""
STATISTICS = {
    "mean": "mean", "ci_low": "95 % from", "ci_high": "to", "median": "median",
    "percentile10": "10th percentile", "percentile90": "90th percentile", "n": "cases", "n_undefined": "undefined",
}  # fmt: skip


def write_page(
    path: Path,
    summary: Mapping[str, Any],
    cases: Sequence[Case],
    scored: Scored,
    *,
    worst: int,
    images: Path | None = None,
) -> None:
    """Write the page; arguments are those of ``report.write_report``, with the summary that it made."""
    unit = "px" if summary["spacing_mm"] is None else "mm"
    tables = scored.by_protocol()
    first = next(iter(tables.values()), [])
    shown = heapq.nsmallest(worst, first, key=_badness)
    parts = template("evaluation/index.html").generate(
        title=f"msformer evaluate: {summary['n_scored']} of {summary['n_paired']} pairs scored",
        summary=(
            f"{summary['pred']} against {summary['gt']} · {summary['created']} · msformer "
            f"{summary['versions']['msformer']} · distances by SciPy {summary['versions']['scipy']} · tolerance of the "
            f"surface Dice {summary[f'tolerance_{unit}']:g} {unit}"
        ),
        colours={name: "#{:02x}{:02x}{:02x}".format(*colour) for name, colour in COLOURS.items()},
        metric_names=NAMES | COUNTS,
        statistics=STATISTICS,
        directions=DIRECTIONS,
        lists=[
            {
                "title": "Not scored",
                "entries": [f"{failure['case_id']}: {failure['error']}" for failure in summary["failures"]],
            },
            {"title": "Predictions without a ground truth", "entries": summary["only_pred"]},
            {"title": "Ground truths without a prediction", "entries": summary["only_gt"]},
        ],
        remarks=summary["remarks"],
        protocols=[summary["protocols"][name] | {"name": name, "rows": _cases(rows)} for name, rows in tables.items()],
        n_shown=len(shown),
        figures=_figures(shown, cases, images) if shown else None,
        with_images=images is not None,
        instances=summary["instances"],
        objects=_objects(scored.objects),
        definitions=summary["definitions"],
    )
    with text_file(path) as file:
        file.writelines(parts)


def _cases(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """All cases of a protocol, the worst first."""
    return [
        {
            "name": row.case_id,
            "values": {name: value for name, value in row.scores.to_record().items() if name in NAMES},
        }
        for row in sorted(rows, key=_badness)
    ]


def _objects(rows: Sequence[ObjectRow]) -> list[dict[str, Any]]:
    """All cases, objects one by one, the worst first."""
    names = [*COUNTS, *INSTANCE_METRICS]
    return [
        {"name": row.case_id, "values": {name: row.scores.to_record()[name] for name in names}}
        for row in sorted(rows, key=lambda row: (row.scores.f1, row.case_id))
    ]


def _figures(rows: Sequence[Row], cases: Sequence[Case], images: Path | None) -> Iterator[dict[str, str]]:
    """The worst cases in pictures, one of them in memory at a time."""
    by_name = {case.case_id: case for case in cases}
    if images is None or images.is_dir():
        found = {} if images is None else {name: paths[0] for name, paths in index_folder(images).items()}
    else:
        found = {row.case_id: images for row in rows}
    for row in rows:
        yield _figure(row, by_name[row.case_id], found.get(row.case_id), wants_image=images is not None)


def _figure(row: Row, case: Case, image: Path | None, *, wants_image: bool) -> dict[str, str]:
    scores = row.scores
    note = "no image of this name" if wants_image and image is None else ""
    mask_gt, _ = read_truth(case.truth)
    mask_pred = next(
        selection.mask
        for prediction in case.predictions
        if prediction.kind in ("auto", "masks" if scores.protocol == "automatic" else "labels")
        for selection in select(prediction, mask_gt)
        if selection.protocol == scores.protocol
    )
    try:
        picture = draw_agreement(mask_pred, mask_gt, image)
    except MSFormerError as error:
        note, image = f"image not shown: {error}", None
        picture = draw_agreement(mask_pred, mask_gt)
    return {
        "name": row.case_id,
        "picture": _data_url(picture, photo=image is not None),
        "facts": (
            f"Dice {scores.dice:.3f} · HD95 {scores.hausdorff95:.1f} {scores.unit} · object {row.gt_px} px, "
            f"marked {row.pred_px} px"
        ),
        "note": note,
    }


def _data_url(picture: Picture, *, photo: bool) -> str:
    """JPEG for photographs; flat colours are smaller and sharper as PNG."""
    buffer = io.BytesIO()
    if photo:
        Pillow.fromarray(picture).save(buffer, format="JPEG", quality=85)
    else:
        Pillow.fromarray(picture).quantize(4).save(buffer, format="PNG", optimize=True)
    return data_uri("jpeg" if photo else "png", buffer.getvalue())


def _badness(row: Row) -> tuple[float, str]:
    return row.scores.dice, row.case_id
