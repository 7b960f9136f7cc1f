"""The choice among clusters: which candidates there are, and which settings change them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from msformer.config import CueWeights, ForegroundSettings
from msformer.foreground import Foreground, Scene, choose_foreground
from msformer.foreground.candidates import Candidate, find_candidates
from msformer.foreground.scene import Sign
from msformer.image import Mask
from msformer.morphology import dice

SHAPE = (53, 71)
ROWS, COLUMNS = np.mgrid[: SHAPE[0], : SHAPE[1]]
DISC = (ROWS - 30) ** 2 + (COLUMNS - 25) ** 2 < 12**2
SQUARE = (ROWS >= 10) & (ROWS < 18) & (COLUMNS >= 50) & (COLUMNS < 58)
BAR = ROWS >= 48

pytestmark = pytest.mark.filterwarnings("error")


def clusters_of(**masks: Mask) -> NDArray[np.int64]:
    """Ground 5 with other clusters drawn over it: ``n2`` is cluster 2."""
    clusters = np.full(SHAPE, 5)
    for name, mask in masks.items():
        clusters[mask] = int(name[1:])
    return clusters


def values_of(clusters: NDArray[np.int64]) -> NDArray[np.float32]:
    return np.asarray(np.select([clusters == 2, clusters == 3, clusters == 9], [0.2, 0.5, 1.0], 0.8), dtype=np.float32)


CLUSTERS = clusters_of(n2=DISC | SQUARE, n9=BAR)
"""Light ground (5), a dark disc and a smaller dark square (2), a brighter bar at the lower frame (9)."""


def scene_of(clusters: NDArray[np.int64] = CLUSTERS, sign: Sign = 0, **more: Any) -> Scene:
    return replace(Scene(values_of(clusters), np.ones(SHAPE, dtype=bool), sign), **more)


def choose(clusters: NDArray[np.int64] = CLUSTERS, scene: Scene | None = None, **settings: Any) -> Foreground:
    scene = scene_of(clusters) if scene is None else scene
    return choose_foreground(clusters, scene, ForegroundSettings(**settings))


def candidates(
    clusters: NDArray[np.int64] = CLUSTERS, scene: Scene | None = None, **settings: Any
) -> dict[bytes, Candidate]:
    scene = scene_of(clusters) if scene is None else scene
    found = list(find_candidates(clusters, scene, ForegroundSettings(**settings)))
    by_mask = {one.mask.tobytes(): one for one in found}
    assert len(by_mask) == len(found)  # none twice
    return by_mask


def test_the_dark_things_inside_are_the_object() -> None:
    chosen = choose()
    np.testing.assert_array_equal(chosen.mask, DISC | SQUARE)
    assert chosen.clusters == (2,)
    assert 0.5 < chosen.score <= 1
    assert set(chosen.cues) == {"frame", "explained"}
    assert chosen.cues["frame"] == 1
    assert chosen.score == pytest.approx(chosen.cues["explained"])


def test_names_of_clusters_do_not_matter() -> None:
    renamed = np.select([CLUSTERS == 2, CLUSTERS == 5], [77, 1], 30)
    chosen = choose(renamed, scene_of())
    np.testing.assert_array_equal(chosen.mask, DISC | SQUARE)
    assert chosen.clusters == (77,)


@pytest.mark.parametrize("count", [0, 1])
def test_one_cluster_or_equal_values_give_an_empty_mask(count: int) -> None:
    scene = replace(scene_of(), appearance=np.full(SHAPE, 0.5, np.float32))
    chosen = choose(CLUSTERS * count, scene)
    assert not chosen.mask.any()
    assert (chosen.clusters, chosen.score, dict(chosen.cues)) == ((), 0.0, {})


def test_the_input_is_left_alone() -> None:
    clusters, scene = CLUSTERS.copy(), scene_of()
    appearance = scene.appearance.copy()
    choose(clusters, scene, openings=(0.0, 0.05), inner_splits=2, hull=True)
    np.testing.assert_array_equal(clusters, CLUSTERS)
    np.testing.assert_array_equal(scene.appearance, appearance)


@pytest.mark.parametrize(
    ("sign", "unions"),
    [(-1, {(2,), (2, 5)}), (1, {(9,), (5, 9)}), (0, {(2,), (2, 5), (9,), (5, 9), (5,)})],
)
def test_unions_grow_from_the_objects_end_of_the_appearance(sign: Sign, unions: set[tuple[int, ...]]) -> None:
    found = candidates(scene=scene_of(sign=sign), min_area=0)
    assert {one.clusters for one in found.values()} <= unions
    assert {one.clusters for one in found.values()} >= unions - {(5,), (2, 5), (5, 9)}
    assert ((DISC | SQUARE).tobytes() in found) == (sign <= 0)
    assert (BAR.tobytes() in found) == (sign >= 0)


def test_a_union_that_hardly_grows_is_passed_over() -> None:
    """Cluster 3 adds 2 of 452 px to cluster 2, then 40."""
    few, more = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    few[40, 60:62], more[40, 20:60] = True, True
    dark = scene_of(clusters_of(n2=DISC, n3=few), -1)
    settings = {"min_area": 0, "objects": "many"}
    assert {one.clusters for one in candidates(clusters_of(n2=DISC, n3=few), dark, **settings).values()} == {(2,)}
    dark = scene_of(clusters_of(n2=DISC, n3=more), -1)
    found = candidates(clusters_of(n2=DISC, n3=more), dark, **settings)
    assert {one.clusters for one in found.values()} == {(2,), (2, 3)}


def test_the_sign_of_the_scene_chooses_the_side() -> None:
    np.testing.assert_array_equal(choose(scene=scene_of(sign=-1)).mask, DISC | SQUARE)
    np.testing.assert_array_equal(choose(scene=scene_of(sign=1), cues={"frame": 0.0}).mask, BAR)


def three() -> tuple[NDArray[np.int64], list[Mask]]:
    """Dark disc, square of 64 px, bar of 40 px, from large to small."""
    bar = (ROWS >= 40) & (ROWS < 44) & (COLUMNS >= 55) & (COLUMNS < 65)
    return clusters_of(n2=DISC | SQUARE | bar), [DISC, SQUARE, bar]


@pytest.mark.parametrize(
    ("objects", "groups"),
    [
        ("one", {(0,), (1,), (2,)}),
        ("many", {(0, 1, 2)}),
        ("any", {(0, 1, 2), (0,), (1,), (2,)}),
        ("two", {(0,), (1,), (2,), (0, 1), (0, 2), (1, 2)}),
    ],
)
def test_objects_says_how_many_components_make_a_candidate(objects: str, groups: set[tuple[int, ...]]) -> None:
    clusters, parts = three()
    found = candidates(clusters, scene_of(clusters, -1), objects=objects, min_area=0)
    expected = {np.any([parts[index] for index in group], axis=0).tobytes() for group in groups}
    assert set(found) == expected


@pytest.mark.parametrize(("objects", "count"), [("one", 1), ("two", 2), ("many", 3), ("any", 3)])
def test_objects_changes_the_choice(objects: str, count: int) -> None:
    clusters, parts = three()
    chosen = choose(clusters, scene_of(clusters, -1), objects=objects, min_area=0)
    np.testing.assert_array_equal(chosen.mask, np.any(parts[:count], axis=0))


@pytest.mark.parametrize("midline", [45, 30])
def test_a_pair_has_one_component_on_each_side_of_the_midline_which_cuts_it(midline: int) -> None:
    clusters, parts = three()
    found = candidates(clusters, scene_of(clusters, -1, midline=midline), objects="pair", min_area=0)
    left, right = parts[0] & (midline > COLUMNS), parts[0] & (midline < COLUMNS)
    across = [parts[1], parts[2]] + ([right] if right.any() else [])
    assert set(found) == {(left | one).tobytes() for one in across}
    # Without a midline at most two, anywhere.
    assert DISC.tobytes() in candidates(clusters, scene_of(clusters, -1), objects="pair", min_area=0)


def test_at_most_three_components_a_side_are_paired() -> None:
    """Five bars of 9, 8, 7, 6 and 5 px left, one right: 3 · 1 pairs."""
    left = [(2 * index + 3 == ROWS) & (COLUMNS >= 5) & (14 - index > COLUMNS) for index in range(5)]
    right = (ROWS == 20) & (COLUMNS >= 50) & (COLUMNS < 57)
    clusters = clusters_of(n2=np.any([*left, right], axis=0))
    found = candidates(clusters, scene_of(clusters, -1, midline=35), objects="pair", min_area=0)
    assert set(found) == {(bar | right).tobytes() for bar in left[:3]}


@pytest.mark.parametrize(("least", "count"), [(0.0, 3), (0.011, 2), (0.02, 1)])
def test_min_area_is_a_share_of_the_image(least: float, count: int) -> None:
    """Of 3763 px: 64 are .017 and 40 are .0106."""
    clusters, parts = three()
    chosen = choose(clusters, scene_of(clusters, -1), objects="many", min_area=least)
    np.testing.assert_array_equal(chosen.mask, np.any(parts[:count], axis=0))


def test_min_area_holds_for_pairs_too() -> None:
    clusters, _ = three()
    scene = scene_of(clusters, -1, midline=45)
    assert len(candidates(clusters, scene, objects="pair", min_area=0.011)) == 1
    assert not candidates(clusters, scene, objects="pair", min_area=0.02)


@pytest.mark.parametrize(("least", "count"), [(0.0, 3), (0.1, 2), (0.2, 1)])
def test_min_relative_area_is_a_share_of_the_largest(least: float, count: int) -> None:
    """The disc has 437 px or so: 64 are .146 of it and 40 are .09."""
    clusters, parts = three()
    chosen = choose(clusters, scene_of(clusters, -1), objects="many", min_area=0, min_relative_area=least)
    np.testing.assert_array_equal(chosen.mask, np.any(parts[:count], axis=0))


@pytest.mark.parametrize(
    ("limits", "part"), [({"max_share": 0.1}, 1), ({"min_share": 0.1}, 0), ({"min_share": 0.012, "max_share": 0.02}, 1)]
)
def test_min_and_max_share_are_of_the_whole_object(limits: dict[str, float], part: int) -> None:
    """The disc is .116 of the image, the square .017, the bar .0106."""
    clusters, parts = three()
    np.testing.assert_array_equal(choose(clusters, scene_of(clusters, -1), objects="one", **limits).mask, parts[part])
    assert not choose(clusters, scene_of(clusters, -1), objects="one", min_share=0.13).mask.any()


def test_touches_frame_false_excludes_what_touches() -> None:
    clusters = clusters_of(n2=BAR | SQUARE)
    scene = scene_of(clusters, -1)
    assert choose(clusters, scene, cues={"frame": 0.0}).mask[BAR].all()
    chosen = choose(clusters, scene, cues={"frame": 0.0}, touches_frame=False)
    np.testing.assert_array_equal(chosen.mask, SQUARE)


def test_the_frame_is_that_of_the_field() -> None:
    valid = COLUMNS < 60
    reaching = (ROWS >= 10) & (ROWS < 18) & (COLUMNS >= 45) & (COLUMNS < 60)
    clusters = clusters_of(n2=reaching | DISC)
    scene = scene_of(clusters, -1, valid=valid)
    assert choose(clusters, scene, objects="many").mask[reaching].all()
    np.testing.assert_array_equal(choose(clusters, scene, objects="many", touches_frame=False).mask, DISC)


def test_nothing_outside_of_the_field_is_taken() -> None:
    valid = COLUMNS < 30
    scene = scene_of(sign=-1, valid=valid)
    np.testing.assert_array_equal(choose(scene=scene).mask, DISC & valid)
    hull = choose(scene=scene, hull=True).mask
    assert hull[DISC & valid].all()
    assert not hull[~valid].any()


def test_holes_are_filled() -> None:
    clusters = CLUSTERS.copy()
    clusters[28:32, 23:27] = 5
    np.testing.assert_array_equal(choose(clusters, objects="one").mask, DISC)


def test_openings_cut_off_what_is_thin() -> None:
    """A thread of 2 px joins the disc to the frame; .04 of a side of 61 px is a radius of 2."""
    thread = (ROWS >= 30) & (COLUMNS >= 24) & (COLUMNS < 26)
    clusters = clusters_of(n2=DISC | thread)
    scene = scene_of(clusters, -1)
    assert not choose(clusters, scene, touches_frame=False).mask.any()
    mask = choose(clusters, scene, touches_frame=False, openings=(0.0, 0.04)).mask
    assert not (mask & ~DISC)[46:].any()
    assert mask[DISC].mean() > 0.95
    assert len(candidates(clusters, scene, openings=(0.0, 0.04))) == 2


def test_inner_splits_find_what_lies_inside_of_a_cluster() -> None:
    """A cell of .5 in which there is a nucleus of .2 with a core of 0, all one cluster."""
    cell, nucleus, core = (radius**2 >= ((ROWS - 30) ** 2 + (COLUMNS - 30) ** 2) for radius in (17, 8, 3))
    clusters = clusters_of(n2=cell)
    values = np.select([core, nucleus, cell], [0.0, 0.2, 0.5], 0.8).astype(np.float32)
    for sign, light in ((-1, values), (1, -values), (0, values), (0, -values)):
        scene = scene_of(clusters, sign, appearance=light)  # type: ignore[arg-type]
        for count, inner in enumerate(([], [nucleus], [nucleus, core])):
            found = candidates(clusters, scene, inner_splits=count, min_area=0)
            assert {one.tobytes() for one in (cell, *inner)} <= set(found)
            assert (nucleus.tobytes() in found) == (count > 0)
            assert (core.tobytes() in found) == (count > 1)


def test_hull_fills_bays_of_each_component() -> None:
    """Two L of 5 × 7 without 3 × 3: the pixels' centres on the slope, (0, 3) to (3, 6), belong to the hull."""
    bays = np.zeros(SHAPE, bool)
    hulls = np.zeros(SHAPE, bool)
    for top, left in ((10, 10), (30, 40)):
        bays[top : top + 5, left : left + 7] = True
        bays[top : top + 3, left + 4 : left + 7] = False
        hulls[top : top + 5, left : left + 7] = True
        for row in range(3):
            hulls[top + row, left + 4 + row : left + 7] = False
    clusters = clusters_of(n2=bays)
    scene = scene_of(clusters, -1)
    np.testing.assert_array_equal(choose(clusters, scene, objects="many").mask, bays)
    np.testing.assert_array_equal(choose(clusters, scene, objects="many", hull=True).mask, hulls)


