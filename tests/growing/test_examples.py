"""What is asked of a scene: clicks lie where their sign says, boxes hold the thing, truths are the scene's things."""

from __future__ import annotations

import numpy as np
import pytest

from msformer.growing.examples import JITTER, LEAST_AREA, MOST_CLICKS, Example, make_example, next_click
from msformer.growing.recipe import POINTED_AT
from msformer.network.prompted import IN_CHANNELS
from msformer.scenes import SceneOptions, make_scene

SIDE, PROMPTS = 64, 6
SEEDS = range(60)


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return [make_example(seed, PROMPTS, SIDE, POINTED_AT) for seed in SEEDS]


def test_an_example_is_what_it_says_it_is(examples: list[Example]) -> None:
    for one in examples:
        assert one.image.shape == (IN_CHANNELS, SIDE, SIDE)
        assert np.isfinite(one.image).all()
        assert one.truths.shape == (PROMPTS, SIDE, SIDE)
        assert one.clicks.shape == (PROMPTS, MOST_CLICKS, 3)
        assert one.boxes.shape == (PROMPTS, 4)
        assert set(np.unique(one.clicks[..., 2])) <= {-1, 0, 1}


def test_truths_are_things_of_the_scene_and_large_enough(examples: list[Example]) -> None:
    roles = set()
    for seed, one in zip(SEEDS, examples, strict=True):
        scene = make_scene(seed, shape=(SIDE, SIDE), options=POINTED_AT)
        things = {(thing.on((SIDE, SIDE)) & scene.valid).tobytes(): thing.role for thing in scene.things}
        for truth in one.truths:
            if truth.any():
                assert truth.sum() >= LEAST_AREA
                roles.add(things[truth.tobytes()])
        np.testing.assert_array_equal(one.objects, scene.mask & scene.valid)
        assert not one.borders[~scene.valid].any()
        np.testing.assert_array_equal(one.image[3] > 0, scene.valid)
    assert {"target", "part", "body"} <= roles


def test_a_scene_without_a_thing_is_not_asked_about() -> None:
    one = make_example(0, 3, SIDE, SceneOptions.plain(single=0.0, nothing=1.0))
    assert not one.truths.any()
    assert not one.clicks.any()
    assert np.isnan(one.boxes).all()


def test_clicks_lie_on_the_thing_or_beside_it_as_their_sign_says(examples: list[Example]) -> None:
    signs = []
    for one in examples:
        for truth, clicks in zip(one.truths, one.clicks, strict=True):
            for row, column, sign in clicks[clicks[:, 2] != 0].astype(int):
                assert truth[row, column] == (sign > 0)
                signs.append(sign)
            if truth.any() and (clicks[:, 2] != 0).any():
                assert clicks[0, 2] == 1, "the first click is on it"
    assert signs.count(1) > signs.count(-1) > 0


def test_boxes_hold_the_thing_but_for_the_jitter(examples: list[Example]) -> None:
    exact = count = 0
    for one in examples:
        for truth, box in zip(one.truths, one.boxes, strict=True):
            if np.isnan(box).any():
                assert np.isnan(box).all()
                continue
            rows, columns = np.flatnonzero(truth.any(axis=1)), np.flatnonzero(truth.any(axis=0))
            true = np.array([rows[0], columns[0], rows[-1] + 1, columns[-1] + 1])
            sides = np.array([true[2] - true[0], true[3] - true[1]] * 2)
            assert (np.abs(box - true) <= 0.2 * sides + 1e-4).all(), "three deviations of 0.07 at most"
            assert (box >= 0).all()
            assert (box <= SIDE).all()
            exact += bool((box == true).all())
            count += 1
    assert 0 < exact < count
    assert JITTER < 0.2


def test_every_question_says_something(examples: list[Example]) -> None:
    for one in examples:
        for truth, clicks, box in zip(one.truths, one.clicks, one.boxes, strict=True):
            said = (clicks[:, 2] != 0).any() or not np.isnan(box).any()
            assert said == truth.any()


def test_borders_are_where_things_end() -> None:
    options = SceneOptions.plain()
    one, scene = make_example(4, 1, SIDE, options), make_scene(4, shape=(SIDE, SIDE), options=options)
    inside = np.pad(scene.mask, 1)
    around = np.stack([np.roll(inside, by, axis) for axis in (0, 1) for by in (-1, 1)])
    edge = ((around != inside).any(axis=0))[1:-1, 1:-1]
    assert one.borders[edge].all(), "every px beside one of the other kind"
    assert one.borders.sum() < 2 * edge.sum()


def test_the_seed_decides() -> None:
    first, again, other = (make_example(seed, 2, SIDE) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.clicks, again.clicks)
    np.testing.assert_array_equal(first.boxes, again.boxes)
    assert not np.array_equal(first.image, other.image)


def test_the_next_click_is_on_what_is_wrong_with_the_right_sign() -> None:
    truth, answer = np.zeros((40, 40), dtype=bool), np.zeros((40, 40), dtype=bool)
    truth[5:20, 5:20] = True
    assert next_click(truth, truth, np.random.default_rng(0)) is None
    for seed in range(20):
        found = next_click(truth, answer, np.random.default_rng(seed))
        assert found is not None
        row, column, sign = found
        assert truth[row, column]
        assert sign == 1
        assert 8 <= row <= 16, "deep, not at the border: at least half of the largest depth of 8"
        assert 8 <= column <= 16
    answer = truth.copy()
    answer[25:35, 25:35] = True
    for seed in range(20):
        found = next_click(truth, answer, np.random.default_rng(seed))
        assert found is not None
        row, column, sign = found
        assert sign == -1
        assert 25 < row < 34
        assert 25 < column < 34


def test_most_clicks_go_to_the_largest_mistake() -> None:
    truth, answer = np.zeros((60, 60), dtype=bool), np.zeros((60, 60), dtype=bool)
    truth[2:32, 2:32] = True  # 900 px missed
    answer[50:55, 50:55] = True  # 25 px too many: squared, 1 in 1297
    signs = [click[2] for seed in range(50) if (click := next_click(truth, answer, np.random.default_rng(seed)))]
    assert len(signs) == 50
    assert signs.count(1) >= 48
