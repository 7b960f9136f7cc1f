"""DICOM files → volumes: series sorted by position, pixels in Hounsfield units, larger always brighter.

Headers, native pixels and RLE are read by pydicom, JPEG, JPEG-LS and JPEG 2000 decoded by imagecodecs. GDCM, which
SimpleITK has, reads as much, but not RLE colour of 16 bit nor big-endian doses right, and broken files can take it
down with the whole process. What the numbers mean — palettes, MONOCHROME1, rescaling — is worked out here.
"""

from __future__ import annotations

import logging
import warnings
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from msformer.errors import ImageError, ReadError
from msformer.geometry import Geometry
from msformer.io.photo import check_voxel_count
from msformer.io.privacy import of_header
from msformer.volume import Volume

PREFIX_LENGTH, MAGIC = 128, b"DICM"
HEADER_TAGS = [
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "Modality", "Rows", "Columns", "SamplesPerPixel",
    "NumberOfFrames", "ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing", "ImagerPixelSpacing",
    "NominalScannedPixelSpacing", "SpacingBetweenSlices", "SliceThickness", "PhotometricInterpretation",
    "InstanceNumber",
]  # fmt: skip
FRAME_TAGS = ["SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "GridFrameOffsetVector"]
PIXEL_TAGS = [
    "Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames", "BitsAllocated", "BitsStored",
    "HighBit", "PixelRepresentation", "PlanarConfiguration", "PixelData", "FloatPixelData", "DoubleFloatPixelData",
    "ExtendedOffsetTable", "ExtendedOffsetTableLengths", "RescaleSlope", "RescaleIntercept", "ModalityLUTSequence",
    "PixelPaddingValue",
    "RedPaletteColorLookupTableDescriptor", "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableDescriptor", "BluePaletteColorLookupTableData",
    "SegmentedRedPaletteColorLookupTableData", "SegmentedGreenPaletteColorLookupTableData",
    "SegmentedBluePaletteColorLookupTableData",
]  # fmt: skip
JPEG = frozenset({f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 57, 70)})
JPEG_LS, JPEG_LS_LOSSY = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"
JPEG_2000 = frozenset({"1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"})
UNEVEN = 0.01
"""Steps between slices that differ from the usual one by a larger share are told of."""
TILTED_DEGREES = 0.5
"""A tilt under this is rounding of positions in the header."""
PARALLEL = 1e-2
"""Directions of slices that differ by less (half a degree) are of one volume."""
SAME_PLACE = 0.01
"""Slices closer than this share of the usual step are at one place."""
WRAPPED_FROM, WRAPPED_GAP = 65536 - 4096, 32768
"""Unsigned CT with values from here on and none from the gap up to them holds negative numbers of 16 bits."""
META_LENGTH = 4096
"""Bytes within which files say how they are encoded."""
GROUP_LENGTH = b"\x02\x00\x00\x00UL\x04\x00"
MAX_INFLATED = 1 << 29
"""Bytes that a deflated file may grow to."""

logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # its complaints about odd headers are not for users of ours


class NoImageError(ReadError):
    """A whole DICOM file that is no image: a report, a plan, a directory."""


@dataclass(frozen=True)
class Instance:
    """What the header of one file says."""

    path: Path
    uid: str
    series: str
    modality: str | None
    rows: int
    columns: int
    samples: int
    frames: int
    orientation: tuple[float, ...] | None
    position: tuple[float, ...] | None
    pixel_spacing: tuple[float, float] | None
    slice_step: float | None
    photometric: str
    number: int

    @property
    def group(self) -> tuple[Any, ...]:
        """What the slices of one volume have in common, directions aside."""
        is_nameless = not self.series and self.position is None
        alone = self.path if self.frames > 1 or is_nameless else None
        return self.series, self.rows, self.columns, self.samples, alone

    def is_parallel(self, other: Instance) -> bool:
        """Whether rows and columns run the same way as those of another."""
        if self.orientation is None or other.orientation is None:
            return self.orientation is other.orientation
        return bool(np.allclose(self.orientation, other.orientation, rtol=0, atol=PARALLEL))


