"""Each protocol on masks small enough to count by hand, and the published table of the released scorer."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from msformer.errors import ImageError, ImageShapeError
from msformer.evaluation import protocols
from msformer.evaluation.metrics import score_masks, score_selection
from msformer.regions import PlacedRegions, Region


def dice(mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    return float(2 * (mask & truth).sum() / (mask.sum() + truth.sum()))


def picture(*rows: str) -> NDArray[np.intp]:
    return np.array([[int(letter) for letter in row] for row in rows])


# Two clusters meet the ground truth (1 in TRUTH): cluster 0 in 4 px, cluster 2 in 2 px; cluster 1 does not.
LABELS = picture("0000011", "0000011", "0022011", "2222011", "2222011")
TRUTH = picture("0000000", "0111000", "0111000", "0000000", "0000000") == 1


class TestAutomatic:
    def test_takes_the_mask_as_it_is_and_cannot_be_given_a_ground_truth(self) -> None:
        selection = protocols.automatic(mask_pred=TRUTH)
        assert (selection.protocol, selection.clusters) == ("automatic", ())
        np.testing.assert_array_equal(selection.mask, TRUTH)
        assert list(inspect.signature(protocols.automatic).parameters) == ["mask_pred"]


class TestOracleCluster:
    def test_takes_the_largest_overlap_even_if_it_is_cluster_0_and_erases_nothing(self) -> None:
        selection = protocols.oracle_cluster(label_map=LABELS, mask_gt=TRUTH)
        assert (selection.protocol, selection.clusters) == ("oracle-cluster", (0,))
        np.testing.assert_array_equal(selection.mask, LABELS == 0)

    def test_leaves_out_the_value_that_stands_for_no_cluster(self) -> None:
        selection = protocols.oracle_cluster(label_map=LABELS, mask_gt=TRUTH, outside=0)
        assert selection.clusters == (2,)
        assert dice(selection.mask, TRUTH) == pytest.approx(2 * 2 / (10 + 6))

    def test_takes_the_lowest_of_equal_labels(self) -> None:
        labels = picture("75533")
        selection = protocols.oracle_cluster(label_map=labels, mask_gt=np.array([[True, True, False, True, False]]))
        assert selection.clusters == (3,)

    def test_counts_pixels_and_so_misses_the_better_dice(self) -> None:
        labels = picture("1112222222222")
        truth = picture("1111111000000") == 1
        selection = protocols.oracle_cluster(label_map=labels, mask_gt=truth)
        assert selection.clusters == (2,)  # 4 px of overlap beat 3
        assert dice(selection.mask, truth) < dice(labels == 1, truth)

    def test_is_empty_without_a_ground_truth(self) -> None:
        selection = protocols.oracle_cluster(label_map=LABELS, mask_gt=np.zeros_like(TRUTH))
        assert selection.clusters == ()
        assert not selection.mask.any()


class TestOracleComponents:
    def test_unites_parts_of_several_clusters_and_leaves_parts_of_the_same_out(self) -> None:
        labels = picture("11311", "11322", "33322", "22333")
        truth = picture("11000", "11111", "00011", "00000") == 1
        selection = protocols.oracle_components(label_map=labels, mask_gt=truth)
        assert selection.protocol == "oracle-components"
        assert selection.clusters == (1, 2)
        expected = picture("11000", "11011", "00011", "00000") == 1  # the other 1s and 2s are elsewhere
        np.testing.assert_array_equal(selection.mask, expected)
        assert dice(selection.mask, truth) == pytest.approx(2 * 8 / (8 + 9))

    def test_a_corner_does_not_connect(self) -> None:
        labels = picture("10", "01")
        truth = picture("10", "00") == 1
        np.testing.assert_array_equal(protocols.oracle_components(label_map=labels, mask_gt=truth).mask, truth)

    @pytest.mark.parametrize("seed", range(20))
    @pytest.mark.parametrize("shape", [(3, 5), (2, 3, 2)])
    def test_no_union_is_better(self, seed: int, shape: tuple[int, ...]) -> None:
        generator = np.random.default_rng(seed)
        labels = generator.integers(0, 3, shape)
        truth = generator.random(shape) < 0.4
        pieces = [mask for label in range(3) for mask in flood_components(labels == label)]
        best = max(
            dice(np.any(union, axis=0), truth)
            for count in range(1, len(pieces) + 1)
            for union in combinations(pieces, count)
        )
        found = protocols.oracle_components(label_map=labels, mask_gt=truth)
        assert dice(found.mask, truth) == pytest.approx(best, abs=1e-12)
        one = protocols.oracle_cluster(label_map=labels, mask_gt=truth)
        assert dice(found.mask, truth) >= dice(one.mask, truth)

    def test_leaves_out_the_value_that_stands_for_no_cluster(self) -> None:
        selection = protocols.oracle_components(label_map=LABELS, mask_gt=TRUTH, outside=0)
        np.testing.assert_array_equal(selection.mask, LABELS == 2)

    def test_is_empty_without_a_ground_truth(self) -> None:
        selection = protocols.oracle_components(label_map=LABELS, mask_gt=np.zeros_like(TRUTH))
        assert selection.clusters == ()
        assert not selection.mask.any()

    def test_takes_the_smaller_of_equally_good_unions(self) -> None:
        # 1: 4 of 4 px inside, Dice 8/10; with 2 (2 of 5 px inside) 12/15, the same
        labels = picture("1111222223")
        truth = picture("1111110000") == 1
        np.testing.assert_array_equal(protocols.oracle_components(label_map=labels, mask_gt=truth).mask, labels == 1)


def flood_components(mask: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Components by flooding from one pixel to the next; no library."""
    left = {tuple(int(i) for i in place) for place in np.argwhere(mask)}
    components = []
    while left:
        front = [left.pop()]
        component = np.zeros(mask.shape, dtype=bool)
        while front:
            place = front.pop()
            component[place] = True
            for axis in range(mask.ndim):
                for step in (-1, 1):
                    near = (*place[:axis], place[axis] + step, *place[axis + 1 :])
                    if near in left:
                        left.remove(near)
                        front.append(near)
        components.append(component)
    return components


