"""Where the results of a case go, and in which kinds of files."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from msformer.batch.plan import Case
from msformer.config import Config
from msformer.geometry import Geometry
from msformer.io import write_mask, write_png
from msformer.io.export import SUFFIXES, write_labels
from msformer.io.segments import Segment, instance_segments, object_segment, segments_of
from msformer.volume import Kind

OUTPUT_KINDS = ("labels", "masks", "preview")
"""Folders of the results, one file a case in each."""
ALONE = "masks-alone"
"""Folder of the masks that each image's own evidence gave, where a folder decided on them."""
OPTIONAL_KINDS = ("instances", "stability", ALONE)
"""Folders of results that only some settings ask for."""
ALL_KINDS = (*OUTPUT_KINDS, *OPTIONAL_KINDS)
SAME: dict[Kind, str] = {
    "photo": "png", "tiff": "tif", "dicom": "dicom-seg", "nifti": "nii.gz", "nrrd": "nrrd", "mha": "mha",
}  # fmt: skip
"""The format that ``same`` stands for."""


def formats_of(config: Config, kind: Kind) -> list[str]:
    """The formats that are asked for, each once."""
    return list(dict.fromkeys(SAME[kind] if name == "same" else name for name in config.write.formats))


def write_results(
    out: Path,
    case: Case,
    label_map: NDArray[np.uint16],
    mask: NDArray[np.bool_],
    formats: Sequence[str],
    geometry: Geometry | None,
    instances: Sequence[Path],
    seed: str,
    objects: NDArray[np.uint16] | None = None,
    *,
    stored: tuple[Sequence[int], int] = ((), 0),
) -> dict[str, str]:
    """Write labels, mask and, where there are some, objects one by one, all ``(D, H, W)``, in each format.

    ``stored`` are the numbers of the slices in a DICOM file of several frames, and how many it has: a DICOM
    segmentation refers to all of them. Without numbers they are all, in order.

    Returns:
        Paths below ``out``: ``labels``, ``masks`` and ``instances`` for the first format, ``labels.FORMAT`` … for the
        others.
    """
    paths: dict[str, str] = {}
    drawn: list[tuple[str, NDArray[np.uint8 | np.uint16], list[Segment], str]] = [
        ("labels", label_map, segments_of(max(int(label_map.max(initial=0)), 1)), "msformer clusters"),
        ("masks", mask.astype(np.uint8), [object_segment()], "msformer object"),
    ]
    if objects is not None:
        drawn.append(("instances", objects, instance_segments(int(objects.max(initial=0))), "msformer objects"))
    for name in formats:
        for kind, array, segments, description in drawn:
            relative = f"{kind}/{case.case_id}{SUFFIXES[name]}"
            path = out / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            if kind == "masks" and name == "png" and len(mask) == 1:
                write_mask(path, mask[0])  # 0 and 255, to be seen by eye
                written = [path]
            elif kind == "instances" and name == "png" and len(array) == 1:
                write_png(path, array[0].astype(np.uint16))  # of one depth, whatever the number of objects
                written = [path]
            else:
                written = write_labels(
                    path,
                    _as_stored(array, *stored) if name == "dicom-seg" and stored[1] else array,
                    name,
                    segments=segments,
                    geometry=geometry,
                    instances=instances,
                    description=description,
                    seed=f"{seed} {kind}",
                )
            first = name == formats[0]
            paths[kind if first else f"{kind}.{name}"] = relative
            if len(written) > 1:
                paths[f"{kind}.names"] = written[1].relative_to(out).as_posix()
    return paths


def _as_stored(
    labels: NDArray[np.uint8 | np.uint16], frames: Sequence[int], count: int
) -> NDArray[np.uint8 | np.uint16]:
    """Labels ``(D, H, W)`` of some frames of a file as labels of all its frames; 0 in the others."""
    whole = np.zeros((count, *labels.shape[1:]), dtype=labels.dtype)
    whole[list(frames)] = labels
    return whole


def remove_results(out: Path, case: Case, kinds: Sequence[str] = ALL_KINDS) -> None:
    """Remove what an earlier run, or half of this one, has left of a case."""
    for kind in kinds:
        for suffix in (*SUFFIXES.values(), "_labels.txt"):
            with contextlib.suppress(OSError):  # a name that could not be written cannot be removed either
                (out / kind / f"{case.case_id}{suffix}").unlink(missing_ok=True)
