"""Methods on a picture that none of them can get wrong, and their marks."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks.interaction.methods import FOREST, METHODS, method_of
from benchmarks.interaction.methods.agreed import Agreed
from benchmarks.interaction.methods.base import Picture, reduced
from benchmarks.interaction.methods.forest import Forest, Table, fit, table_of, told
from benchmarks.interaction.methods.grown import GRID, Grown, LookedEngine, Maps
from benchmarks.interaction.methods.marked import GROUND, OBJECT, marks_of
from benchmarks.interaction.methods.tree import find_regions_of
from benchmarks.interaction.run import _fit_without
from numpy.typing import NDArray

from msformer.image import Image, Mask
from msformer.morphology import dice
from msformer.network.prompted import Decoded, Features, PromptedNet, PromptedSizes, Prompts
from msformer.prompting.looked import Said

SHAPE = 131, 173
CLASSIC = ("GrabCut", "random walker", "geodesic", "watershed", "region tree")


def disc_picture() -> tuple[Picture, Mask]:
    rows, columns = np.ogrid[: SHAPE[0], : SHAPE[1]]
    truth = np.asarray((rows - 60) ** 2 + (columns - 70) ** 2 <= 30**2)
    noise = np.random.default_rng(0).normal(0, 4, (*SHAPE, 3))
    pixels = np.where(truth[:, :, None], (190, 60, 50), (90, 120, 140)) + noise
    return Picture.of(Image.from_array(np.clip(pixels, 0, 255).astype(np.uint8))), truth


@pytest.mark.parametrize("name", CLASSIC)
def test_a_disc_is_found_by_a_click_and_by_a_box(name: str) -> None:
    picture, truth = disc_picture()
    prompter = method_of(name)(picture)
    by_click = prompter.answer([(60, 70, 1)], None, None)
    assert dice(max(by_click, key=lambda one: one[1])[0], truth) > 0.9
    by_box = prompter.answer([], (30, 40, 91, 101), None)
    assert dice(max(by_box, key=lambda one: one[1])[0], truth) > 0.9
    assert all(mask.shape == SHAPE and mask.dtype == bool for mask, _ in [*by_click, *by_box])


@pytest.mark.parametrize("name", CLASSIC)
def test_clicks_at_every_edge_are_answered(name: str) -> None:
    picture, _ = disc_picture()
    prompter = method_of(name)(picture)
    for place in ((0, 0), (0, SHAPE[1] - 1), (SHAPE[0] - 1, 0), (SHAPE[0] - 1, SHAPE[1] - 1)):
        answers = prompter.answer([(60, 70, 1), (*place, -1)], None, np.zeros(SHAPE, dtype=bool))
        assert all(not mask[place] for mask, _ in answers)
        assert all(mask.shape == SHAPE for mask, _ in prompter.answer([(*place, 1)], None, None))


def test_marks_are_discs_and_the_frame_and_the_box() -> None:
    field = np.ones((29, 37), dtype=bool)
    field[:, :5] = False
    marks = marks_of(field, [(14, 20, 1), (14, 30, -1)], None)
    assert (marks[0] == GROUND).all()
    assert (marks[:, :6] == GROUND).all()  # what shows nothing, and the frame of what does
    assert marks[14, 6] == 0
    assert [int(marks[14, column]) for column in (16, 17, 20, 23, 24)] == [0, OBJECT, OBJECT, OBJECT, 0]
    assert [int(marks[14, column]) for column in (26, 27, 33, 34)] == [0, GROUND, GROUND, 0]
    boxed = marks_of(np.ones((29, 37), dtype=bool), [], (5, 7, 18, 24))
    assert (boxed[5:18, 7:24] != GROUND).all()
    assert np.count_nonzero(boxed == GROUND) == 29 * 37 - 13 * 17
    assert boxed[11, 15] == OBJECT
    assert boxed[5, 7] == 0


def test_a_picture_is_reduced_and_never_enlarged() -> None:
    assert reduced((2016, 3024), 640) == (427, 640)
    assert reduced((64, 48), 640) == (64, 48)


class Half:
    """An engine that marks the half of the picture above the click."""

    def __init__(self) -> None:
        self.said: list[Said] = []
        self.before: list[int | None] = []

    def look(self, pixels: NDArray[np.float32], valid: Mask) -> tuple[int, int]:
        return valid.shape[0], valid.shape[1]

    def unasked(self, looked: tuple[int, int]) -> Maps:
        plane = np.full(looked, -1.0, dtype=np.float32)
        plane[:, : looked[1] // 2] = 1
        return [(plane, 0.25)]

    def answer(self, looked: tuple[int, int], said: Said, before: int | None) -> tuple[Maps, int]:
        self.said.append(said)
        self.before.append(before)
        plane = np.full(looked, -1.0, dtype=np.float32)
        plane[: round(said.clicks[0][0] * looked[0])] = 1
        return [(plane, 0.5)], len(self.said)


def test_any_engine_can_be_asked_and_is_told_places_as_shares() -> None:
    engine = Half()
    image = Image.from_array(np.random.default_rng(0).integers(0, 255, (1300, 97), dtype=np.uint8))
    prompter = Grown(engine, Picture.of(image))
    ((mask, expected),) = prompter.answer([(649, 48, 1), (1299, 0, -1)], (130, 0, 1300, 97), None)
    assert mask.shape == (1300, 97)
    assert expected == 0.5
    assert mask[:640].all()
    assert not mask[660:].any()
    said = engine.said[0]
    assert said.box == (0.1, 0.0, 1.0, 1.0)
    assert list(said.clicks[0]) == pytest.approx([649.5 / 1300, 0.5, 1])
    assert said.clicks[1][2] is False
    prompter.answer([(649, 48, 1)], None, mask)
    prompter.answer([(649, 48, 1)], None, None)
    assert engine.before == [None, 1, None], "it goes on from its last answer where there is a mask so far"
    ((mask, expected),) = prompter.answer([], None, None)
    assert (expected, len(engine.said)) == (0.25, 3), "nothing was said"
    assert mask[:, :46].all()
    assert not mask[:, 50:].any()


class Pointed(PromptedNet):
    """Says that a disc of ``radius`` px around a click is meant, all of a box, and that objects lie at ``place``.

    It expects ``hope`` log-odds of clicks in the lower half of its view, and 0 of the others.
    """

    def __init__(self, place: tuple[slice, slice], hope: float = 0.0, radius: float = 15.0) -> None:
        super().__init__(PromptedSizes(dim=8, depth_fine=1, depth_coarse=1))
        self.place, self.hope, self.radius = place, hope, radius

    def encode(self, image: torch.Tensor) -> Features:
        return Features(image[:, :1], image[:, 3:])

    def decode(self, features: Features, prompts: Prompts) -> Decoded:
        height, width = features.fused.shape[2:]
        rows, columns = torch.arange(height)[:, None], torch.arange(width)
        down, right = (prompts.clicks[:, 0, axis, None, None] for axis in (0, 1))
        plane = self.radius - ((rows - down) ** 2 + (columns - right) ** 2).sqrt()
        box = prompts.box[:, :, None, None]
        inside_rows = (rows + 0.5 > box[:, 0]) & (rows + 0.5 < box[:, 2])
        inside = inside_rows & (columns + 0.5 > box[:, 1]) & (columns + 0.5 < box[:, 3])
        plane = torch.where(torch.isnan(box[:, 0]), plane, torch.where(inside, 1.0, -1.0))
        expected = self.hope * (prompts.clicks[:, 0, :1] > height / 2)
        return Decoded(torch.stack([plane] * 3, dim=1), expected.expand(-1, 3).float())

    def without_prompt(self, features: Features) -> tuple[torch.Tensor, torch.Tensor]:
        objects = torch.full(features.fused.shape[2:], -20.0)
        objects[self.place] = 20.0
        return objects[None], objects[None]


def unasked(network: PromptedNet, valid: Mask | None = None) -> Maps:
    engine = LookedEngine(network)
    pixels = np.random.default_rng(0).uniform(0, 1, (128, 128, 3)).astype(np.float32)
    return engine.unasked(engine.look(pixels, np.ones((128, 128), dtype=bool) if valid is None else valid))


def middle_of(maps: Maps) -> list[float]:
    plane, _ = max(maps, key=lambda one: one[1])
    return [float(one.mean()) for one in np.nonzero(plane > 0)]


def test_without_a_prompt_the_network_points_at_what_it_takes_for_an_object() -> None:
    cell = 128 // GRID
    for down, right in ((2, 5), (6, 1)):
        place = slice(down * cell, (down + 1) * cell), slice(right * cell, (right + 1) * cell)
        # The disc around the middle of that cell holds all of it, and its box is asked for.
        middle = [down * cell + cell / 2 - 0.5, right * cell + cell / 2 - 0.5]
        assert middle_of(unasked(Pointed(place))) == pytest.approx(middle, abs=1)


def test_without_a_prompt_an_answer_that_expects_more_of_itself_is_preferred() -> None:
    everywhere = slice(0, 128), slice(0, 128)
    assert middle_of(unasked(Pointed(everywhere, hope=2.0)))[0] > 64
    assert middle_of(unasked(Pointed(everywhere, hope=-2.0)))[0] < 64


def test_without_a_prompt_there_may_be_no_object() -> None:
    everywhere = slice(0, 128), slice(0, 128)
    assert unasked(Pointed(everywhere, radius=1.5)) == [], "discs of less than 12 px"
    assert unasked(Pointed(everywhere), np.zeros((128, 128), dtype=bool)) == [], "nothing is shown"


class Discs(Half):
    """An engine that marks discs of these radii in px around the middle of the disc of the picture."""

    def __init__(self, *radii: float) -> None:
        super().__init__()
        self.radii = radii

    def answer(self, looked: tuple[int, int], said: Said, before: int | None) -> tuple[Maps, int]:
        rows, columns = np.ogrid[: looked[0], : looked[1]]
        distance = np.hypot(rows - 60, columns - 70).astype(np.float32)
        return [(radius - distance, 0.5 + 0.01 * radius) for radius in self.radii], 0


def test_an_answer_that_is_much_like_a_region_takes_its_border() -> None:
    picture, truth = disc_picture()
    answers = {}
    for method in (Grown, Agreed):
        answers[method] = method(Discs(27, 22, 33), picture).answer([(60, 70, 1)], None, None)
    # IoU with the disc of 30 px: .81, .54 and .83.
    (near, _), (far, _), (large, _) = answers[Agreed]
    assert dice(near, truth) > 0.98 > 0.93 > dice(answers[Grown][0][0], truth)
    assert dice(large, truth) > 0.98 > 0.93 > dice(answers[Grown][2][0], truth)
    np.testing.assert_array_equal(far, answers[Grown][1][0])
    assert [one[1] for one in answers[Agreed]] == pytest.approx([0.77, 0.72, 0.83]), "what it expects stays"


def test_without_a_region_an_answer_stays_as_it_is() -> None:
    picture = Picture.of(Image.from_array(np.full(SHAPE, 90, dtype=np.uint8)))
    assert find_regions_of(picture) is None
    ((mask, _),) = Agreed(Discs(27), picture).answer([(60, 70, 1)], None, None)
    assert mask.sum() == pytest.approx(np.pi * 27**2, rel=0.02)


@pytest.mark.parametrize("name", [name for name, entry in METHODS.items() if "nothing" in entry.asked])
def test_a_disc_is_found_without_a_prompt(name: str) -> None:
    picture, truth = disc_picture()
    answers = method_of(name)(picture).answer([], None, None)
    mask, _ = max(answers, key=lambda one: one[1])
    assert mask.shape == SHAPE
    assert dice(mask, truth) > 0.9


def test_grabcut_starts_from_the_middle_where_nothing_is_said() -> None:
    rows, columns = np.ogrid[: SHAPE[0], : SHAPE[1]]
    # Two discs of one colour: both are pieces of its answer, and only the one that is clicked on where one is.
    first, second = ((rows - 60) ** 2 + (columns - middle) ** 2 <= 20**2 for middle in (60, 110))
    pixels = np.where((first | second)[:, :, None], (190, 60, 50), (90, 120, 140)).astype(np.uint8)
    prompter = method_of("GrabCut")(Picture.of(Image.from_array(pixels)))
    assert dice(prompter.answer([], None, None)[0][0], np.asarray(first | second)) > 0.9
    assert dice(prompter.answer([(60, 60, 1)], None, None)[0][0], np.asarray(first)) > 0.9


def test_a_forest_is_told_where_the_click_is() -> None:
    picture, truth = disc_picture()
    found = find_regions_of(picture)
    assert found is not None
    held, middle = told(found, (60, 70, 1))
    _, aside = told(found, (60, 46, 1))
    # Of the disc: the deepest point, then near its border and most of a radius from its middle.
    best = max(range(len(held)), key=lambda i: dice(found.native(found.regions[held[i]], ()), truth))
    assert middle[best, -3] > 0.9
    assert middle[best, -2] < 0.15
    assert aside[:, -2].max() > 0.6
    assert told(found, (0, 0, 1))[1].shape[1] == middle.shape[1]


def test_a_forest_finds_the_disc_that_it_was_fitted_on(tmp_path: Path) -> None:
    picture, truth = disc_picture()
    table = table_of(picture, truth, (60, 70, 1))
    assert table is not None
    assert table[1].max() > 0.9
    _, path = _fit_without(("other", [("own", table)] * 5, 0, tmp_path / "forest"))
    assert path is not None
    answers = Forest(path, picture).answer([(60, 70, 1)], None, None)
    assert max(dice(mask, truth) for mask, _ in answers) > 0.9
    assert Forest(path, picture).answer([], (30, 40, 91, 101), None) == []


def test_a_forest_never_sees_its_own_set(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).random((200, 3)).astype(np.float32)
    known: list[tuple[str, Table]] = [("rising", (rows, rows[:, 0])), ("falling", (rows, 1 - rows[:, 0]))]
    steps = {}
    for name in ("rising", "falling"):
        path = _fit_without((name, known, 0, tmp_path / name))[1]
        assert path is not None
        low, high = pickle.loads(path.read_bytes()).predict([[0.1, 0.5, 0.5], [0.9, 0.5, 0.5]])
        steps[name] = high - low
    assert steps["rising"] < -0.5 < 0.5 < steps["falling"]
    assert _fit_without(("rising", known[:1], 0, tmp_path / "none"))[1] is None


def test_the_same_seed_fits_the_same_forest() -> None:
    rng = np.random.default_rng(0)
    table = rng.random((40, 5)).astype(np.float32), rng.random(40).astype(np.float32)
    first, again, other = (fit([("one", table)], seed).predict(table[0]) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_forest_needs_its_file() -> None:
    assert FOREST in METHODS
    with pytest.raises(ValueError, match="needs the file"):
        method_of(FOREST)


def test_methods_know_nothing_of_the_evaluation() -> None:
    sources = sorted((Path(__file__).parents[3] / "benchmarks" / "interaction" / "methods").glob("*.py"))
    assert len(sources) == 8
    for source in sources:
        names = [line for line in source.read_text(encoding="utf-8").splitlines() if "import" in line.split()]
        assert not any("evaluation" in line for line in names), source.name