def placed(*masks: NDArray[np.bool_], window: tuple[slice, slice] | None = None) -> PlacedRegions:
    """Regions of one grid; by default a pixel of the grid is a pixel of the image."""
    regions = []
    for mask in masks:
        rows, columns = np.nonzero(mask)
        box = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
        regions.append(Region(mask[box], box, int(mask.sum()), promise=1.0, source="made", sign=1))
    shape = masks[0].shape if masks else (3, 5)
    return PlacedRegions(tuple(regions), (shape[0], shape[1]), window or (slice(0, shape[0]), slice(0, shape[1])))


def columns(first: int, end: int) -> NDArray[np.bool_]:
    """A region of one row of 11 px."""
    mask = np.zeros((1, 11), dtype=bool)
    mask[0, first:end] = True
    return mask


NODE_FUNCTIONS = (protocols.oracle_node, protocols.oracle_nodes)


class TestOracleNode:
    def test_takes_the_best_dice_and_not_the_largest_overlap(self) -> None:
        # Truth: 4 px. All: 8/15; columns 1 to 5 hold it with one more, 8/9; two of its pixels alone: 4/6.
        regions = placed(columns(0, 11), columns(1, 6), columns(2, 4))
        selection = protocols.oracle_node(regions=regions, mask_gt=columns(1, 5))
        assert (selection.protocol, selection.clusters) == ("oracle-node", (1,))
        np.testing.assert_array_equal(selection.mask, columns(1, 6))

    def test_takes_the_first_of_equal_ones(self) -> None:
        regions = placed(columns(8, 9), columns(2, 3), columns(3, 4))
        assert protocols.oracle_node(regions=regions, mask_gt=columns(2, 4)).clusters == (1,)

    def test_is_picked_and_given_on_the_native_grid(self) -> None:
        """A grid of 1 × 2 over rows 1–4, columns 2–8: cv2 gives the first 4 of 7 columns to its first pixel."""
        left, right = np.array([[True, False]]), np.array([[False, True]])
        regions = placed(left, right, window=(slice(1, 5), slice(2, 9)))
        truth = np.zeros((7, 11), dtype=bool)
        truth[2:4, 3:9] = True  # 2 × 3 px in the first, 2 × 3 in the second, which is smaller
        selection = protocols.oracle_node(regions=regions, mask_gt=truth)
        expected = np.zeros((7, 11), dtype=bool)
        expected[1:5, 6:9] = True
        assert selection.clusters == (1,)
        np.testing.assert_array_equal(selection.mask, expected)


