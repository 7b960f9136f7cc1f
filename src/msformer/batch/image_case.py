"""One image from file to files."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from msformer.batch.files import formats_of, write_results
from msformer.batch.one_case import Steps, Task
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
from msformer.segmentation import Segmentation


@dataclass(frozen=True)
class _Read:
    """An image, and what there is to tell of how it was read."""

    image: Image
    notes: list[str]


def _read(task: Task) -> _Read:
    notes = _on_frame(task.case, task.config.read.frame)
    image = read_image(task.case.source, page=task.case.page or 0, max_pixels=task.max_pixels)
    if task.spacing_mm is not None:
        image = replace(image, spacing_mm=task.spacing_mm)
    return _Read(image, [*task.case.notes, *image.notes, *notes])


def _segment(task: Task, taken: _Read) -> Segmentation:
    return segment(
        taken.image, task.config, initial_weights=task.initial_weights, cancel=task.cancel, watcher=task.watcher
    )


def _write(task: Task, taken: _Read, found: Segmentation) -> dict[str, Any]:
    case, image, notes = task.case, taken.image, taken.notes
    if len(found.objects) > MAX_LABELS:
        notes.append(
            f"no instance map is written: it holds at most {MAX_LABELS} objects; got {len(found.objects)}, "
            "which objects.csv has"
        )
    paths = write_image(
        task.out,
        case,
        image,
        found.label_map,
        found.mask,
        None if found.instances is None else (found.instances, len(found.objects)),
        found.config,
        found.intensity_range,
    )
    if task.config.restarts > 1:
        paths["stability"] = f"stability/{case.case_id}.png"
        write_png(task.out / paths["stability"], np.rint(found.stability * 255).astype(np.uint8))
    result = found.record()
    if task.config.preset != AUTO_PRESET and case.said is None:
        del result["config"]  # the same for all cases: the report says it once
    return {
        "shape": list(image.shape),
        "n_channels": image.n_channels,
        "dtype": str(image.pixels.dtype),
        "spacing_mm": image.spacing_mm,
        "outputs": paths,
        "notes": notes,
        "regions": [asdict(region) for region in found.regions],
        "objects": [asdict(one) for one in found.objects],
        **result,
    }


IMAGE = Steps(_read, _segment, _write)
"""How an image is done."""


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
