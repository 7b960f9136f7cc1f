"""OME-Zarr (NGFF 0.4 and 0.5): a folder with one picture or volume in levels → its largest level that may be read.

What it is and how large is told from its JSON alone; zarr, an optional dependency, is asked for the voxels.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msformer.errors import ImageError, ReadError
from msformer.geometry import Geometry
from msformer.io.claim import Claim
from msformer.io.photo import check_voxel_count
from msformer.io.tiff_sizes import MM_OF_UNIT
from msformer.io.values import MOST_CHANNELS, check_frame
from msformer.volume import Volume

GROUP_FILES = ("zarr.json", ".zattrs", ".zgroup")
"""One of them is in every group of zarr, the first from its third format on."""
MAX_JSON = 1 << 24
SPACE = ("z", "y", "x")
AXES = frozenset({"t", "c", *SPACE})
NEEDS_ZARR = "OME-Zarr needs zarr: pip install 'msformer[zarr]'"


@dataclass(frozen=True)
class Level:
    """One resolution of a picture.

    Attributes:
        path: Its array.
        sizes: Length of each axis, by its letter, in the order of the array.
        dtype: Of its numbers.
        chunk: Numbers of a chunk, which is unpacked as a whole.
        geometry: Place and size of its voxels; None where no unit is told.
    """

    path: Path
    sizes: Mapping[str, int]
    dtype: np.dtype[Any]
    chunk: int
    geometry: Geometry | None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slices, rows, columns."""
        return self.sizes.get("z", 1), self.sizes["y"], self.sizes["x"]


def is_group(folder: Path) -> bool:
    """Whether a folder is a group of zarr, with a picture in it or others below it."""
    return any((folder / name).is_file() for name in GROUP_FILES)


def is_picture(folder: Path) -> bool:
    """Whether a folder is a picture of OME-Zarr; a plate and a set of pictures are none, but have some below them."""
    try:
        return bool(_attributes(folder).get("multiscales"))
    except (ReadError, OSError):
        return False


def is_label_map(folder: Path) -> bool:
    """Whether a picture says that its numbers are labels."""
    return "image-label" in _attributes(folder)


def is_volume(folder: Path) -> bool:
    """Whether a picture has several slices or times.

    Raises:
        ReadError: It is broken.
    """
    sizes = _levels(folder)[0].sizes
    return sizes.get("z", 1) > 1 or sizes.get("t", 1) > 1


