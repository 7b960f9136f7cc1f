from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from msformer.config import ForegroundSettings
from msformer.foreground import Foreground, choose_foreground, frame_share, otsu_fraction


def scene() -> tuple[Any, Any, Any]:
    """Light ground (cluster 5), a dark disc and a smaller dark square (2), a bright bar at the frame (9).

    Returns clusters, appearance and the disc.
    """
    rows, columns = np.mgrid[:53, :71]
    clusters = np.full((53, 71), 5)
    disc = (rows - 30) ** 2 + (columns - 25) ** 2 < 12**2
    clusters[disc] = 2
    clusters[10:18, 50:58] = 2
    clusters[48:, :] = 9
    values = np.select([clusters == 2, clusters == 9], [0.2, 1.0], 0.8).astype(np.float32)
    return clusters, values, disc


def choose(**settings: Any) -> Foreground:
    clusters, values, _ = scene()
    return choose_foreground(clusters, values, values, ForegroundSettings(**settings))


def test_the_dark_things_inside_are_the_object() -> None:
    clusters, _, _ = scene()
    chosen = choose()
    np.testing.assert_array_equal(chosen.mask, clusters == 2)
    assert chosen.clusters == (2,)
    assert 0.5 < chosen.score <= 1


def test_max_objects_keeps_the_largest() -> None:
    _, _, disc = scene()
    np.testing.assert_array_equal(choose(max_objects=1).mask, disc)


def test_polarity_chooses_the_other_side() -> None:
    _, values, _ = scene()
    assert values[choose(polarity="darker").mask].mean() == pytest.approx(0.2)
    brighter = choose(polarity="brighter").mask
    assert values[brighter].mean() > values[~brighter].mean()


def test_min_area_drops_what_is_too_small() -> None:
    _, _, disc = scene()
    np.testing.assert_array_equal(choose(min_area=0.05).mask, disc)
    assert not choose(min_area=0.97).mask.any()


def test_touches_frame_false_excludes_what_touches() -> None:
    clusters, values, disc = scene()
    clusters[disc] = 9  # the disc now belongs to the cluster of the bar at the frame
    settings = ForegroundSettings(touches_frame=False, polarity="darker")
    mask = choose_foreground(clusters, values, values, settings).mask
    assert mask[disc].all()
    assert not mask[[0, -1]].any()


def test_holes_are_filled() -> None:
    clusters, values, disc = scene()
    clusters[28:32, 23:27] = 5
    assert choose_foreground(clusters, values, values, ForegroundSettings(max_objects=1)).mask[disc].all()


@pytest.mark.parametrize("count", [0, 1])
def test_one_cluster_or_equal_values_give_an_empty_mask(count: int) -> None:
    clusters, values, _ = scene()
    flat = np.full_like(values, 0.5)
    chosen = choose_foreground(clusters * count, flat, flat, ForegroundSettings())
    assert not chosen.mask.any()
    assert (chosen.clusters, chosen.score) == ((), 0.0)


def test_names_of_clusters_do_not_matter() -> None:
    clusters, values, _ = scene()
    renamed = np.select([clusters == 2, clusters == 5], [77, 1], 30)
    other = choose_foreground(renamed, values, values, ForegroundSettings())
    np.testing.assert_array_equal(other.mask, choose().mask)


def test_otsu_fraction_by_hand() -> None:
    """Values 0, 0, 1, 3 with mean 1: total squares 6; split {0, 0, 1} | {3}: 3·1/4 · (3 − 1/3)² = 16/3."""
    values = np.array([[0, 0], [1, 3]], dtype=np.float32)
    mask = np.array([[False, False], [False, True]])
    assert otsu_fraction(mask, values) == pytest.approx(16 / 3 / 6)
    assert otsu_fraction(~mask, values) == pytest.approx(16 / 3 / 6)
    assert otsu_fraction(np.zeros((2, 2), bool), values) == 0
    assert otsu_fraction(np.ones((2, 2), bool), values) == 0


def test_frame_share_by_hand() -> None:
    """7 × 11 with a frame of 2: 77 − 3 · 7 = 56 px; two full rows at the top are 22 of them."""
    mask = np.zeros((7, 11), dtype=bool)
    mask[:2] = True
    mask[3, 5] = True
    assert frame_share(mask, np.ones((7, 11), dtype=bool), 2) == pytest.approx(22 / 56)
