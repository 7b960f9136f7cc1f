"""k-means of the prepared channels, and the merging of clusters."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from msformer.cluster import Clustering, kmeans_clusterer, merged
from msformer.config import Config
from msformer.image import Image, Mask
from msformer.prepare import Prepared, prepare

HEIGHT, WIDTH = 36, 64  # the square of 48 px has as many
PLAIN = {"working_size": 48, "colour": "rgb", "padding": 3, "no_data": False}
"""Channels are the pixels themselves: no scaling, no whitening, and everything counts."""


def config(n_clusters: int, random_state: int = 0) -> Config:
    values = {"cluster": {"method": "kmeans", "n_clusters": n_clusters}, "prepare": PLAIN}
    return Config.model_validate(values | {"random_state": random_state})


def prepared_of(pixels: NDArray[Any], valid: Mask | None = None) -> Prepared:
    prepared = prepare(Image.from_array(pixels), config(2).prepare)
    return prepared if valid is None else replace(prepared, working=replace(prepared.working, valid=valid))


def stripes(*values: float) -> NDArray[np.float64]:
    """Vertical stripes 7 px wide, the last one as wide as what is left."""
    image = np.full((HEIGHT, WIDTH), values[-1])
    for index, value in enumerate(values[:-1]):
        image[:, 7 * index : 7 * index + 7] = value
    return image


def same_parts(names: NDArray[Any], values: NDArray[Any]) -> bool:
    """Whether two maps cut the image into the same parts."""
    pairs = {(int(name), float(value)) for name, value in zip(names.ravel(), values.ravel(), strict=True)}
    return len(pairs) == len(np.unique(names)) == len(np.unique(values))


def test_flat_parts_are_the_clusters() -> None:
    image = stripes(0.1, 0.5, 0.2, 0.9)
    result = kmeans_clusterer(prepared_of(image), config(4))
    assert result.logits.shape[0] == 4
    assert set(np.unique(result.logits)) == {0.0, 1.0}
    np.testing.assert_array_equal(result.logits.sum(axis=0), 1)
    assert (result.stop_reason, result.n_iter, result.history, result.network) == ("not_iterative", 0, (), None)


def test_the_grid_is_the_working_one_without_its_border() -> None:
    image = np.repeat(np.repeat(stripes(0.1, 0.5, 0.2, 0.9), 3, axis=0), 3, axis=1)
    settings = config(4).replace(prepare={"working_size": 47})
    prepared = prepare(Image.from_array(image), settings.prepare)
    result = kmeans_clusterer(prepared, settings)
    assert result.logits.shape[1:] == prepared.shape
    assert prepared.network_input.shape[1] == prepared.shape[0] + 2 * 3


def test_parts_are_found_exactly() -> None:
    image = stripes(0.1, 0.5, 0.2, 0.9)
    prepared = prepared_of(image)
    assert same_parts(
        kmeans_clusterer(prepared, config(4)).logits.argmax(axis=0), np.round(prepared.channels[:, :, 0], 3)
    )


def test_there_are_no_more_clusters_than_colours() -> None:
    assert len(kmeans_clusterer(prepared_of(stripes(0.1, 0.5, 0.9)), config(8)).logits) == 3
    one = prepared_of(np.where(np.arange(WIDTH) < 20, 0.1, 0.8) * np.ones((HEIGHT, 1)))
    flat = replace(one, network_input=np.full_like(one.network_input, 0.5))
    assert len(kmeans_clusterer(flat, config(8)).logits) == 1


@pytest.mark.parametrize("count", [2, 3, 5])
def test_the_number_of_clusters_is_that_of_the_settings(count: int) -> None:
    noise = np.random.default_rng(0).random((HEIGHT, WIDTH, 3))
    assert len(kmeans_clusterer(prepared_of(noise), config(count)).logits) == count


def test_only_what_is_valid_says_where_the_clusters_are() -> None:
    """Two clusters of 0, .6 and .8 would be {0} and {.6, .8}; without the 0 they are .6, which takes the 0, and .8."""
    image = stripes(0.0, 0.6, 0.8)
    prepared = prepared_of(image)
    everywhere = kmeans_clusterer(prepared, config(2)).logits.argmax(axis=0)
    assert everywhere[5, 10] == everywhere[5, 20] != everywhere[5, 3]
    valid = np.ones(prepared.shape, dtype=bool)
    valid[:, :7] = False
    inside = kmeans_clusterer(replace(prepared, working=replace(prepared.working, valid=valid)), config(2))
    names = inside.logits.argmax(axis=0)
    assert names[5, 3] == names[5, 10] != names[5, 20]


def least_variance(values: NDArray[np.float64], count: int) -> float:
    """The least sum of squares within ``count`` groups of numbers: groups are intervals, so all can be tried."""
    values = np.sort(values)
    ends = [(0, *cut, len(values)) for cut in combinations(range(1, len(values)), count - 1)]
    return min(sum(float(values[a:b].var()) * (b - a) for a, b in pairwise(cut)) for cut in ends)


@pytest.mark.parametrize("seed", range(3))
def test_the_variance_within_is_nearly_the_least_possible(seed: int) -> None:
    colours = np.round(np.random.default_rng(seed).random(23), 3)
    image = colours[np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % 23]  # each colour about equally often
    prepared = prepared_of(image)
    names = kmeans_clusterer(prepared, config(4, random_state=seed)).logits.argmax(axis=0)
    values = prepared.channels[:, :, 0].astype(np.float64)
    within = sum(float(values[names == name].var()) * int((names == name).sum()) for name in range(4))
    least = least_variance(np.unique(values), 4) * values.size / 23
    assert 0.99 * least <= within <= 1.15 * least


def test_a_seed_gives_the_same_clusters_and_leaves_the_global_state_alone() -> None:
    prepared = prepared_of(np.random.default_rng(1).random((HEIGHT, WIDTH, 3)))
    before = np.random.get_state()[1].copy()  # type: ignore[index]  # noqa: NPY002
    first, again, other = (kmeans_clusterer(prepared, config(5, random_state=seed)).logits for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # type: ignore[index]  # noqa: NPY002


AREAS, LEVELS = (10, 10, 1, 14), (0.0, 1.0, 3.0, 7.0)


def four_clusters() -> tuple[Clustering, NDArray[np.float32], NDArray[np.intp]]:
    """5 x 7 px in clusters 1, 2, 4 and 5 of 6; the others win nowhere."""
    names = np.repeat([1, 2, 4, 5], AREAS).reshape(5, 7)
    channels = np.repeat(LEVELS, AREAS).reshape(5, 7, 1).astype(np.float32)
    logits = np.full((6, 5, 7), -3.0, dtype=np.float32)
    logits[names, np.arange(5)[:, None], np.arange(7)] = 1.0
    return Clustering(logits, "max_iter", 7), channels, names


@pytest.mark.parametrize(
    ("count", "groups"),
    [
        (9, [[1], [2], [4], [5]]),
        (4, [[1], [2], [4], [5]]),
        (3, [[1], [2, 4], [5]]),
        (2, [[1, 2, 4], [5]]),
    ],
)
def test_merging_adds_the_least_variance_each_time(count: int, groups: list[list[int]]) -> None:
    """Ward's cost d² · ab / (a + b) by hand: 0 and 1 are 1 · 100/20 = 5, 1 and 3 only 4 · 10/11 = 3.6, 3 and 7 14.9.

    The union of the two lies at 13/11 with 11 px: to 0 it is 1.4 · 110/21 = 7.3, to 7 it is 33.9 · 154/25 = 209.
    """
    clustering, channels, names = four_clusters()
    result = merged(clustering, channels, count)
    labels = result.logits.argmax(axis=0)
    assert len(result.logits) == len(groups)
    for label, group in enumerate(groups):
        np.testing.assert_array_equal(labels == label, np.isin(names, group))
    assert (result.stop_reason, result.n_iter) == ("max_iter", 7)


def test_the_union_lies_at_the_mean_by_area() -> None:
    """0 (9 px) and 2 (1 px) merge to .2: nearer to −3 than to 4.6, which 1 in the middle would not be."""
    names = np.repeat([0, 1, 2, 3], (9, 1, 5, 5)).reshape(4, 5)
    channels = np.repeat([0.0, 2.0, -3.0, 4.6], (9, 1, 5, 5)).reshape(4, 5, 1).astype(np.float32)
    logits = np.asarray(np.arange(4)[:, None, None] == names, dtype=np.float32)
    labels = merged(Clustering(logits, "max_iter"), channels, 2).logits.argmax(axis=0)
    np.testing.assert_array_equal(labels == labels[0, 0], np.isin(names, [0, 1, 2]))


def test_all_channels_count() -> None:
    names = np.repeat([0, 1, 2], (6, 5, 4)).reshape(3, 5)
    channels = np.array([[0.0, 0.0], [0.1, 5.0], [1.0, 0.0]], dtype=np.float32)[names]
    logits = np.asarray(np.arange(3)[:, None, None] == names, dtype=np.float32)
    labels = merged(Clustering(logits, "max_iter"), channels, 2).logits.argmax(axis=0)
    np.testing.assert_array_equal(labels == labels[0, 0], np.isin(names, [0, 2]))


def test_merging_leaves_its_input_alone() -> None:
    clustering, channels, _ = four_clusters()
    logits, before = clustering.logits.copy(), channels.copy()
    merged(clustering, channels, 2)
    np.testing.assert_array_equal(clustering.logits, logits)
    np.testing.assert_array_equal(channels, before)