def test_mirror_adds_the_mirror_image_within_the_field() -> None:
    """Column 25 is 10 left of a midline at 35."""
    mirrored = (ROWS - 30) ** 2 + (COLUMNS - 45) ** 2 < 12**2
    valid = COLUMNS < 50
    scene = scene_of(clusters_of(n2=DISC), -1, midline=35, valid=valid)
    np.testing.assert_array_equal(choose(clusters_of(n2=DISC), scene).mask, DISC)
    chosen = choose(clusters_of(n2=DISC), scene, mirror=True)
    np.testing.assert_array_equal(chosen.mask, DISC | (mirrored & valid))
    assert choose(clusters_of(n2=DISC), scene_of(clusters_of(n2=DISC), -1), mirror=True).mask.sum() == DISC.sum()


@pytest.mark.parametrize("objects", ["any", "one", "two", "many", "pair"])
@pytest.mark.parametrize(("point", "expected"), [((30, 25), DISC), ((12, 52), SQUARE), ((51, 3), BAR)])
def test_the_object_holds_the_point(objects: str, point: tuple[int, int], expected: Mask) -> None:
    np.testing.assert_array_equal(
        choose(scene=scene_of(point=point), objects=objects, cues={"frame": 0.5}).mask, expected
    )


def test_a_pair_holds_the_point() -> None:
    clusters, parts = three()
    scene = scene_of(clusters, -1, midline=45, point=(42, 60))
    np.testing.assert_array_equal(choose(clusters, scene, objects="pair", min_area=0).mask, parts[0] | parts[2])


