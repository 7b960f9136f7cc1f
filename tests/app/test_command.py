"""``msformer app`` on the command line: what it opens, and its misuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.app.helpers import write_lesions
from tests.helpers import run_program

from msformer import app as room
from msformer.app.desk import Desk


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Desk]:
    """The desks that would be served; nothing is."""
    desks: list[Desk] = []

    def serve(desk: Desk, *, port: int, opens_browser: bool, tell: Any) -> None:
        desk.jobs.close()
        desks.append(desk)

    monkeypatch.setattr(room, "serve", serve)
    monkeypatch.setattr(Desk, "segment", lambda self: None)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MSFORMER_WORKERS", raising=False)
    return desks


def test_a_folder_of_images_is_segmented_beside_where_you_are_and_not_into_itself(
    served: list[Desk], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_lesions(tmp_path / "moles", 1)
    assert run_program(monkeypatch, "app", "moles", "--preset", "dermoscopy", "--workers", "0") == 0
    task = served[0].task
    assert task.out == Path("moles-msformer")
    assert task.inputs == ("moles",)
    assert task.options == ("--preset", "dermoscopy", "--workers", "0")
    assert sorted(path.name for path in (tmp_path / "moles").iterdir()) == ["lesion-00.png"]


def test_results_are_opened(served: list[Desk], out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_program(monkeypatch, "app", out, "--updates", "7") == 0
    task = served[0].task
    assert (task.out, task.inputs, task.learning) == (out, (), ("--updates", "7"))


def test_without_anything_there_is_a_sample(
    served: list[Desk], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_program(monkeypatch, "app") == 0
    assert served[0].task.is_sample
    assert len(list((tmp_path / "msformer-sample" / "images").iterdir())) == len(room.sample.PICTURES)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["nothing-here"], "nothing-here"),
        (["{out}", "-o", "other"], "without --out"),
        (["{out}", "{out}"], "without --out"),
        (["--preset", "magic"], "magic"),
        (["--port", "70000"], "65535"),
    ],
)
def test_misuse_is_told(
    served: list[Desk], out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    words: list[str], reason: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("COLUMNS", "200")
    assert run_program(monkeypatch, "app", *(word.format(out=out) for word in words)) == 2
    assert reason in capsys.readouterr().err
    assert not served


def test_a_port_that_is_taken_is_told(out: Path) -> None:
    import socket

    from msformer.app.server import serve
    from msformer.errors import ConfigError

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"--port must be free; got {port}"):
            serve(Desk(room.Task(out)), port=port, opens_browser=False, tell=lambda _: None)
