"""Why cases failed, told together."""

from __future__ import annotations

from tests.batch.report.made import failed

from msformer.batch.report.reasons import MOST, OTHER, Reasons


def test_names_and_numbers_that_differ_are_one_reason() -> None:
    reasons = Reasons()
    places = [
        reasons.place(failed(name, text))
        for name, text in (
            ("a1", "must be at least 33 px; got 7 × 2.5"),
            ("b22", "no such file"),
            ("c", "must be at least 33 px; got 12 × 2.5"),
        )
    ]
    assert places == [0, 1, 0]
    assert reasons.texts() == ["must be at least 33 px; got … × 2.5", "no such file"]


def test_the_file_is_no_part_of_the_reason_wherever_it_stands() -> None:
    reasons = Reasons()
    assert {reasons.place(failed(name, f"cannot open '/data/{name}.png'")) for name in "abc"} == {0}
    assert reasons.texts() == ["cannot open 'the file'"]


def test_there_are_not_more_reasons_than_a_page_can_list() -> None:
    reasons = Reasons()
    places = [reasons.place(failed("a", "x" * length)) for length in range(1, MOST + 4)]
    assert places == [*range(MOST), MOST, MOST, MOST]
    assert reasons.texts()[-1] == OTHER
    assert reasons.place(failed("a", "x")) == 0


def test_what_commands_a_terminal_is_an_escape_and_what_is_long_is_cut() -> None:
    reasons = Reasons()
    reasons.place(failed("a", "\x1b[2J" + "y" * 1000))
    (text,) = reasons.texts()
    assert text.startswith("\\x1b[2Jyyy")
    assert len(text) == 300