def files_below(folder: Path) -> list[Path]:
    """All files of a picture, sorted."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def zarr_claim(folder: Path, max_voxels: int) -> Claim:
    """What the level that is read claims: its voxels, with a copy in order, and the chunk that is unpacked.

    Raises:
        ReadError: As ``read_zarr`` says of headers.
    """
    level, _ = _chosen(folder, max_voxels)
    claim = Claim(level.shape, level.sizes.get("c", 1), level.dtype, 0)
    return replace(claim, read_bytes=2 * claim.kept_bytes + 2 * level.chunk * level.dtype.itemsize)


def read_zarr(folder: Path, frame: int | None, max_voxels: int) -> Volume:
    """Read the largest level of at most ``max_voxels``, slices times rows times columns, as ``(D, H, W[, C])``.

    Args:
        folder: The picture.
        frame: Which of several times.
        max_voxels: Refuse more; of several levels take the largest that is no larger.

    Raises:
        ReadError: It is broken or too large, has axes that are not known, more than four channels, or several times of
            which ``frame`` names none; or zarr is not installed.
    """
    level, notes = _chosen(folder, max_voxels)
    time = check_frame(level.sizes.get("t", 1), frame)
    try:
        import zarr
    except ImportError:
        raise ReadError(NEEDS_ZARR) from None
    try:
        array = zarr.open_array(str(level.path), mode="r")
        if tuple(array.shape) != tuple(level.sizes.values()):
            raise ReadError(f"level must have the shape that its JSON says; got {array.shape}")
        values = np.asarray(array[tuple(time if axis == "t" else slice(None) for axis in level.sizes)])
    except ReadError:
        raise
    except Exception as error:  # zarr and its codecs raise many kinds on broken files
        raise ReadError(f"broken zarr array {level.path.name!r}: {type(error).__name__}: {error}") from error
    axes = [axis for axis in level.sizes if axis != "t"]
    order = [axis for axis in ("z", "y", "x", "c") if axis in axes]
    voxels = values.transpose([axes.index(axis) for axis in order])
    if "z" not in axes:
        voxels = voxels[None]
    voxels = np.ascontiguousarray(voxels.astype(voxels.dtype.newbyteorder("="), copy=False))
    return Volume(voxels, level.geometry, "zarr", folder, notes=notes)


def read_picture(folder: Path, max_pixels: int) -> tuple[NDArray[Any], Geometry | None, tuple[str, ...]]:
    """Read what has one slice and one time: pixels ``(H, W[, C])``, the size of a pixel, and notes.

    Raises:
        ReadError: As ``read_zarr``, or it has several slices.
    """
    volume = read_zarr(folder, None, max_pixels)
    if len(volume.voxels) > 1:
        raise ReadError(f"picture must have 1 slice to be read as an image; got {len(volume.voxels)}")
    return volume.voxels[0], volume.geometry, volume.notes


def _chosen(folder: Path, max_voxels: int) -> tuple[Level, tuple[str, ...]]:
    levels = sorted(_levels(folder), key=lambda one: -math.prod(one.shape))
    level = next((one for one in levels if math.prod(one.shape) <= max_voxels), levels[-1])
    check_voxel_count(level.shape, max_voxels)
    if (count := level.sizes.get("c", 1)) > MOST_CHANNELS:
        raise ReadError(f"picture must have at most {MOST_CHANNELS} channels; got {count}")
    if level.chunk > MOST_CHANNELS * max_voxels:
        raise ReadError(f"chunk must have at most {MOST_CHANNELS} × max_pixels={max_voxels} numbers; got {level.chunk}")
    if level is levels[0]:
        return level, ()
    sizes = " × ".join(map(str, level.shape[::-1]))
    whole = " × ".join(map(str, levels[0].shape[::-1]))
    return level, (f"level of {sizes}, the largest of at most max_pixels={max_voxels}; the whole has {whole}",)


def _levels(folder: Path) -> list[Level]:
    """The levels of the first multiscale, as it lists them.

    Raises:
        ReadError: The folder is no picture, or what it says cannot be understood.
    """
    said = _attributes(folder).get("multiscales")
    try:
        if not said:
            raise ReadError("folder must be a picture of OME-Zarr, with multiscales; got none")
        first = said[0]
        axes = [one if isinstance(one, str) else str(one["name"]) for one in first.get("axes", "tczyx")]
        if not set(axes) <= AXES or not {"y", "x"} <= set(axes) or len(set(axes)) < len(axes):
            raise ReadError(f"axes must be of t, c, z, y, x, each once, with y and x; got {', '.join(axes)}")
        units = [None if isinstance(one, str) else one.get("unit") for one in first.get("axes", "tczyx")]
        shared = first.get("coordinateTransformations", ())
        levels = []
        for one in first["datasets"]:
            steps = [*one.get("coordinateTransformations", ()), *shared]
            levels.append(_level(folder, str(one["path"]), axes, units, steps))
    except ReadError:
        raise
    except (ImageError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise ReadError(f"broken OME-Zarr: its multiscales cannot be understood: {error}") from error
    if not levels:
        raise ReadError("broken OME-Zarr: its multiscales list no dataset")
    return levels


def _level(folder: Path, name: str, axes: Sequence[str], units: Sequence[Any], steps: Sequence[Any]) -> Level:
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts:
        raise ReadError(f"datasets must lie in the folder; got the path {name!r}")
    path = folder / relative
    third = (path / "zarr.json").is_file()
    about = _json(path / ("zarr.json" if third else ".zarray"))
    shape = [int(side) for side in about["shape"]]
    if len(shape) != len(axes):
        raise ReadError(f"array {name!r} must have {len(axes)} axes, {', '.join(axes)}; got {len(shape)}")
    chunk = about["chunk_grid"]["configuration"]["chunk_shape"] if third else about["chunks"]
    dtype = np.dtype(about["data_type"] if third else about["dtype"])
    scale, shift = [1.0] * len(axes), [0.0] * len(axes)
    for step in steps:
        if step["type"] == "scale":
            scale = [float(one) * float(by) for one, by in zip(scale, step["scale"], strict=True)]
            shift = [float(one) * float(by) for one, by in zip(shift, step["scale"], strict=True)]
        elif step["type"] == "translation":
            shift = [float(one) + float(by) for one, by in zip(shift, step["translation"], strict=True)]
    sizes = dict(zip(axes, shape, strict=True))
    factors = {axis: MM_OF_UNIT.get(str(unit).lower()) for axis, unit in zip(axes, units, strict=True)}
    return Level(path, sizes, dtype, math.prod(map(int, chunk)), _geometry(axes, factors, scale, shift))


def _geometry(
    axes: Sequence[str], factors: Mapping[str, float | None], scale: Sequence[float], shift: Sequence[float]
) -> Geometry | None:
    """Of the axes of space; None where the unit of rows or columns is not known, as a scale says nothing then."""
    if factors["y"] is None or factors["x"] is None:
        return None
    spacing, origin, is_stated = [], [], []
    for axis in reversed(SPACE):
        factor = factors.get(axis)
        index = axes.index(axis) if factor is not None else 0
        spacing.append(1.0 if factor is None else scale[index] * factor)
        origin.append(0.0 if factor is None else shift[index] * factor)
        is_stated.append(factor is not None)
    return Geometry(
        (spacing[0], spacing[1], spacing[2]),
        (origin[0], origin[1], origin[2]),
        is_stated=(is_stated[0], is_stated[1], is_stated[2]),
        is_placed=False,
        is_flat="z" not in axes,
    )


def _attributes(folder: Path) -> Mapping[str, Any]:
    """What a group says of itself, of either version.

    Raises:
        ReadError: It is no JSON.
    """
    if (folder / "zarr.json").is_file():
        said = _json(folder / "zarr.json").get("attributes", {})
        said = said.get("ome", {}) if isinstance(said, dict) else {}
    elif (folder / ".zattrs").is_file():
        said = _json(folder / ".zattrs")
    else:
        return {}
    return said if isinstance(said, dict) else {}


def _json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_JSON:
            raise ReadError(f"{path.name} must have at most {MAX_JSON} bytes; got {path.stat().st_size}")
        said = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ReadError(f"broken OME-Zarr: {path.parent.name}/{path.name}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ReadError(f"broken OME-Zarr: {path.parent.name}/{path.name} is no JSON") from error
    if not isinstance(said, dict):
        raise ReadError(f"broken OME-Zarr: {path.parent.name}/{path.name} must hold an object")
    return said