def is_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM files do, any 128 bytes and ``DICM``, or is an image of the time before that.

    Files without that beginning count when the first element is of group 2 or 8 and rows and columns are found.
    """
    with path.open("rb") as file:
        start = file.read(PREFIX_LENGTH + len(MAGIC))
    if start[PREFIX_LENGTH:] == MAGIC:
        return True
    if not may_be_bare(start):
        return False
    try:
        read_instance(path)
    except ReadError:
        return False
    return True


def may_be_bare(start: bytes) -> bool:
    """Whether the first bytes can be those of a DICOM file without preamble: an element of group 2 or 8."""
    order = {b"\x02\x00": "little", b"\x08\x00": "little", b"\x00\x02": "big", b"\x00\x08": "big"}.get(start[:2])
    if order is None or len(start) < 12:
        return False
    is_named = start[4:6].isalpha() and start[4:6].isupper()  # explicit: two letters of a kind of value
    is_counted = order == "little" and int.from_bytes(start[4:8], "little") <= 1024  # implicit: a length
    return is_named or is_counted


def read_instance(path: Path) -> Instance:
    """Read the header of a file.

    Raises:
        ReadError: It is no DICOM image, or its header is broken.
    """
    data = _read_dataset(path, HEADER_TAGS, stop_before_pixels=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            instance = _instance(path, data)
            storage = getattr(data.get("SOPClassUID"), "name", "")
    except Exception as error:  # pydicom raises anything on broken values, and only when they are asked for
        raise ReadError(f"no readable DICOM header: {type(error).__name__}: {error}") from error
    if not (instance.rows > 0 and instance.columns > 0):
        if "Image Storage" in storage:
            raise ReadError("broken or truncated DICOM image: no rows and columns")
        raise NoImageError("this DICOM file holds no image (no rows and columns)")
    return instance


def group_series(paths: Iterable[Path]) -> list[list[Instance]]:
    """Put files together that are slices of one volume, in the order of their first files.

    Files whose header cannot be read are left out; they are named when they are read alone.
    """
    instances = []
    for path in paths:
        try:
            instances.append(read_instance(path))
        except ReadError:
            continue
    return group_instances(instances)


def group_instances(instances: Iterable[Instance]) -> list[list[Instance]]:
    """Put slices of one volume together, in the order of the first of each: the same series, size and directions."""
    groups: list[list[Instance]] = []
    by_key: dict[tuple[Any, ...], list[list[Instance]]] = defaultdict(list)
    for instance in instances:
        alike = by_key[instance.group]
        group = next((one for one in alike if one[0].is_parallel(instance)), None)
        if group is None:
            group = []
            alike.append(group)
            groups.append(group)
        group.append(instance)
    return groups


def read_series(instances: Sequence[Instance], max_voxels: int, frame: int | None = None) -> Volume:
    """Read the slices of one volume, sorted by their place along the normal of the slices.

    Slices at a place that is taken already, and copies of the same instance, are left out. Uneven steps, a tilted
    gantry and what was left out are told in the notes. Where every place is taken equally often, as in series over
    time, ``frame`` says which round of slices is meant.

    Raises:
        ReadError: A file cannot be decoded, slices do not fit together, there are more than ``max_voxels``, or
            there are several volumes and no ``frame``.
    """
    notes: list[str] = []
    ordered, geometry = _arrange(instances, frame, notes)
    first = ordered[0]
    check_voxel_count((sum(one.frames for one in ordered), first.rows, first.columns), max_voxels)
    if len(ordered) == 1:
        voxels, found, padding = _read_pixels(first, notes)
        geometry = geometry if found is None else found
    else:
        voxels, padding = _stack(ordered, notes)
    if geometry is None and len(voxels) > 1:
        notes.append("no usable size of voxels in the headers")
    elif len(voxels) > 1 and first.slice_step is None and first.position is None:
        notes.append("no distance between slices in the headers: 1 mm is assumed")
    return Volume(
        voxels,
        geometry,
        "dicom",
        first.path.parent if len(ordered) > 1 else first.path,
        tuple(instance.path for instance in ordered),
        first.modality,
        tuple(dict.fromkeys(notes)),
        padding,
    )


def _read_dataset(path: Path, tags: Sequence[str], *, stop_before_pixels: bool) -> Any:
    import pydicom

    try:
        with warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter("ignore")  # pydicom warns of every odd value
            source = _inflated(file)
            return pydicom.dcmread(source, force=True, stop_before_pixels=stop_before_pixels, specific_tags=list(tags))
    except (ReadError, OSError):
        raise
    except Exception as error:  # pydicom raises anything on broken headers
        raise ReadError(f"no readable DICOM header: {type(error).__name__}: {error}") from error


def _inflated(file: BinaryIO) -> BinaryIO:
    """The file itself, unless what follows its first group is deflated: that is unpacked here, up to a limit.

    pydicom would unpack it to any size.
    """
    from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

    head = file.read(META_LENGTH)
    if (uid := str(DeflatedExplicitVRLittleEndian).encode()) not in head:
        file.seek(0)
        return file
    at = head.find(GROUP_LENGTH)
    if at < 0:
        raise ReadError("deflated DICOM file must say where its first group ends; got no length")
    start = at + 12 + int.from_bytes(head[at + 8 : at + 12], "little")
    whole = head + file.read()
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    data = unpacker.decompress(whole[start:], MAX_INFLATED)
    if unpacker.unconsumed_tail:
        raise ReadError(f"deflated DICOM file must unpack to at most {MAX_INFLATED} bytes; got more")
    if not unpacker.eof:
        raise ReadError("broken or truncated: the deflated part of this DICOM file has no end")
    plain = str(ExplicitVRLittleEndian).encode().ljust(len(uid), b"\0")
    return BytesIO(whole[:start].replace(uid, plain, 1) + data)


def _instance(path: Path, data: Any) -> Instance:
    spacing = next(
        (
            found
            for name in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
            if (found := _numbers(data, name, 2)) is not None and min(found) > 0
        ),
        None,
    )
    return Instance(
        path=path,
        uid=str(data.get("SOPInstanceUID") or ""),
        series=str(data.get("SeriesInstanceUID") or ""),
        modality=str(data.get("Modality", "") or "") or None,
        rows=int(_number(data, "Rows") or 0),
        columns=int(_number(data, "Columns") or 0),
        samples=int(_number(data, "SamplesPerPixel") or 1),
        frames=max(int(_number(data, "NumberOfFrames") or 1), 1),
        orientation=_numbers(data, "ImageOrientationPatient", 6),
        position=_numbers(data, "ImagePositionPatient", 3),
        pixel_spacing=None if spacing is None else (spacing[0], spacing[1]),
        slice_step=_step(data),
        photometric=str(data.get("PhotometricInterpretation", "")),
        number=int(_number(data, "InstanceNumber") or 0),
    )


def _numbers(data: Any, name: str, count: int) -> tuple[float, ...] | None:
    """The values of an element where there are so many and all are finite."""
    try:
        found = tuple(float(one) for one in data.get(name))
    except (TypeError, ValueError, OverflowError):
        return None
    return found if len(found) == count and np.isfinite(found).all() else None


def _number(data: Any, name: str) -> float | None:
    try:
        value = float(data.get(name))
    except (TypeError, ValueError, OverflowError):
        return None
    return value if np.isfinite(value) else None


def _step(data: Any) -> float | None:
    """The distance between slices that a header states; negative ones, which some nuclear medicine has, by size."""
    return abs(_number(data, "SpacingBetweenSlices") or _number(data, "SliceThickness") or 0.0) or None


def _arrange(
    instances: Sequence[Instance], frame: int | None, notes: list[str]
) -> tuple[list[Instance], Geometry | None]:
    """Slices in their order, without doubles; the geometry."""
    from msformer.io.itk import check_frame

    unique: dict[str, Instance] = {}
    for instance in instances:
        unique.setdefault(instance.uid or str(instance.path), instance)
    if (copies := len(instances) - len(unique)) > 0:
        notes.append(f"{copies} copies of the same slice left out")
    kept = sorted(unique.values(), key=lambda one: (one.number, str(one.path)))
    first = kept[0]
    normal = None if first.orientation is None else _normal(first.orientation)
    if first.orientation is not None and normal is None:
        notes.append("directions in the header are no plane: ignored")
    if normal is None or any(one.position is None for one in kept):
        if len(kept) > 1:
            notes.append("no positions in the headers: slices in the order of their numbers")
        check_frame(1, frame)
        return kept, _flat_geometry(first)
    places = np.array([one.position for one in kept], dtype=np.float64)
    heights = places @ normal
    order = np.argsort(heights, kind="stable")
    step = _usual_step(heights[order])
    at_place: list[list[int]] = []
    for index in order:
        if at_place and heights[index] - heights[at_place[-1][0]] <= SAME_PLACE * step:
            at_place[-1].append(int(index))
        else:
            at_place.append([int(index)])
    rounds = {len(indices) for indices in at_place}
    if len(at_place) > 1 and len(rounds) == 1:
        round_ = check_frame(rounds.pop(), frame)
    else:
        round_ = check_frame(1, frame)
        if (doubles := len(kept) - len(at_place)) > 0:
            notes.append(f"{doubles} slices at the same place as another left out")
    chosen = [indices[round_] for indices in at_place]
    geometry = _lattice(first, normal, places[chosen], notes)
    return [kept[index] for index in chosen], geometry


def _normal(orientation: tuple[float, ...]) -> NDArray[np.float64] | None:
    """The unit vector across a slice, or None where the directions are not two of length 1 at right angles."""
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    lengths = np.linalg.norm([row, column], axis=1)
    if not np.allclose(lengths, 1, rtol=0, atol=PARALLEL) or abs(float(row @ column)) > PARALLEL:
        return None
    normal = np.cross(row, column)
    return np.asarray(normal / np.linalg.norm(normal))


def _lattice(
    like: Instance, normal: NDArray[np.float64], places: NDArray[np.float64], notes: list[str]
) -> Geometry | None:
    """The geometry of slices ``like`` one at ``places``, in order up or down along the normal."""
    if like.pixel_spacing is None or like.orientation is None:
        return None
    direction, spacing = normal, like.slice_step or 1.0
    if len(places) > 1:
        steps = np.diff(places @ normal)
        upwards = 1.0 if steps.sum() > 0 else -1.0
        direction, steps = upwards * normal, upwards * steps
        step = float(np.median(steps))
        spacing = step
        if (np.abs(steps - step) > UNEVEN * step).any():
            missing = sum(round(float(one) / step) - 1 for one in steps if one > 1.5 * step)
            notes.append(
                f"uneven steps between slices, {steps.min():.4g} to {steps.max():.4g} mm"
                + (f", {missing} slices missing" if missing else "")
                + f"; {step:.4g} mm is taken for all"
            )
        along = places[-1] - places[0]
        along = along / np.linalg.norm(along)
        cosine = float(np.clip(along @ direction, -1, 1))
        tilt = float(np.degrees(np.arccos(cosine)))
        if tilt > TILTED_DEGREES:
            notes.append(f"tilted gantry: slices are shifted by {tilt:.1f}° from their normal")
            direction, spacing = along, step / cosine
    rows, columns = like.pixel_spacing
    row_step, column_step = like.orientation[:3], like.orientation[3:]
    matrix = np.stack([row_step, column_step, direction], axis=1).ravel()
    a, b, c, d, e, f, g, h, i = (float(value) for value in matrix)
    x, y, z = (float(value) for value in places[0])
    try:
        return Geometry((columns, rows, float(spacing)), (x, y, z), (a, b, c, d, e, f, g, h, i))
    except ImageError:
        notes.append("geometry in the header is no space: directions ignored")
        return _flat_geometry(like)


def _usual_step(heights: NDArray[np.float64]) -> float:
    """The median of the steps that are none between slices at the same place."""
    steps = np.diff(heights)
    steps = steps[steps > 1e-3]
    return float(np.median(steps)) if len(steps) else 1.0


def _flat_geometry(first: Instance) -> Geometry | None:
    """Sizes without a place in the patient."""
    if first.pixel_spacing is None:
        return None
    rows, columns = first.pixel_spacing
    return Geometry((columns, rows, first.slice_step or 1.0))


def _stack(instances: Sequence[Instance], notes: list[str]) -> tuple[NDArray[Any], float | None]:
    """The slices of a series on top of each other, in a type that holds them all, and what they all call padding."""
    voxels: NDArray[Any] | None = None
    paddings: set[float] = set()
    for index, instance in enumerate(instances):
        try:
            pixels, _, padding = _read_pixels(instance, notes)
            paddings |= set() if padding is None else {padding}
            if voxels is None:
                voxels = np.empty((len(instances), *pixels.shape[1:]), dtype=pixels.dtype)
            if pixels.shape != (1, *voxels.shape[1:]):
                raise ReadError(f"slice must be of shape {voxels.shape[1:]} as the others are; got {pixels.shape[1:]}")
        except ReadError as error:
            raise ReadError(f"{instance.path}: {error}") from error
        common = np.result_type(voxels.dtype, pixels.dtype)
        if common != voxels.dtype:
            voxels = voxels.astype(common)
        voxels[index] = pixels[0]
    return np.asarray(voxels), paddings.pop() if len(paddings) == 1 else None


def _read_pixels(instance: Instance, notes: list[str]) -> tuple[NDArray[Any], Geometry | None, float | None]:
    """Pixels ``(frames, H, W[, C])`` of one file as they are meant, of a file of several frames its geometry, padding.

    Padding is what the header declares to be none of the picture, as it is meant; None where no pixel has it.
    """
    is_multiple = instance.frames > 1
    wanted = [*PIXEL_TAGS, *FRAME_TAGS]
    data = _read_dataset(instance.path, wanted, stop_before_pixels=False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stored = _decode(data)
            shape = (len(stored), instance.rows, instance.columns)
            if stored.shape[:3] != shape:
                raise ReadError(f"pixels must have the shape of the header, {shape}; got {stored.shape[:3]}")
            pixels = _as_meant(stored, data, instance, notes)
            padding = _padding(stored, pixels, data)
            has_groups = "PerFrameFunctionalGroupsSequence" in data or "SharedFunctionalGroupsSequence" in data
            geometry = _frame_geometry(data, instance, len(pixels), notes) if is_multiple or has_groups else None
    except ReadError:
        raise
    except Exception as error:  # decoders and broken values raise anything
        raise ReadError(f"pixels cannot be decoded: {type(error).__name__}: {error}") from error
    return pixels, geometry, padding


def _decode(data: Any) -> NDArray[Any]:
    """The stored values ``(frames, H, W[, C])``; YBR as RGB, palettes and rescaling not applied yet."""
    from pydicom.pixels.utils import pixel_array
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

    if not any(name in data for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise ReadError("broken or truncated DICOM image: no pixels")
    syntax = getattr(data, "file_meta", {}).get("TransferSyntaxUID")
    if syntax is None:  # files without first group: what the elements look like
        implicit, little = data.original_encoding
        syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        data.file_meta.TransferSyntaxUID = syntax
    if not syntax.is_encapsulated or syntax == RLELossless:
        pixels = pixel_array(data)
        native = pixels.dtype.newbyteorder("=")
        pixels = pixels.astype(native, copy=False)
    else:
        return _decode_frames(data, syntax)
    if pixels.ndim == 2 or (pixels.ndim == 3 and int(data.get("SamplesPerPixel") or 1) > 1):
        pixels = pixels[None]
    return np.asarray(pixels)


def _decode_frames(data: Any, syntax: Any) -> NDArray[Any]:
    """Frames of JPEG, JPEG-LS or JPEG 2000."""
    from pydicom.encaps import generate_frames

    rows, columns, frames = int(data.Rows), int(data.Columns), int(data.get("NumberOfFrames") or 1)
    samples = int(data.get("SamplesPerPixel") or 1)
    shape = (rows, columns) if samples == 1 else (rows, columns, samples)
    pixels: NDArray[Any] | None = None
    count = 0
    for encoded in generate_frames(data.PixelData, number_of_frames=frames):
        size = stream_size(encoded)
        if size is not None and size != (columns, rows):
            raise ReadError(f"compressed frame must be {columns} × {rows} px as the header says; got {size}")
        frame = _sign_as_stated(_decode_frame(encoded, syntax, str(data.get("PhotometricInterpretation"))), data)
        if frame.shape != shape:
            raise ReadError(f"compressed frame must have shape {shape} as the header says; got {frame.shape}")
        if pixels is None:
            pixels = np.empty((frames, *shape), dtype=frame.dtype)
        if count < frames:
            pixels[count] = frame
        count += 1
    if pixels is None or count < frames:
        raise ReadError(f"broken or truncated DICOM image: there must be {frames} frames; got {count}")
    return pixels


def _decode_frame(encoded: bytes, syntax: Any, photometric: str) -> NDArray[Any]:
    import imagecodecs

    if syntax in (JPEG_LS, JPEG_LS_LOSSY):
        return np.asarray(imagecodecs.jpegls_decode(encoded))
    if syntax in JPEG_2000:
        return np.asarray(imagecodecs.jpeg2k_decode(encoded))
    if syntax not in JPEG:
        raise ReadError(
            f"transfer syntax must be native, RLE, JPEG, JPEG-LS or JPEG 2000; got {of_header(syntax.name)}"
        )
    if photometric == "RGB" and not _says_colours(encoded):  # or libjpeg takes three channels for YCbCr
        return np.asarray(imagecodecs.jpeg8_decode(encoded, colorspace="RGB", outcolorspace="RGB"))
    return np.asarray(imagecodecs.jpeg8_decode(encoded))


def _sign_as_stated(frame: NDArray[Any], data: Any) -> NDArray[Any]:
    """Signed or not as the header says: JPEG-LS does not know, and JPEG 2000 streams contradict some headers."""
    is_signed = int(data.get("PixelRepresentation") or 0) == 1
    if frame.dtype.kind not in "iu" or is_signed == (frame.dtype.kind == "i"):
        return frame
    width = 8 * frame.dtype.itemsize
    unused = width - min(int(data.get("BitsStored") or width), width)
    unsigned = frame.view(f"u{frame.dtype.itemsize}") << unused
    return np.asarray((unsigned.view(f"i{frame.dtype.itemsize}") if is_signed else unsigned) >> unused)


def _says_colours(encoded: bytes) -> bool:
    """Whether a JPEG stream itself says what its channels are, in an Adobe marker."""
    return b"Adobe" in encoded[: encoded.find(b"\xff\xda")]


def stream_size(encoded: bytes) -> tuple[int, int] | None:
    """Width and height that a JPEG, JPEG-LS or JPEG 2000 stream itself states; None where it says nothing clear."""
    start = encoded.find(b"\xff\x4f\xff\x51", 0, 4096)  # JPEG 2000, in the boxes of a file or bare
    if start >= 0:  # size of the reference grid, less its offset
        x, y, left, top = (int.from_bytes(encoded[start + at : start + at + 4], "big") for at in (8, 12, 16, 20))
        return x - left, y - top
    at = 2
    while encoded[:2] == b"\xff\xd8" and at + 9 <= len(encoded) and encoded[at] == 0xFF:
        marker = encoded[at + 1]
        if marker == 0xFF:  # fill
            at += 1
            continue
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            return int.from_bytes(encoded[at + 7 : at + 9], "big"), int.from_bytes(encoded[at + 5 : at + 7], "big")
        at += 2 + int.from_bytes(encoded[at + 2 : at + 4], "big")
    return None


def _as_meant(stored: NDArray[Any], data: Any, instance: Instance, notes: list[str]) -> NDArray[Any]:
    """Palettes as colours, MONOCHROME1 inverted, values rescaled."""
    from pydicom.pixels.processing import apply_color_lut, apply_modality_lut

    if instance.photometric == "PALETTE COLOR":
        colours = apply_color_lut(stored, data)
        # Palettes are 16-bit by definition; where only the upper byte is used, 8 bits say the same.
        is_deep = colours.dtype.itemsize > 1 and not (_is_byte_twice(colours) or not (colours & 0xFF).any())
        return np.asarray(colours if is_deep or colours.dtype.itemsize == 1 else (colours >> 8).astype(np.uint8))
    if stored.ndim > 3:
        return stored
    if instance.photometric == "MONOCHROME1" and stored.dtype.kind in "iu":
        bits = int(data.get("BitsStored") or stored.dtype.itemsize * 8)
        signed = stored.dtype.kind == "i"
        stored = ~stored if signed else (np.asarray((1 << bits) - 1, dtype=stored.dtype) - stored)
    elif instance.photometric == "MONOCHROME1":
        stored = -stored
    if "ModalityLUTSequence" in data:
        return np.asarray(apply_modality_lut(stored, data))
    slopes, intercepts = _rescaling(data, len(stored), notes)
    rescaled = _rescaled(stored, slopes, intercepts)
    if instance.modality == "CT" and stored.dtype == np.uint16 and _is_wrapped(stored):
        notes.append("values from 61440 on are negative numbers of 16 bits, which the header calls unsigned")
        rescaled = _rescaled(stored.view(np.int16), slopes, intercepts)
    return rescaled


def _padding(stored: NDArray[Any], pixels: NDArray[Any], data: Any) -> float | None:
    """The declared padding, rescaled as the pixels are: the value of a pixel that is stored so."""
    declared = data.get("PixelPaddingValue")
    if declared is None or stored.ndim != 3 or stored.dtype.kind not in "iu" or pixels.shape != stored.shape:
        return None
    is_padding = stored == np.asarray(int(declared), dtype=np.int64).astype(stored.dtype)  # signed or not, as pixels
    return float(pixels.flat[is_padding.argmax()]) if is_padding.any() else None


def _is_byte_twice(colours: NDArray[Any]) -> bool:
    return bool(((colours >> 8) == (colours & 0xFF)).all())


def _is_wrapped(stored: NDArray[np.uint16]) -> bool:
    """Whether there are values near the upper end and none in the wide gap below them."""
    return bool((stored >= WRAPPED_FROM).any() and not ((stored >= WRAPPED_GAP) & (stored < WRAPPED_FROM)).any())


def _rescaling(data: Any, frames: int, notes: list[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Slope and intercept of each frame, from the header or from its functional groups."""
    found: list[tuple[float, float]] = []
    for item in [data] if "RescaleSlope" in data else _frame_items(data, "PixelValueTransformationSequence", frames):
        slope = _number(item, "RescaleSlope")
        if slope == 0:
            notes.append("rescale slope of 0 ignored")
        found.append((slope or 1.0, _number(item, "RescaleIntercept") or 0.0))
    if not found:
        found = [(1.0, _number(data, "RescaleIntercept") or 0.0)]
    pairs = np.broadcast_to(np.array(found), (frames, 2))
    return pairs[:, 0], pairs[:, 1]