class TestOracleNodes:
    def test_unites_what_is_apart_and_takes_of_nested_ones_what_is_better_in_all(self) -> None:
        # Truth: columns 0, 1, 3, 4 and 8. One region holds the first four with the gap, 2·4/(5+5) = .8, and is better
        # than either part in it; both parts with the eighth column are the truth itself.
        truth = columns(0, 2) | columns(3, 5) | columns(8, 9)
        regions = placed(columns(0, 5), columns(0, 2), columns(3, 5), columns(8, 9), columns(7, 11))
        selection = protocols.oracle_nodes(regions=regions, mask_gt=truth)
        assert (selection.protocol, selection.clusters) == ("oracle-nodes", (1, 2, 3))
        np.testing.assert_array_equal(selection.mask, truth)
        assert protocols.oracle_node(regions=regions, mask_gt=truth).clusters == (0,)

    def test_takes_the_outer_one_where_the_gap_is_small(self) -> None:
        # Truth: columns 0 to 8 but the fourth; the parts in it leave out more of it than the gap.
        truth = columns(0, 4) | columns(5, 9)
        selection = protocols.oracle_nodes(regions=placed(columns(0, 9), columns(0, 3), columns(6, 9)), mask_gt=truth)
        assert selection.clusters == (0,)

    def test_never_takes_a_pixel_twice(self) -> None:
        """Three regions of different maps, each overlapping the next: the outer two leave one pixel out."""
        truth = columns(0, 9)
        regions = placed(columns(0, 4), columns(3, 6), columns(5, 9))
        selection = protocols.oracle_nodes(regions=regions, mask_gt=truth)
        assert selection.clusters == (0, 2)
        assert dice(selection.mask, truth) == pytest.approx(2 * 8 / (8 + 9))

    @pytest.mark.parametrize("seed", range(30))
    @pytest.mark.parametrize("scale", [1, 2.7])
    def test_no_union_is_better(self, seed: int, scale: float) -> None:
        generator = np.random.default_rng(seed)
        grid, masks = (5, 7), []
        for _ in range(9):  # rectangles: nested, apart and overlapping
            ends = [np.sort(generator.choice(side + 1, 2, replace=False)) for side in grid]
            mask = np.zeros(grid, dtype=bool)
            mask[ends[0][0] : ends[0][1], ends[1][0] : ends[1][1]] = True
            masks.append(mask)
        shape = round(grid[0] * scale), round(grid[1] * scale)
        native = [
            cv2.resize(mask.astype(np.uint8), shape[::-1], interpolation=cv2.INTER_NEAREST) == 1 for mask in masks
        ]
        truth = generator.random(shape) < 0.4
        unions = [
            np.any([native[index] for index in chosen], axis=0)
            for count in range(1, len(masks) + 1)
            for chosen in combinations(range(len(masks)), count)
            if np.sum([masks[index] for index in chosen], axis=0).max() == 1
        ]
        regions = placed(*masks, window=(slice(0, shape[0]), slice(0, shape[1])))
        found = protocols.oracle_nodes(regions=regions, mask_gt=truth)
        assert dice(found.mask, truth) == pytest.approx(max(dice(union, truth) for union in unions), abs=1e-12)
        one = protocols.oracle_node(regions=regions, mask_gt=truth)
        assert dice(one.mask, truth) == pytest.approx(max(dice(mask, truth) for mask in native), abs=1e-12)


class TestBothOfRegions:
    @pytest.mark.parametrize("protocol", NODE_FUNCTIONS)
    def test_are_empty_where_no_region_meets_the_ground_truth(
        self, protocol: Callable[..., protocols.Selection]
    ) -> None:
        for regions, truth in (
            (placed(columns(0, 5)), columns(0, 0)),  # there is none
            (placed(columns(0, 5)), columns(6, 9)),
            (placed(), np.ones((3, 5), dtype=bool)),
        ):
            selection = protocol(regions=regions, mask_gt=truth)
            assert selection.clusters == ()
            assert selection.mask.shape == truth.shape
            assert not selection.mask.any()

    @pytest.mark.parametrize("protocol", NODE_FUNCTIONS)
    def test_what_does_not_fit_is_an_error_that_says_so(self, protocol: Callable[..., protocols.Selection]) -> None:
        regions = placed(columns(0, 5))
        with pytest.raises(ImageError, match="mask_gt must be boolean; got dtype int64"):
            protocol(regions=regions, mask_gt=columns(0, 5).astype(np.int64))
        with pytest.raises(ImageShapeError, match=r"to hold \(1, 11\) px; got \(1, 9\)"):
            protocol(regions=regions, mask_gt=columns(0, 5)[:, :9])
        with pytest.raises(ImageShapeError, match=r"mask_gt must have shape \(H, W\) where regions are picked"):
            protocol(regions=regions, mask_gt=columns(0, 5)[None])


