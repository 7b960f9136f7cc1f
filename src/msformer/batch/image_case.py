"""One image from file to files."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from msformer.batch.files import formats_of, write_results
from msformer.batch.plan import Case
from msformer.config import AUTO_PRESET, Config
from msformer.geometry import Geometry
from msformer.io import read, write_png
from msformer.measure import MAX_LABELS
from msformer.pipeline import segment
from msformer.render import preview

if TYPE_CHECKING:
    from torch import Tensor

    from msformer.fit import CancelToken


def run_image(
    case: Case,
    config: Config,
    out: Path,
    *,
    spacing_mm: tuple[float, float] | None,
    max_pixels: int,
    initial_weights: Mapping[str, Tensor] | None,
    cancel: CancelToken | None,
) -> dict[str, Any]:
    """Read, segment and write one image; what there is to record of it.

    Raises:
        MSFormerError: It cannot be read, segmented or written.
    """
    start = time.perf_counter()
    image = read(case.source, page=case.page or 0, max_pixels=max_pixels)
    if spacing_mm is not None:
        image = replace(image, spacing_mm=spacing_mm)
    was_read = time.perf_counter()
    segmentation = segment(image, config, initial_weights=initial_weights, cancel=cancel)
    was_segmented = time.perf_counter()
    spacing = image.spacing_mm
    instances, notes = segmentation.instances, []
    if len(segmentation.objects) > MAX_LABELS:
        instances = None
        notes.append(
            f"no instance map is written: it holds at most {MAX_LABELS} objects; got {len(segmentation.objects)}, "
            "which objects.csv has"
        )
    paths = write_results(
        out,
        case,
        segmentation.label_map[None],
        segmentation.mask[None],
        formats_of(config, "photo" if image.page is None else "tiff"),
        None if spacing is None else Geometry((spacing[1], spacing[0], 1.0)),
        (),
        segmentation.config.digest,
        None if instances is None else instances[None].astype(np.uint16),
    )
    paths["preview"] = f"preview/{case.case_id}.png"
    shown = segmentation.mask if segmentation.instances is None else segmentation.instances
    picture = preview(image, segmentation.label_map, shown, segmentation.intensity_range)
    write_png(out / paths["preview"], picture)
    if config.restarts > 1:
        paths["stability"] = f"stability/{case.case_id}.png"
        write_png(out / paths["stability"], np.rint(segmentation.stability * 255).astype(np.uint8))
    result = segmentation.record()
    result["timings_s"] = {
        "read": was_read - start,
        **result["timings_s"],
        "write": time.perf_counter() - was_segmented,
    }
    if config.preset != AUTO_PRESET:
        del result["config"]  # the same for all cases: the report says it once
    return {
        "shape": list(image.shape),
        "n_channels": image.n_channels,
        "dtype": str(image.pixels.dtype),
        "spacing_mm": image.spacing_mm,
        "outputs": paths,
        "notes": notes,
        "regions": [asdict(region) for region in segmentation.regions],
        "objects": [asdict(one) for one in segmentation.objects],
        **result,
    }
