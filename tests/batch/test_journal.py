"""The journal: what is in it is what was done, whatever became of the last line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from msformer.batch.journal import FOLDER, Journal, read_records
from msformer.batch.part import Part
from msformer.config import Config
from msformer.errors import ConfigError


def record(name: str, **more: Any) -> dict[str, Any]:
    return {
        "case_id": name,
        "source": f"/scans/{name}.png",
        "status": "done",
        "input": {"stat": "s", "content": "c"},
        "digests": {},
        **more,
    }


def begun(out: Path, settings: str = "first", part: Part = Part()) -> Journal:  # noqa: B008 - frozen
    journal = Journal(out, part)
    journal.begin({"settings": settings, "config": {}})
    return journal


def names(out: Path) -> list[str]:
    return [one["case_id"] for one in Journal(out).records()]


def test_what_was_added_is_there_again(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    journal.add(record("b", note="x" * 300), "first")
    journal.add(record("a", digests={"masks/a.png": ["d", 17]}), "first")
    again = Journal(tmp_path)
    assert [one["case_id"] for one in again.records()] == ["a", "b"]
    assert again.records()[1]["note"] == "x" * 300
    assert again.records()[0:1][0]["digests"] == {"masks/a.png": ["d", 17]}
    assert again.entries["a"].sizes == {"masks/a.png": 17}
    assert again.dropped == 0


def test_the_last_line_of_a_case_counts(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    for number in range(3):
        journal.add(record("a", try_=number), "first")
    assert [one["try_"] for one in Journal(tmp_path).records()] == [2]


def test_records_of_other_settings_are_not_those_of_the_last_run(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    journal.add(record("a"), "first")
    journal.add(record("b"), "first")
    second = begun(tmp_path, "second")
    second.add(record("a"), "second")
    assert names(tmp_path) == ["a"]
    assert Journal(tmp_path).entries["b"].settings == "first"


@pytest.mark.parametrize("cut", [1, 2, 30, 60])
def test_a_torn_last_line_is_dropped_and_the_next_one_is_whole(tmp_path: Path, cut: int) -> None:
    journal = begun(tmp_path)
    journal.add(record("a"), "first")
    journal.add(record("b"), "first")
    path = tmp_path / FOLDER / "all.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    torn = Journal(tmp_path)
    assert (torn.dropped, [one["case_id"] for one in torn.records()]) == (1, ["a"])
    torn.add(record("c"), "first")
    assert names(tmp_path) == ["a", "c"]
    assert Journal(tmp_path).dropped == 0
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_a_line_of_nonsense_is_one_line_lost(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    journal.add(record("a"), "first")
    path = tmp_path / FOLDER / "all.jsonl"
    with path.open("ab") as file:
        file.write(b'\x00\x00\x00\n{"n": 9, "case": "z"}\n')
    again = Journal(tmp_path)
    again.add(record("b"), "first")
    assert (again.dropped, names(tmp_path)) == (2, ["a", "b"])


def test_parts_have_files_of_their_own_and_all_are_read(tmp_path: Path) -> None:
    first, second = (begun(tmp_path, part=Part(number, 2)) for number in range(2))
    first.add(record("a"), "first")
    second.add(record("b"), "first")
    assert {path.name for path in (tmp_path / FOLDER).iterdir()} == {"part-0-of-2.jsonl", "part-1-of-2.jsonl"}
    assert names(tmp_path) == ["a", "b"]


def test_numbers_and_not_clocks_say_which_line_is_later(tmp_path: Path) -> None:
    begun(tmp_path).add(record("a", which="old"), "first")
    part = begun(tmp_path, part=Part(0, 2))
    part.add(record("a", which="new"), "first")  # its file comes after all.jsonl, and is read after it
    whole = begun(tmp_path)
    whole.add(record("a", which="newest"), "first")
    assert [one["which"] for one in Journal(tmp_path).records()] == ["newest"]


def test_what_the_folder_taught_is_forgotten_when_more_is_done(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    journal.add(record("a"), "first")
    journal.teach({"changed": 1}, [record("a", learned=True)])
    again = Journal(tmp_path)
    assert again.learned == {"changed": 1}
    assert again.records()[0]["learned"] is True
    again.add(record("b"), "first")
    assert Journal(tmp_path).learned is None


def test_a_full_disk_leaves_the_journal_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = begun(tmp_path)
    journal.add(record("a"), "first")
    before = journal.path.read_bytes()

    def half(file: int, data: bytes) -> int:
        return write(file, data[: len(data) // 2])

    import os

    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", half)
        with pytest.raises(OSError, match="space"):
            journal.add(record("b"), "first")
    assert journal.path.read_bytes() == before
    journal.add(record("c"), "first")
    assert names(tmp_path) == ["a", "c"]


def test_records_come_with_the_settings(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.begin({"settings": "x", "config": Config().replace(random_state=3).model_dump(mode="json")})
    journal.add(record("a"), "x")
    records, config = read_records(tmp_path)
    assert (len(records), config.random_state) == (1, 3)
    with pytest.raises(ConfigError, match="has no journal"):
        read_records(tmp_path / "none")