class TestReleased:
    def test_never_takes_cluster_0(self) -> None:
        selection = protocols.released(raw_labels=LABELS, mask_gt=TRUTH)
        assert (selection.protocol, selection.clusters) == ("released", (2,))

    def test_keeps_what_is_6_px_away_and_erases_what_is_7_px_away(self) -> None:
        truth = np.zeros((29, 31), dtype=bool)
        truth[13, 17] = True
        selection = protocols.released(raw_labels=np.ones(truth.shape, dtype=int), mask_gt=truth)
        rows, columns = np.nonzero(selection.mask)
        assert (rows.min(), rows.max(), columns.min(), columns.max()) == (7, 19, 11, 23)
        assert selection.mask.sum() == 13 * 13  # a square: corners are 6 px away as well

    def test_takes_the_lowest_of_equal_labels(self) -> None:
        truth = np.array([[True, True, False, True, False]])
        assert protocols.released(raw_labels=picture("75533"), mask_gt=truth).clusters == (3,)

    @pytest.mark.parametrize("kind", [np.bool_, np.uint8, np.int64])
    def test_a_binary_mask_is_a_label_map_whose_1_is_the_only_choice(self, kind: type) -> None:
        mask = picture("1000000", "1100000", "0000000", "0000011", "0000011")  # 1 of 6 px inside
        selection = protocols.released(raw_labels=mask.astype(kind), mask_gt=TRUTH)
        np.testing.assert_array_equal(selection.mask, mask == 1)

    @pytest.mark.parametrize("truth", [TRUTH, np.zeros_like(TRUTH)])
    def test_is_empty_where_the_released_code_stops(self, truth: NDArray[np.bool_]) -> None:
        selection = protocols.released(raw_labels=np.zeros(TRUTH.shape, dtype=int), mask_gt=truth)
        assert selection.clusters == ()
        assert not selection.mask.any()

    @pytest.mark.parametrize("seed", range(5))
    def test_equals_the_released_arithmetic_written_out(self, seed: int) -> None:
        generator = np.random.default_rng(seed)
        height, width = 37, 43
        labels = generator.integers(0, 4, (7, 11)).repeat(6, axis=0).repeat(4, axis=1)[:height, :width]
        truth = np.zeros((height, width), dtype=int)
        truth[seed : 11 + seed, 19:31] = 1

        overlap = dict.fromkeys(range(1, 4), 0)
        for row in range(height):
            for column in range(width):
                if truth[row, column] and labels[row, column]:
                    overlap[int(labels[row, column])] += 1
        chosen = max(overlap, key=lambda label: (overlap[label], -label))
        lesion = np.zeros((height, width), dtype=int)
        for row in range(height):
            for column in range(width):
                near = truth[max(row - 6, 0) : row + 7, max(column - 6, 0) : column + 7].max()
                lesion[row, column] = int(labels[row, column] == chosen) * near
        inter, union = (lesion * truth).sum(), ((lesion + truth) > 0).sum()

        selection = protocols.released(raw_labels=labels, mask_gt=truth == 1)
        assert selection.clusters == (chosen,)
        np.testing.assert_array_equal(selection.mask, lesion == 1)
        assert lesion.sum() < (labels == chosen).sum()  # the gate did erase something
        scores = score_selection(selection, mask_gt=truth == 1)
        assert scores.protocol == "released"
        assert scores.dice == pytest.approx(2 * inter / (lesion.sum() + truth.sum()))
        assert scores.hm_error == pytest.approx((union - inter) / union)
        assert scores.xor_error == pytest.approx((union - inter) / truth.sum())

    def test_is_defined_on_pictures_only(self) -> None:
        volume = np.ones((3, 5, 7), dtype=int)
        with pytest.raises(
            ImageShapeError, match=r"mask_gt must have shape \(H, W\) under 'released'; got \(3, 5, 7\)"
        ):
            protocols.released(raw_labels=volume, mask_gt=volume == 1)


