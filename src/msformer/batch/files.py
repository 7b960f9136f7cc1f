"""Where the results of a case go, and in which kinds of files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from msformer.batch.bids import FOLDER as BIDS
from msformer.batch.bids import KINDS, bids_name, write_sidecars
from msformer.batch.pictures import COLOURS, OVERLAYS
from msformer.batch.plan import Case
from msformer.config import Config
from msformer.errors import ConfigError
from msformer.geometry import Geometry
from msformer.io import write_mask, write_png
from msformer.io.atomic import remove_tree, replace_tree
from msformer.io.export import FOLDERS, OUTLINES, SUFFIXES, write_labels
from msformer.io.ome_zarr import files_below
from msformer.io.segments import Segment, instance_segments, object_segment, segments_of
from msformer.volume import Kind

OUTPUT_KINDS = ("labels", "masks", "preview")
"""Folders of the results, one file a case in each."""
SLICES_SHOWN = 4
"""Slices in the preview of a volume."""
ALONE = "masks-alone"
"""Folder of the masks that each image's own evidence gave, where a folder decided on them."""
OPTIONAL_KINDS = ("instances", "stability", ALONE, OVERLAYS, COLOURS)
"""Folders of results that only some settings ask for."""
ALL_KINDS = (*OUTPUT_KINDS, *OPTIONAL_KINDS)
SAME: dict[Kind, str] = {
    "photo": "png", "tiff": "tif", "zarr": "ome-zarr", "dicom": "dicom-seg", "nifti": "nii.gz",
    "nrrd": "nrrd", "mha": "mha",
}  # fmt: skip
"""The format that ``same`` stands for."""


def formats_of(config: Config, kind: Kind) -> list[str]:
    """The formats that are asked for, each once; before those that are folders an OME-TIFF, if nothing else is a file.

    What reads masks again, and replaces them at once, does so with files.
    """
    if config.write.naming == "bids":
        return ["nii.gz"]
    names = list(dict.fromkeys(SAME[kind] if name == "same" else name for name in config.write.formats))
    folder = next((index for index, name in enumerate(names) if name in FOLDERS), None)
    if folder is None:
        return names
    if set(names) <= {*FOLDERS, *OUTLINES}:
        return [*names[:folder], "tif", *names[folder:]]
    return sorted(names, key=lambda name: name in FOLDERS)


def check_readable(config: Config) -> None:
    """Make sure that masks can be read again, by what learns from them.

    Raises:
        ConfigError: Only outlines are asked for.
    """
    if set(config.write.formats) <= set(OUTLINES):
        raise ConfigError(
            f"write.formats must name at least 1 format of pixels where a folder teaches, such as same; got only "
            f"outlines: {', '.join(config.write.formats)}"
        )


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
    is_bids: bool = False,
) -> dict[str, str]:
    """Write labels, mask and, where there are some, objects one by one, all ``(D, H, W)``, in each format.

    Formats of outlines are of mask and objects only.

    ``stored`` are the numbers of the slices in a DICOM file of several frames, and how many it has: a DICOM
    segmentation refers to all of them. Without numbers they are all, in order. ``is_bids`` gives the names of ``bids``.

    Returns:
        Paths below ``out``: ``labels``, ``masks`` and ``instances`` for the first format of pixels, ``labels.FORMAT`` …
        for the others.
    """
    paths: dict[str, str] = {}
    drawn: list[tuple[str, NDArray[np.uint8 | np.uint16], list[Segment], str]] = [
        ("labels", label_map, segments_of(max(int(label_map.max(initial=0)), 1)), "msformer clusters"),
        ("masks", mask.astype(np.uint8), [object_segment()], "msformer object"),
    ]
    if objects is not None:
        drawn.append(("instances", objects, instance_segments(int(objects.max(initial=0))), "msformer objects"))
    of_pixels = [name for name in formats if name not in OUTLINES]
    for name in formats:
        for kind, array, segments, description in drawn:
            if kind == "labels" and name in OUTLINES:
                continue
            relative = _place(case, kind, SUFFIXES[name], is_bids=is_bids)
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
                    source_name=case.source.name,
                )
            paths[kind if name in of_pixels[:1] else f"{kind}.{name}"] = relative
            if len(written) > 1:
                paths[f"{kind}.names"] = written[1].relative_to(out).as_posix()
            if is_bids:
                paths |= write_sidecars(out, case, kind, segments)
    return paths


def _place(case: Case, kind: str, suffix: str, *, is_bids: bool) -> str:
    return bids_name(case.case_id).path(kind, suffix) if is_bids else f"{kind}/{case.case_id}{suffix}"


def _as_stored(
    labels: NDArray[np.uint8 | np.uint16], frames: Sequence[int], count: int
) -> NDArray[np.uint8 | np.uint16]:
    """Labels ``(D, H, W)`` of some frames of a file as labels of all its frames; 0 in the others."""
    whole = np.zeros((count, *labels.shape[1:]), dtype=labels.dtype)
    whole[list(frames)] = labels
    return whole


def publish(staged: Path, out: Path, case: Case, outputs: Mapping[str, str]) -> dict[str, tuple[str, int]]:
    """Bring the files of a case from where they were written to their places, and remove what an older run left of it.

    Each replaces its older one at once; what is not whole never does.

    Args:
        staged: Folder that has the files of this case, and of no other, in the folders of ``out``.
        out: Folder of the results.
        case: Whose they are.
        outputs: Paths below the folder, by kind.

    Returns:
        The digest and the bytes of each file, by path.
    """
    digests = digests_of(staged, outputs)
    for relative in digests:
        target = out / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_tree(staged / relative, target)
    for path in _all_paths(out, case):
        if path not in digests:
            remove_tree(out / path)
    return digests


def digests_of(folder: Path, outputs: Mapping[str, str]) -> dict[str, tuple[str, int]]:
    """SHA-256 and bytes of the files of a case, by path; they are on the disk and not only on their way to it.

    Of a folder they are those of all its files, by their names in it.
    """
    return {relative: _digest_of(folder / relative) for relative in outputs.values()}


def _digest_of(path: Path) -> tuple[str, int]:
    if path.is_dir():
        parts = {one.relative_to(path).as_posix(): _digest_of(one) for one in files_below(path)}
        told = "".join(f"{digest} {name}\n" for name, (digest, _) in parts.items())
        return hashlib.sha256(told.encode()).hexdigest(), sum(size for _, size in parts.values())
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return hashlib.file_digest(file, "sha256").hexdigest(), file.tell()


def _all_paths(out: Path, case: Case) -> list[str]:
    """What an older run may have left of a case, by its name."""
    suffixes = (*SUFFIXES.values(), "_labels.txt", ".jpg")
    paths = [_place(case, kind, suffix, is_bids=False) for kind in ALL_KINDS for suffix in suffixes]
    if (out / BIDS).is_dir():
        ends = (".nii.gz", "_labels.txt", ".json", ".tsv")
        paths += [_place(case, kind, end, is_bids=True) for kind in KINDS for end in ends]
    return [path for path in paths if (out / path).exists()]