def _rescaled(stored: NDArray[Any], slopes: NDArray[np.float64], intercepts: NDArray[np.float64]) -> NDArray[Any]:
    """Integers stay integers, in the narrowest type of at least 16 bits that holds them; the rest is single precision.

    Double precision stays what it is.
    """
    if (slopes == 1).all() and (intercepts == 0).all():
        return stored
    is_whole = stored.dtype.kind in "iub" and not ((slopes % 1).any() or (intercepts % 1).any())
    if is_whole:
        ends = np.array([float(stored.min()), float(stored.max())])
        reach = np.abs([*ends, *slopes, *intercepts, *(np.multiply.outer(ends, slopes) + intercepts).ravel()]).max()
        kind: type[np.signedinteger[Any]] = next(
            (kind for kind in (np.int16, np.int32, np.int64) if reach <= np.iinfo(kind).max), np.int64
        )
        factors, shifts = (values.astype(kind).reshape(-1, 1, 1) for values in (slopes, intercepts))
        return np.asarray(stored.astype(kind) * factors + shifts)
    wide = np.float64 if stored.dtype == np.float64 else np.float32
    result = np.empty(stored.shape, dtype=wide)
    for index, (slope, intercept) in enumerate(zip(slopes, intercepts, strict=True)):
        result[index] = stored[index] * slope + intercept
    return result


