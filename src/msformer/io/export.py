"""Label maps and masks → the kinds of files that radiology programs open, on the grid of the image they belong to."""

from __future__ import annotations

import gzip
import hashlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

from msformer.errors import WriteError
from msformer.geometry import RAS_OF_LPS, Forms, Geometry
from msformer.io.atomic import atomic_folder, atomic_path
from msformer.io.dicom_seg import write_dicom_seg
from msformer.io.metaimage import write_mha
from msformer.io.nrrd import write_nrrd
from msformer.io.ome_zarr_labels import write_label_zarr
from msformer.io.outlines.coco import write_coco
from msformer.io.outlines.geojson import write_geojson
from msformer.io.outlines.imagej import write_rois
from msformer.io.outlines.rtstruct import write_rtstruct
from msformer.io.segments import Segment
from msformer.io.write import write_label_map, write_text


@dataclass(frozen=True)
class FileFormat:
    """A kind of file that masks and objects one by one can be written as.

    Attributes:
        name: What ``--format`` calls it.
        suffix: How the names of its files end.
        purpose: What opens it, for people.
        is_outline: Whether it holds outlines of masks and objects; the others hold pixels, and label maps as well.
        needs_dicom: Whether the input must be DICOM, which it refers to.
        has_slices: Whether it can hold several slices.
        is_folder: Whether it is a folder of files. What reads masks again reads files, so that one is written as well.
    """

    name: str
    suffix: str
    purpose: str
    is_outline: bool = False
    needs_dicom: bool = False
    has_slices: bool = True
    is_folder: bool = False


def list_formats() -> tuple[FileFormat, ...]:
    """All formats, those of pixels first."""
    return (
        FileFormat("png", ".png", "every viewer of pictures", has_slices=False),
        FileFormat("tif", ".tif", "programs for microscopy (OME-TIFF)"),
        FileFormat("nii.gz", ".nii.gz", "NIfTI: programs for research on CT and MR"),
        FileFormat("nrrd", ".nrrd", "3D Slicer and ITK"),
        FileFormat("seg.nrrd", ".seg.nrrd", "3D Slicer, with names and colours"),
        FileFormat("mha", ".mha", "MetaImage: ITK"),
        FileFormat("dicom-seg", ".dcm", "DICOM segmentation: PACS and viewers of DICOM", needs_dicom=True),
        FileFormat("ome-zarr", ".ome.zarr", "OME-Zarr: napari and viewers of large pictures", is_folder=True),
        FileFormat("rtstruct", ".rtstruct.dcm", "DICOM RT Structure Set: planning of radiotherapy", True, True),
        FileFormat("geojson", ".geojson", "QuPath", True),
        FileFormat("coco", ".coco.json", "COCO: training of networks", True),
        FileFormat("imagej-roi", ".roi.zip", "ROI Manager of ImageJ and Fiji", True),
    )


SUFFIXES = {one.name: one.suffix for one in list_formats()}
"""How the name of a file of each format ends."""
FORMATS = tuple(SUFFIXES)
OUTLINES = tuple(one.name for one in list_formats() if one.is_outline)
"""Formats that hold outlines, of masks and objects only."""
FOLDERS = tuple(one.name for one in list_formats() if one.is_folder)
"""Formats that are folders of files."""
PIXEL_SUFFIXES = tuple(one.suffix for one in list_formats() if not (one.is_outline or one.is_folder))
"""How the names of files end that hold pixels, and can be read again as masks."""
UNNAMED = ("nii.gz", "nrrd", "mha")
"""Formats that hold no names of labels; a label description file is written beside them."""
MAX_NIFTI_SIDE = 32767
"""NIfTI-1 counts the voxels along a side in 16 bits with a sign."""
NO_PLACE = Geometry((1.0, 1.0, 1.0), is_flat=True)
"""What SimpleITK takes a photograph's geometry for, so that labels lie on the photograph that it read."""

