"""One image from file to files."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from msformer.batch.files import formats_of, write_results
from msformer.batch.pictures import write_pictures
from msformer.batch.plan import Case
from msformer.config import AUTO_PRESET, Config
from msformer.errors import ReadError
from msformer.geometry import flat_geometry
from msformer.image import Image, LabelMap, Mask
from msformer.io import read_image, write_png
from msformer.io.values import no_such_frame, one_volume_taken
from msformer.measure import MAX_LABELS
from msformer.pipeline import segment
from msformer.refine import Instances
from msformer.render import preview, shown_limits
from msformer.watching import Watcher

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
    watcher: Watcher,
) -> dict[str, Any]:
    """Read, segment and write one image; what there is to record of it.

    Raises:
        MSFormerError: It cannot be read, segmented or written.
    """
    watcher.stage("read")
    start = time.perf_counter()
    frame_notes = _on_frame(case, config.read.frame)
    image = read_image(case.source, page=case.page or 0, max_pixels=max_pixels)
    if spacing_mm is not None:
        image = replace(image, spacing_mm=spacing_mm)
    was_read = time.perf_counter()
    segmentation = segment(image, config, initial_weights=initial_weights, cancel=cancel, watcher=watcher)
    was_segmented = time.perf_counter()
    watcher.stage("write")
    notes = [*case.notes, *image.notes, *frame_notes]
    if len(segmentation.objects) > MAX_LABELS:
        notes.append(
            f"no instance map is written: it holds at most {MAX_LABELS} objects; got {len(segmentation.objects)}, "
            "which objects.csv has"
        )
    paths = write_image(
        out,
        case,
        image,
        segmentation.label_map,
        segmentation.mask,
        None if segmentation.instances is None else (segmentation.instances, len(segmentation.objects)),
        segmentation.config,
        segmentation.intensity_range,
    )
    if config.restarts > 1:
        paths["stability"] = f"stability/{case.case_id}.png"
        write_png(out / paths["stability"], np.rint(segmentation.stability * 255).astype(np.uint8))
    result = segmentation.record()
    result["timings_s"] = {
        "read": was_read - start,
        **result["timings_s"],
        "write": time.perf_counter() - was_segmented,
    }
    if config.preset != AUTO_PRESET and case.said is None:
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


def _on_frame(case: Case, frame: int | None) -> list[str]:
    """What there is to tell of a frame that was chosen: a picture has none to choose from.

    Raises:
        ReadError: The picture is all that there is, and another frame than the first was chosen.
    """
    if frame in (None, 0):
        return []
    if case.is_alone:
        raise ReadError(f"{case.source}: {no_such_frame(frame)}")
    return [one_volume_taken(frame)]


def write_image(
    out: Path,
    case: Case,
    image: Image,
    label_map: LabelMap,
    mask: Mask,
    objects: tuple[Instances, int] | None,
    config: Config,
    intensity_range: tuple[float, float],
) -> dict[str, str]:
    """Write labels, mask, objects and pictures of an image.

    Args:
        out: Folder of the results.
        case: What they are of.
        image: The image.
        label_map: ``(H, W)``.
        mask: ``(H, W)``.
        objects: The map of the objects one by one and how many there are; None where they are not told apart. Of more
            than a file holds there is no map.
        config: Settings that it was segmented with.
        intensity_range: Values that were black and white to the method.

    Returns:
        Paths below ``out``.
    """
    written = None if objects is None or objects[1] > MAX_LABELS else objects[0][None].astype(np.uint16)
    paths = write_results(
        out,
        case,
        label_map[None],
        mask[None],
        formats_of(config, "zarr" if case.source.is_dir() else "photo" if image.page is None else "tiff"),
        flat_geometry(image.spacing_mm),
        (),
        config.digest,
        written,
        is_bids=config.write.naming == "bids",
    )
    paths["preview"] = f"preview/{case.case_id}.png"
    limits = shown_limits(image.pixels, intensity_range)
    outlined = mask if objects is None else objects[0]
    write_png(out / paths["preview"], preview(image, label_map, outlined, limits))
    if config.write.pictures:
        paths |= write_pictures(out, case.case_id, image, label_map, outlined, limits)
    return paths
