"""What the user says of the object and points at, through ``msformer.segment``: on scenes drawn for one hint each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from msformer import ConfigError, ImageError, Segmentation, segment
from msformer.config import Config, merge
from msformer.hints import hint_settings
from msformer.image import Mask

HEIGHT, WIDTH = 101, 139
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH]
BASE: dict[str, Any] = {
    "preset": "general",
    "prepare": {"working_size": 97, "detail_size": None, "field": "whole", "tone": "lab"},
    "cluster": {"method": "kmeans", "n_clusters": 6},
    "foreground": {"cues": {"explained": 1.0, "frame": 1.0, "ring": 0.0, "centre": 0.0}},
    "refine": {"boundary_rounds": 2, "logit_smoothing": 1},
}


def disc(row: int, column: int, radius: float) -> Mask:
    return np.asarray(np.hypot(ROWS - row, COLUMNS - column) <= radius)


BIG, SMALL, LIGHT = disc(35, 40, 20), disc(70, 105, 13), disc(25, 110, 16)
"""Two dark discs, 8.9 and 3.8 % of the image, and a light one, 5.7 %."""


def scene(*, dark: list[Mask], light: list[Mask] | None = None) -> NDArray[np.uint8]:
    image = np.random.default_rng(0).normal(150, 2, (HEIGHT, WIDTH))
    for mask in dark:
        image[mask] -= 90
    for mask in light or []:
        image[mask] += 80
    return np.clip(image, 0, 255).astype(np.uint8)


def run(image: NDArray[np.uint8], **settings: Any) -> Segmentation:
    return segment(image, merge(BASE, settings))


def dice(one: Mask, other: Mask) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def is_about(one: Mask, other: Mask) -> bool:
    """The working grid is coarser than the image, so borders differ by about a pixel."""
    return dice(one, other) > 0.95


BOTH_SIDES = scene(dark=[BIG], light=[LIGHT])
TWO = scene(dark=[BIG, SMALL])


@pytest.mark.parametrize(("polarity", "expected"), [("darker", BIG), ("brighter", LIGHT), ("either", BIG)])
def test_polarity(polarity: str, expected: Mask) -> None:
    assert is_about(run(BOTH_SIDES, foreground={"polarity": polarity}).mask, expected)


@pytest.mark.parametrize("sign", [-1, 1])
def test_minority_finds_the_side_of_the_few(sign: int) -> None:
    image = scene(dark=[SMALL]) if sign < 0 else scene(dark=[], light=[SMALL])
    assert is_about(run(image, foreground={"polarity": "minority"}).mask, SMALL)


@pytest.mark.parametrize(
    ("objects", "expected"), [("one", BIG), ("two", BIG | SMALL), ("many", BIG | SMALL), ("any", BIG | SMALL)]
)
def test_objects_of_two(objects: str, expected: Mask) -> None:
    assert is_about(run(TWO, foreground={"objects": objects, "polarity": "darker"}).mask, expected)


@pytest.mark.parametrize(("objects", "count"), [("one", 1), ("two", 2), ("many", 3)])
def test_objects_of_three(objects: str, count: int) -> None:
    parts = [BIG, SMALL, disc(80, 30, 9)]
    mask = run(scene(dark=parts), foreground={"objects": objects, "polarity": "darker"}).mask
    assert is_about(mask, np.any(parts[:count], axis=0))


def test_a_pair_lies_on_both_sides_of_the_middle() -> None:
    """A bright spine between two dark lungs, and two dark discs more on the left that are larger than the right one."""
    left, right, other = disc(50, 35, 19), disc(50, 105, 14), disc(86, 25, 12)
    spine = (COLUMNS > 65) & (COLUMNS < 75)
    image = scene(dark=[left, right, other], light=[np.asarray(spine)])
    mask = run(image, foreground={"objects": "pair", "polarity": "darker"}).mask
    assert is_about(mask, left | right)


def test_touches_frame() -> None:
    at_the_frame = disc(0, 40, 30)
    anywhere = {"polarity": "darker", "objects": "one"}
    inside = anywhere | {"touches_frame": False}
    assert is_about(run(scene(dark=[at_the_frame]), foreground=anywhere).mask, at_the_frame)
    assert not run(scene(dark=[at_the_frame]), foreground=inside).mask[0].any()
    assert is_about(run(scene(dark=[at_the_frame, SMALL]), foreground=inside).mask, SMALL)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, BIG),
        ({"max_share": 0.06}, SMALL),
        ({"min_share": 0.06}, BIG),
        ({"min_share": 0.03, "max_share": 0.05}, SMALL),
    ],
)
def test_min_and_max_share(limits: dict[str, float], expected: Mask) -> None:
    foreground = {"polarity": "darker", "objects": "one"} | limits
    result = run(TWO, foreground=foreground)
    assert is_about(result.mask, expected)
    assert limits.get("min_share", 0) <= result.mask.mean() <= limits.get("max_share", 1)


def test_a_size_that_nothing_has_gives_nothing() -> None:
    result = run(TWO, foreground={"polarity": "darker", "objects": "one", "min_share": 0.3, "max_share": 0.31})
    assert not result.mask.any()
    assert result.is_empty
    assert (result.foreground, result.foreground_score, result.confidence) == (None, 0.0, 0.0)


REGION = (47, 71, 101, 137)


def test_a_region_hides_everything_outside_of_it() -> None:
    inside = np.zeros((HEIGHT, WIDTH), dtype=bool)
    inside[47:101, 71:137] = True
    result = run(TWO, foreground={"polarity": "darker"}, hints={"region": REGION})
    assert is_about(result.mask, SMALL)
    assert result.label_map.shape == result.mask.shape == result.stability.shape == (HEIGHT, WIDTH)
    np.testing.assert_array_equal(result.label_map == 0, ~inside)
    assert not result.mask[~inside].any()
    assert not result.stability[~inside].any()


def test_regions_are_measured_in_the_whole_image() -> None:
    result = run(TWO, foreground={"polarity": "darker"}, hints={"region": REGION})
    assert result.foreground is not None
    assert result.foreground.centroid == pytest.approx((70, 105), abs=0.5)
    assert result.foreground.bbox == pytest.approx((57, 92, 84, 119), abs=1)
    assert result.foreground.area_share == pytest.approx(float(SMALL.mean()), rel=0.05)
    assert sum(region.area_px for region in result.regions) == 54 * 66
    for region in result.regions:
        place = np.argwhere(result.label_map == region.label).mean(axis=0)
        np.testing.assert_allclose(region.centroid, place)
        assert 47 <= region.bbox[0] < region.bbox[2] <= 101
        assert 71 <= region.bbox[1] < region.bbox[3] <= 137


def test_a_region_is_segmented_as_if_it_were_the_image() -> None:
    whole = run(TWO, hints={"region": REGION})
    alone = run(np.ascontiguousarray(TWO[47:101, 71:137]))
    np.testing.assert_array_equal(whole.mask[47:101, 71:137], alone.mask)
    np.testing.assert_array_equal(whole.label_map[47:101, 71:137], alone.label_map)
    assert whole.foreground_score == alone.foreground_score
    assert whole.input_digest != alone.input_digest


def test_a_region_without_contrast_is_blank() -> None:
    image = TWO.copy()
    image[47:101, 71:137] = 150
    result = run(image, hints={"region": REGION})
    assert result.stop_reason == "blank"
    assert result.n_labels == 1
    assert not result.mask.any()
    assert (result.label_map > 0).sum() == 54 * 66


POINTS = [((40, 50), BIG), ((70, 105), SMALL), ((25, 110), LIGHT)]


@pytest.mark.parametrize("objects", ["one", "any"])
@pytest.mark.parametrize(("point", "expected"), POINTS)
def test_the_object_holds_the_point(objects: str, point: tuple[int, int], expected: Mask) -> None:
    image = scene(dark=[BIG, SMALL], light=[LIGHT])
    result = run(image, foreground={"objects": objects}, hints={"point": point})
    assert result.mask[point]
    assert is_about(result.mask, expected)


@pytest.mark.parametrize(("point", "expected"), POINTS)
def test_of_many_the_point_adds_one_and_keeps_the_others(point: tuple[int, int], expected: Mask) -> None:
    image = scene(dark=[BIG, SMALL], light=[LIGHT])
    without = run(image, foreground={"objects": "many"}).mask
    result = run(image, foreground={"objects": "many"}, hints={"point": point})
    assert result.mask[point]
    assert np.count_nonzero(result.mask & expected) > 0.7 * np.count_nonzero(expected)
    assert np.count_nonzero(without & ~result.mask) <= 0.01 * np.count_nonzero(without)


@pytest.mark.parametrize(("point", "expected"), [((35, 40), BIG), ((70, 105), SMALL)])
def test_the_point_chooses_between_two_alike_also_when_the_border_is_refined(
    point: tuple[int, int], expected: Mask
) -> None:
    result = run(
        TWO,
        foreground={"polarity": "darker", "objects": "one"},
        refine={"boundary_rounds": 2, "boundary_level": 0.5, "boundary_reach": 0.05},
        hints={"point": point},
    )
    assert result.mask[point]
    assert is_about(result.mask, expected)


def test_a_point_in_a_region_is_of_the_whole_image() -> None:
    both = scene(dark=[BIG, SMALL, disc(88, 75, 8)])
    for point, expected in (((70, 105), SMALL), ((88, 75), disc(88, 75, 8))):
        result = run(both, foreground={"objects": "one"}, hints={"region": (47, 60, 101, 139), "point": point})
        assert is_about(result.mask, expected)


@pytest.mark.parametrize(("box", "expected"), [((14, 19, 57, 62), BIG), ((56, 91, 85, 120), SMALL)])
def test_the_object_fills_the_box(box: tuple[int, int, int, int], expected: Mask) -> None:
    result = run(TWO, hints={"box": box})
    assert is_about(result.mask, expected)
    # Only the box and half of its side around are looked at.
    top, left, bottom, right = box
    rows, columns = (bottom - top + 1) // 2, (right - left + 1) // 2
    seen = np.argwhere(result.label_map > 0)
    assert seen.min(axis=0).tolist() == pytest.approx([max(top - rows, 0), max(left - columns, 0)], abs=1)
    assert seen.max(axis=0).tolist() == pytest.approx(
        [min(bottom + rows, HEIGHT) - 1, min(right + columns, WIDTH) - 1], abs=1
    )


def test_a_box_says_which_of_two_things_within_each_other_is_meant() -> None:
    """A dark core in a grey disc: without a box both together explain most, with it the core."""
    whole, core = disc(50, 70, 30), disc(50, 70, 12)
    image = np.random.default_rng(1).normal(180, 2, (HEIGHT, WIDTH))
    image[whole] -= 60
    image[core] -= 60
    picture = np.clip(image, 0, 255).astype(np.uint8)
    region = {"region": (10, 20, 95, 125)}
    darker = {"polarity": "darker"}
    assert is_about(run(picture, foreground=darker, hints=region | {"box": (20, 40, 81, 101)}).mask, whole)
    assert is_about(run(picture, foreground=darker, hints=region | {"box": (38, 58, 63, 83)}).mask, core)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_clusters_are_merged_to_a_number(count: int) -> None:
    image = np.clip(np.random.default_rng(2).normal(128, 60, (HEIGHT, WIDTH)), 0, 255).astype(np.uint8)
    assert run(image).n_labels == 6
    result = run(image, cluster={"merge_to": count})
    assert result.n_labels == count
    assert set(np.unique(result.label_map)) == set(range(1, count + 1))


def test_merging_joins_what_is_alike() -> None:
    """Levels 60, 150 and 230; of three clusters two are left, and 150 is nearer to 230 but far larger: Ward's cost.

    60 and 150 are 90 apart with harmonic areas 1254 · 11983 / 13237 = 1135; 230 and 150 are 80 apart with
    802 · 11983 / 12785 = 752. So the light disc goes first.
    """
    result = run(BOTH_SIDES, cluster={"merge_to": 2})
    assert is_about(result.label_map == 1, BIG)


def test_restarts_say_how_far_they_agree() -> None:
    image = scene(dark=[BIG, SMALL], light=[LIGHT])
    noisy = np.clip(image + np.random.default_rng(3).normal(0, 50, image.shape), 0, 255).astype(np.uint8)
    result = run(noisy, restarts=5)
    assert result.stability.min() >= 0
    assert result.stability.max() <= 1
    assert set(np.round(np.unique(result.stability) * 5, 4)) <= {0, 1, 2, 3, 4, 5}
    # Seeds in a row, and of k-means one cluster more each time.
    attempts = [run(noisy, random_state=seed, cluster={"n_clusters": 6 + seed}).mask for seed in range(5)]
    # Compared on the detail grid, so that memory is bounded: only at borders do its pixels differ from the native ones.
    differs = np.abs(result.stability - np.mean(attempts, axis=0)) > 1e-6
    assert differs.mean() < 0.05
    taken = [seed for seed, mask in enumerate(attempts) if np.array_equal(mask, result.mask)]
    assert taken  # one of them as it is, and no vote
    others = [dice(result.mask, mask) for seed, mask in enumerate(attempts) if seed != taken[0]]
    assert result.agreement == pytest.approx(np.mean(others), abs=0.02)


def test_restarts_take_the_attempt_that_most_resemble(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clusters are given: four seeds of five see the big disc, one the small one, and each a little else."""
    from msformer.cluster import Clustering
    from msformer.pipeline import segment_with
    from msformer.prepare import Prepared

    def cluster(prepared: Prepared, settings: Config) -> Clustering:
        rows, columns = (np.arange(n) / n for n in prepared.shape)
        seen = [BIG, SMALL, BIG & (COLUMNS < 55), BIG & (ROWS < 50), BIG][settings.random_state]
        at = (rows * HEIGHT).astype(int)[:, None], (columns * WIDTH).astype(int)
        return Clustering(np.stack([~seen[at], seen[at]]).astype(np.float32), "not_iterative")

    result = segment_with(cluster, TWO, merge(BASE, {"restarts": 5, "foreground": {"source": "clusters"}}))
    assert is_about(result.mask, BIG)
    assert 0 < result.agreement < 1
    assert result.stability[70, 105] == pytest.approx(0.2)
    assert result.stability[35, 40] == pytest.approx(0.8)


