"""What a network says of regions, by networks whose answers are known."""

from __future__ import annotations

import importlib.resources
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from msformer.config import ForegroundSettings
from msformer.foreground import Scene
from msformer.foreground.asked import ASKED, SAID, Heard, asked_evidence, hear, object_map
from msformer.foreground.evidence import region_evidence
from msformer.foreground.single import rank_regions
from msformer.image import Mask
from msformer.morphology import dice
from msformer.prompting import Alternatives, Looked, Said
from msformer.regions import Ground, Region, find_regions, region_features

SHAPE = (89, 113)
ROWS, COLUMNS = np.mgrid[: SHAPE[0], : SHAPE[1]]
EVERYWHERE = np.ones(SHAPE, dtype=bool)


def disc(radius: float, row: float, column: float) -> Mask:
    return np.asarray((ROWS - row) ** 2 + (COLUMNS - column) ** 2 <= radius**2)


LARGE, SMALL, NOWHERE = disc(19, 43, 37), disc(11, 31, 83), disc(9, 71, 89)
"""A dark disc, a bright one, and one that the picture does not show."""
PICTURE = np.asarray(
    0.5 - 0.3 * LARGE + 0.25 * SMALL + np.random.default_rng(7).normal(0, 0.01, SHAPE), dtype=np.float32
)


