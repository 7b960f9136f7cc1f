"""Pages and their parts from rows written by hand."""

from __future__ import annotations

import numpy as np
from benchmarks.evidence.asked import Pointed
from benchmarks.evidence.exponents import FITS, Compared, Verdict
from benchmarks.evidence.fits import Model
from benchmarks.evidence.pages import (
    NETWORK,
    SEVERAL,
    SeveralTold,
    Trusted,
    confidence_page,
    evidence_page,
    network_section,
    several_section,
    with_section,
)
from benchmarks.evidence.scores import Added
from benchmarks.evidence.several import Outlined
from benchmarks.evidence.tables import (
    CUE_SOURCES,
    added_table,
    cue_table,
    exponent_table,
    prompted_table,
    several_table,
    verdict_table,
)

from msformer import confidence
from msformer.foreground import CUES
from msformer.foreground.asked import SAID
from msformer.regions import FEATURES

ROWS = [Added("discs", 3, 0.5, 0.625, 0.25, 0.75), Added("rings", 5, 0.25, 0.375, 0.5, 1.0)]


def model(names: tuple[str, ...], largest: str) -> Model:
    weights = np.full(len(names) + 1, 0.01)
    weights[names.index(largest)] = -2.0
    return Model(np.zeros(len(names)), np.ones(len(names)), weights)


def section(minutes: float = 3.0) -> list[str]:
    return network_section(ROWS, model(SAID, "votes"), 237, "0123456789abcdef", minutes)


def compared(name: str, hand: list[float], *fitted: list[float]) -> Compared:
    values = {label: np.array(dices) for label, dices in zip(FITS, fitted, strict=True)}
    return Compared(name, np.array([0.9] * len(hand)), np.array(hand), values)


SETS = [
    compared("discs", [0.5, 0.7], [0.5, 0.7], [0.6, 0.9], [0.25, 0.75], [0.0, 0.0]),
    compared("rings", [0.8], [0.9], [0.8], [0.8], [0.8]),
]
FINALS = [Outlined("discs", 0.5, 0.25), Outlined("rings", 1.0, 0.75), Outlined("discs", 0.75, 0.75)]
FAILED, PASSED = Verdict(-0.01, -0.02, -0.1, "discs", 0.0), Verdict(0.001, 0.0, -0.004, "rings", 0.002)


def several(minutes: float = 7.0, verdict: Verdict = FAILED) -> list[str]:
    told = SeveralTold(SETS, FINALS, {("x", FITS[0]): FAILED, ("y", FITS[1]): verdict}, {"few": np.arange(8.0)}, 239)
    return several_section(told, minutes)


def test_gains_over_exponents_by_hand_with_their_standard_errors() -> None:
    """Gains of .1 and .2: deviation .0707, over the root of 2."""
    assert several_table(SETS, FINALS)[2:] == [
        "| discs | 2 | 0.900 | 0.600 | 0.600 (+0.000 ± 0.000) | 0.750 (+0.150 ± 0.050) | 0.500 (-0.100 ± 0.150) "
        "| 0.000 (-0.600 ± 0.100) | 0.625 | 0.500 |",
        "| rings | 1 | 0.900 | 0.800 | 0.900 (+0.100 ± 0.000) | 0.800 (+0.000 ± 0.000) | 0.800 (+0.000 ± 0.000) "
        "| 0.800 (+0.000 ± 0.000) | 1.000 | 0.750 |",
        "| **mean** | | **0.900** | **0.700** | **0.750** | **0.775** | **0.650** | **0.400** "
        "| **0.812** | **0.625** |",
    ]
    assert len({line.count("|") for line in several_table(SETS, FINALS)}) == 1


def test_what_ships_is_said_by_the_rule() -> None:
    text = "\n".join(several())
    assert text.startswith(f"{SEVERAL}\n")
    assert "**the exponents by hand stay**" in text
    assert "on 239 random scenes and phantoms" in text
    assert "docs/evidence.md --only several` in 7 min" in text
    assert "--write" not in text, "nothing is written"
    passed = "\n".join(several(verdict=PASSED))
    assert f"Within it: *{FITS[1]}* by the loss *y*." in passed
    assert "stay" not in passed
    assert verdict_table({("x", "a"): FAILED, ("y", "b"): PASSED})[2:] == [
        "| x | a | -0.010 | -0.020 | -0.100 (discs) | +0.000 | no |",
        "| y | b | +0.001 | +0.000 | -0.004 (rings) | +0.002 | yes |",
    ]


