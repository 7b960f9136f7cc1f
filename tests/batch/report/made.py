"""Records made up for reports, and folders that have the files of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from msformer.batch.report import write_report
from msformer.config import Config
from msformer.processes import Split

REGION = {
    "label": 1, "area_px": 7, "area_mm2": 1.75, "area_share": 0.25, "mean_intensity": [3.0], "centroid": [1.0, 2.0],
    "bbox": [0, 0, 2, 5],
}  # fmt: skip


def done(name: str, **changes: Any) -> dict[str, Any]:
    """The record of an image of 20 rows and 30 columns that was segmented."""
    return {
        "case_id": name,
        "source": f"/data/{name}.png",
        "page": None,
        "status": "done",
        "shape": [20, 30],
        "outputs": {kind: f"{kind}/{name}.png" for kind in ("labels", "masks", "preview")},
        "notes": [],
        "regions": [REGION],
        "objects": [],
        "n_labels": 3,
        "n_iter": 0,
        "stop_reason": "not_iterative",
        "preset": "general",
        "preset_reason": "",
        "confidence": 0.5,
        "confidence_reason": "",
        "is_empty": False,
        "foreground": REGION,
        "elapsed_s": 1.0,
    } | changes


def failed(name: str, reason: str = "no image format recognises its contents") -> dict[str, Any]:
    """The record of a file that was none."""
    source = f"/data/{name}.png"
    return {
        "case_id": name, "source": source, "page": None, "status": "failed", "error_type": "ReadError",
        "error": f"{source}: {reason}", "elapsed_s": 0.25,
    }  # fmt: skip


def learned(source: str, worth: float) -> dict[str, Any]:
    """What a folder decided on a case."""
    return {"source": source, "reason": "so", "agreement": 0.5, "ahead": 0.1, "worth_correcting": worth}


def draw_previews(out: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """Write a preview of one colour for each case that is done."""
    for place, record in enumerate(records):
        if record["status"] == "done":
            path = out / record["outputs"]["preview"]
            path.parent.mkdir(parents=True, exist_ok=True)
            Pillow.fromarray(np.full((20, 90, 3), (place * 37 % 256, 90, 200), dtype=np.uint8)).save(path)


def report(out: Path, records: Sequence[dict[str, Any]], **more: Any) -> None:
    """Write the reports of these, all that there were to be."""
    write_report(out, records, Config.from_preset(), n_planned=len(records), split=Split(1, 1), **more)