ITKSNAP_HEADER = """\
################################################
# ITK-SnAP Label Description File
# File format:
# IDX   -R-  -G-  -B-  -A--  VIS MSH  LABEL
# Fields:
#    IDX:   Zero-based index
#    -R-:   Red color component (0..255)
#    -G-:   Green color component (0..255)
#    -B-:   Blue color component (0..255)
#    -A-:   Label transparency (0.00 .. 1.00)
#    VIS:   Label visibility (0 or 1)
#    MSH:   Label mesh visibility (0 or 1)
#  LABEL:   Label description
################################################
"""
TISSUE = (
    "TerminologyEntry:Segmentation category and type - 3D Slicer General Anatomy list"
    "~SCT^85756007^Tissue~SCT^85756007^Tissue~^^~Anatomic codes - DICOM master list~^^~^^|"
)
"""What 3D Slicer itself says of a segment of which nobody has said what it is."""


def suffix_of(name: str, suffixes: Iterable[str]) -> str:
    """What a name ends with of some suffixes, the longest where several fit; empty where none does."""
    return max((one for one in suffixes if name.endswith(one)), key=len, default="")


def write_labels(
    path: Path,
    labels: NDArray[np.uint8 | np.uint16],
    format: str,  # noqa: A002 - what everyone calls it
    *,
    segments: Sequence[Segment],
    geometry: Geometry | None,
    instances: Sequence[Path] = (),
    description: str,
    seed: str,
    source_name: str = "",
) -> list[Path]:
    """Write labels ``(D, H, W)`` in one format; each file appears whole or not at all.

    The same labels give the same bytes, but for the dates in a DICOM segmentation. Numbers are stored in 8 bits where
    those hold the largest label, else in 16.

    ==========  =======================================================================================
    png         The numbers in grey; one slice only; no geometry.
    tif         OME-TIFF, a page a slice, axes ZYX. The spacing in OME's own decimal numbers, which keep all
                its digits and its unit, and again in the resolution tags; neither has origin or direction.
    nii.gz      Geometry rounded to 32-bit floating point, which is all the format has; sheared volumes too. Of NIfTI
                both forms and their codes, word for word.
    nrrd        Directions times spacing, as double; sheared volumes too.
    mha         Spacing, origin and direction as double; sheared volumes too.
    seg.nrrd    As nrrd, with names and colours for 3D Slicer.
    dicom-seg   Places are those of the instances, slice by slice, and ``geometry`` is not looked at.
    rtstruct    The same; closed contours in mm.
    ome-zarr    A folder: labels in levels with names and colours, axes ZYX; spacing and origin, no directions.
    geojson     Outlines in px, for QuPath; of several slices with their numbers, from 0.
    coco        Outlines in px, runs of pixels where there are holes; an image a slice.
    imagej-roi  Outlines in px, in a zip; of several slices with their numbers, from 1.
    ==========  =======================================================================================

    Args:
        path: The file; see ``SUFFIXES`` for how it should end.
        labels: 0 is no segment.
        format: One of ``FORMATS``.
        segments: What the labels are called, from 1 without gaps.
        geometry: Where the voxels lie; None for a photograph: spacing 1 where the format must have one. What is flat
            becomes nii.gz, nrrd and mha of two axes.
        instances: DICOM: the files of the slices, in the order of ``labels``, or the one file of all frames.
        description: Of a DICOM series.
        seed: What tells a DICOM segmentation from others of the same sources.
        source_name: What the file of the image is called, for coco.

    Returns:
        The files that were written: ``path``, and ``NAME_labels.txt`` for ITK-SNAP beside nii.gz, nrrd and mha.

    Raises:
        WriteError: The format cannot hold these labels, this geometry or this source.
    """
    if format not in FORMATS:
        raise WriteError(f"format must be one of {', '.join(FORMATS)}; got {format}")
    try:
        checked = _checked(labels, segments)
        if format in OUTLINES:
            _write_outlines(path, checked, format, segments, instances, description, seed, source_name)
        else:
            _write(path, checked, format, segments, geometry, instances, description, seed)
    except WriteError as error:
        raise WriteError(f"{path}: {error}") from error
    if format not in UNNAMED:
        return [path]
    beside = path.with_name(f"{path.name.removesuffix(SUFFIXES[format])}_labels.txt")
    write_itksnap_labels(beside, segments)
    return [path, beside]


def write_itksnap_labels(path: Path, segments: Sequence[Segment]) -> None:
    """Write the label descriptions that ITK-SNAP imports: numbers, colours and names."""
    rows = [Segment(0, "Clear Label", (0, 0, 0)), *segments]
    lines = []
    for row in rows:
        red, green, blue = row.colour
        shown = int(row.label > 0)
        name = row.name.replace('"', "'")
        lines.append(f'{row.label:5d} {red:5d} {green:4d} {blue:4d} {shown:8d} {shown:2d} {shown:2d}    "{name}"\n')
    write_text(path, ITKSNAP_HEADER + "".join(lines))


