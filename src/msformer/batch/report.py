"""What came of a run: ``report.json`` for programs, ``regions.csv`` for spreadsheets, ``index.html`` for eyes.

Where objects were told apart, ``objects.csv`` has a row an object.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from PIL import Image as Pillow

from msformer.batch.files import ALL_KINDS
from msformer.batch.skipped import count, in_words
from msformer.batch.work import IN_LOG, Record
from msformer.config import Config
from msformer.errors import ConfigError
from msformer.io.atomic import atomic_path
from msformer.io.write import write_text
from msformer.plain import cell, printable
from msformer.processes import Split
from msformer.render import jpeg_data_uri
from msformer.segmentation import versions

THUMBNAIL_WIDTH = 960
"""Largest width in px of a preview inside the page; about 60 kB each."""

LISTED = 200
"""Of what was passed over, so many of each kind are named on the page."""
RECORDS = "records.jsonl"
"""Settings, then a record a line: all that the reports are made from, so that a later step can make them again."""
REGION_COLUMNS = [
    "case_id", "kind", "label", "area_px", "area_mm2", "volume_ml", "area_share", "centroid_row", "centroid_column",
    "bbox_first_row", "bbox_first_column", "bbox_end_row", "bbox_end_column",
]  # fmt: skip

OBJECT_COLUMNS = [
    "case_id", "label", "area_px", "area_mm2", "diameter_px", "diameter_mm", "perimeter_px", "perimeter_mm",
    "solidity", "centroid_row", "centroid_column", "bbox_first_row", "bbox_first_column", "bbox_end_row",
    "bbox_end_column", "touches_frame",
]  # fmt: skip


def write_report(
    out: Path,
    records: Sequence[Record],
    config: Config,
    *,
    n_planned: int,
    split: Split,
    learned: Mapping[str, Any] | None = None,
    skipped: Sequence[Mapping[str, str]] | None = None,
) -> None:
    """Write the reports of a run into ``out``; an ``objects.csv`` of an earlier one goes where this one has none.

    Args:
        out: Folder of the results.
        records: One a case that was tried.
        config: Settings of the run.
        n_planned: Number of cases that were to be tried; more than ``records`` after an interruption.
        split: Processes and threads; labels of the network are the same for the same number of threads.
        learned: What the folder taught, None where nothing was asked of it.
        skipped: What was passed over, records of ``skipped.Skipped``; None: what the report that is there says.
    """
    skipped = _skipped_before(out) if skipped is None else skipped
    failed = sum(record["status"] == "failed" for record in records)
    summary = {
        "program": "msformer",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "planned": n_planned,
        "done": len(records) - failed,
        "failed": failed,
        "n_skipped": len(skipped),
        "skipped_by_reason": count(skipped),
        "interrupted": len(records) < n_planned,
        "workers": split.workers,
        "threads": split.threads,
        "left_from_other_runs": strangers(out, records),
        "versions": versions(),
        "config": config.model_dump(mode="json"),
        "config_digest": config.digest,
    } | ({} if learned is None else {"learned": dict(learned)})
    # Regions and objects of all cases stand in the tables; here they would bury the rest.
    records = [{key: value for key, value in record.items() if key != IN_LOG} for record in records]
    cases = [
        {key: value for key, value in record.items() if key not in ("regions", "objects", "instances")}
        for record in records
    ]
    whole = {**summary, "skipped": [dict(one) for one in skipped], "cases": cases}
    write_text(out / "report.json", json.dumps(whole, indent=1, allow_nan=False) + "\n")
    lines = (json.dumps(record, allow_nan=False) for record in records)
    write_text(out / RECORDS, json.dumps(summary["config"]) + "\n" + "".join(f"{line}\n" for line in lines))
    write_text(out / "regions.csv", _regions_csv(records))
    if any(record.get("n_objects") is not None for record in records):
        write_text(out / "objects.csv", _objects_csv(records))
    else:
        (out / "objects.csv").unlink(missing_ok=True)
    _write_page(out, records, summary, skipped)


def _skipped_before(out: Path) -> list[Mapping[str, str]]:
    """What the report in a folder says was passed over."""
    try:
        found = json.loads((out / "report.json").read_text(encoding="utf-8"))["skipped"]
        return [{key: str(one[key]) for key in ("path", "why", "reason")} for one in found]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return []


def read_records(out: Path) -> tuple[list[Record], Config]:
    """The records of a run and its settings, as ``write_report`` left them.

    Raises:
        ConfigError: The folder has none, or they cannot be read.
    """
    path = out / RECORDS
    try:
        first, *lines = path.read_text(encoding="utf-8").splitlines()
        records, settings = [json.loads(line) for line in lines], json.loads(first)
        if not isinstance(settings, dict):
            raise ValueError("the first line must be settings")
        config = Config.from_mapping(settings)
    except OSError as error:
        raise ConfigError(f"{str(out)!r} must be a folder that msformer segment wrote; it has no {RECORDS}") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise ConfigError(f"{str(path)!r} cannot be read: {error}") from error
    if not all(
        isinstance(record, dict) and {"case_id", "source", "page", "status"} <= set(record) for record in records
    ):
        raise ConfigError(f"{str(path)!r} cannot be read: each line must be a record with case_id, source and status")
    return records, config


def strangers(out: Path, records: Sequence[Record]) -> list[str]:
    """Results in ``out`` that are not of these records: left by another run into the same folder."""
    known = {path for record in records for path in record.get("outputs", {}).values()}
    files = (path for kind in ALL_KINDS for path in (out / kind).rglob("*") if path.is_file())
    found = (path.relative_to(out).as_posix() for path in files)
    return sorted(path for path in found if path not in known)


def _regions_csv(records: Sequence[Record]) -> str:
    rows = [(record, kind, region) for record in records for kind, region in _regions(record)]
    channels = max((len(region["mean_intensity"]) for _, _, region in rows), default=1)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*REGION_COLUMNS, *(f"mean_intensity_{channel}" for channel in range(1, channels + 1))])
    for record, kind, region in rows:
        writer.writerow(
            [
                cell(record["case_id"]),
                kind,
                region["label"] if kind == "label" else "",
                region["area_px"],
                "" if region["area_mm2"] is None else f"{region['area_mm2']:.6g}",
                "" if region.get("volume_ml") is None else f"{region['volume_ml']:.6g}",
                f"{region['area_share']:.6f}",
                *(f"{value:.3f}" for value in region["centroid"]),
                *region["bbox"],
                *(f"{value:.6g}" for value in region["mean_intensity"]),
            ]
        )
    return text.getvalue()


def _objects_csv(records: Sequence[Record]) -> str:
    rows = [(record["case_id"], one) for record in records for one in record.get("objects", ())]
    channels = max((len(one["mean_intensity"]) for _, one in rows), default=1)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*OBJECT_COLUMNS, *(f"mean_intensity_{channel}" for channel in range(1, channels + 1))])
    for case_id, one in rows:
        sizes = (one[name] for name in ("diameter_px", "diameter_mm", "perimeter_px", "perimeter_mm"))
        writer.writerow(
            [
                cell(case_id),
                one["label"],
                one["area_px"],
                "" if one["area_mm2"] is None else f"{one['area_mm2']:.6g}",
                *("" if size is None else f"{size:.6g}" for size in sizes),
                f"{one['solidity']:.4f}",
                *(f"{value:.3f}" for value in one["centroid"]),
                *one["bbox"],
                int(one["touches_frame"]),
                *(f"{value:.6g}" for value in one["mean_intensity"]),
            ]
        )
    return text.getvalue()


def _regions(record: Record) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if record["status"] == "done":
        if record["foreground"] is not None:
            yield "foreground", record["foreground"]
        for region in record["regions"]:
            yield "label", region


def _write_page(
    out: Path, records: Sequence[Record], summary: Mapping[str, Any], skipped: Sequence[Mapping[str, str]]
) -> None:
    template = Template((resources.files("msformer.batch") / "index.html").read_text(encoding="utf-8"))
    marker = "<!--cases-->"
    page = template.substitute(
        title=escape(
            f"msformer: {summary['done']} segmented, {summary['failed']} failed, {summary['n_skipped']} skipped"
        ),
        summary=escape(
            f"{summary['created']} · preset {summary['config']['preset']} · seed "
            f"{summary['config']['random_state']} · msformer {summary['versions']['msformer']} · "
            f"settings {summary['config_digest']}"
            + (
                f" · {len(summary['left_from_other_runs'])} files here are of other runs"
                if summary["left_from_other_runs"]
                else ""
            )
            + (f" · interrupted after {len(records)} of {summary['planned']}" if summary["interrupted"] else "")
        ),
        cases=marker,
        skipped=_skipped_section(skipped),
    )
    head, tail = page.split(marker)
    with (
        atomic_path(out / "index.html") as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace") as file,
    ):
        file.write(head)
        for record in sorted(records, key=_trust):  # one picture in memory at a time
            file.write(_failed_entry(record) if record["status"] == "failed" else _done_entry(out, record))
        file.write(tail)


def _skipped_section(skipped: Sequence[Mapping[str, str]]) -> str:
    """What was passed over, a list for each kind of reason; empty where nothing was."""
    if not skipped:
        return ""
    counts = count(skipped)
    lists = []
    for why, number in counts.items():
        some = [one for one in skipped if one["why"] == why][:LISTED]
        rows = "".join(f"<li>{escape(printable(one['path']))}: {escape(one['reason'])}</li>\n" for one in some)
        more = f"<li>and {number - LISTED} more, which report.json has</li>\n" if number > LISTED else ""
        lists.append(f"<h3>{escape(in_words({why: number}))}</h3>\n<ul>\n{rows}{more}</ul>\n")
    return (
        f"<details id='skipped'><summary>Skipped {len(skipped)}: {escape(in_words(counts))}</summary>\n"
        f"{''.join(lists)}</details>\n"
    )


def _trust(record: Record) -> float:
    """What the cases are sorted by, the ones to look at first in front: failures, then by confidence."""
    return -1.0 if record["status"] == "failed" else float(record["confidence"])


def _loop(record: Record) -> str:
    """How the clusters came about."""
    if "slices" in record:
        changed = f"clusters changed {record['labels_changed']} of {record['labels_followed']} times"
        return " · ".join([f"{len(record['slices'])} slices, {changed}", *record["notes"]])
    is_loop = record["stop_reason"] != "not_iterative"
    how = f"network, {record['n_iter']} updates ({record['stop_reason']})" if is_loop else "k-means"
    return " · ".join([how, *record["notes"]])


def _marks(record: Record) -> str:
    """What the page marks and orders a case by, of what the folder taught."""
    learned = record.get("learned")
    if learned is None:
        return ""
    changed = ' class="changed"' if learned["source"] in ("region", "outline") else ""
    return f'{changed} data-worth="{learned["worth_correcting"]:.4f}"'


def _learned(learned: Mapping[str, Any]) -> str:
    """What learning did to a mask, in words."""
    words = {"own": "kept its own mask", "corrected": "corrected by hand"}
    return f"{words.get(learned['source'], 'CHANGED by what the folder taught')} ({learned['reason']})"


def _failed_entry(record: Record) -> str:
    name = escape(printable(record["case_id"]))
    reason = escape(printable(record["error"]))
    return f'<article class="failed" data-score="-1" data-name="{name}"><h2>{name}</h2><p>{reason}</p></article>\n'


def _done_entry(out: Path, record: Record) -> str:
    name = escape(printable(record["case_id"]))
    share = 0.0 if record["foreground"] is None else record["foreground"]["area_share"]
    facts = (
        f"{' × '.join(map(str, reversed(record['shape'])))} px · {record['n_labels']} clusters · "
        + ("nothing found" if record["is_empty"] else f"object {share:.1%} of the image")
        + ("" if record.get("n_objects") is None else f" · {record['n_objects']} objects")
        + f" · confidence {record['confidence']:.2f}"
        + (f" ({record['confidence_reason']})" if record.get("confidence_reason") else "")
        + f" · preset {record['preset']}"
        + (f" ({record['preset_reason']})" if record["preset_reason"] else "")
        + (f" · {_learned(record['learned'])}" if "learned" in record else "")
        + f" · {_loop(record)} · {record['elapsed_s']:.1f} s"
    )
    with Pillow.open(out / record["outputs"]["preview"]) as opened:  # previews may be lower than an image may be
        picture = jpeg_data_uri(np.asarray(opened.convert("RGB")), THUMBNAIL_WIDTH)
    return (
        f'<article{_marks(record)} data-score="{record["confidence"]:.4f}" data-name="{name}"><h2>{name}</h2>'
        f'<img loading="lazy" alt="image, clusters and mask of {name}" src="{picture}">'
        f"<p>{escape(facts)}</p></article>\n"
    )