def test_one_start_is_stable_and_agrees() -> None:
    result = run(TWO)
    assert result.agreement == 1
    assert set(np.unique(result.stability)) == {0, 1}
    assert is_about(result.stability > 0.5, result.mask)


def test_the_last_seed_works() -> None:
    assert run(TWO, random_state=2**63 - 1).mask.any()


def test_restarts_after_the_last_seed() -> None:
    assert run(TWO, random_state=2**63 - 1, restarts=2).mask.any()


def test_the_refined_object_holds_a_point_on_its_rim() -> None:
    refine = {"boundary_rounds": 2, "boundary_level": 0.5, "boundary_reach": 0.05}
    assert BIG[15, 40]
    assert run(TWO, foreground={"polarity": "darker", "objects": "one"}, refine=refine, hints={"point": (15, 40)}).mask[
        15, 40
    ]


@pytest.mark.parametrize("change", [{"closing": 0.05}, {"min_relative_area": 0.5}], ids=str)
@pytest.mark.parametrize(
    "rounds",
    [
        1,
        0,
    ],
)
def test_closing_and_crumbs_change_the_mask(rounds: int, change: dict[str, float]) -> None:
    """A disc with a cut of 5 px from the left, and a small one."""
    cut = BIG & ((np.abs(ROWS - 35) >= 3) | (COLUMNS > 45))
    image = scene(dark=[cut, disc(80, 110, 6)])
    refine = {"boundary_rounds": rounds, "boundary_level": 0.5, "boundary_reach": 0.03}
    foreground = {"polarity": "darker", "objects": "many"}
    plain = run(image, foreground=foreground, refine=refine).mask
    changed = run(image, foreground=foreground, refine=refine | change).mask
    assert (plain ^ changed).sum() > 50


