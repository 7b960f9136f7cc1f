"""Rows of features: what is seen, what a region is among the others, and the ranks of both."""

from __future__ import annotations

import numpy as np
import pytest

from msformer.image import Mask
from msformer.regions import FEATURES, NAMES, Ground, Region, describe, find_regions, region_features
from msformer.scenes import make_scene

SHAPE = (53, 71)
ROWS, COLUMNS = np.mgrid[: SHAPE[0], : SHAPE[1]]
EVERYWHERE = np.ones(SHAPE, dtype=bool)

pytestmark = pytest.mark.filterwarnings("error")


def disc(radius: float, row: float = 24, column: float = 31) -> Mask:
    return np.asarray((ROWS - row) ** 2 + (COLUMNS - column) ** 2 <= radius**2)


def region_of(mask: Mask, promise: float, support: float) -> Region:
    return Region(mask, (slice(0, SHAPE[0]), slice(0, SHAPE[1])), int(mask.sum()), promise, "map", 1, support)


REGIONS = [
    region_of(disc(19), 3.0, 0.2),
    region_of(disc(13), 7.0, 1.0),
    region_of(disc(7), 0.0, 0.6),
    region_of(disc(3, 47, 61), 11.0, 0.4),
]
"""Three nested discs, and one beside them."""
GROUND = Ground.of(
    np.asarray((disc(19) + disc(13) * 2.0 + disc(7) + disc(3, 47, 61))[:, :, None], np.float32), EVERYWHERE
)


def column(name: str, regions: list[Region] = REGIONS) -> list[float]:
    return [float(value) for value in region_features(regions, GROUND)[:, FEATURES.index(name)]]


def test_the_columns_are_what_is_seen_then_what_it_is_among_the_others_then_ranks() -> None:
    among = ("support", "promise", "contains", "inside")
    plain = (*NAMES, *among)
    assert FEATURES[: len(plain)] == plain
    assert FEATURES[len(plain) :] == tuple(f"rank of {name}" for name in plain)
    rows = region_features(REGIONS, GROUND)
    assert rows.shape == (4, len(FEATURES))
    assert rows.dtype == np.float32
    for region, row in zip(REGIONS, rows, strict=True):
        np.testing.assert_array_equal(row[: len(NAMES)], describe(region, GROUND))


def test_support_and_promise_are_those_of_the_region() -> None:
    assert column("support") == pytest.approx([0.2, 1.0, 0.6, 0.4])
    assert column("promise") == pytest.approx(np.log([4, 8, 1, 12]))


def test_how_many_regions_a_region_holds_and_how_many_hold_it_each_with_itself() -> None:
    assert column("contains") == pytest.approx(np.log([4, 3, 2, 2]) / 4)
    assert column("inside") == pytest.approx(np.log([2, 3, 4, 2]) / 4)


def test_ranks_go_from_0_to_1() -> None:
    assert column("rank of support") == pytest.approx([0, 1, 2 / 3, 1 / 3])
    assert column("rank of promise") == pytest.approx([1 / 3, 2 / 3, 0, 1])
    assert column("rank of size") == pytest.approx([1, 2 / 3, 1 / 3, 0])
    assert column("rank of count") == pytest.approx([0, 1 / 3, 2 / 3, 1])  # equal ones as they come


def test_one_region_has_ranks_of_0() -> None:
    rows = region_features(REGIONS[:1], GROUND)
    assert (rows[0, len(FEATURES) // 2 :] == 0).all()


@pytest.mark.parametrize("shape", [(33, 33), (67, 83)])
def test_features_of_what_is_found_are_finite_and_the_same_each_time(shape: tuple[int, int]) -> None:
    scene = make_scene(11, shape=shape)
    ground = Ground.of(np.atleast_3d(scene.image).astype(np.float32) / np.float32(255), scene.valid)
    regions = find_regions(ground.planes, ground.valid)
    rows = region_features(regions, ground)
    assert np.isfinite(rows).all()
    np.testing.assert_array_equal(rows, region_features(regions, ground))
    ranks = rows[:, len(FEATURES) // 2 :]
    np.testing.assert_allclose(np.sort(ranks, axis=0)[:, 0], np.linspace(0, 1, len(regions)), atol=1e-6)