def _write(
    path: Path,
    labels: NDArray[np.uint8 | np.uint16],
    format: str,  # noqa: A002
    segments: Sequence[Segment],
    geometry: Geometry | None,
    instances: Sequence[Path],
    description: str,
    seed: str,
) -> None:
    if format == "png":
        if len(labels) != 1:
            raise WriteError(f"png holds 1 slice; got {len(labels)}: choose tif, nii.gz, nrrd or mha")
        write_label_map(path, labels[0])
    elif format == "tif":
        _write_tiff(path, labels, geometry, seed)
    elif format == "ome-zarr":
        with atomic_folder(path) as temporary:
            write_label_zarr(temporary, labels, segments, geometry, name=path.name.removesuffix(SUFFIXES[format]))
    elif format == "seg.nrrd":
        fields = _slicer_fields(labels, segments, geometry)
        # Slicer wants three axes even of a single slice.
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            write_nrrd(file, labels, replace(geometry or NO_PLACE, is_flat=False), fields)
    elif format in ("nrrd", "mha"):
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            if format == "nrrd":
                write_nrrd(file, labels, geometry or NO_PLACE, {})
            else:
                write_mha(file, labels, geometry or NO_PLACE)
    else:
        with atomic_path(path) as temporary:
            if format == "nii.gz":
                _write_nifti(temporary, labels, geometry)
            else:
                program = version("msformer")
                write_dicom_seg(
                    temporary, labels, segments, instances, description=description, version=program, seed=seed
                )


def _write_outlines(
    path: Path,
    labels: NDArray[np.uint8 | np.uint16],
    format: str,  # noqa: A002
    segments: Sequence[Segment],
    instances: Sequence[Path],
    description: str,
    seed: str,
    source_name: str,
) -> None:
    if format == "geojson":
        write_geojson(path, labels, segments, seed=seed)
    elif format == "coco":
        write_coco(path, labels, segments, source_name=source_name, description=description)
    elif format == "imagej-roi":
        write_rois(path, labels, segments)
    else:
        program = version("msformer")
        write_rtstruct(path, labels, segments, instances, description=description, version=program, seed=seed)


def _checked(labels: NDArray[Any], segments: Sequence[Segment]) -> NDArray[np.uint8 | np.uint16]:
    """Labels in as few bits as they need.

    Raises:
        WriteError: They are no labels ``(D, H, W)``, or some have no segment.
    """
    if labels.ndim != 3 or labels.size == 0 or labels.dtype.kind not in "bu":
        raise WriteError(f"labels must be unsigned integers of shape (D, H, W); got {labels.dtype.name} {labels.shape}")
    numbers = [segment.label for segment in segments]
    if numbers != list(range(1, len(numbers) + 1)):
        raise WriteError(f"segments must be numbered from 1 without gaps; got {numbers}")
    largest = int(labels.max())
    if largest > len(numbers):
        raise WriteError(f"labels must be from 0 to the number of segments, {len(numbers)}; got {largest}")
    if largest > np.iinfo(np.uint16).max:
        raise WriteError(f"labels must be at most {np.iinfo(np.uint16).max}; got {largest}")
    return np.ascontiguousarray(labels, dtype=np.uint8 if largest <= np.iinfo(np.uint8).max else np.uint16)


def _write_tiff(path: Path, labels: NDArray[Any], geometry: Geometry | None, seed: str) -> None:
    # ImageJ's own tags would be read by fewer programs and round the spacing to six digits. The identifier that OME
    # asks for would be drawn by tifffile, so that no two files were the same.
    content = hashlib.sha256(labels.data).hexdigest()
    metadata: dict[str, Any] = {
        "axes": "ZYX",
        "UUID": str(uuid.uuid5(uuid.NAMESPACE_OID, f"msformer {content} {seed}")),
    }
    resolution: dict[str, Any] = {}
    if geometry is not None:
        for axis, size, is_stated in zip("XYZ", geometry.spacing_mm, geometry.is_stated, strict=True):
            if is_stated:
                metadata |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": "mm"}
    if geometry is not None and all(geometry.is_stated[:2]):
        column, row, _ = geometry.spacing_mm
        resolution = {"resolution": (10 / column, 10 / row), "resolutionunit": "CENTIMETER"}
    with atomic_path(path) as temporary:
        tifffile.imwrite(
            temporary,
            labels,
            ome=True,
            photometric="minisblack",
            compression="zlib",
            software="msformer",
            metadata=metadata,
            **resolution,
        )