def test_exponents_stand_beside_those_of_the_presets() -> None:
    table = exponent_table({"few": np.arange(8.0)})
    assert table[0] == "| exponents | frame | explained | air | centre | ring | several | solidity | separate |"
    lung = next(line for line in table if "lung-ct" in line)
    assert lung == "| `lung-ct`, by hand | 0.00 | 1.00 | 1.00 | 0.00 | 0.00 | 0.00 | 0.00 | 0.00 |"
    assert table[-1] == "| few | 0.00 | 1.00 | 2.00 | 3.00 | 4.00 | 5.00 | 6.00 | 7.00 |"


def test_every_cue_has_a_line_and_an_idea() -> None:
    assert list(CUE_SOURCES) == list(CUES)
    assert [line.split("`")[1] for line in cue_table()[2:]] == list(CUES)


def test_a_line_a_set_and_their_means() -> None:
    assert added_table(ROWS)[2:] == [
        "| discs | 3 | 0.500 | 0.625 | 0.250 | 0.750 |",
        "| rings | 5 | 0.250 | 0.375 | 0.500 | 1.000 |",
        "| **mean** | | **0.375** | **0.500** | **0.375** | **0.875** |",
    ]
    assert len({line.count("|") for line in added_table(ROWS)}) == 1


def test_the_section_says_what_the_weights_saw_and_how_to_make_it_again() -> None:
    text = "\n".join(section())
    assert text.startswith(f"{NETWORK}\n")
    assert "fitted on 237 random scenes with one object and on no real image" in text
    assert "`0123456789ab`" in text
    assert "--only asked` in 3 min" in text
    assert "| votes | 0.00 | 1.00 | -2.00 |" in text
    assert sum(f"| {name} |" in text for name in SAID) == len(SAID)


def test_answers_to_clicks_a_line_a_set_and_one_for_each_fit() -> None:
    """One set has a right answer at .9 and a wrong one at .6, of which .8 was expected; the other has an empty one."""
    said = [
        (Pointed("a", "1", 0.9, 0.75), 0.9),
        (Pointed("a", "2", 0.8, 0.5), 0.6),
        (Pointed("b", "1", None, 0.0), 0.0),
    ]
    table = prompted_table({"these": said, "those": said[:2]})
    assert table[2:] == [
        # ECE: half of .1 and half of .6; of what is expected, half of .1 and half of .8.
        "| a | 2 | 0.625 | 0.85 | 0.75 | 50% | 1.00 | 0.35 | 0.45 |",
        "| b | 1 | 0.000 | 0.00 | 0.00 | 0% | nan | 0.00 | 0.00 |",
        "| **all**, fitted on these | 3 | 0.417 | 0.57 | 0.50 | 33% | 1.00 | 0.23 | 0.30 |",
        "| **all**, fitted on those | 2 | 0.625 | 0.85 | 0.75 | 50% | 1.00 | 0.35 | 0.45 |",
    ]
    assert len({line.count("|") for line in table}) == 1


def test_a_section_is_renewed_and_nothing_else() -> None:
    page = evidence_page(["| a |"], model(FEATURES, "frame"), [section(3.0), several(7.0)], 9)
    assert with_section(page, section(3.0)) == page
    renewed = with_section(page, section(41.0))
    assert renewed == evidence_page(["| a |"], model(FEATURES, "frame"), [section(41.0), several(7.0)], 9)
    assert renewed != page
    again = evidence_page(["| a |"], model(FEATURES, "frame"), [section(3.0), several(53.0)], 9)
    assert with_section(page, several(53.0)) == again != page


def test_a_section_that_is_missing_comes_before_the_last() -> None:
    assert with_section("# T\n\nHead.\n\n## A\n\na\n\n## Z\n\nz\n", ["## New", "", "n"]) == (
        "# T\n\nHead.\n\n## A\n\na\n\n## New\n\nn\n\n## Z\n\nz\n"
    )
    assert with_section("# T\n\nHead.\n", ["## New", "", "n"]) == "# T\n\nHead.\n\n## New\n\nn\n"
    assert (
        with_section("# T\n\n## A\n\na\n\n## New\n\nold\n", ["## New", "", "n"]) == "# T\n\n## A\n\na\n\n## New\n\nn\n"
    )


def test_the_page_of_the_confidence_holds_every_table_once() -> None:
    told = Trusted(["left"], ["plain"], ["teachers"], model(confidence.FEATURES, "kept"), ["clicks"], (1.25, -0.5), 239)
    page = confidence_page(told, 7, "trust").splitlines()
    for line in ("left", "plain", "teachers", "clicks"):
        assert page.count(line) == 1
    text = " ".join(page)
    assert "in 239 random scenes" in text
    assert "1.25 and -0.50 came of it" in text
    assert "--only trust` in 7 min" in text
    assert "--only" not in " ".join(confidence_page(told, 7).splitlines())
    assert "| kept | 0.00 | 1.00 | -2.00 |" in page
    assert text.index("## Answers to a prompt") > text.index("## With the set left out")
