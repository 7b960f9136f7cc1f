"""What came of an evaluation: a table a protocol for spreadsheets, ``summary.json`` for programs, and the page."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from msformer.evaluation.aggregate import COVERAGE, summarise
from msformer.evaluation.cases import Row, Scored, ScoreSettings
from msformer.evaluation.metrics import METRICS
from msformer.evaluation.page import write_page
from msformer.evaluation.pairing import Kind, Pairing, Remark
from msformer.evaluation.protocols import PROTOCOLS
from msformer.evaluation.selection import PROTOCOL_MEANINGS
from msformer.io.write import null_undefined, write_text
from msformer.segmentation import versions

DEFINITIONS = {
    "surface_library": "monai.metrics",
    "outline": "pixels of a mask with one of their 4 neighbours, or the end of the image, outside it",
    "hausdorff95": "the larger of the two directed 95th percentiles of the distances from outline pixels to the "
    "nearest pixel of the other outline",
    "assd": "mean of both sets of those distances together",
    "surface_dice": "share of both sets of those distances that is at most the tolerance",
    "hm_error": "1 − IoU",
    "xor_error": "(union − intersection) / ground truth, as the released code has it; can exceed 1",
    "empty_masks": "if exactly one mask is empty, Dice and surface Dice are 0 and distances the image's diagonal; if "
    "both are, the score is perfect; sensitivity without a ground truth object is undefined, as is the XOR error if "
    "something is marked then: they are left out of means and counted",
    "interval": f"{COVERAGE:.0%} percentile bootstrap interval of the mean over cases",
}


@dataclass(frozen=True)
class Inputs:
    """What was compared, for the record.

    Attributes:
        pred: As given on the command line.
        gt: As given.
        kind: What the predictions were taken for.
    """

    pred: Path
    gt: Path
    kind: Kind


def write_report(
    out: Path,
    inputs: Inputs,
    pairing: Pairing,
    scored: Scored,
    settings: ScoreSettings,
    *,
    worst: int = 20,
    images: Path | None = None,
) -> dict[str, Any]:
    """Write ``cases-<protocol>.csv`` for each protocol that was used, ``summary.json`` and ``index.html`` into ``out``.

    Tables of an earlier run are removed where this one did not use their protocol; other files are left alone.

    Args:
        out: Folder; made if it is missing.
        inputs: What was compared.
        pairing: From ``pairing.pair``.
        scored: From ``cases.score_cases``, of the same pairing.
        settings: Those of the scores.
        worst: Number of cases shown with a picture.
        images: Folder, or file, with the images that were segmented, to be shown under the masks.

    Returns:
        The contents of ``summary.json``.
    """
    summary = summarise_run(inputs, pairing, scored, settings)
    tables = scored.by_protocol()
    for name in PROTOCOLS:
        path = out / f"cases-{name}.csv"
        if name in tables:
            write_text(path, cases_csv(tables[name]))
        else:
            path.unlink(missing_ok=True)
    write_text(out / "summary.json", json.dumps(summary, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    write_page(out / "index.html", summary, pairing.cases, scored, worst=worst, images=images)
    return summary


def summarise_run(inputs: Inputs, pairing: Pairing, scored: Scored, settings: ScoreSettings) -> dict[str, Any]:
    """Put everything but the single cases into one record, ready for strict JSON: null stands for undefined."""
    tables = {}
    for name, rows in scored.by_protocol().items():
        records = [row.scores.to_record() for row in rows]
        columns = [column for column in records[0] if column.removesuffix(f"_{settings.unit}") in METRICS]
        tables[name] = {
            "meaning": PROTOCOL_MEANINGS[name],
            "n_cases": len(rows),
            "metrics": {
                column: null_undefined(asdict(summarise([float(record[column]) for record in records])))
                for column in columns
            },
        }
    failures = [*pairing.failures, *scored.failures]
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "pred": str(inputs.pred),
        "gt": str(inputs.gt),
        "as": inputs.kind,
        "spacing_mm": None if settings.spacing_mm is None else list(settings.spacing_mm),
        f"tolerance_{settings.unit}": settings.tolerance,
        "n_paired": len(pairing.cases),
        "n_scored": len({row.case_id for row in scored.rows}),
        "n_failures": len(failures),
        "only_pred": list(pairing.only_pred),
        "only_gt": list(pairing.only_gt),
        "failures": [{"case_id": failure.case_id, "error": failure.text} for failure in failures],
        "remarks": _grouped([*pairing.remarks, *scored.remarks]),
        "protocols": tables,
        "definitions": DEFINITIONS,
        "versions": {**versions(), "monai": version("monai")},
    }


def cases_csv(rows: Sequence[Row]) -> str:
    """One line a case, all under one protocol, which every line names; an undefined metric is left blank."""
    records = [_csv_record(row) for row in rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def _csv_record(row: Row) -> dict[str, Any]:
    scores = {
        name: ("" if math.isnan(value) else f"{value:.6g}") if isinstance(value, float) else value
        for name, value in row.scores.to_record().items()
    }
    return {
        "case_id": row.case_id,
        **scores,
        "area_pred_px": row.pred_px,
        "area_gt_px": row.gt_px,
        "height_px": row.shape[0],
        "width_px": row.shape[1],
        "clusters": " ".join(map(str, row.clusters)),
    }


def _grouped(remarks: Sequence[Remark]) -> list[dict[str, Any]]:
    """Remarks of the same words once, with the cases that they concern."""
    cases: defaultdict[str, list[str]] = defaultdict(list)
    for remark in remarks:
        cases[remark.text] += [remark.case_id] if remark.case_id else []
    return [{"remark": text, "case_ids": names} for text, names in cases.items()]
