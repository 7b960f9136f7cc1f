from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.speed.__main__ import main
from benchmarks.speed.page import write_page


def test_parts_alone_need_results_of_an_earlier_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, message in (
        (["--only", "steps"], f"there are none in {tmp_path / 'performance'}"),
        (["--device", "cuda:77"], "must be a device of this machine"),
        (["--only", "stairs"], "invalid choice: 'stairs'"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["--data", str(tmp_path), "--out", str(tmp_path), *arguments])
        assert ended.value.code == 2
        assert message in capsys.readouterr().err


STEPS = {
    name: [{"seconds": seconds, "peak_mb": 10.0} | ({"kernels": "matrix"} if "msformer" in name else {})]
    for name, seconds in (
        ("released-equivalent", 8.0),
        ("msformer float32", 2.0),
        ("msformer bfloat16", 1.0),
        ("floor float32", 1.0),
        ("floor bfloat16", 0.25),
    )
}


def test_numbers_are_kept_by_maker_and_the_page_shows_all(tmp_path: Path) -> None:
    def results(processor: str, seconds: float) -> dict[str, object]:
        about = {"processor": processor, "cores": 2, "system": "Linux", "versions": {"torch": "2"}}
        growth = {"97": {"seconds": seconds, "above_mb": 5.0}}
        return {"machine": about, "steps": STEPS, "mathematics": {"logits": seconds * 1e-6}, "growth": growth}

    write_page(tmp_path, results("AMD EPYC", 3.0) | {"first": [1.25, 1.5]})
    write_page(tmp_path, results("Intel(R) Xeon(R) Processor", 9.0))
    text = write_page(tmp_path, results("AMD EPYC 9000", 4.0))
    assert sorted(path.name for path in (tmp_path / "performance").glob("*.json")) == ["amd.json", "intel.json"]
    assert "**AMD EPYC 9000**; chosen: float32 matrix, bfloat16 matrix." in text
    assert "**Intel(R) Xeon(R) Processor**; chosen" in text
    assert "Intel(R) Xeon(R) Processor, 2 cores, Linux, torch 2 (rounds of the steps: 1)" in text, "with its options"
    assert "logits 9e-06" in text, "the largest of both"
    assert "| msformer bfloat16 | 1.00 | **8.00** (8.00–8.00) | **4.00** (4.00–4.00) | 10 |" in text
    assert "1.25" not in text, "another run on the same maker takes its place"
    assert (tmp_path / "performance.md").read_text(encoding="utf-8") == text
