"""What came of an evaluation: a table a protocol for spreadsheets, ``summary.json`` for programs, and the page."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msformer.evaluation.aggregate import COVERAGE, summarise
from msformer.evaluation.cases import ObjectRow, Row, Scored, ScoreSettings
from msformer.evaluation.instances import INSTANCE_METRICS, InstanceScores, pooled
from msformer.evaluation.metrics import METRICS
from msformer.evaluation.page import write_page
from msformer.evaluation.pairing import Kind, Pairing, Remark
from msformer.evaluation.protocols import PROTOCOLS
from msformer.evaluation.selection import PROTOCOL_MEANINGS
from msformer.io.write import null_undefined, write_text
from msformer.plain import cell
from msformer.segmentation import versions

DEFINITIONS = {
    "surface_library": "scipy, equal to monai.metrics",
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
    "objects": "F1, SQ and RQ of pairs of objects whose IoU is over .5; PQ = SQ · RQ; AJI as Kumar et al. 2017. If "
    "there is no object in either map the scores are 1, if in only one of them 0; SQ without a pair is undefined",
    "pooled": "all objects of all cases together, so that a case counts as much as it has objects",
    "interval": f"{COVERAGE:.0%} percentile bootstrap interval of the mean over cases",
}


OBJECT_TABLE = "cases-instances.csv"


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

    Where objects were compared one by one, ``cases-instances.csv`` as well. Tables of an earlier run are removed where
    this one did not use their protocol; other files are left alone.

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
    if scored.objects:
        write_text(out / OBJECT_TABLE, objects_csv(scored.objects))
    else:
        (out / OBJECT_TABLE).unlink(missing_ok=True)
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
        "n_scored": len({row.case_id for row in scored.rows} | {row.case_id for row in scored.objects}),
        "n_failures": len(failures),
        "only_pred": list(pairing.only_pred),
        "only_gt": list(pairing.only_gt),
        "failures": [{"case_id": failure.case_id, "error": failure.text} for failure in failures],
        "remarks": _grouped([*pairing.remarks, *scored.remarks]),
        "protocols": tables,
        "instances": summarise_objects([row.scores for row in scored.objects]) if scored.objects else None,
        "definitions": DEFINITIONS,
        "versions": versions(),
    }


def summarise_objects(scores: Sequence[InstanceScores]) -> dict[str, Any]:
    """The scores of many cases, objects one by one: over cases, and of all objects together; null where undefined."""
    return {
        "n_cases": len(scores),
        "n_pred": sum(one.n_pred for one in scores),
        "n_gt": sum(one.n_gt for one in scores),
        "n_matched": sum(one.n_matched for one in scores),
        "metrics": {
            name: null_undefined(asdict(summarise([float(getattr(one, name)) for one in scores])))
            for name in INSTANCE_METRICS
        },
        "pooled": null_undefined(pooled(scores)),
    }


def objects_csv(rows: Sequence[ObjectRow]) -> str:
    """One line a case; an undefined metric is left blank."""
    return _table(
        [
            {
                "case_id": cell(row.case_id),
                **_cells(row.scores.to_record()),
                "height_px": row.shape[0],
                "width_px": row.shape[1],
            }
            for row in rows
        ]
    )


def cases_csv(rows: Sequence[Row]) -> str:
    """One line a case, all under one protocol, which every line names; an undefined metric is left blank."""
    return _table([_csv_record(row) for row in rows])


def _table(records: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def _csv_record(row: Row) -> dict[str, Any]:
    return {
        "case_id": cell(row.case_id),
        **_cells(row.scores.to_record()),
        "area_pred_px": row.pred_px,
        "area_gt_px": row.gt_px,
        "height_px": row.shape[0],
        "width_px": row.shape[1],
        "clusters": " ".join(map(str, row.clusters)),
    }


def _cells(record: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers as they stand in a table, six digits and a blank for what is undefined."""
    return {
        name: ("" if math.isnan(value) else f"{value:.6g}") if isinstance(value, float) else value
        for name, value in record.items()
    }


def _grouped(remarks: Sequence[Remark]) -> list[dict[str, Any]]:
    """Remarks of the same words once, with the cases that they concern."""
    cases: defaultdict[str, list[str]] = defaultdict(list)
    for remark in remarks:
        cases[remark.text] += [remark.case_id] if remark.case_id else []
    return [{"remark": text, "case_ids": names} for text, names in cases.items()]
