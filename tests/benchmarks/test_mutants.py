"""The short version of ``python -m benchmarks.mutants``, and whether it would see what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from benchmarks.mutants import KINDS, mutant, outcome_of, page, try_kind


@pytest.mark.parametrize("kind", list(KINDS))
def test_broken_files_end_their_own_case_only(tmp_path: Path, kind: str) -> None:
    found = try_kind(kind, 4, 1, tmp_path)
    assert found.faults == ()
    assert found.done + found.failed + found.skipped >= found.mutants == 4
    assert found.missing == 0


def test_whole_files_are_segmented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that broken ones fail for what is broken in them."""
    monkeypatch.setattr("benchmarks.mutants.mutant", lambda whole, _: whole)
    for kind in KINDS:
        found = try_kind(kind, 1, 0, tmp_path / kind)
        assert (found.done, found.faults) == (1, ()), kind


def test_mutants_are_seeded_and_differ_from_the_whole() -> None:
    whole = bytes(range(256)) * 4
    first, again = ([mutant(whole, rng) for _ in range(30)] for rng in (np.random.default_rng(3) for _ in range(2)))
    assert first == again
    assert sum(one != whole for one in first) >= 28, "the same bit may turn twice"
    assert any(len(one) < len(whole) for one in first)
    assert any(len(one) == len(whole) for one in first)


def test_what_is_wrong_is_seen(tmp_path: Path) -> None:
    folder, results = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    results.mkdir()
    for name in ("a.png", "b.png", "c.png", "d.png", "e1.dcm", "e2.dcm"):
        (folder / name).touch()
    assert outcome_of("png", folder, results, -11, "", 9.0).faults == ("exit code -11", "no report")
    cases = [
        {"source": "in/a.png", "status": "done", "elapsed_s": 1.5},
        {"source": "in/b.png", "status": "failed", "error_type": "KeyError", "elapsed_s": 25.0},
        {
            "source": "in",
            "files": ["in/e1.dcm", "in/e2.dcm"],
            "status": "failed",
            "error_type": "ReadError",
            "elapsed_s": 1.0,
        },
    ]
    skipped = [{"path": "in/c.png"}]
    (results / "report.json").write_text(json.dumps({"cases": cases, "skipped": skipped}))
    found = outcome_of("png", folder, results, 1, "Traceback (most recent call last):", 2000.0)
    assert found.faults == (
        "a traceback",
        "cases that fail with KeyError",
        "1 files that the report does not mention",
        "a case of 25 s",
        "a process of 2000 MB",
    )
    assert (found.done, found.failed, found.skipped, found.missing) == (1, 2, 1, 1)
    assert "| png | 6 | 1 | 2 | 1 | 1 | 25.0 s | 2000 MB | a traceback;" in page([found], 4, 0)
