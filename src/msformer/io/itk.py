"""What SimpleITK reads and writes: NRRD, MetaImage, and the pixels of DICOM files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from msformer.errors import ReadError
from msformer.geometry import Geometry
from msformer.io.photo import check_voxel_count
from msformer.volume import Kind, Volume

if TYPE_CHECKING:
    import SimpleITK as sitk  # noqa: N813 - the name everyone gives it

FORMATS: dict[Kind, str] = {"nrrd": "NrrdImageIO", "mha": "MetaImageIO"}


def read_itk(path: Path, kind: Kind, frame: int | None, max_voxels: int) -> Volume:
    """Read an NRRD or MetaImage file.

    Args:
        path: The file.
        kind: ``nrrd`` or ``mha``.
        frame: Which of the volumes of a 4-D file, from 0.
        max_voxels: Refuse more.

    Raises:
        ReadError: It cannot be read, has more than ``max_voxels``, or has four axes and no ``frame`` is given.
    """
    import SimpleITK as sitk  # noqa: N813

    sitk.ProcessObject_GlobalWarningDisplayOff()
    try:
        reader = sitk.ImageFileReader()
        reader.SetImageIO(FORMATS[kind])
        reader.SetFileName(str(path))
        reader.ReadImageInformation()
        size = list(reader.GetSize())
        if len(size) == 4:
            index = check_frame(size[3], frame)
            reader.SetExtractIndex([0, 0, 0, index])
            reader.SetExtractSize([*size[:3], 0])
            size = size[:3]
        elif len(size) not in (2, 3):
            raise ReadError(f"image must have 2 to 4 axes; got {len(size)}")
        check_voxel_count(size, max_voxels)
        image = reader.Execute()
    except RuntimeError as error:  # all that SimpleITK raises
        raise ReadError(_reason(error)) from error
    return Volume(_voxels(image), _geometry(image), kind, path)


def read_with(path: Path, format_name: str, *, has_geometry: bool) -> tuple[NDArray[Any], Geometry | None]:
    """Pixels ``(D, H, W[, C])`` by one of SimpleITK's readers, and the geometry where it is asked for.

    Raises:
        ReadError: The pixels cannot be decoded.
    """
    import SimpleITK as sitk  # noqa: N813

    sitk.ProcessObject_GlobalWarningDisplayOff()
    try:
        reader = sitk.ImageFileReader()
        reader.SetImageIO(format_name)
        reader.SetFileName(str(path))
        image = reader.Execute()
    except RuntimeError as error:
        raise ReadError(f"{path}: {_reason(error)}") from error
    return _voxels(image), _geometry(image) if has_geometry else None


def check_frame(count: int, frame: int | None) -> int:
    """The chosen volume of a 4-D file.

    Raises:
        ReadError: None was chosen where there are several, or there is none of that number.
    """
    if frame is None:
        if count == 1:
            return 0
        raise ReadError(f"file holds {count} volumes (4 axes): choose one with --set read.frame=0 to {count - 1}")
    if not 0 <= frame < count:
        raise ReadError(f"read.frame must be from 0 to {count - 1} in this file; got {frame}")
    return frame


def to_itk(voxels: NDArray[Any], geometry: Geometry | None) -> sitk.Image:
    """A SimpleITK image of ``(D, H, W)``; two-dimensional where there is one slice without a place in space."""
    import SimpleITK as sitk  # noqa: N813

    if geometry is None:
        return sitk.GetImageFromArray(voxels[0] if len(voxels) == 1 else voxels)
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
    return Geometry((column, row, 1.0), (x, y, 0.0), (a, b, 0.0, c, d, 0.0, 0.0, 0.0, 1.0))


def _reason(error: RuntimeError) -> str:
    """The last line of SimpleITK's message, which is the reason; those before tell its own source files."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[-1] if lines else "not readable"
    return text.split("): ", 1)[-1][:300]
