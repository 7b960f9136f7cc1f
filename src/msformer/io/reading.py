"""Any file or folder that the command line reads → what it holds."""

from __future__ import annotations

from pathlib import Path

from msformer.errors import ReadError
from msformer.image import Image
from msformer.io import MAX_PIXELS, read_image, tiff
from msformer.io.medical import VOLUME_KINDS, find_volumes, is_archive, kind_of, read_volume
from msformer.volume import Volume

MOST_NAMED = 10


def read(path: str | Path, *, page: int = 0, frame: int | None = None, max_pixels: int = MAX_PIXELS) -> Image | Volume:
    """Read a file, or a folder with one DICOM series; contents decide, not names.

    Args:
        path: A photograph, a TIFF, DICOM, NIfTI, NRRD, MetaImage, a zip of DICOM files; or a folder of these.
        page: Page of a TIFF of separate images, counted from 0.
        frame: Which of the volumes of a 4-D file or series, counted from 0.
        max_pixels: Refuse more pixels or voxels.

    Returns:
        An ``Image`` of a photograph or a page; a ``Volume``, of one slice or many, of a stack or a medical file.

    Raises:
        ReadError: It is missing, broken, too large, of no known kind, or holds several volumes; the message names it.
        ImageError: What it holds cannot be segmented.
    """
    path = Path(path)
    if path.is_dir():
        groups = find_volumes([one for one in path.iterdir() if one.is_file()])
        if len(groups) != 1:
            names = ", ".join(one[0].name for one in groups[:MOST_NAMED])
            told = f"got {len(groups)}, which begin with {names}" if groups else "got none"
            raise ReadError(f"{path}: folder must hold one medical image or series; {told}")
        return read_volume(groups[0], frame=frame, max_voxels=max_pixels)
    kind = kind_of(path)
    is_volume = kind in VOLUME_KINDS or (kind == "tiff" and tiff.is_stack(path)) or (kind is None and is_archive(path))
    if is_volume:
        return read_volume([path], frame=frame, max_voxels=max_pixels)
    return read_image(path, page=page, max_pixels=max_pixels)
