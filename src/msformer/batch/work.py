"""One case from file to files. Failure is data: it becomes a record and never stops the others."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from msformer.batch.plan import Case
from msformer.config import AUTO_PRESET, Config
from msformer.errors import MSFormerError
from msformer.image import Image
from msformer.io import MAX_PIXELS, read, write_label_map, write_mask, write_png
from msformer.pipeline import segment
from msformer.render import preview
from msformer.segmentation import Segmentation

if TYPE_CHECKING:
    from torch import Tensor

    from msformer.fit import CancelToken

logger = logging.getLogger(__name__)

OUTPUT_KINDS = ("labels", "masks", "preview")
"""Folders of the results, one file a case in each."""
OPTIONAL_KINDS = ("stability",)
"""Folders of results that only some settings ask for."""
ALL_KINDS = (*OUTPUT_KINDS, *OPTIONAL_KINDS)
Record = dict[str, Any]
"""What is known of a case after it was tried; ready for JSON. ``status`` is ``done`` or ``failed``."""


def run_case(
    case: Case,
    config: Config,
    out: Path,
    *,
    spacing_mm: tuple[float, float] | None = None,
    max_pixels: int = MAX_PIXELS,
    initial_weights: Mapping[str, Tensor] | None = None,
    cancel: CancelToken | None = None,
) -> Record:
    """Read, segment and write one case.

    A case that fails leaves no file behind, not even one of an earlier run.

    Returns:
        The record; ``error`` says why a case failed.
    """
    start = time.perf_counter()
    paths = output_paths(case, OUTPUT_KINDS if config.restarts == 1 else ALL_KINDS)
    record: Record = {"case_id": case.case_id, "source": str(case.source), "page": case.page}
    try:
        image = read(case.source, page=case.page or 0, max_pixels=max_pixels)
        was_read = time.perf_counter()
        if spacing_mm is not None:
            image = replace(image, spacing_mm=spacing_mm)
        segmentation = segment(image, config, initial_weights=initial_weights, cancel=cancel)
        was_segmented = time.perf_counter()
        _write(image, segmentation, {kind: out / path for kind, path in paths.items()})
        was_written = time.perf_counter()
        result = segmentation.record()
        result["timings_s"] = {
            "read": was_read - start,
            **result["timings_s"],
            "write": was_written - was_segmented,
        }
        if config.preset != AUTO_PRESET:
            del result["config"]  # the same for all cases: the report says it once
        record |= {
            "status": "done",
            "shape": list(image.shape),
            "n_channels": image.n_channels,
            "dtype": str(image.pixels.dtype),
            "spacing_mm": image.spacing_mm,
            "outputs": paths,
            "regions": [asdict(region) for region in segmentation.regions],
            **result,
        }
    except BaseException as error:
        _remove(out / path for path in output_paths(case, ALL_KINDS).values())
        if not isinstance(error, Exception):  # an interruption: no half case stays behind
            raise
        if not isinstance(error, MSFormerError | OSError | MemoryError):
            logger.exception("%s: unexpected error", case.source)
        record |= {
            "status": "failed",
            "error_type": type(error).__name__,
            "error": str(error) or "no reason given",
        }
    record["elapsed_s"] = time.perf_counter() - start
    return record


def record_death(case: Case, out: Path) -> Record:
    """The record of a case whose process died, which it could not write itself; its files are removed."""
    _remove(out / path for path in output_paths(case, ALL_KINDS).values())
    return {
        "case_id": case.case_id,
        "source": str(case.source),
        "page": case.page,
        "status": "failed",
        "error_type": "ProcessDied",
        "error": f"{case.source}: the process died, for want of memory or by a signal",
        "elapsed_s": 0.0,
    }


def output_paths(case: Case, kinds: Sequence[str] = OUTPUT_KINDS) -> dict[str, str]:
    """Paths of a case's files below the output folder, by kind."""
    return {kind: f"{kind}/{case.case_id}.png" for kind in kinds}


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):  # a name that could not be written cannot be removed either
            path.unlink(missing_ok=True)


def _write(image: Image, segmentation: Segmentation, paths: Mapping[str, Path]) -> None:
    write_label_map(paths["labels"], segmentation.label_map)
    write_mask(paths["masks"], segmentation.mask)
    picture = preview(image, segmentation.label_map, segmentation.mask, segmentation.intensity_range)
    write_png(paths["preview"], picture)
    if "stability" in paths:
        write_png(paths["stability"], np.rint(segmentation.stability * 255).astype(np.uint8))
