"""Read state dicts that were saved from the released MS-Former classes.

The released names (left) map to ours (right) one to one, but for the three maps of the attention, which are one
product here, the 1 × 1 convolutions, which are linear maps here, and the running statistics of the BatchNorms, which
the method never reads and which are dropped.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping

import torch
from torch import Tensor

from msformer.errors import WeightsError
from msformer.network.network import MSFormerNet

_RENAMED = [
    (r"patch_embed_s\.proj", "fine.embedding.projection"),
    (r"patch_embed_l\.proj", "coarse.embedding.projection"),
    (r"patch_embed_s\.norm", "fine.embedding.norm"),
    (r"patch_embed_l\.norm", "coarse.embedding.norm"),
    (r"bn2_s\.(\d+)", r"fine.norms.\1"),
    (r"bn2_l\.(\d+)", r"coarse.norms.\1"),
    (r"block_s\.(\d+)", r"fine.blocks.\1"),
    (r"block_l\.(\d+)", r"coarse.blocks.\1"),
    (r"\.norm1(?=\.(weight|bias)$)", ".attention_norm"),
    (r"\.norm2(?=\.(weight|bias)$)", ".feed_forward_norm"),
    (r"\.mlp\.attention_norm", ".feed_forward.norm"),
    (r"\.attn\.reprojection", ".attention.reprojection"),
    (r"\.mlp\.fc1", ".feed_forward.expand"),
    (r"\.mlp\.dwconv\.dwconv", ".feed_forward.depthwise"),
    (r"\.mlp\.fc2", ".feed_forward.contract"),
    (r"^linear_up", "upsample"),
    (r"^linear_down", "fuse"),
    (r"^bn3", "affinity.norm"),
    (r"^to_patch_embedding\.1", "affinity.projection"),
]
_UNUSED = re.compile(r"\.(running_mean|running_var|num_batches_tracked)$")
_ATTENTION_MAPS = ("keys", "queries", "values")
_ATTENTION_MAP = re.compile(r"\.attn\.(keys|queries|values)\.(weight|bias)$")


def from_released(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Translate tensors keyed by released parameter names to the names and shapes of ``MSFormerNet``.

    Works for weights and for gradients alike. ``module.`` prefixes (saved from a parallel wrapper) are removed.

    Raises:
        WeightsError: The three maps of an attention are not all there.
    """
    if odd := [name for name in state if not isinstance(name, str)]:
        raise WeightsError(f"state: names must be strings; got {odd[0]!r}")
    state = {name.removeprefix("module."): value for name, value in state.items() if not _UNUSED.search(name)}
    translated: dict[str, Tensor] = {}
    for name, value in state.items():
        if match := _ATTENTION_MAP.search(name):
            which, kind = match.groups()
            if which == "keys":
                stem = name[: match.start()]
                maps = torch.cat([_require(state, f"{stem}.attn.{part}.{kind}") for part in _ATTENTION_MAPS])
                translated[f"{_rename(stem)}.attention.keys_queries_values.{kind}"] = _drop_kernel(maps)
        else:
            ours = _rename(name)
            translated[ours] = _drop_kernel(value) if ".attention." in ours else value
    return translated


def load_released(
    state: Mapping[str, Tensor], *, affinity_shift: int = 1, dtype: torch.dtype = torch.float32
) -> MSFormerNet:
    """Build the network that a released state dict belongs to, with its weights.

    Channels, depth and the side of the affinity's patches are read off the shapes.

    Args:
        state: Tensors keyed by the released parameter names.
        affinity_shift: Shift of the affinity's patches in px, which no weight tells.
        dtype: Type of the parameters.

    Raises:
        WeightsError: A name is missing or unknown, or a shape does not fit.
    """
    weights = from_released(state)
    embedding = _require(weights, "fine.embedding.projection.weight")
    if embedding.ndim != 4:
        raise WeightsError(f"state: patch_embed_s.proj.weight must have 4 axes; got {tuple(embedding.shape)}")
    depth = len({name.split(".")[2] for name in weights if name.startswith("fine.blocks.")})
    dim, in_channels = embedding.shape[:2]
    patch_size = math.isqrt(_require(weights, "affinity.projection.weight").shape[1] // dim)
    network = MSFormerNet(in_channels, dim, depth, patch_size, affinity_shift).to(dtype)
    expected = set(network.state_dict())
    missing, unknown = sorted(expected - set(weights)), sorted(set(weights) - expected)
    if missing or unknown:
        raise WeightsError(f"state: missing {missing or 'nothing'}, unknown {unknown or 'nothing'}")
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise WeightsError(f"state: {error}") from error
    return network


def _drop_kernel(weight: Tensor) -> Tensor:
    """A 1 × 1 convolution's weight ``(out, in, 1, 1)`` as a linear map's ``(out, in)``; a bias as it is."""
    return weight.flatten(1) if weight.ndim == 4 else weight


def weights_digest(state: Mapping[str, Tensor]) -> str:
    """SHA-256 of names, shapes and values of a state dict, in hexadecimal."""
    sha = hashlib.sha256()
    for name in sorted(state):
        value = state[name].detach().cpu().contiguous()
        sha.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        sha.update(value.view(-1).view(torch.uint8).numpy().tobytes() if value.numel() else b"")
    return sha.hexdigest()


def _rename(name: str) -> str:
    for pattern, replacement in _RENAMED:
        name = re.sub(pattern, replacement, name)
    return name


def _require(state: Mapping[str, Tensor], name: str) -> Tensor:
    if name not in state:
        raise WeightsError(f"state: the released parameter {name!r} is missing; got {len(state)} names")
    return state[name]