def _write_nifti(path: Path, voxels: NDArray[Any], geometry: Geometry | None) -> None:
    """Write labels ``(D, H, W)`` with the affine of ``geometry``; a name that ends in ``.gz`` is compressed.

    Of a NIfTI input both forms, their codes and the unit are copied, so that every reader finds the labels where it
    finds the image, whichever form it takes. Otherwise the affine is the sform, and where it has no shear the qform as
    well, for programs that know only that one. All consist of 32-bit floating point. What has two axes
    gets two. The same labels give the same bytes: no name and no time in the compression.

    Raises:
        WriteError: A side is longer than the format can say.
    """
    import nibabel

    if max(voxels.shape) > MAX_NIFTI_SIDE:
        raise WriteError(f"NIfTI holds at most {MAX_NIFTI_SIDE} voxels along a side; got {voxels.shape}")
    geometry = geometry or NO_PLACE
    array = voxels.transpose(2, 1, 0)
    array = array[:, :, 0] if geometry.is_flat and len(voxels) == 1 else array
    if geometry.forms is None:
        affine = RAS_OF_LPS @ geometry.affine
        image = nibabel.Nifti1Image(array, affine)
        image.header.set_xyzt_units("mm")
        image.set_sform(affine, code="scanner")
        if geometry.is_orthonormal:
            image.set_qform(affine, code="scanner")
    else:
        image = nibabel.Nifti1Image(array, None)
        _copy_forms(image.header, geometry.forms)
    with path.open("wb") as file:
        if path.suffix == ".gz":
            with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0) as packed:
                image.to_stream(packed)
        else:
            image.to_stream(file)


def _copy_forms(header: Any, forms: Forms) -> None:
    header["pixdim"][:4] = forms.pixdim
    header["qform_code"], header["sform_code"] = forms.qform_code, forms.sform_code
    header["quatern_b"], header["quatern_c"], header["quatern_d"] = forms.turn
    header["qoffset_x"], header["qoffset_y"], header["qoffset_z"] = forms.shift
    header["srow_x"], header["srow_y"], header["srow_z"] = np.reshape(forms.matrix, (3, 4))
    header["xyzt_units"] = forms.unit


def _slicer_fields(labels: NDArray[Any], segments: Sequence[Segment], geometry: Geometry | None) -> dict[str, str]:
    """The fields by which 3D Slicer knows a segmentation.

    Raises:
        WriteError: The volume is sheared.
    """
    if geometry is not None and not geometry.is_orthonormal:
        raise WriteError(
            f"seg.nrrd is for 3D Slicer, whose segmentations have axes at right angles; got the directions "
            f"{geometry.direction} (a tilted gantry?): choose nii.gz, which keeps them"
        )
    fields = {
        # The second is what older versions call the first.
        "Segmentation_SourceRepresentation": "Binary labelmap",
        "Segmentation_MasterRepresentation": "Binary labelmap",
        "Segmentation_ContainedRepresentationNames": "Binary labelmap|",
        "Segmentation_ReferenceImageExtentOffset": "0 0 0",
    }
    boxes = ndimage.find_objects(labels, max_label=len(segments))
    for index, (segment, box) in enumerate(zip(segments, boxes, strict=True)):
        about = {
            "ID": f"Segment_{segment.label}",
            "Name": segment.name,
            "NameAutoGenerated": "0",
            "Color": " ".join(f"{part / 255:.6g}" for part in segment.colour),
            "ColorAutoGenerated": "0",
            "LabelValue": str(segment.label),
            "Layer": "0",
            "Extent": _extent(box),
            "Tags": TISSUE,
        }
        fields |= {f"Segment{index}_{key}": value for key, value in about.items()}
    return fields


def _extent(box: tuple[slice, slice, slice] | None) -> str:
    """First and last column, row and slice of a segment; VTK writes an empty range as 0 to -1."""
    if box is None:
        return "0 -1 0 -1 0 -1"
    return " ".join(f"{side.start} {side.stop - 1}" for side in reversed(box))