def test_a_point_between_the_ends_makes_its_cluster_a_candidate() -> None:
    """The square is neither the darkest nor the brightest; nobody would propose it alone."""
    clusters = clusters_of(n2=DISC, n3=SQUARE, n9=BAR)
    assert SQUARE.tobytes() in candidates(clusters, scene_of(clusters, -1, point=(12, 52)), objects="many")
    assert SQUARE.tobytes() not in candidates(clusters, scene_of(clusters, -1), objects="many")


def test_a_box_clips_candidates_and_prefers_what_fills_it() -> None:
    box = (8, 48, 20, 60)
    mask = choose(scene=scene_of(sign=-1, box=box)).mask
    np.testing.assert_array_equal(mask, SQUARE)
    half = (18, 10, 44, 25)
    inside = (ROWS >= 18) & (ROWS < 44) & (COLUMNS >= 10) & (COLUMNS < 25)
    np.testing.assert_array_equal(choose(scene=scene_of(sign=-1, box=half)).mask, DISC & inside)


def test_cues_change_the_choice() -> None:
    """A bar of 355 px at the frame explains more than the square, which lies inside."""
    clusters = clusters_of(n2=BAR | SQUARE)
    scene = scene_of(clusters, -1)
    np.testing.assert_array_equal(choose(clusters, scene, objects="one", cues={"frame": 0.0}).mask, BAR)
    np.testing.assert_array_equal(choose(clusters, scene, objects="one", cues={"frame": 8.0}).mask, SQUARE)


