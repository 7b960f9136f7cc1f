"""Functions that several test modules call."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from msformer import __main__, stopping
from msformer.errors import WeightsError
from msformer.prompting import model

FAST = ["--set", "prepare.working_size=41", "--set", "network.embed_dim=12", "--set", "fit.max_iter=1"]
"""Options for runs that need a result, not a good one."""


def square_slices(height: int, width: int) -> tuple[slice, slice]:
    """Where ``square_image`` puts the square."""
    return slice(height // 3, 2 * height // 3), slice(width // 3, 2 * width // 3)


def released_state(dim: int = 5, depth: int = 2, channels: int = 3, patch: int = 4) -> dict[str, torch.Tensor]:
    """A state dict with the names and shapes of the released classes, each tensor filled with its own number."""
    shapes: dict[str, tuple[int, ...]] = {
        "linear_up.weight": (4 * dim, dim),
        "linear_down.weight": (dim, 2 * dim),
        "to_patch_embedding.1.weight": (dim, patch * patch * dim),
        "to_patch_embedding.1.bias": (dim,),
    }
    norms = ["bn3"]
    for side in "sl":
        shapes |= {
            f"patch_embed_{side}.proj.weight": (dim, channels, 3, 3),
            f"patch_embed_{side}.proj.bias": (dim,),
        }
        norms += [f"patch_embed_{side}.norm"]
        for index in range(depth):
            block = f"block_{side}.{index}"
            norms += [f"bn2_{side}.{index}"]
            for norm, width in (("norm1", dim), ("norm2", dim), ("mlp.norm1", 4 * dim)):
                shapes |= {f"{block}.{norm}.weight": (width,), f"{block}.{norm}.bias": (width,)}
            for part in ("keys", "queries", "values", "reprojection"):
                shapes |= {f"{block}.attn.{part}.weight": (dim, dim, 1, 1), f"{block}.attn.{part}.bias": (dim,)}
            shapes |= {f"{block}.mlp.fc1.weight": (4 * dim, dim), f"{block}.mlp.fc1.bias": (4 * dim,)}
            shapes |= {f"{block}.mlp.fc2.weight": (dim, 4 * dim), f"{block}.mlp.fc2.bias": (dim,)}
            shapes |= {
                f"{block}.mlp.dwconv.dwconv.weight": (4 * dim, 1, 3, 3),
                f"{block}.mlp.dwconv.dwconv.bias": (4 * dim,),
            }
    for norm in norms:
        for kind in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{norm}.{kind}"] = (dim,)
    state = {name: torch.full(shape, float(number)) for number, (name, shape) in enumerate(shapes.items(), start=1)}
    state |= {f"{norm}.num_batches_tracked": torch.tensor(0) for norm in norms}
    return state


def run_program(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    """Run the command line in this process; its exit code."""
    monkeypatch.setattr(stopping, "install", lambda: None)  # the signals of these tests are their own
    monkeypatch.setattr(sys, "argv", ["msformer", *map(str, arguments)])
    try:
        __main__.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def said(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """What a safetensors file says of itself, and its tensors."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length])["__metadata__"], model.tensors_in(data, str(path))


def refused_by(read: Callable[[Path], object], path: Path) -> str:
    """The message of the error that reading a file of weights ends with."""
    with pytest.raises(WeightsError) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(path)), "a file must not fill the screen"
    return str(caught.value)


def page_cases(out: Path) -> dict[str, dict[str, Any]]:
    """What the page of a report gets of its cases, by name, in its order: the columns of its index, and the details."""
    page = (out / "index.html").read_text(encoding="utf-8")
    beside = sorted((out / "report").glob("*.js"))
    scripts = [path.read_text() for path in beside] or re.findall("<script>(msformer[.].*)</script>", page)
    calls = [re.fullmatch(r"msformer\.(cases|index)\((.*)\);", script) for script in scripts]
    found = [(call[1], json.loads(f"[{call[2]}]")) for call in calls if call is not None]
    assert len(found) == len(scripts) > 0
    chunks = {given[0]: given[1] for name, given in found if name == "cases"}
    ((index,),) = [given for name, given in found if name == "index"]
    details = [one for _, chunk in sorted(chunks.items()) for one in chunk]
    rows = zip(index["names"], index["states"], index["confidences"], index["worths"], details, strict=True)
    names = ("name", "state", "confidence", "worth")
    return {row[0]: dict(zip(names, row[:4], strict=True)) | row[4] for row in rows}
