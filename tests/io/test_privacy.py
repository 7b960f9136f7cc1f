"""Text of headers stays out of reports, names out of terminals and formulas, archives out of the temporary folder."""

from __future__ import annotations

import csv
import json
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image as Pillow
from pydicom.data import get_testdata_file
from tests.conftest import MakeSquare
from tests.helpers import FAST, run_program

from msformer.cli.say import PlainFormatter
from msformer.errors import ReadError
from msformer.io.privacy import known_body_part, known_modality, of_header, without_header
from msformer.io.scratch import PREFIX, Scratch, remove_orphans
from msformer.plain import cell, printable


def error_of(cause: Exception, text: str) -> ReadError:
    error = ReadError(text)
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ReadError(f"a.mha: must be X; got {of_header('Doe^John')}"), "a.mha: must be X; got ‹…›"),
        (ReadError("a.png: at least 33 px; got 1"), "a.png: at least 33 px; got 1"),
        (error_of(ValueError("bad 'Doe^John'"), "a.dcm: ValueError: bad 'Doe^John'"), "a.dcm: ValueError: (words that"),
        (error_of(OSError("it is truncated"), "a.jpg: OSError: it is truncated"), "a.jpg: OSError: (the"),
        (OSError("no space left on device"), "no space left on device"),
        (KeyError("Doe^John"), "(words that may be out of the header"),
    ],
)  # fmt: skip
def test_reports_say_nothing_out_of_headers(error: Exception, told: str) -> None:
    assert without_header(error).startswith(told)
    assert "Doe" not in without_header(error)


def test_only_defined_modalities_are_told() -> None:
    assert [known_modality(one) for one in ("CT", "XC", "DOE^JOHN", "", None)] == ["CT", "XC", None, None, None]


def test_only_defined_parts_of_the_body_are_told() -> None:
    told = [known_body_part(one) for one in ("CHEST", "knee ", "CHEST OF JOHN DOE", "", None)]
    assert told == ["CHEST", "KNEE", None, None, None]


@pytest.mark.parametrize("name", ["Modality", "PhotometricInterpretation", "RescaleSlope"])
def test_a_name_in_a_header_is_in_no_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    data = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
    with pydicom.config.disable_value_validation():
        element = data[name]
        element.VR = "LO"
        element.value = "DOE JOHN"
    (tmp_path / "in").mkdir()
    data.save_as(tmp_path / "in" / "a.dcm")
    out = tmp_path / "out"
    assert run_program(monkeypatch, "segment", tmp_path / "in", "-o", out, "--progress", "none", *FAST) in (0, 1)
    for report in ("report.json", "journal/all.jsonl", "index.html", "regions.csv"):
        assert "DOE" not in (out / report).read_text()
    assert len(json.loads((out / "report.json").read_text())["cases"]) == 1


@pytest.mark.parametrize(
    ("text", "written"),
    [("=1+1", "'=1+1"), ("+a", "'+a"), ("-a", "'-a"), ("@a", "'@a"), ("\ta", "'\\ta"), ("\ra", "'\\ra"),
     (" =1", "' =1"), ("a\r=1", "a\\r=1"), ("a-b=c", "a-b=c"), ("ä", "ä")],
)  # fmt: skip
def test_cells_are_no_formulas(text: str, written: str) -> None:
    assert cell(text) == written


def test_names_command_no_terminal() -> None:
    assert printable("a\x1b[31m\x07\x9b1m\u202egnp.\n") == "a\\x1b[31m\\x07\\x9b1m\\u202egnp.\\n"
    record = logging.LogRecord("x", logging.INFO, "", 0, "%s failed", ("a\x1b[2J",), None)
    assert "a\\x1b[2J failed" in PlainFormatter().format(record)


def test_odd_names_in_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], square_image: MakeSquare
) -> None:
    data, out = tmp_path / "in", tmp_path / "out"
    data.mkdir()
    Pillow.fromarray(square_image()).save(data / "=1+1\r\x1b[31m.png")
    (data / "-\x1b[2J.png").write_text("no image")
    (data / "\x1b]0;x\x07").write_text("no image")
    assert run_program(monkeypatch, "segment", data, "-o", out, "--progress", "none", *FAST) == 1
    captured = capsys.readouterr()
    assert not {"\x1b", "\r", "\x07"} & {*captured.err, *captured.out}
    assert "-\\x1b[2J.png" in captured.err
    with (out / "regions.csv").open(newline="") as file:
        assert {row["case_id"] for row in csv.DictReader(file)} == {"'=1+1\\r\\x1b[31m"}


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_what_a_killed_process_unpacked_is_removed(temporary: Path) -> None:
    code = "import os, signal; from msformer.io.scratch import Scratch; s = Scratch(); (s.path / 'x').write_text('x')"
    code += "; os.kill(os.getpid(), signal.SIGKILL)"
    environment = os.environ | {"TMPDIR": str(temporary)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == -9
    assert len(list(temporary.glob(f"{PREFIX}*/files/x"))) == 1
    remove_orphans()
    assert list(temporary.iterdir()) == []


def test_what_a_living_process_unpacked_stays_until_it_is_done(temporary: Path) -> None:
    one = Scratch()
    (one.path / "x").write_bytes(np.arange(3).tobytes())
    other = Scratch()  # which looks for orphans, too
    assert (one.path / "x").exists()
    for scratch in (one, other, other):
        scratch.remove()
    assert list(temporary.iterdir()) == []