def test_dim_and_bright_objects_pass_one_level_over_their_surroundings() -> None:
    """Ground that rises from 0 to 2 with discs .4 above it: no level of the picture has them all."""
    height, width = 120, 160
    rows, columns = np.mgrid[:height, :width]
    discs = ((rows % 30 - 15) ** 2 + (columns % 32 - 16) ** 2) < 6**2
    ground = 2 * columns / width
    scene = Scene(np.asarray(ground + 0.4 * discs, dtype=np.float32), np.ones((height, width), dtype=bool), 1)
    settings: dict[str, Any] = {
        "objects": "many",
        "min_area": 0.0,
        "cues": {"explained": 0.1, "frame": 0.0, "solidity": 1.0, "separate": 1.0, "several": 1.0},
    }
    whole = choose_foreground(None, scene, ForegroundSettings(**settings)).mask
    even = choose_foreground(None, scene, ForegroundSettings(**settings, windows=(0.06, 0.12))).mask
    assert dice(whole, discs) < 0.8
    assert dice(even, discs) > 0.9


def test_one_thing_that_holds_all_others_is_none_of_many() -> None:
    """Twelve bright discs in a body that differs more from black than they from it."""
    rows, columns = np.mgrid[:120, :160]
    body = ((rows - 60) / 50) ** 2 + ((columns - 80) / 72) ** 2 < 1
    discs = body & (((rows % 24 - 12) ** 2 + (columns % 24 - 12) ** 2) < 5**2)
    noise = np.random.default_rng(0).normal(0, 0.02, body.shape)
    scene = Scene(np.asarray(body + 0.8 * discs + noise, dtype=np.float32), np.ones(body.shape, dtype=bool), 1)
    cues = CueWeights(explained=0.1, frame=0.0, solidity=1.0, separate=1.0, several=1.0)
    chosen = choose_foreground(None, scene, ForegroundSettings(objects="many", min_area=0.0, cues=cues)).mask
    assert dice(chosen, discs) > 0.85
