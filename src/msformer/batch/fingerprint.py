"""What a result was made from: its input and its settings. Equal fingerprints, equal results."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msformer import __version__
from msformer.batch.plan import Case
from msformer.config import Config
from msformer.io.ome_zarr import files_below, is_picture

if TYPE_CHECKING:
    from torch import Tensor

DIGITS = 16
"""Hexadecimal digits of a digest that are kept."""


@dataclass(frozen=True)
class InputPrint:
    """An input as it was when it was read.

    Attributes:
        stat: Digest of sizes and times of its files, which costs no reading; empty where one is not there.
        content: Digest of their bytes.
    """

    stat: str
    content: str

    def record(self) -> dict[str, str]:
        """Ready for JSON."""
        return asdict(self)


def files_of(case: Case) -> tuple[Path, ...]:
    """The files of a case; of a picture that is a folder all that are in it."""
    given = case.instances or (case.source,)
    if len(given) == 1 and given[0].is_dir() and is_picture(given[0]):
        return tuple(files_below(given[0]))
    return given


def stat_of(case: Case) -> str:
    """Digest of sizes and times of the files of a case, and of what was said of it; empty where one is not there."""
    digest = _of_said(case)
    try:
        for path in files_of(case):
            status = path.stat()
            digest.update(f"{status.st_size} {status.st_mtime_ns}\n".encode())
    except OSError:
        return ""
    return digest.hexdigest()[:DIGITS]


def content_of(case: Case) -> str:
    """Digest of the bytes of the files of a case, and of what was said of it.

    Raises:
        OSError: One cannot be read.
    """
    digest = _of_said(case)
    for path in files_of(case):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:DIGITS]


def _of_said(case: Case) -> hashlib._Hash:
    return hashlib.sha256(b"" if case.said is None else case.said.model_dump_json().encode())


def settings_print(
    config: Config,
    *,
    spacing_mm: tuple[float, float] | None,
    max_pixels: int,
    initial_weights: Mapping[str, Tensor] | None,
) -> str:
    """Digest of all that decides a result beside its input: settings, weights, versions."""
    said: dict[str, Any] = {
        "config": config.model_dump(mode="json"),
        "spacing_mm": spacing_mm,
        "max_pixels": max_pixels,
        "weights": None if initial_weights is None else _of_weights(initial_weights),
        "network": _of_network(config),
        "version": __version__,
    }
    del said["config"]["fit"]["device"]  # where it is computed, not what
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:DIGITS]


def _of_weights(weights: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(weights[name].detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _of_network(config: Config) -> str | None:
    """The bytes of a network of the user's own; the one that ships goes with the version."""
    if config.grown.model is None:
        return None
    with Path(config.grown.model).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
