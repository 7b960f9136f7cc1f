"""``index.html`` of an evaluation: self-contained, each protocol in tables of its own, the worst cases in pictures."""

from __future__ import annotations

import heapq
import io
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from PIL import Image as Pillow

from msformer.errors import MSFormerError
from msformer.evaluation.agreement import COLOURS, draw_agreement
from msformer.evaluation.cases import ObjectRow, Row, Scored
from msformer.evaluation.files import read_truth, select
from msformer.evaluation.instances import INSTANCE_METRICS
from msformer.evaluation.metrics import LOWER_IS_BETTER
from msformer.evaluation.pairing import Case, index_folder
from msformer.io.atomic import atomic_path
from msformer.render import Picture, data_uri

NAMES = {
    "dice": "Dice", "iou": "IoU", "sensitivity": "sensitivity", "specificity": "specificity",
    "hm_error": "HM error", "xor_error": "XOR error", "surface_dice": "surface Dice",
    "hausdorff95_px": "HD95, px", "hausdorff95_mm": "HD95, mm", "assd_px": "ASSD, px", "assd_mm": "ASSD, mm",
    "f1": "F1", "aji": "AJI", "pq": "PQ", "sq": "SQ", "rq": "RQ",
}  # fmt: skip
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
    template = Template((resources.files("msformer.evaluation") / "index.html").read_text(encoding="utf-8"))
    title = f"msformer evaluate: {summary['n_scored']} of {summary['n_paired']} pairs scored"
    marker = "<!--parts-->"
    unit = "px" if summary["spacing_mm"] is None else "mm"
    page = template.substitute(
        title=escape(title),
        summary=escape(
            f"{summary['pred']} against {summary['gt']} · {summary['created']} · msformer "
            f"{summary['versions']['msformer']} · distances by MONAI {summary['versions']['monai']} · tolerance of the "
            f"surface Dice {summary[f'tolerance_{unit}']:g} {unit}"
        ),
        definitions="".join(
            f"<dt>{escape(name.replace('_', ' '))}</dt><dd>{escape(text)}</dd>\n"
            for name, text in summary["definitions"].items()
        ),
        parts=marker,
        **{name: "#{:02x}{:02x}{:02x}".format(*colour) for name, colour in COLOURS.items()},
    )
    head, tail = page.split(marker)
    tables = scored.by_protocol()
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(head)
        file.writelines(_troubles(summary))
        for rank, (name, rows) in enumerate(tables.items()):
            file.write(_summary_table(name, summary["protocols"][name]))
            if rank == 0 and worst > 0:  # what went wrong under the protocol that counts, before the others
                file.writelines(_gallery(rows, cases, worst, images))
        if summary["instances"] is not None:
            file.write(_object_tables(summary["instances"], scored.objects))
        file.writelines(_case_table(name, rows) for name, rows in tables.items())
        file.write(tail)


def _troubles(summary: Mapping[str, Any]) -> Iterator[str]:
    failures = [f"{failure['case_id']}: {failure['error']}" for failure in summary["failures"]]
    yield from _list("bad", "Not scored", failures)
    yield from _list("bad", "Predictions without a ground truth", summary["only_pred"])
    yield from _list("bad", "Ground truths without a prediction", summary["only_gt"])
    for remark in summary["remarks"]:
        count = f" (cases: {len(remark['case_ids'])})" if remark["case_ids"] else ""
        yield f'<p class="note">{escape(remark["remark"] + count)}</p>\n'


def _list(style: str, title: str, entries: Sequence[str]) -> Iterator[str]:
    if entries:
        items = "".join(f"<li>{escape(entry)}</li>" for entry in entries)
        state = " open" if len(entries) <= 10 else ""
        heading = f"<summary>{title}: {len(entries)}</summary>"
        yield f'<details class="{style}"{state}>{heading}<ul>{items}</ul></details>\n'


def _summary_table(name: str, table: Mapping[str, Any]) -> str:
    return (
        f"<section><h2>Protocol {escape(name)}, {table['n_cases']} cases</h2><p>{escape(table['meaning'])}</p>"
        f"{_statistics(table['metrics'])}</section>\n"
    )


def _statistics(metrics: Mapping[str, Mapping[str, Any]]) -> str:
    heads = "".join(f'<th scope="col">{escape(text)}</th>' for text in STATISTICS.values())
    lines = "".join(
        f'<tr><th scope="row">{escape(NAMES[metric])} {_arrow(metric)}</th>'
        + "".join(f"<td>{_number(metric, numbers[key])}</td>" for key in STATISTICS)
        + "</tr>\n"
        for metric, numbers in metrics.items()
    )
    return (
        f'<div class="wide"><table><thead><tr><th scope="col">metric</th>{heads}</tr></thead>\n'
        f"<tbody>{lines}</tbody></table></div>"
    )


