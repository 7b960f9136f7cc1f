"""What is kept of each step, and what is left of it after faults."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from msformer.app import notebook as module
from msformer.app.notebook import Notebook, Start
from msformer.editing.change import Change
from msformer.errors import ReadError

SHAPE = 37, 41


def a_start(origin: module.Origin = "automatic") -> Start:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[3:8, 5:19] = True
    return Start(mask, origin, "digest")


def a_step(row: int) -> dict[str, object]:
    after = np.zeros(SHAPE, dtype=bool)
    after[row] = True
    return {
        "action": {"kind": "fill"},
        "maker": "hand",
        "change": Change.between(np.zeros(SHAPE, dtype=bool), after).to_json(),
    }


def written(path: Path, *lines: dict[str, object]) -> Notebook:
    notebook = Notebook(path)
    notebook.write({"begin": a_start().to_json()})
    for line in lines:
        notebook.write(line)
    return notebook


def test_nothing_is_written_before_the_first_line(tmp_path: Path) -> None:
    notebook = Notebook(tmp_path / "editing" / "a.jsonl")
    assert notebook.revision == 0
    assert not notebook.is_given
    assert not (tmp_path / "editing").exists()
    with pytest.raises(ReadError, match="no beginning"):
        notebook.history()


def test_the_mask_is_had_again_from_the_lines_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    written(path, a_step(11), a_step(13), {"undo": True})
    again = Notebook(path)
    wanted = a_start().mask
    wanted[11] = True
    np.testing.assert_array_equal(again.history().mask, wanted)
    assert (again.n_done, again.revision, again.is_given) == (1, 4, True)


def test_makers_begin_with_whose_mask_it_was(tmp_path: Path) -> None:
    for origin, number in (("automatic", 0), ("learned", 1), ("given", 3)):
        makers = module.makers_of(a_start(origin))  # type: ignore[arg-type]
        assert makers[4, 6] == number
        assert makers[0, 0] == 0


def test_a_torn_last_line_is_dropped_and_the_next_takes_its_place(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    written(path, a_step(11), a_step(13))
    path.write_bytes(path.read_bytes()[:-7])
    again = Notebook(path)
    assert again.n_done == 1
    again.write(a_step(17))
    last = Notebook(path)
    assert last.n_done == 2
    assert last.history().mask[17].all()
    assert not last.history().mask[13].any()
    assert b"\n\n" not in path.read_bytes()


def test_a_damaged_line_ends_what_counts_and_is_kept_aside(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    written(path, a_step(11), a_step(13))
    lines = path.read_bytes().splitlines(keepends=True)
    damaged = lines[0] + b'{"action": 3\n' + lines[2]
    path.write_bytes(damaged)
    again = Notebook(path)
    assert again.n_done == 0
    again.write({"verdict": "accepted"})
    assert path.with_suffix(".damaged").read_bytes() == damaged
    assert Notebook(path).verdict == "accepted"


@pytest.mark.parametrize("line", [{"undo": True}, {"verdict": "perhaps"}, {"nothing": 1}])
def test_what_cannot_be_is_no_line(tmp_path: Path, line: dict[str, object]) -> None:
    notebook = written(tmp_path / "a.jsonl")
    with pytest.raises(ValueError, match=r"."):
        notebook._take(line)


def test_a_disk_that_is_full_leaves_the_lines_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jsonl"
    notebook = written(path, a_step(11))
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        notebook.write(a_step(13))
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert notebook.n_done == 1


def test_a_second_beginning_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    notebook = written(path, a_step(11), {"verdict": "rejected"})
    notebook.write({"begin": a_start("learned").to_json()})
    again = Notebook(path)
    assert (again.n_done, again.verdict, again.revision) == (0, "open", 4)
    np.testing.assert_array_equal(again.history().mask, a_start().mask)