class TestEveryProtocol:
    def test_the_names_are_those_of_the_documentation(self) -> None:
        assert protocols.PROTOCOLS == (
            "automatic", "oracle-node", "oracle-nodes", "oracle-cluster", "oracle-components", "released",
        )  # fmt: skip
        assert protocols.NODE_PROTOCOLS == ("oracle-node", "oracle-nodes")
        document = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text("utf-8")
        for name in protocols.PROTOCOLS:
            assert f"| `{name}` |" in document
            assert f"\n{name} " in (protocols.__doc__ or "")

    def test_its_name_stays_with_every_row_of_numbers(self) -> None:
        selections = (
            protocols.automatic(mask_pred=TRUTH),
            protocols.oracle_node(regions=placed(TRUTH), mask_gt=TRUTH),
            protocols.oracle_nodes(regions=placed(TRUTH), mask_gt=TRUTH),
            protocols.oracle_cluster(label_map=LABELS, mask_gt=TRUTH),
            protocols.oracle_components(label_map=LABELS, mask_gt=TRUTH),
            protocols.released(raw_labels=LABELS, mask_gt=TRUTH),
        )
        rows = [score_selection(one, mask_gt=TRUTH).to_record() for one in selections]
        assert [row["protocol"] for row in rows] == list(protocols.PROTOCOLS)

    @pytest.mark.parametrize("protocol", [protocols.oracle_cluster, protocols.oracle_components])
    def test_inputs_stay_as_they_were(self, protocol: object) -> None:
        labels, truth = LABELS.copy(), TRUTH.copy()
        labels.flags.writeable = truth.flags.writeable = False
        assert callable(protocol)
        assert protocol(label_map=labels, mask_gt=truth).mask.dtype == np.bool_
        assert protocols.released(raw_labels=labels, mask_gt=truth).mask.dtype == np.bool_

    def test_what_does_not_fit_is_an_error_that_says_so(self) -> None:
        with pytest.raises(ImageShapeError, match=r"label_map \(5, 7\), mask_gt \(7, 5\)"):
            protocols.oracle_cluster(label_map=LABELS, mask_gt=TRUTH.T)
        with pytest.raises(ImageShapeError, match=r"raw_labels \(5, 7\), mask_gt \(5, 5\)"):
            protocols.released(raw_labels=LABELS, mask_gt=TRUTH[:, :5])
        with pytest.raises(ImageError, match="label_map must hold integers; got dtype float64"):
            protocols.oracle_components(label_map=LABELS * 1.0, mask_gt=TRUTH)  # type: ignore[arg-type]
        with pytest.raises(ImageError, match="mask_gt must be boolean; got dtype int64"):
            protocols.oracle_components(label_map=LABELS, mask_gt=LABELS)  # type: ignore[arg-type]
        with pytest.raises(ImageShapeError, match=r"mask_pred must have shape .* got \(0, 3\)"):
            protocols.automatic(mask_pred=np.zeros((0, 3), dtype=bool))


@pytest.mark.parametrize(
    ("case_id", "otsu_released", "everything_released", "otsu_automatic"),
    [("IMD004", 0.951, 0.874, 0.793), ("IMD021", 0.977, 0.864, 0.761), ("IMD176", 0.867, 0.910, 0.748)],
)
def test_the_published_table_of_the_released_scorer_comes_out(
    shared: Path, case_id: str, otsu_released: float, everything_released: float, otsu_automatic: float
) -> None:
    folder = shared / "data" / "dermoscopy_ph2"
    if not (folder / "images" / f"{case_id}.png").is_file():
        pytest.skip(f"{folder} has no image {case_id}.png")
    bgr = cv2.imread(str(folder / "images" / f"{case_id}.png"), cv2.IMREAD_COLOR)
    mask = cv2.imread(str(folder / "masks" / f"{case_id}.png"), cv2.IMREAD_GRAYSCALE)
    assert bgr is not None
    assert mask is not None
    grey = cv2.cvtColor(cv2.resize(bgr, (257, 257)), cv2.COLOR_BGR2GRAY)  # resize is bilinear by default
    mask_gt = cv2.resize(mask, (257, 257)) > 0
    threshold, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_OTSU)
    dark = grey <= threshold

    def score(labels: NDArray[np.bool_]) -> float:
        return score_selection(protocols.released(raw_labels=labels, mask_gt=mask_gt), mask_gt=mask_gt).dice

    assert score(dark) == pytest.approx(otsu_released, abs=0.005)
    assert score(np.ones_like(dark)) == pytest.approx(everything_released, abs=0.005)
    assert score_masks(mask_pred=dark, mask_gt=mask_gt).dice == pytest.approx(otsu_automatic, abs=0.005)
