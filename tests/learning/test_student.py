"""The student: what is drawn, what is taught and where, the loss by hand, and that seeds decide everything."""

from __future__ import annotations

from dataclasses import replace
from math import log

import numpy as np
import pytest
import torch
from tests.learning.helpers import COLUMNS, ROWS, lesson, network, same_weights

from msformer.errors import FitDivergedError
from msformer.learning import student
from msformer.learning.student import Lessons, draw_chances, object_loss, objects_in, target_of, teach, turned
from msformer.network.prompted import PromptedSizes, build_prompted
from msformer.prompting.view import SIDE

PLAIN = Lessons(updates=2)


def test_corrected_images_are_drawn_firmly_others_by_their_confidence() -> None:
    some = [lesson(1, confidence=0.5), lesson(2, confidence=1.0), lesson(3, corrected=lesson(3).own, confidence=0.1)]
    np.testing.assert_allclose(draw_chances(some, PLAIN), [0.5 / 6.5, 1 / 6.5, 5 / 6.5])
    np.testing.assert_allclose(draw_chances(some, replace(PLAIN, by_confidence=False)), [1 / 7, 1 / 7, 5 / 7])
    np.testing.assert_allclose(draw_chances([lesson(1, confidence=0.0)], PLAIN), [1.0])


def test_around_the_border_of_an_own_mask_nothing_is_taught() -> None:
    """A square in 80 × 80 px: a band of 2 px to each side, 2.5 % of the side."""
    view = np.ones((4, 80, 80), dtype=np.float32)
    view[3, :, :8] = 0  # shows nothing
    own = np.zeros((80, 80), dtype=np.float32)
    own[20:60, 20:60] = 1
    one = lesson(0, view=view, own=own)
    truth, known = target_of(one, PLAIN)
    assert truth is own
    assert known[40, [8, 15, 17, 18, 19, 20, 21, 22, 23, 40]].tolist() == [1, 1, 1, 0, 0, 0, 0, 1, 1, 1]
    assert known[17:24, 40].tolist() == [1, 0, 0, 0, 0, 1, 1]
    assert not known[:, :8].any()
    for how, given in ((replace(PLAIN, trimaps=False), one), (PLAIN, replace(one, corrected=np.roll(own, 5)))):
        truth, known = target_of(given, how)
        np.testing.assert_array_equal(truth, given.truth)
        np.testing.assert_array_equal(known, view[3])


