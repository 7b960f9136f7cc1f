"""Pixels of one file: decoded, in colours or Hounsfield units, larger always brighter."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msformer.errors import ReadError
from msformer.geometry import Geometry
from msformer.io.dicom.frames import choose_frames
from msformer.io.dicom.headers import FRAME_TAGS, Instance, frame_items, read_dataset
from msformer.io.dicom.values import number_of
from msformer.io.privacy import of_header

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
WRAPPED_FROM, WRAPPED_GAP = 65536 - 4096, 32768
"""Unsigned CT with values from here on and none from the gap up to them holds negative numbers of 16 bits."""


def read_pixels(instance: Instance, notes: list[str]) -> tuple[NDArray[Any], Geometry | None, float | None]:
    """Pixels ``(1, H, W[, C])`` of a file of one frame as they are meant, geometry of its frame, padding.

    Padding is what the header declares to be none of the picture, as it is meant; None where no pixel has it. The
    geometry is None where the file has no functional groups.
    """
    pixels, geometry, padding, _ = _read(instance, None, notes)
    return pixels, geometry, padding


def read_frames(
    instance: Instance, frame: int | None, notes: list[str]
) -> tuple[NDArray[Any], Geometry | None, float | None, list[int]]:
    """The same of a file of several frames: of those that are meant, in order, and their numbers.

    Raises:
        ReadError: As ``choose_frames`` says.
    """
    return _read(instance, frame, notes)


def _read(
    instance: Instance, frame: int | None, notes: list[str]
) -> tuple[NDArray[Any], Geometry | None, float | None, list[int]]:
    wanted = [*PIXEL_TAGS, *FRAME_TAGS]
    data = read_dataset(instance.path, wanted, stop_before_pixels=False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stored = _decode(data)
            if "PixelData" in data:
                del data.PixelData  # or it would be in memory beside all that is made of it
            shape = (len(stored), instance.rows, instance.columns)
            if stored.shape[:3] != shape:
                raise ReadError(f"pixels must have the shape of the header, {shape}; got {stored.shape[:3]}")
            pixels = _as_meant(stored, data, instance, notes)
            padding = _padding(stored, pixels, data)
            has_groups = "PerFrameFunctionalGroupsSequence" in data or "SharedFunctionalGroupsSequence" in data
            numbers, geometry = list(range(len(pixels))), None
            if instance.frames > 1 or has_groups:
                numbers, geometry = choose_frames(data, instance, len(pixels), frame, notes)
            if numbers != list(range(len(pixels))):
                pixels = pixels[numbers]
    except ReadError:
        raise
    except Exception as error:  # decoders and broken values raise anything
        raise ReadError(f"pixels cannot be decoded: {type(error).__name__}: {error}") from error
    return pixels, geometry, padding, numbers


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
    for item in [data] if "RescaleSlope" in data else frame_items(data, "PixelValueTransformationSequence", frames):
        slope = number_of(item, "RescaleSlope")
        if slope == 0:
            notes.append("rescale slope of 0 ignored")
        found.append((slope or 1.0, number_of(item, "RescaleIntercept") or 0.0))
    if not found:
        found = [(1.0, number_of(data, "RescaleIntercept") or 0.0)]
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
        whole = stored.astype(kind)
        whole *= factors
        whole += shifts
        return whole
    wide = np.float64 if stored.dtype == np.float64 else np.float32
    result = np.empty(stored.shape, dtype=wide)
    for index, (slope, intercept) in enumerate(zip(slopes, intercepts, strict=True)):
        result[index] = stored[index] * slope + intercept
    return result
