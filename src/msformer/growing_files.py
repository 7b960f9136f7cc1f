"""The files of a network that grows: the checkpoint that growing goes on from, and the report at its end.

:mod:`msformer.growing` itself opens no file; whoever calls it keeps what it yields, with this module.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from msformer.errors import ConfigError, WeightsError
from msformer.growing.loop import State, start_state
from msformer.growing.recipe import Recipe
from msformer.io.atomic import atomic_path
from msformer.prompting.model import read_bounded, tensors_in, what_it_says

FORMAT = "msformer-growing-1"
"""What a checkpoint calls itself; the number rises when older programs could not read it."""
LARGEST_FILE = 256 * 2**20
"""Bytes of a checkpoint: four times those of a model."""
SUFFIX = ".safetensors"
PARTS = ("weights", "averaged", "first", "second")
"""The tensors of a checkpoint, ``(n,)`` each."""


@dataclass(frozen=True)
class Places:
    """Where the files of one network lie.

    Attributes:
        model: The network.
        checkpoint: What growing goes on from; gone when it is done.
        curve: What it could do as it grew, as a picture.
        sheet: What it says of scenes that it never learned from.
        report: How it was made.
    """

    model: Path
    checkpoint: Path
    curve: Path
    sheet: Path
    report: Path

    @classmethod
    def beside(cls, model: Path) -> Places:
        """The places that go with a model's file.

        Raises:
            ConfigError: The name does not end in .safetensors, or is that of a folder.
        """
        if model.suffix != SUFFIX or not model.stem:
            raise ConfigError(f"the model's file name must end in {SUFFIX}; got {model.name!r}")
        if model.stem.endswith(".state"):
            raise ConfigError(
                f"a model's file name must not end in .state{SUFFIX}, as checkpoints do; got {model.name!r}"
            )
        if model.is_dir():
            raise ConfigError(f"the model must be a file; {str(model)!r} is a folder")
        ends = (f".state{SUFFIX}", ".svg", ".png", ".json")
        return cls(model, *(model.with_name(model.stem + end) for end in ends))


def begin(places: Places, recipe: Recipe, *, overwrite: bool) -> State:
    """The state to go on from: the checkpoint's if there is one of the same recipe, else random weights.

    Args:
        places: Where the files lie.
        recipe: What is to be done.
        overwrite: Replace a model that is done, or a checkpoint that is damaged or of another recipe.

    Raises:
        ConfigError: A model, or the checkpoint of another recipe, is there, and must not be replaced.
        WeightsError: The checkpoint is damaged or foreign, and must not be replaced.
    """
    if places.checkpoint.exists():
        try:
            return read_checkpoint(places.checkpoint, recipe)
        except (ConfigError, WeightsError) as error:
            if not overwrite:
                raise type(error)(f"{error}; remove it or begin again with --overwrite") from error
    elif places.model.exists() and not overwrite:
        raise ConfigError(f"{places.model} exists already; grow it again with --overwrite, or give another name")
    return start_state(recipe)


def write_checkpoint(path: Path, recipe: Recipe, state: State) -> None:
    """Write all that growing goes on from; the file appears whole or not at all."""
    from safetensors.torch import save

    # Copies: the weights lie in memory that processes share.
    tensors = {name: getattr(state, name).detach().clone() for name in PARTS}
    about = {
        "format": FORMAT,
        "recipe": json.dumps(_complete(recipe)),
        "curve": json.dumps(state.curve),
        "step": str(state.step),
        "seconds": repr(state.seconds),
    }
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(tensors, metadata=about))


def read_checkpoint(path: Path, recipe: Recipe) -> State:
    """Read a checkpoint of a recipe.

    Raises:
        ConfigError: It is of another recipe.
        WeightsError: It is missing, too large, damaged, or not of this program.
    """
    data = read_bounded(path, LARGEST_FILE)
    about = what_it_says(data, str(path), FORMAT)
    try:
        told, curve = json.loads(about["recipe"]), json.loads(about["curve"])
        step, seconds = int(about["step"]), float(about["seconds"])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise WeightsError(f"{path}: what the checkpoint says of itself cannot be read") from error
    wanted = _complete(recipe)
    if told != wanted:
        raise ConfigError(f"{path}: the checkpoint is of another recipe: {_difference(told, wanted)}")
    if not 0 <= step <= recipe.steps:
        raise WeightsError(f"{path}: step must be from 0 to {recipe.steps}; got {step}")
    if not isinstance(curve, list) or not 0 <= seconds < math.inf:
        raise WeightsError(f"{path}: the curve must be a list and seconds finite; got {seconds:g} s")
    tensors = tensors_in(data, str(path))
    count = len(start_state(recipe).weights)
    for name in PARTS:
        one = tensors.get(name)
        if one is None or one.shape != (count,) or one.dtype != torch.float32 or not torch.isfinite(one).all():
            raise WeightsError(f"{path}: {name} must hold {count} finite numbers of single precision")
    weights, averaged, first, second = (tensors[name].clone() for name in PARTS)
    return State(step, weights, averaged, first, second, curve, seconds)


def report(recipe: Recipe, state: State, digest: str, machine: Mapping[str, Any], **more: Any) -> str:
    """How a network was made, as JSON.

    Args:
        recipe: What was done.
        state: What came of it.
        digest: Of the weights that ship.
        machine: What it was done on.
        more: What else is to be told: versions, threads, processes.
    """
    facts = {
        "digest": digest,
        "recipe": recipe.as_mapping(),
        **more,
        "machine": dict(machine),
        "seconds": round(state.seconds, 1),
        "curve": state.curve,
    }
    return json.dumps(facts, indent=2) + "\n"


def _complete(recipe: Recipe) -> dict[str, Any]:
    """The recipe with every option of its scenes, as JSON gives it back; defaults may change with the program."""
    plain: dict[str, Any] = json.loads(json.dumps(recipe.as_mapping() | {"options": asdict(recipe.options)}))
    return plain


def _difference(told: Any, wanted: Mapping[str, Any]) -> str:
    """The first thing in which a recipe differs from the one that is wanted."""
    if not isinstance(told, dict):
        return f"it must be a table; got {type(told).__name__}"
    for name in sorted(set(told) | set(wanted)):
        there, here = told.get(name), wanted.get(name)
        if there != here:
            if isinstance(there, dict) and isinstance(here, dict):
                return f"{name}.{_difference(there, here)}"
            return f"{name} is {here!r:.40} here and {there!r:.40} there"
    return "nothing"
