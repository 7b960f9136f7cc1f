"""DICOM segmentations → their segments, each on the grid of the slices that the file has frames of."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from msformer.errors import MSFormerError, ReadError
from msformer.geometry import Geometry
from msformer.io.photo import check_voxel_count
from msformer.volume import Volume

SEG_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""DICOM's classes of segmentations: by segment, and as label maps."""


def read_segments(path: Path, max_voxels: int) -> Iterator[tuple[int, Volume]]:
    """Each segment of a DICOM segmentation as a volume of 0 and 1, over the slices that the file has frames of."""
    with _segmentation_errors(path):
        opened = _open_segmentation(path)
        space = opened.get_volume_geometry()
        sources = [] if space is not None else [uid for _, _, uid in opened.get_source_image_uids()]
        if space is None and len(sources) != 1:
            raise ReadError("frames of a segmentation must be slices of one regular volume; they are not")
        check_voxel_count((opened.Rows, opened.Columns) if space is None else space.spatial_shape, max_voxels)
        geometry, is_reversed = None, False
        if space is not None:
            # highdicom's indices are (slice, row, column), those of Geometry the other way round; and its slices go
            # against the normal of rows and columns, along which read_volume sorts them.
            affine = np.array(space.affine, dtype=np.float64)[:, [2, 1, 0, 3]]
            is_reversed = bool(np.linalg.det(affine[:3, :3]) < 0)
            if is_reversed:
                affine[:, 3] += (space.spatial_shape[0] - 1) * affine[:, 2]
                affine[:, 2] *= -1
            geometry = Geometry.from_affine(affine)
        numbers = [int(number) for number in opened.segment_numbers]
    for number in numbers:
        with _segmentation_errors(path):
            if space is None:  # of one image without a place in the patient, such as an X-ray
                planes = opened.get_pixels_by_source_instance(sources, segment_numbers=[number])
            else:
                planes = opened.get_volume(segment_numbers=[number], dtype=np.uint8).array
        planes = planes[::-1] if is_reversed else planes
        yield number, Volume(planes[..., 0], geometry, "dicom", path, modality="SEG")


def _open_segmentation(path: Path) -> Any:
    import pydicom

    head = pydicom.dcmread(path, stop_before_pixels=True)
    if str(head.get("SOPClassUID", "")) not in SEG_CLASSES:
        raise ReadError(f"labels in DICOM must be a segmentation (SEG); got an image ({head.get('Modality', '')})")
    if head.get("SegmentationType") == "FRACTIONAL":
        raise ReadError("segmentation must be BINARY or LABELMAP; got FRACTIONAL, which has no labels")

    import highdicom

    return highdicom.seg.segread(path)


@contextmanager
def _segmentation_errors(path: Path) -> Iterator[None]:
    """Name the file in our errors, and make ours of the many kinds that pydicom and highdicom raise on broken ones."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd values in the header
            yield
    except MSFormerError as error:
        raise type(error)(f"{path}: {error}") from error
    except Exception as error:
        raise ReadError(f"{path}: no readable DICOM segmentation: {type(error).__name__}: {error}") from error
