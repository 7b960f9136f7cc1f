"""Layers of every kind as arrays, and where masks of them lie."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from napari.layers import Image, Labels

from msformer.errors import ImageShapeError
from napari_msformer import pictures

RANDOM = np.random.default_rng(5)


def test_of_a_lazy_stack_one_plane_alone_is_computed() -> None:
    computed: list[int] = []

    def block(block_info: dict[int, dict[str, tuple[int, ...]]]) -> np.ndarray:
        place = block_info[None]["chunk-location"][0]  # type: ignore[index]
        computed.append(place)
        return np.full((1, 37, 41), place, dtype=np.uint16)

    lazy = da.map_blocks(block, dtype=np.uint16, chunks=((1,) * 7, (37,), (41,)), meta=np.zeros((0, 0, 0), np.uint16))
    layer = Image(lazy, contrast_limits=(0, 9), cache=False)
    grid = pictures.grid_of(layer)
    computed.clear()
    found = pictures.plane(layer, grid, (4,))
    assert set(computed) == {4}
    assert found.shape == (37, 41)
    assert (found == 4).all()
    assert pictures.stack(layer, grid, ()).shape == (7, 37, 41)


def test_a_pyramid_is_taken_at_the_finest_level_that_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    fine = RANDOM.integers(0, 255, (96, 112), dtype=np.uint8)
    layer = Image([fine, fine[::2, ::2], fine[::4, ::4]], multiscale=True, scale=(0.5, 0.25), translate=(3, 7))
    assert pictures.grid_of(layer) == pictures.Grid((96, 112), 0, (1.0, 1.0))
    monkeypatch.setattr(pictures, "MAX_PIXELS", 96 * 112 - 1)
    grid = pictures.grid_of(layer)
    assert grid == pictures.Grid((48, 56), 1, (2.0, 2.0))
    np.testing.assert_array_equal(pictures.plane(layer, grid, ()), fine[::2, ::2])
    mask = Labels(np.zeros(grid.shape, np.uint8), **pictures.placement(layer, grid))
    np.testing.assert_allclose(mask.data_to_world((5, 11)), (3 + 10 * 0.5, 7 + 22 * 0.25))
    monkeypatch.setattr(pictures, "MAX_PIXELS", 5)
    with pytest.raises(ImageShapeError, match="at most 5 px"):
        pictures.grid_of(layer)


def test_a_mask_lies_where_its_image_lies() -> None:
    turned = np.array([[0.0, -1.0, 4.0], [1.0, 0.0, 9.0], [0.0, 0.0, 1.0]])
    layer = Image(
        np.zeros((37, 41)), scale=(2, 3), translate=(11, 13), rotate=30, shear=(0.2,), affine=turned,
        units=("mm", "mm"), axis_labels=("down", "right"),
    )  # fmt: skip
    mask = Labels(np.zeros((37, 41), np.uint8), **pictures.placement(layer, pictures.grid_of(layer)))
    for place in ((0, 0), (5, 17), (36, 40)):
        np.testing.assert_allclose(mask.data_to_world(place), layer.data_to_world(place))
    assert mask.units == layer.units
    assert mask.axis_labels == ("down", "right")


def test_alpha_is_laid_over_black() -> None:
    rgba = np.zeros((37, 41, 4), dtype=np.uint8)
    rgba[...] = (200, 100, 50, 51)  # a fifth of 255
    layer = Image(rgba, rgb=True)
    found = pictures.plane(layer, pictures.grid_of(layer), ())
    assert found.dtype == np.uint8
    assert found[3, 5].tolist() == [40, 20, 10]
    as_floats = Image(rgba / np.float32(255), rgb=True)
    np.testing.assert_allclose(
        pictures.plane(as_floats, pictures.grid_of(as_floats), ())[3, 5] * 255, (40, 20, 10), rtol=1e-5
    )
