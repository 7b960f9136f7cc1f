"""Each method on images whose right answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.conftest import PLAIN

from msformer.baselines import segment
from msformer.baselines.felzenszwalb import MIN_AREA
from msformer.baselines.grabcut import centred_ellipse
from msformer.baselines.kmeans import group_points
from msformer.config import Config, merge

HEIGHT, WIDTH, BORDER = 60, 80, 32


@pytest.fixture(scope="module")
def same_grid() -> Config:
    """Settings whose working grid is that of the images here, so that borders can be compared exactly."""
    return Config.from_mapping(merge(PLAIN, {"prepare": {"working_size": 69}}))


def two_parts(noise: int = 0) -> NDArray[np.uint8]:
    """Dark blue in the first 32 columns, light red in the other 48."""
    image = np.empty((HEIGHT, WIDTH, 3), dtype=np.int64)
    image[:, :BORDER] = (30, 40, 110)
    image[:, BORDER:] = (210, 170, 150)
    image += np.random.default_rng(0).integers(-noise, noise + 1, image.shape)
    return image.astype(np.uint8)


def stripes(widths: list[int], values: list[int]) -> NDArray[np.uint8]:
    """Grey stripes from left to right."""
    return np.repeat(np.repeat(np.array(values, dtype=np.uint8), widths)[None], HEIGHT, axis=0)


@pytest.mark.parametrize("noise", [0, 12])
@pytest.mark.parametrize("name", ["otsu-2", "kmeans-2"])
def test_two_parts_are_told_apart_exactly(name: str, noise: int, same_grid: Config) -> None:
    result = segment(two_parts(noise), name, same_grid)
    assert result.working_shape == (HEIGHT, WIDTH)
    assert (result.label_map[:, :BORDER] == 1).all()
    assert (result.label_map[:, BORDER:] == 2).all()


@pytest.mark.parametrize("name", ["otsu-3", "otsu-4", "kmeans-3", "kmeans-5", "kmeans-8", "slic-kmeans"])
def test_a_flat_image_has_no_more_clusters_than_colours(name: str, same_grid: Config) -> None:
    result = segment(two_parts(), name, same_grid)
    assert result.n_labels == 2
    assert (result.label_map[:, : BORDER - 1] == 1).all()
    assert (result.label_map[:, BORDER + 1 :] == 2).all()


@pytest.mark.parametrize("noise", [0, 6])
@pytest.mark.parametrize("name", ["slic-kmeans", "felzenszwalb", "chan-vese"])
def test_the_border_of_two_parts_is_found_within_a_pixel(name: str, noise: int, same_grid: Config) -> None:
    labels = segment(two_parts(noise), name, same_grid).label_map
    if name == "chan-vese":
        labels = labels[8:-8]  # its smoothing cuts the corners of a region off
    dark, light = np.unique(labels[:, : BORDER - 1]), np.unique(labels[:, BORDER + 1 :])
    assert not set(dark) & set(light)
    if name == "chan-vese":
        assert (len(dark), len(light)) == (1, 1)


def test_felzenszwalb_leaves_the_blurred_border_to_itself(same_grid: Config) -> None:
    labels = segment(two_parts(), "felzenszwalb", same_grid).label_map
    assert (labels[:, : BORDER - 2] == labels[0, 0]).all()
    assert (labels[:, BORDER + 2 :] == labels[0, -1]).all()


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_otsu_splits_where_the_variance_within_is_least(n_classes: int, same_grid: Config) -> None:
    # Joining n pixels of a with m of b leaves n·m / (n + m) · (a − b)² within. With 4 classes one pair joins: 20 and 30
    # would leave 20·20/40 · 100 = 1000, 100 and 110 leave 15·15/30 · 100 = 750. With 3 both do, 1750. With 2, either
    # all but 240 join, 1750 + 40·30/70 · 80² = 111 464, or the last three, 1000 + 750 + 30·10/40 · 135² = 138 438.
    image = stripes([20, 20, 15, 15, 10], [20, 30, 100, 110, 240])
    labels = segment(image, f"otsu-{n_classes}", same_grid).label_map[0]
    expected = {2: [1, 1, 1, 1, 2], 3: [1, 1, 2, 2, 3], 4: [1, 2, 3, 3, 4]}[n_classes]
    assert labels[[10, 30, 47, 62, 75]].tolist() == expected


def test_kmeans_with_as_many_clusters_as_stripes(same_grid: Config) -> None:
    image = stripes([16] * 5, [0, 60, 120, 180, 240])
    labels = segment(image, "kmeans-5", same_grid).label_map
    np.testing.assert_array_equal(labels, np.repeat(np.repeat(np.arange(1, 6), 16)[None], HEIGHT, axis=0))


def test_weights_of_points_count_as_repetitions() -> None:
    points = np.array([[0.0], [1.0], [10.0], [11.0], [30.0]])
    light = group_points(points, 2, seed=0, weights=np.array([1.0, 1, 1, 1, 1]))
    heavy = group_points(points, 2, seed=0, weights=np.array([99.0, 99, 99, 99, 1]))
    assert light[3] == light[0] != light[4]
    assert heavy[0] == heavy[1] != heavy[2] == heavy[3] == heavy[4]


def test_felzenszwalb_merges_what_is_too_small(same_grid: Config) -> None:
    image = two_parts()
    assert MIN_AREA * image.shape[0] * image.shape[1] == pytest.approx(24)
    image[10:14, 50:53] = (30, 40, 110)  # 12 px, under the limit of 24
    image[30:40, 50:60] = (30, 40, 110)  # 100 px
    labels = segment(image, "felzenszwalb", same_grid).label_map
    assert labels[12, 51] == labels[20, 70]
    assert labels[35, 55] not in (labels[20, 70], labels[20, 10])


@pytest.mark.parametrize("name", ["chan-vese", "grabcut"])
def test_an_object_in_the_middle_is_cut_out(name: str, same_grid: Config) -> None:
    rows, columns = np.ogrid[:HEIGHT, :WIDTH]
    truth = (rows - 29) ** 2 + (columns - 42) ** 2 <= 15**2
    image = np.where(truth[:, :, None], (120, 60, 40), (210, 180, 170)).astype(np.uint8)
    for mask in (
        segment(image, name, same_grid).mask,
        segment(image, name, same_grid, own_foreground=True).mask,
    ):
        assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.97


def test_disc_has_the_stated_area_and_does_not_look(same_grid: Config) -> None:
    disc = segment(two_parts(), "disc", same_grid, own_foreground=True)
    assert disc.mask.sum() == pytest.approx(np.pi / 9 * HEIGHT**2, rel=0.02)
    assert disc.foreground is not None
    assert disc.foreground.centroid == pytest.approx((29.5, 39.5))
    other = segment(two_parts(20)[::-1, ::-1], "disc", same_grid, own_foreground=True)
    np.testing.assert_array_equal(disc.mask, other.mask)


def test_ellipse_of_the_first_guess_by_hand() -> None:
    expected = ["0001000", "0111110", "0111110", "0111110", "0001000"]  # half-axes 2 rows and 2.8 columns
    drawn = ["".join(str(int(value)) for value in row) for row in centred_ellipse((5, 7), 0.8)]
    assert drawn == expected


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", ["iic-2", "deepcluster-2"])
def test_two_learned_classes_are_the_two_parts(name: str, seed: int) -> None:
    config = Config.from_mapping({"prepare": {"working_size": 49}})
    result = segment(two_parts(noise=12), name, config, random_state=seed)
    labels = result.label_map
    assert (result.n_labels, result.n_iter) == (2, 50)
    assert (labels[:, : BORDER - 6] == labels[0, 0]).mean() > 0.98
    assert (labels[:, BORDER + 6 :] == labels[0, -1]).mean() > 0.98
    assert labels[0, 0] != labels[0, -1]


@pytest.mark.parametrize("name", ["dfc", "sgscn"])
def test_learned_clusters_keep_two_parts_apart(name: str) -> None:
    config = Config.from_mapping({"prepare": {"working_size": 37}})
    labels = segment(two_parts(), name, config, random_state=0).label_map
    left, right = set(np.unique(labels[5:-5, 5 : BORDER - 6])), set(np.unique(labels[5:-5, BORDER + 6 : -5]))
    assert not left & right
