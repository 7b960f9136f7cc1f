"""Exponents of cues whose Dice is known by construction."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.evidence.exponents import (
    FITS,
    LOSSES,
    MAY_LOSE,
    Compared,
    Verdict,
    by_hand,
    compare,
    fit_each,
    fit_exponents,
    judged,
    taken,
)
from benchmarks.evidence.fits import Loss
from benchmarks.evidence.several import GUEST, Candidates

from msformer.config import Config
from msformer.foreground import CUES

pytestmark = pytest.mark.filterwarnings("error")
NAMES = list(CUES)


def pictures(group: str, preset: str, count: int = 13, **powers: float) -> list[Candidates]:
    """Candidates of random cues, whose Dice is the product of some of them to known powers."""
    rng = np.random.default_rng(7)
    found = []
    for _ in range(count):
        cues = rng.uniform(0.05, 1, (29, len(CUES)))
        dice = np.prod([cues[:, NAMES.index(name)] ** power for name, power in powers.items()], axis=0)
        found.append(Candidates(group, preset, cues, np.clip(dice, 0, 1)))
    return found


@pytest.mark.parametrize("how", LOSSES.values(), ids=LOSSES)
def test_the_cues_that_tell_the_dice_get_the_exponents(how: Loss) -> None:
    found = fit_exponents(pictures("a", "nuclei", ring=1.0, air=0.5), how)
    order = np.argsort(-found)
    assert [NAMES[index] for index in order[:2]] == ["ring", "air"]
    assert found[order[0]] == pytest.approx(2 * found[order[1]], rel=0.4)
    assert found[order[2]] < 0.25 * found[order[1]]


@pytest.mark.parametrize("how", LOSSES.values(), ids=LOSSES)
def test_no_exponent_is_under_0(how: Loss) -> None:
    """The smaller the cue *several*, the better the candidate: the most that a product can do is to leave it out."""
    made = pictures("a", "nuclei", ring=1.0, several=-0.25)
    found = fit_exponents(made, how)
    assert found.min() >= 0
    assert found[NAMES.index("several")] == 0
    assert found[NAMES.index("ring")] > 0.2


def test_a_product_takes_the_largest_and_nothing_where_all_are_0() -> None:
    cues = np.ones((3, len(CUES)))
    ring, air = NAMES.index("ring"), NAMES.index("air")
    cues[:, ring], cues[:, air] = (0.9, 0.6, 0.0), (0.2, 0.5, 1.0)
    one = Candidates("a", "nuclei", cues, np.array([0.25, 0.5, 0.75]))
    exponents = np.zeros(len(CUES))
    assert taken(one, exponents) == 0.25  # all products are 1: the first
    exponents[ring] = 1
    assert taken(one, exponents) == 0.25
    exponents[air] = 1  # .18, .3, 0
    assert taken(one, exponents) == 0.5
    exponents[:] = 0
    exponents[air] = 1
    assert taken(one, exponents) == 0.75
    one.cues[:, air] = 0
    assert taken(one, exponents) == 0.0


def test_those_by_hand_are_those_of_the_preset() -> None:
    cues = Config.from_preset("chest-xray").foreground.cues
    assert dict(zip(NAMES, by_hand("chest-xray"), strict=True)) == cues.model_dump()


def test_one_model_for_few_and_one_for_many() -> None:
    made = [*pictures("a", "lung-ct", ring=1.0), *pictures("b", "stained-tissue", centre=1.0)]
    split = fit_each(made, LOSSES["the choice"])
    assert NAMES[int(split[True].argmax())] == "ring"
    assert NAMES[int(split[False].argmax())] == "centre"


def test_a_set_is_judged_by_what_the_others_teach() -> None:
    """In one of two sets of lungs *ring* tells the Dice, in the other one *centre*: each misleads for the other."""
    made = [*pictures("made", "lung-ct", ring=1.0), *pictures("made too", "nuclei", ring=1.0)]
    real = [
        *pictures("lung_ct_konya", "lung-ct", ring=1.0),
        *pictures("lung_ct_kaggle64", "lung-ct", centre=1.0),
        *pictures("nuclei_dsb2018", "nuclei", ring=1.0),
        *pictures("nuclei_dsb2018_more", "nuclei", ring=1.0),
    ]
    rows = {row.name: row for row in compare(made, real, LOSSES["the choice"])}
    assert sorted(rows) == sorted({one.group for one in real})
    assert all(list(row.fitted) == list(FITS) for row in rows.values())
    means = {name: {label: row.fitted[label].mean() for label in FITS} for name, row in rows.items()}
    best = {name: row.best.mean() for name, row in rows.items()}
    for name in ("lung_ct_konya", "nuclei_dsb2018", "nuclei_dsb2018_more"):
        assert means[name]["scenes, one"] > best[name] - 0.05
        assert means[name]["scenes, two"] > best[name] - 0.05
    assert means["nuclei_dsb2018"]["other sets, two"] > best["nuclei_dsb2018"] - 0.05
    assert means["lung_ct_konya"]["other sets, two"] < best["lung_ct_konya"] - 0.2
    assert means["lung_ct_kaggle64"]["other sets, two"] < best["lung_ct_kaggle64"] - 0.2
    own = [one for one in real if one.group == "nuclei_dsb2018"]
    expected = [taken(one, by_hand("nuclei")) for one in own]
    np.testing.assert_array_equal(rows["nuclei_dsb2018"].hand, expected)


def gained(name: str, *gains: float) -> Compared:
    hand = np.full(len(gains), 0.5)
    return Compared(name, hand + 0.4, hand, dict.fromkeys(FITS, hand + gains))


def test_gains_by_hand() -> None:
    rows = [
        gained("lung_ct_konya", 0.02, 0.0),
        gained("lung_ct_kaggle64", -0.004),
        gained("nuclei_dsb2018", -0.25, 0.05),
        gained(GUEST, 0.3),
    ]
    found = judged(rows, FITS[2])
    assert found.mean == pytest.approx((0.01 - 0.004 - 0.1 + 0.3) / 4)
    assert found.own == pytest.approx((0.01 - 0.004 - 0.1) / 3)
    assert found.where == "nuclei_dsb2018"
    assert found.worst == pytest.approx(-0.1)
    assert found.lung == pytest.approx(-0.004)
    assert found.transfers


@pytest.mark.parametrize(
    ("mean", "lung", "transfers"),
    [(-MAY_LOSE, -MAY_LOSE, True), (-0.0051, 0.1, False), (0.1, -0.0051, False), (0.0, 0.0, True)],
)
def test_the_rule(mean: float, lung: float, transfers: bool) -> None:
    assert Verdict(mean, -1.0, -1.0, "any", lung).transfers == transfers
