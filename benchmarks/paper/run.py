"""Jobs → rows, one line each in a journal, so that a run that was ended goes on."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import as_completed
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.common import one_core_each
from benchmarks.paper.plan import EVERYTHING, METHODS, SETS, SHOWN_SIDE, Job
from msformer.baselines import get_method
from msformer.cluster import Clusterer, Clustering, network_clusterer
from msformer.config import Config
from msformer.errors import FitDivergedError
from msformer.evaluation.files import read_truth
from msformer.evaluation.metrics import score_selection
from msformer.evaluation.protocols import Protocol, automatic, oracle_cluster, oracle_components, released
from msformer.image import LabelMap, Mask, Pixels
from msformer.io import read_image
from msformer.pipeline import segment_with
from msformer.prepare import Prepared
from msformer.processor import processor_name

Row = dict[str, Any]
JOURNAL = "rows.jsonl"
PROTOCOLS: tuple[Protocol, ...] = ("released", "oracle-cluster", "oracle-components", "automatic")
METRICS = ("dice", "hm_error", "xor_error")
VARIANTS = ("merged", "as-left")
"""Clusters merged to the paper's number, and as the fit leaves them, numbered as the network does."""


def rows_of(folder: Path) -> list[Row]:
    """The rows of a journal, in the order in which they were made; a line that was cut off is passed over."""
    rows = []
    path = folder / JOURNAL
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue  # the run ended while it was written: the job is done again
    return rows


def run(jobs: Sequence[Job], folder: Path, seconds: float | None, measured: Callable[[Job], Row] | None = None) -> None:
    """Do the jobs that the journal lacks, two or more at a time, each on one core.

    Args:
        jobs: In the order in which they are begun.
        folder: Of the journal.
        seconds: No job is begun after so many; None does all.
        measured: Do them with this, here, one after the other.
    """
    folder.mkdir(parents=True, exist_ok=True)
    done = {row["job"] for row in rows_of(folder)}
    todo = [job for job in jobs if job.name not in done]
    start = time.monotonic()
    with (folder / JOURNAL).open("a", encoding="utf-8") as journal:
        if journal.tell() and not (folder / JOURNAL).read_bytes().endswith(b"\n"):
            journal.write("\n")
        for count, row in enumerate(_rows(todo, start, seconds, measured), start=1):
            journal.write(json.dumps(row) + "\n")
            journal.flush()
            print(f"{time.monotonic() - start:6.0f} s  {count} of {len(todo)}  {row['job']}", file=sys.stderr)


def _rows(
    todo: Sequence[Job], start: float, seconds: float | None, measured: Callable[[Job], Row] | None
) -> Iterable[Row]:
    if measured is not None:
        yield from (measured(job) for job in todo)
        return
    with one_core_each() as pool:
        waiting = {pool.submit(measure, job) for job in todo}
        for future in as_completed(waiting):
            if seconds is not None and time.monotonic() - start > seconds:
                for other in waiting:
                    other.cancel()  # those that have begun go on
            if not future.cancelled():
                yield future.result()


def measure(job: Job) -> Row:
    """Fit once, and score what came of it under every protocol."""
    plan, method = SETS[job.case.set_name], METHODS[job.method]
    image, truth = load(job.case.image, job.case.truth)
    side = method.side or plan.side or min(image.shape[:2])
    row: Row = {
        "job": job.name,
        "set": job.case.set_name,
        "case": job.case.name,
        "method": job.method,
        "seed": job.seed,
        "side": side,
        "shown": list(truth.shape),
        "precision": job.precision if method.baseline is None and job.method != EVERYTHING else "float32",
        "processor": processor_name(),
    }
    start = time.perf_counter()
    if job.method == EVERYTHING:
        labels = np.ones(truth.shape, dtype=np.uint16)
        whole = np.ones(truth.shape, dtype=bool)
        return row | {"scores": {name: scores(labels, labels, whole, truth) for name in VARIANTS}, "seconds": 0.0}
    settings = (
        Config.from_preset(plan.preset)
        .replace(prepare={"working_size": side}, fit={"threads": 1})
        .replace(**method.changes)
    )
    clusterer: Clusterer = network_clusterer()
    if method.baseline is not None:
        clusterer = get_method(method.baseline.format(k=plan.clusters)).cluster
    asked = row["precision"]
    # Rounding may break a fit that holds in float32, and it is the method that is measured.
    for precision in dict.fromkeys((asked, "float32")):
        row["precision"] = precision
        exact = settings.replace(fit={"precision": precision})
        try:
            row |= _fitted(clusterer, image, truth, exact, plan.clusters, job.seed)
        except FitDivergedError as error:
            failed = str(error)
        else:
            row |= {"again": True} if precision != asked else {}
            break
    else:
        nothing = np.zeros(truth.shape, dtype=bool)
        row |= {"scores": {name: scores(nothing, nothing, nothing, truth) for name in VARIANTS}, "failed": failed}
    return row | {"seconds": round(time.perf_counter() - start, 2)}


def _fitted(clusterer: Clusterer, image: Pixels, truth: Mask, settings: Config, clusters: int, seed: int) -> Row:
    """One fit, its clusters merged and as they are: scores and what the fit says of itself.

    Raises:
        FitDivergedError: It diverged.
    """
    once = _once(clusterer)
    found: dict[str, Any] = {}
    facts: Row = {}
    for variant, count in zip(VARIANTS, (clusters, None), strict=True):
        result = segment_with(once, image, settings.replace(cluster={"merge_to": count}), random_state=seed)
        # Merged clusters have no number of the network's, so none of them is the cluster 0 that is never picked.
        raw = result.label_map
        if count is None:
            raw = np.array([0, *result.cluster_channels], dtype=np.uint16)[result.label_map]
        found[variant] = scores(result.label_map, raw, result.mask, truth)
        facts |= {"updates": result.n_iter, "stop": result.stop_reason, f"labels-{variant}": result.n_labels}
    return facts | {"scores": found}


def load(image: Path, truth: Path) -> tuple[Pixels, Mask]:
    """Image and truth; larger ones squashed to a square, as the released evaluation takes them."""
    pixels, (mask, _) = read_image(image).pixels, read_truth(truth)
    if max(mask.shape) > SHOWN_SIDE:
        size = (SHOWN_SIDE, SHOWN_SIDE)
        pixels = cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_LINEAR)
        # 0 and 255: what is left of a pixel of the object after rounding is object, as released.
        soft = cv2.resize(mask.astype(np.uint8) * 255, size, interpolation=cv2.INTER_LINEAR)
        mask = np.asarray(soft > 0)
    return pixels, mask


def scores(labels: LabelMap, raw: NDArray[np.integer], mask: Mask, truth: Mask) -> dict[str, list[float]]:
    """Dice, HM and XOR under every protocol; ``raw`` is what the released scorer sees."""
    selections = (
        released(raw_labels=raw, mask_gt=truth),
        oracle_cluster(label_map=labels, mask_gt=truth),
        oracle_components(label_map=labels, mask_gt=truth),
        automatic(mask_pred=mask),
    )
    found = [score_selection(selection, mask_gt=truth) for selection in selections]
    return {one.protocol: [round(float(getattr(one, name)), 5) for name in METRICS] for one in found}


def _once(clusterer: Clusterer) -> Clusterer:
    """The same clustering for every call: one fit, seen in two ways."""
    kept: list[Clustering] = []

    def cluster(prepared: Prepared, settings: Config) -> Clustering:
        if not kept:
            kept.append(clusterer(prepared, settings))
        return kept[0]

    return cluster
