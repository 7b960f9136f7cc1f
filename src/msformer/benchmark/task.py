"""One method on one case with one seed: segment first, then look at the ground truth."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from msformer import baselines
from msformer.benchmark.datasets import BenchmarkCase
from msformer.config import Config
from msformer.errors import MSFormerError
from msformer.evaluation.files import read_instances, read_truth
from msformer.evaluation.instances import match_instances
from msformer.evaluation.metrics import score_selection
from msformer.evaluation.selection import select_all
from msformer.io import null_undefined, read_image, write_mask, write_text
from msformer.pipeline import regions_of
from msformer.processor import processor_name
from msformer.refine import part_instances
from msformer.segmentation import Segmentation, versions

NOT_COMPUTING = (
    "app", "batch", "cli", "demo.py", "growing", "growing_files.py", "growing_pictures.py", "phantoms", "render.py",
)  # fmt: skip
"""Parts of the package that no score depends on; a change in them does not make a run stale."""
Record = dict[str, Any]
"""What is known of a run after it was tried; ready for JSON. ``status`` is ``done`` or ``failed``."""
COMPUTING_HERE = ("task.py",)
"""The part of the benchmark itself that scores depend on."""


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
        parts += [] if self.case.instances is None else [_file_digest(self.case.instances)]
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]


def run_task(task: Task, out: Path) -> Record:
    """Run a task and write ``runs/<stem>.json`` and ``masks/<stem>.png``; a failure is written too.

    Returns:
        What was written as JSON.
    """
    record = _header(task)
    try:
        record |= {"fingerprint": task.fingerprint(), "status": "done", **_run(task, out / record["mask"])}
    except Exception as error:
        if not isinstance(error, MSFormerError | OSError | MemoryError):
            record["unexpected"] = True
        record |= {"status": "failed", "error": f"{type(error).__name__}: {error}"}
    _write(record, record_path(task, out))
    return record


def record_death(task: Task, out: Path) -> Record:
    """Write the record of a task whose process died, which it could not do itself; the record."""
    record = _header(task) | {"status": "failed", "error": "the process died, for want of memory or by a signal"}
    _write(record, record_path(task, out))
    return record


def _header(task: Task) -> Record:
    return {
        "set": task.case.set_name,
        "case": task.case.name,
        "method": task.method,
        "seed": task.seed,
        "image": str(task.case.image),
        "truth": str(task.case.truth),
        "mask": f"masks/{task.stem}.png",
        "config": baselines.settings_of(task.method, task.config)
        .replace(random_state=task.seed)
        .model_dump(mode="json"),
        "versions": versions(),
        "machine": machine(),
    }


def _write(record: Record, path: Path) -> None:
    write_text(path, json.dumps(record, indent=1, allow_nan=False) + "\n")


def record_path(task: Task, out: Path) -> Path:
    """Where the record of a task is."""
    return out / "runs" / f"{task.stem}.json"


def _run(task: Task, mask_path: Path) -> dict[str, Any]:
    image = read_image(task.case.image)
    _reset_peak_memory()
    start = time.perf_counter()
    result = baselines.segment(image, task.method, task.config, random_state=task.seed)
    seconds = time.perf_counter() - start
    peak = _peak_memory_mb()
    write_mask(mask_path, result.mask)
    truth, _ = read_truth(task.case.truth)
    selections = select_all(
        mask_pred=result.mask,
        label_map=result.label_map,
        channels=result.cluster_channels,
        mask_gt=truth,
        regions=regions_of(image, result.config) if result.config.foreground.source == "regions" else None,
    )
    scores = {
        selection.protocol: null_undefined(score_selection(selection, mask_gt=truth).to_record())
        for selection in selections
    }
    return {
        "scores": scores,
        "objects": None if task.case.instances is None else _score_objects(result, task.case.instances),
        "seconds": seconds,
        "peak_memory_mb": peak,
        "shape": list(image.shape),
        "preset": result.config.preset,
        "confidence": result.confidence,
        "foreground_score": result.foreground_score,
        "object_share": float(result.mask.mean()),
        "n_labels": result.n_labels,
        "n_iter": result.n_iter,
        "stop_reason": result.stop_reason,
    }


def _score_objects(result: Segmentation, path: Path) -> dict[str, Any]:
    """Objects one by one against an instance map.

    Returns:
        Scores of ``parted``, the result's own instances, None where its settings do not ask for many objects, and of
        ``components``, those of its mask as they are, which tell what the parting is worth.
    """
    truth = read_instances(path)
    maps = {"parted": result.instances, "components": part_instances(result.mask, neck=0)}
    return {
        name: None
        if one is None
        else null_undefined(match_instances(instances_pred=one, instances_gt=truth).scores().to_record())
        for name, one in maps.items()
    }


@cache
def machine() -> dict[str, Any]:
    """Processor, cores and system."""
    return {
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
    }


@cache
def program_digest() -> str:
    """Digest of the package's own sources that a score can depend on."""
    root = Path(__file__).parent.parent
    sha = hashlib.sha256()
    for path in sorted([*root.rglob("*.py"), *root.rglob("*.toml")]):
        relative = path.relative_to(root)
        is_idle_here = relative.parts[0] == "benchmark" and relative.name not in COMPUTING_HERE
        if relative.parts[0] not in NOT_COMPUTING and not is_idle_here:
            sha.update(relative.as_posix().encode() + path.read_bytes())
    return sha.hexdigest()[:16]


@cache
def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


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
