"""A grown network as a file: weights, recipe, curve and digest in one safetensors file, which can hold no code.

A file is checked before anything of it is used: its size, its header, what it says of itself, every name and shape,
that all values are finite, and that they are the ones whose digest it states.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from msformer.errors import WeightsError
from msformer.io.atomic import atomic_path
from msformer.network import weights_digest
from msformer.network.prompted import PromptedNet, PromptedSizes, build_prompted

FORMAT = "msformer-grown-1"
"""What a file calls itself; the number rises when older programs could not read it."""
SHIPPED = "grown.safetensors"
LARGEST_FILE = 64 * 2**20
"""Bytes; a network of this project is a tenth of it."""
LONGEST_HEADER = 2**20
"""Bytes of what a file says of itself and of its tensors."""
LIMITS = {"dim": (8, 512), "depth_fine": (1, 16), "depth_coarse": (1, 16)}
"""What sizes a file may ask for: more would fill memory before its weights are seen to be missing."""


@dataclass(frozen=True)
class Grown:
    """A grown network.

    Attributes:
        network: The network, in evaluation mode.
        digest: SHA-256 of its weights, in hexadecimal.
        recipe: What it was grown by, as plain data.
        curve: What it could do as it grew, a row an examination.
    """

    network: PromptedNet
    digest: str
    recipe: Mapping[str, Any]
    curve: tuple[Mapping[str, float], ...]


def write_model(
    path: Path, network: PromptedNet, recipe: Mapping[str, Any], curve: list[dict[str, float]], **more: str
) -> str:
    """Write a network; the file appears whole or not at all. Returns its digest.

    Args:
        path: The file.
        network: The network.
        recipe: What it was grown by.
        curve: What it could do as it grew.
        more: What else is to be known of it: versions, time, commit.
    """
    from safetensors.torch import save

    state = {name: value.detach().float().contiguous().clone() for name, value in network.state_dict().items()}
    digest = weights_digest(state)
    about = {"format": FORMAT, "digest": digest, "recipe": json.dumps(dict(recipe)), "curve": json.dumps(curve), **more}
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(state, metadata=about))
    return digest


def read_model(path: Path) -> Grown:
    """Read a grown network.

    Raises:
        WeightsError: The file is missing, too large, damaged, not of this program, of other sizes, or not finite.
    """
    return _parsed(read_bounded(path, LARGEST_FILE), str(path))


@cache
def grown_network() -> Grown:
    """The network that ships, grown by ``msformer grow`` from random scenes alone."""
    return _parsed((resources.files("msformer.prompting") / SHIPPED).read_bytes(), SHIPPED)


def read_bounded(path: Path, largest: int) -> bytes:
    """All of a file of at most ``largest`` bytes; nothing is opened that is no file, such as a pipe without an end.

    Raises:
        WeightsError: It is missing, no file, too large, or cannot be read.
    """
    try:
        if not path.is_file():
            raise WeightsError(f"{path}: {'must be a file' if path.exists() else 'there is no such file'}")
        if (size := path.stat().st_size) > largest:
            raise WeightsError(f"{path}: must have at most {largest} bytes; got {size}")
        return path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror}") from error


def what_it_says(data: bytes, name: str, kind: str) -> Mapping[str, str]:
    """What a safetensors file says of itself; checked here, since the library gives it for files on disk only.

    Args:
        data: The file.
        name: What errors call it.
        kind: What it must call itself.

    Raises:
        WeightsError: It is no such file.
    """
    length = int.from_bytes(data[:8], "little") if len(data) >= 8 else -1
    if not 2 <= length <= min(len(data) - 8, LONGEST_HEADER):
        raise WeightsError(f"{name}: the file is no safetensors file, or was cut")
    try:
        about = json.loads(data[8 : 8 + length])["__metadata__"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise WeightsError(f"{name}: the file does not say what it is; it must say {kind}") from error
    if not isinstance(about, dict) or about.get("format") != kind:
        raise WeightsError(f"{name}: the file is of another kind; it must say {kind}")
    return about


def tensors_in(data: bytes, name: str) -> dict[str, Tensor]:
    """All tensors of a safetensors file.

    Raises:
        WeightsError: The file is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(data)
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise WeightsError(f"{name}: the file is damaged") from error


def _parsed(data: bytes, name: str) -> Grown:
    about = what_it_says(data, name, FORMAT)
    state = tensors_in(data, name)
    recipe, curve = _history(about, name)
    sizes = sizes_in(recipe, name)
    expected = state_of(sizes, name)
    for field, value in expected.items():
        if field not in state or state[field].shape != value.shape:
            got = tuple(state[field].shape) if field in state else "nothing"
            raise WeightsError(f"{name}: {field} must have shape {tuple(value.shape)}; got {got}")
        if state[field].dtype != torch.float32 or not torch.isfinite(state[field]).all():
            raise WeightsError(f"{name}: {field} must hold finite numbers of single precision")
    if more := sorted(set(state) - set(expected)):
        raise WeightsError(f"{name}: {more[0]!r:.80} is no part of the network")
    if (digest := weights_digest(state)) != about.get("digest"):
        raise WeightsError(f"{name}: the weights are not those that the file states: their digest is {digest}")
    network = build_prompted(sizes, torch.Generator().manual_seed(0))
    network.load_state_dict(state)
    network.eval().requires_grad_(False)
    return Grown(network, digest, recipe, tuple(curve))


def _history(about: Mapping[str, str], name: str) -> tuple[dict[str, Any], list[dict[str, float]]]:
    """Recipe and curve."""
    try:
        recipe, curve = json.loads(about["recipe"]), json.loads(about["curve"])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise WeightsError(f"{name}: what the file says of its recipe and its curve cannot be read") from error
    if not isinstance(recipe, dict):
        raise WeightsError(f"{name}: the recipe must be a table; got {type(recipe).__name__}")
    if not isinstance(curve, list) or not all(_is_row(row) for row in curve):
        raise WeightsError(f"{name}: the curve must be a list of tables of numbers")
    return recipe, curve


def _is_row(row: object) -> bool:
    return isinstance(row, dict) and all(type(value) in (int, float) for value in row.values())


def state_of(sizes: PromptedSizes, name: str) -> dict[str, Tensor]:
    """Names and shapes of a network's weights; they take no memory, whatever the sizes.

    Raises:
        WeightsError: There is no such network.
    """
    try:
        with torch.device("meta"):
            return PromptedNet(sizes).state_dict()
    except (ValueError, RuntimeError) as error:
        raise WeightsError(f"{name}: there is no network of the sizes {sizes}") from error


def sizes_in(recipe: Mapping[str, Any], name: str) -> PromptedSizes:
    """The sizes that a file asks for.

    Raises:
        WeightsError: They are missing, or out of ``LIMITS``.
    """
    try:
        sizes = PromptedSizes(**recipe["sizes"])
    except (KeyError, TypeError) as error:
        raise WeightsError(f"{name}: the recipe does not say the sizes of a network") from error
    for field, (low, high) in LIMITS.items():
        value = getattr(sizes, field)
        if type(value) is not int or not low <= value <= high:
            raise WeightsError(f"{name}: {field} must be a whole number from {low} to {high}; got {value!r:.40}")
    if sizes.encoder not in ("dual-branch", "unet"):
        raise WeightsError(f"{name}: encoder must be dual-branch or unet; got {sizes.encoder!r:.40}")
    return sizes
