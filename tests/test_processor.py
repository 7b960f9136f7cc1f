"""Kernels are chosen by measuring, once, and the labels are those of any kernel but for last digits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.conftest import MakeSquare

from msformer import Config, processor
from msformer.network.kernels import LARGE, SMALL, Kernels, in_use, use
from msformer.network.products import correlate, project
from msformer.pipeline import segment

MATRIX, CONVOLUTION = Kernels("matrix", "matrix"), Kernels("convolution", "convolution")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv(processor.FOLDER, str(tmp_path / "cache"))
    processor._remembered.cache_clear()
    yield tmp_path / "cache"
    processor._remembered.cache_clear()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_both_kernels_give_the_same_sums(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    tokens, weight, bias = (torch.randn(*shape, generator=generator).to(dtype) for shape in ((300, 12), (7, 12), (7,)))
    with use(MATRIX):
        expected = project(tokens, weight, bias), correlate(tokens, tokens)
    with use(CONVOLUTION):
        found = project(tokens, weight, bias), correlate(tokens, tokens)
    tolerance = 1e-5 if dtype == torch.float32 else 2e-2
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance * 20)
    by_hand = tokens.double() @ weight.double().T + bias.double()
    torch.testing.assert_close(found[0].double(), by_hand, rtol=tolerance, atol=tolerance * 20)


def test_each_shape_has_its_kernel() -> None:
    kernels = Kernels("convolution", "matrix")
    assert kernels.of(*SMALL) == "convolution"
    assert kernels.of(*LARGE) == "matrix"
    assert str(kernels) == "convolution / matrix"
    assert str(MATRIX) == "matrix"
    with use(kernels):
        assert in_use() == kernels
    assert in_use() == Kernels()


def test_what_was_measured_once_is_remembered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[torch.dtype] = []

    def measured(dtype: torch.dtype) -> Kernels:
        calls.append(dtype)
        return Kernels("convolution", "matrix")

    monkeypatch.setattr(processor, "measure", measured)
    assert processor.choose("auto", torch.float32) == Kernels("convolution", "matrix")
    processor._remembered.cache_clear()  # another process
    assert processor.choose("auto", torch.float32) == Kernels("convolution", "matrix")
    assert calls == [torch.float32]
    assert processor.choose("auto", torch.bfloat16) == Kernels("convolution", "matrix")
    assert calls == [torch.float32, torch.bfloat16]
    (first, _) = sorted(folder.iterdir())
    first.write_text('{"small": "abacus"}')
    processor._remembered.cache_clear()
    processor.choose("auto", torch.float32)
    processor.choose("auto", torch.bfloat16)
    assert len(calls) == 3


def test_a_process_that_was_first_decides(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(dtype: torch.dtype) -> Kernels:
        path = processor._file(dtype)
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"small": "matrix", "large": "matrix"}))
        return CONVOLUTION

    monkeypatch.setattr(processor, "measure", measured)
    assert processor.choose("auto", torch.bfloat16) == MATRIX


def test_a_home_that_cannot_be_written_to_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(processor.FOLDER, str(tmp_path / "file" / "cache"))
    processor._remembered.cache_clear()
    assert processor.choose("auto", torch.float32).small in ("convolution", "matrix")
    processor._remembered.cache_clear()


def test_matrix_products_must_win_clearly(monkeypatch: pytest.MonkeyPatch) -> None:
    times = {"convolution": 1.2, "matrix": 1.0}
    clock = [0.0]

    def step(*_: object) -> None:
        clock[0] += times[in_use().large]

    monkeypatch.setattr("msformer.network.products.project", step)
    monkeypatch.setattr("msformer.network.products.correlate", step)
    monkeypatch.setattr("time.thread_time", lambda: clock[0])
    assert processor.measure(torch.float32) == CONVOLUTION
    times["matrix"] = 0.9
    assert processor.measure(torch.float32) == MATRIX


def test_the_choice_is_a_setting_and_in_the_record(square_image: MakeSquare) -> None:
    config = Config.from_preset("general").replace(
        prepare={"working_size": 41}, network={"embed_dim": 12}, fit={"precision": "float32"}
    )
    found = {
        name: segment(square_image(), config.replace(fit={"kernels": name}))
        for name in ("convolution", "matrix", "auto")
    }
    assert found["convolution"].record()["kernels"] == "convolution"
    assert found["matrix"].record()["kernels"] == "matrix"
    one, other = found["convolution"].label_map, found["matrix"].label_map
    assert float(np.mean(one == other)) > 0.99
    assert str(found["auto"].kernels) in ("convolution", "matrix", "convolution / matrix", "matrix / convolution")
    assert segment(square_image(), "dermoscopy").kernels is None
