"""Files of predictions and ground truths → masks to be scored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from msformer.errors import ImageError, ImageShapeError, NonFiniteImageError, ReadError
from msformer.evaluation.pairing import Prediction
from msformer.evaluation.protocols import Labels, Selection, automatic, oracle_cluster, oracle_components, released
from msformer.evaluation.selection import to_raw_labels
from msformer.image import Image, Mask
from msformer.io import count_pages
from msformer.io.reading import read

JPEG_SIGNATURE = b"\xff\xd8\xff"
MAX_LABELS = 1024
"""A file of more values is not taken for a label map unless that is said."""
SAY_SO = "--as masks takes everything but 0 for the object, --as labels every value for a cluster"


def select(prediction: Prediction, mask_gt: Mask) -> list[Selection]:
    """Give what is scored of a file, under each protocol that fits it.

    Args:
        prediction: The file.
        mask_gt: ``(H, W)``.

    Raises:
        ReadError: It cannot be read.
        ImageError: It does not hold a mask or a label map, or is of another size than the ground truth; or it is no
            mask, nobody said that it is a label map, and it does not look like one.
    """
    pixels = _read_one_page(prediction.path)
    if pixels.shape[:2] != mask_gt.shape:
        raise ImageShapeError(
            f"{prediction.path}: must have the size of the ground truth, nothing is ever resized; got "
            f"{_size(pixels.shape)}, ground truth {_size(mask_gt.shape)}"
        )
    if prediction.kind == "masks" or (prediction.kind == "auto" and _is_mask(pixels)):
        return [automatic(mask_pred=_nonzero(pixels))]
    if prediction.kind == "auto":
        _require_likely_labels(prediction.path, pixels)
    label_map = _as_labels(prediction.path, pixels)
    selections = [
        oracle_cluster(label_map=label_map, mask_gt=mask_gt, outside=prediction.outside),
        oracle_components(label_map=label_map, mask_gt=mask_gt, outside=prediction.outside),
    ]
    if prediction.channels is not None:
        try:
            raw_labels = to_raw_labels(label_map, prediction.channels)
        except ImageError as error:
            raise ImageError(f"{prediction.path}: {error}") from error
        selections.append(released(raw_labels=raw_labels, mask_gt=mask_gt))
    return selections


def read_truth(path: Path) -> tuple[Mask, int]:
    """Read a ground truth: True wherever a pixel is not 0, and the number of values in the file.

    Raises:
        ReadError: It cannot be read, or has several pages.
        ImageError: It is too small or not finite.
    """
    pixels = _read_one_page(path)
    return _nonzero(pixels), len(np.unique(pixels))


def read_instances(path: Path) -> NDArray[np.integer]:
    """Read an instance map ``(H, W)``: 0 is the ground, every other number an object.

    Raises:
        ReadError: It cannot be read, or has several pages.
        ImageError: It is a JPEG, has colours, or does not hold whole numbers from 0 up.
    """
    pixels = _read_one_page(path)
    if _is_jpeg(path):
        raise ImageError(f"{path}: an instance map must not be a JPEG, which blurs numbers")
    instances: NDArray[np.integer] = np.asarray(_as_labels(path, pixels))
    if int(instances.min()) < 0:
        raise ImageError(f"{path}: an instance map must hold whole numbers from 0 up; got {int(instances.min())}")
    return instances


def _read_one_page(path: Path) -> NDArray[Any]:
    if (pages := count_pages(path)) > 1:
        raise ReadError(f"{path}: must hold one image; got {pages} pages")
    found = read(path)
    if any("NaN" in note for note in found.notes):
        raise NonFiniteImageError(f"{path}: must hold a number in each pixel; got NaN")
    if isinstance(found, Image):
        return found.pixels
    if len(found.voxels) > 1:
        raise ReadError(f"{path}: must hold one image; got {len(found.voxels)} slices")
    return np.asarray(found.voxels[0])


def _is_mask(pixels: NDArray[Any]) -> bool:
    values = np.unique(pixels)
    return len(values) == 1 or (len(values) == 2 and values[0] == 0)


def _require_likely_labels(path: Path, pixels: NDArray[Any]) -> None:
    """Refuse what is hardly a label map, so that no photograph is scored as one in silence."""
    n_values = len(np.unique(pixels))
    if _is_jpeg(path):
        raise ImageError(f"{path}: a label map must not be a JPEG, which blurs labels; got {n_values} values; {SAY_SO}")
    if n_values > MAX_LABELS:
        raise ImageError(f"{path}: a label map must hold at most {MAX_LABELS} values; got {n_values}; {SAY_SO}")


def _is_jpeg(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(JPEG_SIGNATURE)) == JPEG_SIGNATURE


def _nonzero(pixels: NDArray[Any]) -> Mask:
    return np.asarray(pixels != 0 if pixels.ndim == 2 else (pixels != 0).any(axis=2))


def _as_labels(path: Path, pixels: NDArray[Any]) -> Labels:
    if pixels.ndim == 3:
        if not (pixels == pixels[:, :, :1]).all():
            raise ImageError(f"{path}: a label map must be grey, its values are the labels; got colours")
        pixels = pixels[:, :, 0]
    if pixels.dtype.kind == "f":
        whole: Labels = np.rint(pixels).astype(np.int64)
        if not (whole == pixels).all():
            raise ImageError(f"{path}: a label map must hold whole numbers; got fractions")
        return whole
    return pixels


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} rows × {shape[1]} columns"
