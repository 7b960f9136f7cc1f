"""One rule for NaN: pages, stacks, NIfTI and arrays; what is NaN is no data, in no statistic and no mask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import tifffile

from msformer.config import Config
from msformer.errors import NonFiniteImageError
from msformer.image import Image
from msformer.io import read_image
from msformer.io.medical import read_volume
from msformer.pipeline import segment

NOTE = "{} values that are none (NaN) taken for no data"


def picture(dtype: Any = np.float32) -> Any:
    """A bright disc on a ground, NaN in the outer columns."""
    rows, columns = np.mgrid[:61, :71]
    values = np.where((rows - 30) ** 2 + (columns - 35) ** 2 <= 12**2, 900, 300).astype(dtype)
    values += np.random.default_rng(1).normal(0, 20, values.shape).astype(dtype)
    values[:, :9] = np.nan
    return values


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_pages_stacks_niftis_and_arrays_alike(dtype: Any, tmp_path: Path) -> None:
    values = picture(dtype)
    tifffile.imwrite(tmp_path / "page.tif", values)
    stack = np.stack([values.astype(np.float32)] * 3)
    tifffile.imwrite(tmp_path / "stack.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    nibabel.Nifti1Image(stack.T, np.eye(4)).to_filename(tmp_path / "a.nii")
    images = [Image.from_array(values), read_image(tmp_path / "page.tif")]
    volumes = [read_volume([tmp_path / name], max_voxels=10**6) for name in ("stack.tif", "a.nii")]
    for image in images:
        assert image.notes == (NOTE.format(9 * 61),)
        assert image.padding_value is not None
        assert image.padding_value < np.nanmin(values)
        assert (image.pixels[:, :9] == image.padding_value).all()
        np.testing.assert_array_equal(image.pixels[:, 9:], values[:, 9:])
    for volume in volumes:
        assert volume.notes == (NOTE.format(3 * 9 * 61),)
        assert volume.padding_value is not None
        assert (volume.voxels == volume.padding_value)[:, :, :9].all()
        assert not (volume.voxels == volume.padding_value)[:, :, 9:].any()


def test_a_declared_padding_takes_nan_in(tmp_path: Path) -> None:
    values = picture()
    values[:, -5:] = -9999
    tifffile.imwrite(tmp_path / "a.tif", values, extratags=[(42113, "s", 0, "-9999", True)])
    image = read_image(tmp_path / "a.tif")
    assert image.padding_value == -9999
    assert (image.pixels == -9999).sum() == 14 * 61


def test_a_channel_that_is_nan_alone_is_dark() -> None:
    values = np.stack([picture(), np.ones((61, 71), np.float32)], axis=2)
    image = Image.from_array(values)
    assert not (image.pixels == image.padding_value).all(axis=2).any()


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_values_are_refused(value: float, tmp_path: Path) -> None:
    values = picture()
    values[3, 30] = value
    tifffile.imwrite(tmp_path / "a.tif", values)
    nibabel.Nifti1Image(values.T[:, :, None], np.eye(4)).to_filename(tmp_path / "a.nii")
    with pytest.raises(NonFiniteImageError, match=r"a\.tif: image must be finite"):
        read_image(tmp_path / "a.tif")
    with pytest.raises(NonFiniteImageError, match=r"a\.nii: volume must be finite; got 1 infinite"):
        read_volume([tmp_path / "a.nii"], max_voxels=10**6)
    with pytest.raises(NonFiniteImageError):
        Image.from_array(np.full((40, 40), np.nan))


def test_nan_is_in_no_mask(fast: Config) -> None:
    config = fast.replace(prepare={"no_data": True}, cluster={"method": "kmeans"})
    found = segment(picture(), config)
    assert found.mask[30, 35]
    assert not found.mask[:, :9].any()