def _frame_items(data: Any, name: str, frames: int) -> list[Any]:
    """The item of a functional group for each frame, or one where all share it, or none."""
    each = data.get("PerFrameFunctionalGroupsSequence") or []
    own = [one[name][0] for one in each if one.get(name)]
    if len(own) == len(each) == frames:
        return own
    shared = data.get("SharedFunctionalGroupsSequence") or []
    return [shared[0][name][0]] if shared and shared[0].get(name) else []


def _frame_geometry(data: Any, instance: Instance, frames: int, notes: list[str]) -> Geometry | None:
    """The geometry of a file of several frames, which stay in the order of the file."""
    planes = _frame_items(data, "PlaneOrientationSequence", frames)
    orientations = [_numbers(item, "ImageOrientationPatient", 6) for item in planes] or [instance.orientation]
    places = [_numbers(item, "ImagePositionPatient", 3) for item in _frame_items(data, "PlanePositionSequence", frames)]
    measures = _frame_items(data, "PixelMeasuresSequence", frames)
    spacing, step = instance.pixel_spacing, instance.slice_step
    if measures:
        found = _numbers(measures[0], "PixelSpacing", 2)
        spacing = (found[0], found[1]) if found is not None and min(found) > 0 else spacing
        step = _step(measures[0]) or step
    first = orientations[0]
    like = replace(instance, orientation=first, pixel_spacing=spacing, slice_step=step)
    normal = None if first is None else _normal(first)
    is_parallel = all(like.is_parallel(replace(like, orientation=one)) for one in orientations)
    if normal is None or not is_parallel:
        if normal is not None:
            notes.append("frames do not run the same way: kept as stored, without a place in the patient")
        return _flat_geometry(like)
    offsets = _numbers(data, "GridFrameOffsetVector", frames)
    if instance.position is not None and not places:
        rises = np.arange(frames) * (step or 1.0) if offsets is None else np.array(offsets)
        start = np.array(instance.position)
        places = [tuple(start + (rise - rises[0]) * normal) for rise in rises]
    if len(places) != frames or any(one is None for one in places):
        return _flat_geometry(like)
    lattice = np.array(places, dtype=np.float64)
    steps = np.diff(lattice @ normal)
    if len(steps) and not ((steps > 1e-3).all() or (steps < -1e-3).all()):
        notes.append("frames are not in the order of their places: kept as stored, without a place in the patient")
        return _flat_geometry(like)
    return _lattice(like, normal, lattice, notes)
