"""One method on one case with one seed: segment first, then look at the ground truth."""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from msformer import baselines
from msformer.benchmark.datasets import BenchmarkCase
from msformer.config import Config
from msformer.errors import MSFormerError
from msformer.evaluation.files import read_truth
from msformer.evaluation.metrics import score_selection
from msformer.evaluation.protocols import Selection, automatic, oracle_cluster, oracle_components, released
from msformer.image import Mask
from msformer.io import read, write_mask, write_text
from msformer.segmentation import Segmentation, versions

NOT_COMPUTING = ("app", "batch", "benchmark", "cli", "demo.py", "phantoms", "render.py")
"""Parts of the package that no score depends on; a change in them does not make a run stale."""


@dataclass(frozen=True)
class Task:
    """What to run."""

    case: BenchmarkCase
    method: str
    seed: int
    config: Config

    @property
    def stem(self) -> str:
        """Path of the results below the output folder, without kind and suffix."""
        return f"{self.case.set_name}/{self.method}/{self.case.name}-seed{self.seed}"

    def fingerprint(self) -> str:
        """Digest of all that the result depends on: both files, method, seed, settings and the program."""
        parts = [self.method, str(self.seed), self.config.digest, program_digest(), *versions().values()]
        parts += [_file_digest(self.case.image), _file_digest(self.case.truth)]
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]


def run_task(task: Task, out: Path) -> dict[str, Any]:
    """Run a task and write ``runs/<stem>.json`` and ``masks/<stem>.png``; a failure is written too.

    Returns:
        What was written as JSON.
    """
    record: dict[str, Any] = {
        "fingerprint": task.fingerprint(),
        "set": task.case.set_name,
        "case": task.case.name,
        "method": task.method,
        "seed": task.seed,
        "image": str(task.case.image),
        "truth": str(task.case.truth),
        "mask": f"masks/{task.stem}.png",
        "config": task.config.replace(random_state=task.seed).model_dump(mode="json"),
        "versions": versions(),
        "machine": machine(),
    }
    try:
        record |= {"status": "done", **_run(task, out / record["mask"])}
    except Exception as error:
        if not isinstance(error, MSFormerError | OSError | MemoryError):
            record["unexpected"] = True
        record |= {"status": "failed", "error": f"{type(error).__name__}: {error}"}
    write_text(record_path(task, out), json.dumps(record, indent=1, allow_nan=False) + "\n")
    return record


def record_path(task: Task, out: Path) -> Path:
    """Where the record of a task is."""
    return out / "runs" / f"{task.stem}.json"


def _run(task: Task, mask_path: Path) -> dict[str, Any]:
    image = read(task.case.image)
    _reset_peak_memory()
    start = time.perf_counter()
    result = baselines.segment(image, task.method, task.config, random_state=task.seed)
    seconds = time.perf_counter() - start
    peak = _peak_memory_mb()
    write_mask(mask_path, result.mask)
    truth, _ = read_truth(task.case.truth)
    scores = {
        selection.protocol: _finite(score_selection(selection, mask_gt=truth).to_record())
        for selection in select(result, truth)
    }
    return {
        "scores": scores,
        "seconds": seconds,
        "peak_memory_mb": peak,
        "shape": list(image.shape),
        "foreground_score": result.foreground_score,
        "object_share": float(result.mask.mean()),
        "n_labels": result.n_labels,
        "n_iter": result.n_iter,
        "stop_reason": result.stop_reason,
    }


def select(result: Segmentation, truth: Mask) -> list[Selection]:
    """The mask under every protocol; ``released`` sees the method's own numbers of the clusters, 0 excluded."""
    raw_labels = np.array([0, *result.cluster_channels])[result.label_map]
    return [
        automatic(mask_pred=result.mask),
        oracle_cluster(label_map=result.label_map, mask_gt=truth),
        oracle_components(label_map=result.label_map, mask_gt=truth),
        released(raw_labels=raw_labels, mask_gt=truth),
    ]


@cache
def machine() -> dict[str, Any]:
    """Processor, cores and system."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return {"processor": model, "cores": os.cpu_count(), "system": f"{platform.system()} {platform.machine()}"}


@cache
def program_digest() -> str:
    """Digest of the package's own sources that a score can depend on."""
    root = Path(__file__).parent.parent
    sha = hashlib.sha256()
    for path in sorted([*root.rglob("*.py"), *root.rglob("*.toml")]):
        relative = path.relative_to(root)
        if relative.parts[0] not in NOT_COMPUTING:
            sha.update(relative.as_posix().encode() + path.read_bytes())
    return sha.hexdigest()[:16]


@cache
def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _finite(scores: dict[str, str | float]) -> dict[str, str | float | None]:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in scores.items()
    }


def _reset_peak_memory() -> None:
    """Let the kernel forget the largest resident size so far, where it can (Linux)."""
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5")


def _peak_memory_mb() -> float | None:
    """Largest resident size since the last reset, the interpreter and its libraries included; None where unknown."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    kilobytes = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(kilobytes.split()[1]) / 1024