def test_the_detail_grid_is_for_small_objects() -> None:
    """Squares of 4 px, 4 px apart; the working grid has 3 px of the image in one."""
    image = np.full((113, 131), 200, dtype=np.uint8)
    squares = (np.arange(113) % 8 < 4)[:, None] & (np.arange(131) % 8 < 4)
    window = np.zeros((113, 131), dtype=bool)
    window[24:88, 24:104] = True
    image[squares & window] = 60
    prepare = {"working_size": 41, "detail_size": 121}
    foreground = {"polarity": "darker", "objects": "many", "min_area": 0.0, "inner_splits": 1}
    fine, coarse = (
        run(image, prepare=prepare, foreground=foreground | {"grid": grid}).mask for grid in ("detail", "working")
    )
    assert dice(fine, squares & window) > 0.8
    assert dice(coarse, squares & window) < 0.75


@pytest.mark.parametrize(
    ("hints", "message"),
    [
        ({"region": (0, 0, 102, 139)}, r"hints\.region"),
        ({"region": (0, 0, 20, 139)}, r"at least 33 px"),
        ({"point": (101, 0)}, r"hints\.point"),
        ({"box": (5, 5, 5, 20)}, r"hints\.box"),
    ],
)
def test_hints_outside_of_the_image_are_refused(hints: dict[str, Any], message: str) -> None:
    with pytest.raises(ImageError, match=message):
        run(TWO, hints=hints)