def test_view_and_target_are_turned_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the same light, a view that shows its own mask shows it still, wherever it went."""
    for name in ("LIGHT", "COLOUR", "CUT_OUT"):
        monkeypatch.setattr(student, name, 0.0)
    one = lesson(5)
    view = np.ones_like(one.view)
    view[:3] = one.own
    places = set()
    for seed in range(12):
        image, truth, known = turned(view, (one.own, view[3]), np.random.default_rng(seed))
        assert image.shape == (4, SIDE, SIDE)
        assert truth.shape == known.shape == (SIDE, SIDE)
        np.testing.assert_allclose(image[0], truth * image[3], atol=1e-5)
        assert not (known > image[3]).any(), "nothing is taught where nothing is seen"
        assert truth.sum() > 20
        places.add(int(truth.argmax()))
    assert len(places) > 6
    again = turned(view, (one.own, view[3]), np.random.default_rng(11))
    np.testing.assert_array_equal(again[0], image)


def test_light_changes_and_a_part_is_blanked(monkeypatch: pytest.MonkeyPatch) -> None:
    one = lesson(5)
    view = np.ones((4, SIDE, SIDE), dtype=np.float32)
    target = np.ones((SIDE, SIDE), dtype=np.float32), np.ones((SIDE, SIDE), dtype=np.float32)
    monkeypatch.setattr(student, "CUT_OUT", 1.0)
    image, truth, _ = turned(view, target, np.random.default_rng(1))
    blank = (image[0] == 0) & (image[3] == 1)
    assert 0.15**2 < blank.sum() / SIDE**2 < 0.41**2
    assert truth[blank].mean() > 0.5, "what is taught of it stays"
    assert len({round(float(image[plane][image[0] != 0].max()), 6) for plane in range(3)}) == 3
    assert one.view.shape == (4, ROWS, COLUMNS)


def loss(logit: float, truth: float, known: float, *, tolerant: bool) -> float:
    def one(value: float) -> torch.Tensor:
        return torch.full((1, 1, 1), float(value))

    return float(object_loss(one(logit), one(truth), one(known), torch.tensor([tolerant])))


def test_loss_by_hand() -> None:
    """A px of even chance that is the object: entropy ln 2; soft Dice (2 · .5 + 1) / (.5 + 1 + 1) = .8."""
    assert loss(0, 1, 1, tolerant=False) == pytest.approx(2 * log(2) + 0.2, abs=1e-6)
    assert loss(0, 1, 1, tolerant=True) == pytest.approx(2 * (1 - 0.5**0.7) / 0.7 + 0.2, abs=1e-6)
    # That is no object: soft Dice 1 / (.5 + 1) = 2 / 3.
    assert loss(0, 0, 1, tolerant=False) == pytest.approx(2 * log(2) + 1 / 3, abs=1e-6)
    assert loss(log(3), 1, 1, tolerant=False) == pytest.approx(-2 * log(0.75) + 1 - 2.5 / 2.75, abs=1e-6)
    assert loss(3, 1, 0, tolerant=False) == 0, "what is not known does not count"
    assert loss(3, 1, 0.5, tolerant=True) == 0, "nor what is known in part"


def test_a_wrong_mask_costs_little_where_it_is_tolerated() -> None:
    firm, tolerant = loss(-20, 1, 1, tolerant=False), loss(-20, 1, 1, tolerant=True)
    assert firm == pytest.approx(2 * 20 + 0.5, abs=1e-3)
    assert tolerant == pytest.approx(2 / 0.7 + 0.5, abs=0.01)


def test_loss_is_the_mean_of_images_each_of_its_known_pixels() -> None:
    logits = torch.tensor([[[0.0, 5.0]], [[0.0, 0.0]]])
    truths = torch.tensor([[[1.0, 0.0]], [[1.0, 1.0]]])
    known = torch.tensor([[[1.0, 0.0]], [[1.0, 1.0]]])
    first = 2 * log(2) + 0.2
    second = 2 * log(2) + 1 - 3 / 4  # (2 · 1 + 1) / (1 + 2 + 1)
    found = object_loss(logits, truths, known, torch.tensor([False, False]))
    assert float(found) == pytest.approx((first + second) / 2, abs=1e-6)


def test_truths_are_compared_on_the_grid_of_the_answer() -> None:
    """2 × 2 px of truth in one of the answer: half of them the object."""
    truths = torch.tensor([[[1.0, 1.0], [0.0, 0.0]]])
    found = object_loss(torch.zeros(1, 1, 1), truths, torch.ones(1, 2, 2), torch.tensor([False]))
    assert float(found) == pytest.approx(2 * log(2) + 1 - (2 * 0.25 + 1) / 2, abs=1e-6)


def test_the_caller_s_threads_change_no_bit_of_student_or_map() -> None:
    larger = build_prompted(PromptedSizes(dim=32, depth_fine=1, depth_coarse=1), torch.Generator().manual_seed(3))
    some = [lesson(1), lesson(2)]
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            taught = teach(larger, some, PLAIN)
            found.append((taught, objects_in(taught, some[0]).tobytes()))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    for taught, seen in found[1:]:
        assert same_weights(taught, found[0][0])
        assert seen == found[0][1]


def test_seeds_decide_everything_and_the_grown_network_stays() -> None:
    some = [lesson(number) for number in range(3)]
    start = network()
    torch.manual_seed(1)
    first = teach(start, some, PLAIN)
    torch.manual_seed(2)
    assert same_weights(first, teach(start, some, PLAIN)), "nothing is drawn elsewhere"
    assert not same_weights(first, teach(start, some, replace(PLAIN, seed=1)))
    assert not same_weights(first, teach(start, some, replace(PLAIN, scales=0.0))), "the method's terms count"
    assert same_weights(start, network()), "a copy was taught"
    grown = replace(PLAIN, start="grown")
    assert not same_weights(first, teach(start, some, grown))
    before, after = start.state_dict(), teach(start, some, grown).state_dict()
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"encoder", "unprompted"}, "what answers prompts is not taught"
    assert not first.training
    assert not any(one.requires_grad for one in first.parameters())


def test_it_learns_and_tells_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what a person gave: the light rectangle, which every picture has."""
    some = [lesson(number, corrected=lesson(number).own) for number in range(4)]
    told: list[int] = []
    monkeypatch.setattr(student, "BATCH", 2)
    taught = teach(network(), some, Lessons(updates=40, scales=0.0), told.append)
    assert told == list(range(1, 41))
    unseen = lesson(99)
    contrast = [
        float(objects_in(one, unseen)[unseen.own > 0].mean() - objects_in(one, unseen)[unseen.own == 0].mean())
        for one in (network(), taught)
    ]
    assert contrast[1] > contrast[0] + 0.02


def test_an_objective_that_is_no_number_is_an_error() -> None:
    one = lesson(1)
    with pytest.raises(FitDivergedError, match="update 0"):
        teach(network(), [replace(one, view=one.view * np.nan)], PLAIN)


def test_a_mirrored_image_has_the_mirrored_map() -> None:
    one = lesson(4)
    mirrored = replace(one, view=np.ascontiguousarray(one.view[:, :, ::-1]))
    found = objects_in(network(), one)
    assert found.shape == (ROWS, COLUMNS)
    assert found.min() >= 0
    assert found.max() <= 1
    assert np.ptp(found) > 1e-3
    np.testing.assert_allclose(objects_in(network(), mirrored), found[:, ::-1], atol=1e-6)
