"""A first run for people who have just installed the program: samples, masks, and scores where truth is known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skimage import data

from msformer.batch.plan import plan_cases
from msformer.batch.run import run_cases
from msformer.config import Config
from msformer.evaluation.metrics import Scores, score_masks
from msformer.io import read_image, write_mask, write_png
from msformer.phantoms import make_phantom

SHIPPED_SAMPLES = {
    "stained_tissue": "immunohistochemistry",
    "retina": "retina",
    "cell": "cell",
    "microaneurysms": "microaneurysms",
}
"""Medical images inside the scikit-image package, by our name and its function's name."""
PHANTOMS: dict[str, tuple[str, dict[str, Any]]] = {
    "phantom_lesion": ("dermoscopy", {"difficulty": 0.1}),
    "phantom_lesion_hard": ("dermoscopy", {"difficulty": 0.6}),
    "phantom_cells": ("cells", {}),
    "phantom_lung_ct": ("lung_ct", {"values": "8-bit"}),
}
"""Kind and options of each phantom; some are easy, and some show where the default rule fails."""


@dataclass(frozen=True)
class DemoResult:
    """What the demo made.

    Attributes:
        scores: Of each phantom under the ``automatic`` protocol; those that failed are left out.
        failed: Number of samples that failed.
        page: The page to look at.
    """

    scores: dict[str, Scores]
    failed: int
    page: Path


def run_demo(out: Path, *, seed: int) -> DemoResult:
    """Write samples to ``out/samples``, segment them into ``out/results``, score the phantoms.

    Args:
        out: Folder for everything; made if it is missing.
        seed: Seed of the phantoms and of the cases.
    """
    samples, results = out / "samples", out / "results"
    for name, function in SHIPPED_SAMPLES.items():
        write_png(samples / f"{name}.png", getattr(data, function)())
    truths = {}
    for name, (kind, options) in PHANTOMS.items():
        phantom = make_phantom(kind, seed=seed, **options)
        write_png(samples / f"{name}.png", phantom.image)
        write_mask(out / "truth" / f"{name}.png", phantom.mask)
        truths[name] = phantom.mask
    config = Config.from_preset().replace(random_state=seed)
    records = run_cases(plan_cases([str(samples)]), config, results)
    scores = {
        record["case_id"]: score_masks(
            mask_pred=read_image(results / record["outputs"]["masks"]).pixels > 0, mask_gt=truths[record["case_id"]]
        )
        for record in records
        if record["status"] == "done" and record["case_id"] in truths
    }
    failed = sum(record["status"] == "failed" for record in records)
    return DemoResult(scores, failed, results / "index.html")
