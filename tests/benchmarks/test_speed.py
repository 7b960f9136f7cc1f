from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.speed.__main__ import main


def test_parts_alone_need_results_of_an_earlier_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, message in (
        (["--only", "steps"], f"there is no {tmp_path / 'performance' / 'results.json'}"),
        (["--device", "cuda:77"], "must be a device of this machine"),
        (["--only", "stairs"], "invalid choice: 'stairs'"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["--data", str(tmp_path), "--out", str(tmp_path), *arguments])
        assert ended.value.code == 2
        assert message in capsys.readouterr().err
