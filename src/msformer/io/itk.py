"""NRRD, by SimpleITK; MetaImage, by a reader of our own: broken compression takes that of ITK down with the process."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from msformer.errors import ImageError, ReadError
from msformer.geometry import Geometry
from msformer.io.photo import check_voxel_count
from msformer.io.privacy import of_header
from msformer.io.regular import check_regular
from msformer.volume import Volume

if TYPE_CHECKING:
    import SimpleITK as sitk  # noqa: N813 - the name everyone gives it

NRRD_DATA_FILE = re.compile(r"^[ \t]*data ?file[ \t]*:=?(.*)$", re.IGNORECASE | re.MULTILINE)
"""Where NRRD headers name the files of their voxels."""
NRRD_SERIES = re.compile(r"^(?:MultiVolume\.|DWMRI_gradient_|modality:=DWMRI|DataNodeClassName:=)", re.MULTILINE)
"""Fields of headers that hold several volumes."""
NRRD_FIELD = re.compile(r"^[ \t]*([A-Za-z][A-Za-z ]*?)[ \t]*:(?!=)[ \t]*(.*?)[ \t\r]*$", re.MULTILINE)
NRRD_STEP = re.compile(r"\([^)]*\)|[^\s()]+")
"""A vector in brackets, or a number or word alone."""
NRRD_MM = frozenset({"mm", "", "???", "millimeter", "millimeters"})
MAX_HEADER = 1 << 20
MAX_DATA_FILES = 100_000
COLOUR_CHANNELS = 4
"""Vectors of more channels count as so many voxels."""
MHA_LAST_KEY = re.compile(rb"^[ \t]*ElementDataFile[ \t]*[=:][ \t]*([^\r\n]*)\r?(?:\n|$)", re.MULTILINE)
MHA_TYPES = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4", "MET_UINT": "u4",
    "MET_LONG": "i4", "MET_ULONG": "u4", "MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4", "MET_DOUBLE": "f8",
}  # fmt: skip
ZLIB_OR_GZIP = 47


def read_nrrd(path: Path, frame: int | None, max_voxels: int) -> Volume:
    """Read an NRRD file.

    Args:
        path: The file; a header whose voxels are in other files works when they are in the same folder or below it.
        frame: Which of the volumes of a 4-D file, from 0.
        max_voxels: Refuse more, in all volumes of a 4-D file together, as SimpleITK reads them all.

    Raises:
        ReadError: It cannot be read, has more than ``max_voxels``, has four axes and no ``frame`` is given, or names
            a file outside its folder.
    """
    import SimpleITK as sitk  # noqa: N813

    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:  # SimpleITK would end the process
        raise ReadError("names of NRRD files and their folders must be UTF-8; rename it") from None
    header = check_data_files(path)
    sitk.ProcessObject_GlobalWarningDisplayOff()
    try:
        reader = sitk.ImageFileReader()
        reader.SetImageIO("NrrdImageIO")
        reader.SetFileName(str(path))
        reader.ReadImageInformation()
        size, channels = list(reader.GetSize()), reader.GetNumberOfComponents()
        is_series = channels > 1 and len(size) <= 3 and lists_times(header, path.name)
        if is_series:  # one number a voxel and time, which SimpleITK takes for channels
            index = _check_size([*size, *[1] * (3 - len(size)), channels], 1, frame, max_voxels)
        else:
            index = _check_size(size, channels, frame, max_voxels)
        if len(size) == 4:
            reader.SetExtractIndex([0, 0, 0, index])
            reader.SetExtractSize([*size[:3], 0])
        image = reader.Execute()
    except (RuntimeError, TypeError, ValueError, OverflowError) as error:  # of SimpleITK, and of its Python wrapper
        if isinstance(error, ImageError):
            raise
        raise ReadError(_reason(error)) from error
    geometry, notes = _as_stated(_geometry(image), header)
    voxels = _voxels(image)
    return Volume(voxels[..., index] if is_series else voxels, geometry, "nrrd", path, notes=notes)


def lists_times(header: str, name: str) -> bool:
    """Whether the axis of an NRRD that is no direction in space is a series, of times or others, and no channels.

    3D Slicer calls it ``list`` in sequences; where SimpleITK wrote the file again it says ``vector``, and the name
    ``.seq.nrrd`` is what is left. Fields of a series of volumes or of diffusion weights say it, too.

    Args:
        header: Its text.
        name: Of the file.
    """
    kinds = re.search(r"^[ \t]*kinds[ \t]*:(.*)$", header, re.IGNORECASE | re.MULTILINE)
    words = [] if kinds is None else kinds.group(1).lower().split()
    if not {"list", "time"}.isdisjoint(words):
        return True
    is_named = name.lower().endswith((".seq.nrrd", ".seq.nhdr"))
    is_vector = not words or "vector" in words
    return is_vector and (is_named or NRRD_SERIES.search(header) is not None)


def check_data_files(path: Path) -> str:
    """Refuse NRRD headers that name files outside their own folder: reading one must not open what it likes.

    Returns:
        The header.

    Raises:
        ReadError: A name is absolute or goes up, or the header has no end within its first megabyte.
    """
    with path.open("rb") as file:
        start = file.read(MAX_HEADER + 1)
    end = re.search(rb"\r?\n\r?\n", start)
    if end is None and len(start) > MAX_HEADER:
        raise ReadError(f"header must end within {MAX_HEADER} bytes")
    header = (start[: end.start()] if end else start).decode("latin-1")
    for found in NRRD_DATA_FILE.finditer(header):
        value = found.group(1).strip()
        names = header[found.end() :].splitlines() if value.upper().startswith("LIST") else [value]
        for name in names:
            check_inside(name.strip())
            for one in _named_files(path.parent, name.strip()):
                check_regular(one)
    return header


def _named_files(folder: Path, name: str) -> Iterator[Path]:
    """The files that are there of those that a header names; a pattern ``NAME%d FIRST LAST STEP`` names many."""
    words = name.split()
    names = [name]
    if "%" in name and len(words) >= 4:
        try:
            first, last, step = (int(word) for word in words[1:4])
            names += [words[0] % number for number in range(first, last + 1, max(step, 1))[:MAX_DATA_FILES]]
        except (ValueError, TypeError):
            pass
    yield from (folder / one for one in names if one and (folder / one).exists())


def _as_stated(geometry: Geometry, header: str) -> tuple[Geometry, tuple[str, ...]]:
    """The geometry with what of it an NRRD header states; SimpleITK puts 1 mm where there is nothing."""
    fields = {name.lower(): value for name, value in NRRD_FIELD.findall(header)}
    steps = fields.get("space directions") or fields.get("spacings") or ""
    count = sum("none" not in step and "nan" not in step for step in NRRD_STEP.findall(steps.lower()))
    units = {unit for name in ("space units", "units") for unit in re.findall('"([^"]*)"', fields.get(name, ""))}
    notes: tuple[str, ...] = ()
    if units - NRRD_MM:
        notes = ("sizes are in a unit other than mm: no areas and volumes",)
    is_known = count >= (2 if geometry.is_flat else 3) and not notes
    stated = (is_known, is_known, is_known and not geometry.is_flat)
    return replace(geometry, is_stated=stated, is_placed="space origin" in fields), notes


def check_inside(name: str) -> None:
    """Refuse names of files that are not in the folder of the file that names them, or below it.

    Raises:
        ReadError: It is absolute, or goes up.
    """
    parts = re.split(r"[/\\]", name)
    if (parts[0] in ("", "~") and len(parts) > 1) or ".." in parts or re.match("[A-Za-z]:", name):
        raise ReadError(f"data file must be in the folder of its header; got {of_header(name)}")


def _check_size(size: list[int], channels: int, frame: int | None, max_voxels: int) -> int:
    """Refuse too many axes and voxels; the chosen volume."""
    if len(size) not in (2, 3, 4) or min(size) < 1:
        raise ReadError(f"image must have 2 to 4 axes of at least 1 voxel; got {tuple(size)}")
    check_voxel_count(size if channels <= COLOUR_CHANNELS else [*size, channels], max_voxels)
    return check_frame(size[3] if len(size) == 4 else 1, frame)


def read_mha(path: Path, frame: int | None, max_voxels: int) -> Volume:
    """Read a MetaImage file, of voxels behind the header (.mha) or in one other file (.mhd) in its folder or below.

    Args:
        path: The file with the header.
        frame: Which of the volumes of a 4-D file, from 0.
        max_voxels: Refuse more, in all volumes of a 4-D file together.

    Raises:
        ReadError: It cannot be read, has more than ``max_voxels``, has four axes and no ``frame`` is given, or names
            a file outside its folder.
        ImageError: Its directions are no geometry.
    """
    with path.open("rb") as file:
        start = file.read(MAX_HEADER)
    if (last := MHA_LAST_KEY.search(start)) is None:
        raise ReadError(f"MetaImage header must have ElementDataFile within {MAX_HEADER} bytes; got none")
    header = {}
    for line in start[: last.start()].decode("latin-1").splitlines():
        key, _, value = line.partition("=") if "=" in line else line.partition(":")
        header[key.strip()] = value.strip()
    name = last.group(1).decode("utf-8", "replace").strip()
    try:
        size = [int(side) for side in header.get("DimSize", "").split()]
        channels = int(header.get("ElementNumberOfChannels", "1"))
        if channels < 1 or len(size) != int(header.get("NDims", "0")):
            raise ReadError(
                f"NDims must be the number of sides of DimSize; got {of_header(header.get('NDims'))} and {size}"
            )
        index = _check_size(size, channels, frame, max_voxels)
        geometry = _mha_geometry(header, len(size))
        if (kind := MHA_TYPES.get(header.get("ElementType", ""))) is None:
            raise ReadError(
                f"ElementType must be one of {', '.join(MHA_TYPES)}; got {of_header(header.get('ElementType'))}"
            )
        dtype = np.dtype((">" if _mha_flag(header, "ByteOrderMSB") else "<") + kind)
        count = int(np.prod(size, dtype=object)) * channels
        if name.upper() == "LOCAL":
            values = _mha_values(path, last.end(), header, dtype, count)
        elif name.upper().startswith("LIST") or "%" in name:
            raise ReadError(f"voxels must be in one file; ElementDataFile is {of_header(name)}")
        else:
            check_inside(name)
            check_regular(path.parent / name)
            skip = int(header.get("HeaderSize", "0"))
            values = _mha_values(path.parent / name, skip, header, dtype, count)
    except (ReadError, ImageError, OSError):
        raise
    except (ValueError, OverflowError, zlib.error) as error:  # numbers that are none, broken compression
        raise ReadError(f"broken MetaImage: {error}") from error
    voxels = values.reshape([*size[::-1], channels] if channels > 1 else size[::-1])
    if len(size) == 4:
        voxels = voxels[index]
    voxels = voxels[None] if len(size) == 2 else voxels
    return Volume(voxels.astype(dtype.newbyteorder("="), copy=False), geometry, "mha", path)


def _mha_flag(header: Mapping[str, str], ending: str) -> bool:
    return any(key.endswith(ending) and value[:1] in ("T", "t", "1") for key, value in header.items())


def _mha_geometry(header: Mapping[str, str], axes: int) -> Geometry:
    """Each row of TransformMatrix is the direction of one axis: the columns of ours."""

    def numbers(names: tuple[str, ...], default: list[float]) -> NDArray[np.float64]:
        text = next((header[name] for name in names if name in header), None)
        found = default if text is None else [float(one) for one in text.split()]
        if len(found) != len(default):
            raise ReadError(f"{names[0]} must be {len(default)} numbers; got {of_header(text)}")
        return np.array(found, dtype=np.float64)

    spacing = numbers(("ElementSpacing", "ElementSize"), [1.0] * axes)
    origin = numbers(("Offset", "Origin", "Position"), [0.0] * axes)
    matrix = numbers(("TransformMatrix", "Orientation", "Rotation"), list(np.eye(axes).ravel())).reshape(axes, axes)
    inner = min(axes, 3)
    steps, start, columns = np.ones(3), np.zeros(3), np.eye(3)
    steps[:inner], start[:inner], columns[:inner, :inner] = spacing[:inner], origin[:inner], matrix[:inner, :inner].T
    x, y, z = (float(one) for one in start)
    a, b, c, d, e, f, g, h, i = (float(one) for one in columns.ravel())
    is_sized = not header.keys().isdisjoint(("ElementSpacing", "ElementSize"))
    return Geometry(
        (float(steps[0]), float(steps[1]), float(steps[2])),
        (x, y, z),
        (a, b, c, d, e, f, g, h, i),
        is_stated=(is_sized, is_sized, is_sized and axes > 2),
        is_placed=not header.keys().isdisjoint(("Offset", "Origin", "Position")),
        is_flat=axes == 2,
    )


def _mha_values(path: Path, skip: int, header: Mapping[str, str], dtype: np.dtype[Any], count: int) -> NDArray[Any]:
    """The numbers of a file behind ``skip`` bytes, or with -1 at its end."""
    needed = count * dtype.itemsize
    is_binary = _mha_flag(header, "BinaryData")
    is_packed = _mha_flag(header, "CompressedData")
    length = path.stat().st_size
    start = length - needed if skip == -1 and is_binary and not is_packed else max(skip, 0)
    if is_binary and not is_packed and (length - start < needed or start < 0):
        raise ReadError(f"broken or truncated: there must be {needed} bytes of voxels; got {max(length - start, 0)}")
    with path.open("rb") as file:
        file.seek(start)
        if is_packed:
            unpacker = zlib.decompressobj(ZLIB_OR_GZIP)
            raw = unpacker.decompress(file.read(), needed)  # no more, whatever it would unpack to
            raw = raw[: len(raw) // dtype.itemsize * dtype.itemsize]
        else:
            raw = file.read(needed) if is_binary else file.read()
    values = np.frombuffer(raw, dtype=dtype) if is_binary else np.array(raw.split()[:count], dtype=dtype)
    if len(values) < count:
        raise ReadError(f"broken or truncated: there must be {count} values; got {len(values)}")
    return np.array(values)  # writable


def check_frame(count: int, frame: int | None) -> int:
    """The chosen volume of a 4-D file.

    Raises:
        ReadError: None was chosen where there are several, or there is none of that number.
    """
    if frame is None:
        if count == 1:
            return 0
        raise ReadError(
            f"file holds {count} volumes (4 axes): choose one with --frame 0 to {count - 1} "
            f"or --set read.frame=0 to {count - 1}"
        )
    if not 0 <= frame < count:
        raise ReadError(f"read.frame must be from 0 to {count - 1} in this file; got {frame}")
    return frame


def to_itk(voxels: NDArray[Any], geometry: Geometry | None) -> sitk.Image:
    """A SimpleITK image of ``(D, H, W)``; of two axes where there is one slice of a flat file, or of none."""
    import SimpleITK as sitk  # noqa: N813

    if geometry is None:
        return sitk.GetImageFromArray(voxels[0] if len(voxels) == 1 else voxels)
    if geometry.is_flat and len(voxels) == 1:
        flat = sitk.GetImageFromArray(voxels[0])
        flat.SetSpacing(geometry.spacing_mm[:2])
        flat.SetOrigin(geometry.origin_mm[:2])
        a, b, _, c, d, *_ = geometry.direction
        flat.SetDirection((a, b, c, d))
        return flat
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing(geometry.spacing_mm)
    image.SetOrigin(geometry.origin_mm)
    image.SetDirection(geometry.direction)
    return image


def _voxels(image: sitk.Image) -> NDArray[Any]:
    import SimpleITK as sitk  # noqa: N813

    array = sitk.GetArrayFromImage(image)
    return array if image.GetDimension() == 3 else array[None]


def _geometry(image: sitk.Image) -> Geometry:
    if image.GetDimension() == 3:
        return Geometry(image.GetSpacing(), image.GetOrigin(), image.GetDirection())
    (column, row), (x, y), (a, b, c, d) = image.GetSpacing(), image.GetOrigin(), image.GetDirection()
    return Geometry((column, row, 1.0), (x, y, 0.0), (a, b, 0.0, c, d, 0.0, 0.0, 0.0, 1.0), is_flat=True)


def _reason(error: Exception) -> str:
    """The last line of SimpleITK's message, which is the reason; those before tell its own source files."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[-1] if lines else "not readable"
    return text.split("): ", 1)[-1][:300]