@pytest.mark.parametrize(
    "hints", [{"point": (1, 2, 3)}, {"box": (1, 2, 3)}, {"region": "here"}, {"points": (1, 2)}, {"point": (0.5, 2)}]
)
def test_hints_of_the_wrong_kind_are_refused(hints: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"hints\."):
        run(TWO, hints=hints)


def test_hints_are_carried_to_another_preset_and_what_the_preset_says_is_not() -> None:
    config = Config.from_mapping(
        {
            "preset": "dermoscopy",
            "hints": {"point": (3, 5)},
            "foreground": {"polarity": "brighter", "cues": {"ring": 2.0}},
            "restarts": 3,
            "random_state": 7,
        }
    )
    carried = config.carried_to("ultrasound")
    plain = Config.from_preset("ultrasound")
    assert carried.preset == "ultrasound"
    assert carried.hints.point == (3, 5)
    assert (carried.restarts, carried.random_state) == (3, 7)
    assert (carried.foreground.polarity, carried.foreground.cues.ring) == ("brighter", 2.0)
    assert carried.foreground.cues.solidity == plain.foreground.cues.solidity
    assert (carried.prepare, carried.cluster, carried.refine) == (plain.prepare, plain.cluster, plain.refine)
    assert Config.from_preset("nuclei").carried_to("lung-ct") == Config.from_preset("lung-ct")
    with pytest.raises(ConfigError, match="preset must be one of"):
        config.carried_to("nope")


def test_hint_settings_are_nested_and_leave_out_what_nobody_said() -> None:
    assert hint_settings() == {}
    assert hint_settings(
        polarity="darker", objects="two", touches_frame=False, share=(0.1, 0.3), point=[3, 5], n_clusters=4, restarts=2
    ) == {
        "foreground": {
            "polarity": "darker",
            "objects": "two",
            "touches_frame": False,
            "min_share": 0.1,
            "max_share": 0.3,
        },
        "hints": {"point": (3, 5)},
        "cluster": {"n_clusters": 4, "merge_to": 4},
        "restarts": 2,
    }
    assert hint_settings(region=[1, 2, 3, 4], box=(5, 6, 7, 8))["hints"] == {
        "region": (1, 2, 3, 4),
        "box": (5, 6, 7, 8),
    }