def _object_tables(table: Mapping[str, Any], rows: Sequence[ObjectRow]) -> str:
    """Objects one by one: all cases in a few numbers, and case by case."""
    counts = {"n_pred": "found", "n_gt": "true", "n_matched": "matched"}
    heads = "".join(
        f'<th scope="col">{escape(text)}</th>'
        for text in [*counts.values(), *(NAMES[name] for name in INSTANCE_METRICS)]
    )
    lines = []
    for row in sorted(rows, key=lambda row: (row.scores.f1, row.case_id)):
        record = row.scores.to_record()
        cells = "".join(f"<td>{_number(name, record[name])}</td>" for name in [*counts, *INSTANCE_METRICS])
        lines.append(f'<tr><th scope="row">{escape(row.case_id)}</th>{cells}</tr>\n')
    return (
        f"<section><h2>Objects one by one, {table['n_cases']} cases</h2><p>{table['n_matched']} of {table['n_gt']} "
        f"objects found, {table['n_pred']} marked; all together: F1 {table['pooled']['f1']:.3f}, "
        f"PQ {table['pooled']['pq']:.3f}</p>{_statistics(table['metrics'])}"
        "<details><summary>All cases, objects one by one, worst F1 first</summary>"
        f'<div class="wide"><table><thead><tr><th scope="col">case</th>{heads}</tr></thead>\n'
        f"<tbody>{''.join(lines)}</tbody></table></div></details></section>\n"
    )


def _case_table(name: str, rows: Sequence[Row]) -> str:
    ordered = sorted(rows, key=_badness)
    metrics = [metric for metric in ordered[0].scores.to_record() if metric in NAMES]
    heads = "".join(f'<th scope="col">{escape(NAMES[metric])} {_arrow(metric)}</th>' for metric in metrics)
    lines = []
    for row in ordered:
        record = row.scores.to_record()
        cells = "".join(f"<td>{_number(metric, record[metric])}</td>" for metric in metrics)
        lines.append(f'<tr><th scope="row">{escape(row.case_id)}</th>{cells}</tr>\n')
    return (
        f"<section><details><summary>All cases under protocol {escape(name)}, worst Dice first</summary>"
        f'<div class="wide"><table><thead><tr><th scope="col">case</th>{heads}</tr></thead>\n'
        f"<tbody>{''.join(lines)}</tbody></table></div></details></section>\n"
    )


def _gallery(rows: Sequence[Row], cases: Sequence[Case], worst: int, images: Path | None) -> Iterator[str]:
    protocol = rows[0].scores.protocol
    shown = heapq.nsmallest(worst, rows, key=_badness)
    by_name = {case.case_id: case for case in cases}
    if images is None or images.is_dir():
        found = {} if images is None else {name: paths[0] for name, paths in index_folder(images).items()}
    else:
        found = {row.case_id: images for row in rows}
    yield f"<section><h2>Worst {len(shown)} of {len(rows)} cases by Dice under protocol {escape(protocol)}</h2>\n"
    yield '<p class="legend"><span class="agreed"></span>agree<span class="missed"></span>missed'
    yield '<span class="wrong"></span>wrongly marked</p>\n'
    yield f'<div class="gallery {"single" if images is None else "double"}">\n'
    for row in shown:  # one picture in memory at a time
        yield _figure(row, by_name[row.case_id], found.get(row.case_id), wants_image=images is not None)
    yield "</div></section>\n"


def _figure(row: Row, case: Case, image: Path | None, *, wants_image: bool) -> str:
    scores = row.scores
    name = escape(row.case_id)
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
    facts = (
        f"Dice {scores.dice:.3f} · HD95 {scores.hausdorff95:.1f} {scores.unit} · object {row.gt_px} px, "
        f"marked {row.pred_px} px"
    )
    return (
        f'<figure data-name="{name}"><img alt="agreement of mask and ground truth of {name}" '
        f'src="{_data_url(picture, photo=image is not None)}"><figcaption><b>{name}</b><br>{escape(facts)}'
        + (f"<br><em>{escape(note)}</em>" if note else "")
        + "</figcaption></figure>\n"
    )


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


def _arrow(metric: str) -> str:
    lower = metric.removesuffix("_px").removesuffix("_mm") in LOWER_IS_BETTER
    return f'<span title="{"lower" if lower else "higher"} is better">{"↓" if lower else "↑"}</span>'


def _number(metric: str, value: Any) -> str:
    if isinstance(value, int):
        return str(value)
    if value is None or value != value:
        return '<span title="undefined">–</span>'
    return f"{value:.2f}" if metric.endswith(("_px", "_mm")) else f"{value:.3f}"
