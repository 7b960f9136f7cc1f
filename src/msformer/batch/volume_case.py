"""One volume from files to files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msformer.batch.files import SLICES_SHOWN, formats_of, write_results
from msformer.batch.one_case import Steps, Task
from msformer.batch.pictures import planes, strip, write_strips
from msformer.batch.plan import Case
from msformer.config import AUTO_PRESET, Config
from msformer.errors import MSFormerError, WriteError
from msformer.geometry import Geometry, with_spacing
from msformer.io import write_png
from msformer.io.medical import read_volume
from msformer.io.privacy import known_body_part, known_modality, without_header
from msformer.measure import VolumeRegion, measure_volume
from msformer.render import GAP_COLOUR, INK, Picture, preview, shown_limits
from msformer.volume import Volume
from msformer.volumes import VolumeSegmentation, segment_volume


@dataclass(frozen=True)
class _Read:
    """A volume as its file has it and as it is segmented, with the settings for it and what there is to tell of them.

    The first one goes last: with it goes the folder that a zip was unpacked into.
    """

    as_stored: Volume
    volume: Volume
    config: Config
    turned: list[str]


def _read(task: Task) -> _Read:
    read = task.config.read
    as_stored = volume = read_volume(
        task.case.instances,
        frame=read.frame,
        series=read.series,
        max_voxels=task.max_pixels,
        picture=task.case.page,
        must_have_frame=task.case.is_alone,
    )
    if task.spacing_mm is not None:
        volume = replace(volume, geometry=with_spacing(volume.geometry, task.spacing_mm))
    return _Read(as_stored, volume, *_across_its_slice(volume, task.config))


def _segment(task: Task, taken: _Read) -> VolumeSegmentation:
    try:
        return segment_volume(
            taken.volume,
            taken.config,
            initial_weights=task.initial_weights,
            cancel=task.cancel,
            watcher=task.watcher,
        )
    except MSFormerError as error:
        raise type(error)(f"{task.case.source}: {error}") from error


def _write(task: Task, taken: _Read, found: VolumeSegmentation) -> dict[str, Any]:
    case, out, volume, config = task.case, task.out, taken.volume, taken.config
    paths, notes = write_volume(out, case, found.label_map, found.mask, volume, found.config)
    paths |= write_looks(out, case, found.label_map, found.mask, volume, found.slices, found.limits, found.config)
    regions = measure_volume(found.label_map, volume.geometry, volume.voxels)
    geometry = volume.geometry
    middle = found.middle.record()
    result = {
        "shape": list(volume.shape),
        "n_channels": 1 if volume.voxels.ndim == 3 else volume.voxels.shape[3],
        "dtype": str(volume.voxels.dtype),
        "spacing_mm": None if geometry is None or not any(geometry.is_stated) else _stated(geometry),
        "kind": volume.kind,
        "modality": known_modality(volume.modality),
        "body_part": known_body_part(volume.body_part),
        "from_header": _from_header(taken.as_stored),
        "notes": [*case.notes, *volume.notes, *taken.turned, *notes],
        "axis": config.read.axis,
        "slices": list(found.slices),
        "labels_changed": found.changed,
        "labels_followed": found.followed,
        "outputs": paths,
        "regions": [_region(region) for region in regions],
        "n_labels": found.n_labels,
        "preset": found.config.preset,
        "preset_reason": found.preset_reason,
        "confidence": float(np.mean(found.confidences)),
        "confidences": list(found.confidences),
        "is_empty": not found.mask.any(),
        "foreground": measured_volume(found.mask, volume),
        "intensity_range": list(found.limits),
        "input_digest": volume.digest,
        "instances": [str(path) for path in case.instances],
        "seed": found.config.random_state,
        "config_digest": found.config.digest,
        **{name: middle[name] for name in ("network", "precision", "kernels", "initial_weights_digest", "versions")},
    }
    if config.preset == AUTO_PRESET or taken.turned:  # not those of the run
        result["config"] = found.config.model_dump(mode="json")
    return result


VOLUME = Steps(_read, _segment, _write)
"""How a volume is done."""


def _across_its_slice(volume: Volume, config: Config) -> tuple[Config, list[str]]:
    """The settings, for a single slice that is stored across another axis than the first with that axis, and a note."""
    thin = [axis for axis, side in enumerate(volume.shape) if side == 1]
    if len(thin) != 1 or config.read.axis != 0 or thin[0] == 0:
        return config, []
    return config.replace(read={"axis": thin[0]}), [f"a single slice across axis {thin[0]}, segmented as that"]


def write_volume(
    out: Path,
    case: Case,
    label_map: NDArray[np.uint16],
    mask: NDArray[np.bool_],
    volume: Volume,
    config: Config,
) -> tuple[dict[str, str], list[str]]:
    """Write labels and mask; their paths, and what there is to tell of it.

    A DICOM segmentation that nobody asked for by name, and that the source has too little for, becomes a NIfTI.
    """
    formats = formats_of(config, volume.kind)

    def write(names: list[str]) -> dict[str, str]:
        return write_results(
            out,
            case,
            label_map,
            mask,
            names,
            volume.geometry,
            volume.instances,
            config.digest,
            stored=(volume.frames, volume.n_stored),
            is_bids=config.write.naming == "bids",
        )

    try:
        return write(formats), []
    except WriteError as error:
        if "dicom-seg" not in formats or "dicom-seg" in config.write.formats:
            raise
        others = list(dict.fromkeys("nii.gz" if name == "dicom-seg" else name for name in formats))
        reason = without_header(error).rsplit(": ", 1)[-1]
        return write(others), [f"written as NIfTI, because a DICOM segmentation could not be: {reason}"]


def _from_header(volume: Volume) -> list[str]:
    """What of a volume its header says; everything else is seen in the pixels, as no data is that is marked by NaN."""
    said = {
        "modality": volume.modality is not None,
        "body_part": volume.body_part is not None,
        "geometry": volume.geometry is not None and any(volume.geometry.is_stated),
        "padding_value": volume.padding_value is not None and not any("(NaN)" in note for note in volume.notes),
    }
    return [name for name, is_said in said.items() if is_said]


def _stated(geometry: Geometry) -> list[float | None]:
    """Sizes of slices, rows and columns; nothing for those that the file does not state."""
    sizes = zip(geometry.spacing_mm, geometry.is_stated, strict=True)
    return [size if is_stated else None for size, is_stated in sizes][::-1]


def _region(region: VolumeRegion) -> dict[str, Any]:
    """A region of a volume under the names that regions of images have in the table."""
    first_slice, first_row, first_column, end_slice, end_row, end_column = region.bbox
    return {
        "label": region.label,
        "area_px": region.n_voxels,
        "area_mm2": region.area_mm2,
        "volume_ml": region.volume_ml,
        "area_share": region.volume_share,
        "mean_intensity": list(region.mean_intensity or ()),
        "bbox": [first_row, first_column, end_row, end_column],
        "centroid": list(region.centroid[1:]),
        "slices": [first_slice, end_slice],
        "centroid_mm": None if region.centroid_mm is None else list(region.centroid_mm),
    }


def measured_volume(mask: NDArray[np.bool_], volume: Volume) -> dict[str, Any] | None:
    """The mask of a volume measured, None where it is empty."""
    objects = measure_volume(mask.astype(np.uint8), volume.geometry, volume.voxels)
    return _region(objects[0]) | {"label": 0} if objects else None


def write_looks(
    out: Path,
    case: Case,
    label_map: NDArray[np.uint16],
    mask: NDArray[np.bool_],
    volume: Volume,
    slices: tuple[int, ...],
    limits: tuple[float, float],
    config: Config,
) -> dict[str, str]:
    """Write what people look at: the preview and, unless the settings leave them out, the strips; their paths.

    Args:
        out: Folder of the results.
        case: What they are of.
        label_map: ``(D, H, W)``.
        mask: ``(D, H, W)``.
        volume: The volume.
        slices: Numbers of those that were looked at.
        limits: Values that were black and white to the method.
        config: Settings that it was segmented with.
    """
    paths = {"preview": f"preview/{case.case_id}.png"}
    axis, shown = config.read.axis, shown_limits(volume.voxels, limits)
    picture = volume_preview(volume, label_map, mask, slices, axis, shown)
    (out / "preview").mkdir(parents=True, exist_ok=True)
    write_png(out / paths["preview"], picture)
    if config.write.pictures:
        paths |= write_strips(out, case.case_id, volume, label_map, mask, slices, axis, shown)
    return paths


def volume_preview(
    volume: Volume,
    label_map: NDArray[np.uint16],
    mask: NDArray[np.bool_],
    slices: tuple[int, ...],
    axis: int,
    limits: tuple[float, float],
) -> Picture:
    """A few slices below each other, each as an image has it and under its number."""
    rows = [
        strip([preview(image, labels, shown, limits, side=320)], [number], GAP_COLOUR, INK)
        for number, image, labels, shown in planes(volume, label_map, mask, slices, axis, SLICES_SHOWN)
    ]
    return np.concatenate(rows)