@dataclass
class Oracle:
    """Answers every click at once: by ``knows``, what is meant there, or nothing; all three alternatives alike.

    Attributes:
        knows: Row and column in px → the object, or None.
        expected: Of the three alternatives.
        shown: The map of objects.
        clicks: What it was asked.
    """

    knows: Callable[[int, int], Mask | None]
    expected: tuple[float, float, float] = (0.3, 0.9, 0.6)
    shown: Mask = field(default_factory=lambda: LARGE)
    clicks: list[tuple[int, int]] = field(default_factory=list)

    def objects(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return self.shown.astype(np.float32), np.zeros(SHAPE, dtype=np.float32)

    def ask(self, said: list[Said]) -> list[Alternatives]:
        result = []
        for one in said:
            ((down, right, is_on_it),) = one.clicks
            assert is_on_it
            assert one.box is None
            self.clicks.append((int(down * SHAPE[0]), int(right * SHAPE[1])))
            mask = self.knows(*self.clicks[-1])
            logits = np.full(SHAPE, -4.0) if mask is None else np.where(mask, 4.0, -4.0)
            stack = np.repeat(logits[None], 3, axis=0).astype(np.float32)
            result.append(Alternatives(stack, np.array(self.expected, dtype=np.float32)))
        return result


def heard_from(oracle: Oracle, valid: Mask = EVERYWHERE) -> Heard:
    ground = Ground.of(PICTURE[:, :, None], valid)
    regions = find_regions(ground.planes, valid)
    expected = region_evidence().probability(region_features(regions, ground))
    return hear(regions, expected, ground, cast(Looked, oracle))


def nearest(heard: Heard, mask: Mask, of_network: bool | None = None) -> dict[str, float]:
    """What is said of the candidate most like a mask, of the network's answers or of the others where that is given."""
    scores = [
        dice(region.on(SHAPE), mask) if of_network in (None, region.source == "network") else 0.0
        for region in heard.regions
    ]
    best = int(np.argmax(scores))
    assert scores[best] > 0.95
    return dict(zip(SAID, heard.said[best].tolist(), strict=True))


def test_an_answer_that_is_a_region_is_told_of_it_and_all_clicks_vote_for_it() -> None:
    oracle = Oracle(lambda row, column: LARGE if LARGE[row, column] else None)
    heard = heard_from(oracle)
    assert 2 <= len(oracle.clicks) <= ASKED
    assert any(LARGE[click] for click in oracle.clicks)
    of_region = nearest(heard, LARGE, of_network=False)
    # The best of three expects .9; the overlap is 1 but for the px where noise moved the region's border.
    assert 0.93 * 0.9 < of_region["expected"] <= 0.9 + 1e-6
    assert of_region["votes"] == 1
    assert of_region["objects"] > 0.95
    assert of_region["inside"] > 0.95
    assert of_region["around"] < 0.05
    of_answer = nearest(heard, LARGE, of_network=True)
    assert of_answer["expected"] == pytest.approx(0.9, abs=1e-6)
    assert of_answer["objects"] == pytest.approx(1)
    assert (of_answer["inside"], of_answer["around"]) == (1, 0)


def test_nothing_is_told_of_what_no_answer_is_about() -> None:
    heard = heard_from(Oracle(lambda row, column: LARGE if LARGE[row, column] else None))
    small = nearest(heard, SMALL)
    assert [small[name] for name in SAID[1:]] == [0, 0, 0, 0, 0]
    silent = heard_from(Oracle(lambda row, column: None))
    assert nearest(silent, LARGE)["votes"] == nearest(silent, LARGE)["expected"] == 0
    assert all(region.source != "network" for region in silent.regions)


def test_the_vote_is_the_share_of_the_clicks_on_it() -> None:
    """All clicks but the first two are answered by the whole picture, which all of them are on."""
    oracle = Oracle(lambda row, column: EVERYWHERE if len(oracle.clicks) > 2 else None)
    heard = heard_from(oracle)
    index = int(np.argmax([region.area for region in heard.regions]))
    assert heard.regions[index].area == PICTURE.size
    share = (len(oracle.clicks) - 2) / len(oracle.clicks)
    assert 0 < share < 1
    assert dict(zip(SAID, heard.said[index], strict=True))["votes"] == pytest.approx(share)


def test_an_answer_that_is_no_region_becomes_a_candidate() -> None:
    heard = heard_from(Oracle(lambda row, column: NOWHERE))
    own = [region for region in heard.regions if region.source == "network"]
    assert own
    assert all((region.on(SHAPE) == NOWHERE).all() for region in own)
    assert max(dice(one.on(SHAPE), NOWHERE) for one in heard.regions if one.source != "network") < 0.5
    assert nearest(heard, NOWHERE)["expected"] == pytest.approx(0.9, abs=1e-6)
    assert heard.said.shape == (len(heard.regions), len(SAID))
    assert heard.features.shape[0] == len(heard.regions)


def test_the_evidence_is_the_log_odds_of_what_ships() -> None:
    heard = heard_from(Oracle(lambda row, column: LARGE if LARGE[row, column] else None))
    chance = np.clip(region_evidence().probability(heard.features), 1e-4, 1 - 1e-4)
    np.testing.assert_allclose(1 / (1 + np.exp(-heard.said[:, 0])), chance, rtol=1e-6)
    assert np.ptp(chance) > 0.1


def test_answers_and_objects_end_where_there_is_no_data() -> None:
    valid = COLUMNS >= 37
    looked = Oracle(lambda row, column: LARGE if LARGE[row, column] else None)
    shown = object_map(cast(Looked, looked), valid)
    np.testing.assert_array_equal(shown, (LARGE & valid).astype(np.float32))
    heard = heard_from(looked, valid)
    own = [region for region in heard.regions if region.source == "network"]
    assert own
    assert all((region.on(SHAPE) == (LARGE & valid)).all() for region in own)


@pytest.mark.parametrize(("click", "weight"), [(LARGE, 4.0), (SMALL, 4.0), (SMALL, -4.0)])
def test_weights_decide_how_much_the_network_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, click: Mask, weight: float
) -> None:
    """With a weight of what is expected alone, what the answers are about comes first, or last."""
    text = f'{{"offset": 0, "features": {{"expected": [0, 1, {weight}]}}}}'
    (tmp_path / "asked.json").write_text(text, encoding="utf-8")
    monkeypatch.setattr(importlib.resources, "files", lambda _: tmp_path)
    asked_evidence.cache_clear()
    region_evidence()  # read before its place is another
    try:
        oracle = Oracle(lambda row, column: click if click[row, column] else None, shown=click)
        scene, ground = Scene(PICTURE, EVERYWHERE, 0), Ground.of(PICTURE[:, :, None], EVERYWHERE)
        found = rank_regions(ground, scene, ForegroundSettings(), cast(Looked, oracle))
    finally:
        asked_evidence.cache_clear()
    assert found is not None
    place = [dice(region.on(SHAPE), click) for region in found.regions]
    assert (place[0] > 0.95) == (weight > 0)
    assert (place[-1] > 0.95) == (weight < 0)
    odds = weight * 0.9 if weight > 0 else 0.0
    assert found.expected[0] == pytest.approx(1 / (1 + np.exp(-odds)), abs=1e-3)


def test_a_region_is_a_region() -> None:
    """The answer's own mask has no hole and lies in its window."""
    ring = disc(19, 43, 37) & ~disc(7, 43, 37)
    heard = heard_from(Oracle(lambda row, column: ring if ring[row, column] else None))
    own: list[Region] = [region for region in heard.regions if region.source == "network"]
    assert own
    assert all((region.on(SHAPE) == LARGE).all() for region in own)
    assert all(region.area == np.count_nonzero(LARGE) for region in own)
