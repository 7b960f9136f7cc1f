"""What tiles gave so far, on disk: a run that is ended goes on behind the last tile that it kept."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from msformer.errors import WeightsError
from msformer.io.atomic import atomic_path
from msformer.measure import InstanceRow

if TYPE_CHECKING:
    from msformer.network import MSFormerNet

    State = NDArray[np.floating] | MSFormerNet

LINES = "tiles.jsonl"
STRIP_ROWS = 256
NAMES = 256
"""Clusters that a map of 8 bits can name, and the ground."""


Sums = Mapping[int, tuple[float, int]]
"""Of each cluster of a tile the sum of its grey values, and its pixels."""


class KeptTiles:
    """Maps of a slide and a line for each tile that is in them.

    A line is written and synced after its tile is in the maps; one that is torn is dropped, and what the tile behind
    the last line had begun to draw is taken out of the maps.

    Args:
        folder: Of one slide, one level and one choice of settings; made if it is missing.
        shape: Rows and columns of the level.
        has_instances: Whether there is a map of objects.

    Attributes:
        clusters: ``(H, W)``, the number of the cluster from 1, 0 where there is none yet.
        mask: ``(H, W)``, 1 on objects.
        instances: ``(H, W)``, objects by number; None where there are none.
        n_tiles: How many are done.
        totals: ``(256,)``, sum of the grey values of each cluster.
        areas: ``(256,)``, its pixels.
        objects: Those whose centre is in a tile that is done, by number.

    Raises:
        OSError: The disk has no room for the maps.
    """

    def __init__(self, folder: Path, shape: tuple[int, int], *, has_instances: bool) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.n_tiles = 0
        self.totals, self.areas = np.zeros(NAMES), np.zeros(NAMES)
        self.objects: list[InstanceRow] = []
        self._state: list[list[float]] | str | None = None
        kinds = {"clusters": np.uint8, "mask": np.uint8} | ({"instances": np.uint32} if has_instances else {})
        size = shape[0] * shape[1]
        is_there = all(_has(folder / name, size * np.dtype(kind).itemsize) for name, kind in kinds.items())
        lines = _whole_lines(folder / LINES) if is_there else []
        for line in lines:
            self._count(line)
        maps = {name: _mapped(folder / name, kind, shape, is_new=not lines) for name, kind in kinds.items()}
        self.clusters, self.mask, self.instances = maps["clusters"], maps["mask"], maps.get("instances")
        with atomic_path(folder / LINES) as path:  # without what was torn
            path.write_text("".join(map(_json, lines)))
        if self.instances is not None and lines:
            for first in range(0, shape[0], STRIP_ROWS):
                strip = self.instances[first : first + STRIP_ROWS]
                if (strip > len(self.objects)).any():
                    strip[strip > len(self.objects)] = 0
                self.mask[first : first + STRIP_ROWS] = strip > 0

    def state(self, affinity_shift: int) -> State | None:
        """What the next tile starts from.

        Args:
            affinity_shift: Of a network, which its weights do not tell.

        Raises:
            WeightsError: The network that was kept is damaged.
        """
        if not isinstance(self._state, str):
            return None if self._state is None else np.asarray(self._state, dtype=np.float64)
        from safetensors import SafetensorError
        from safetensors.torch import load

        from msformer.network import load_released

        try:
            weights = load((self._folder / self._state).read_bytes())
        except (OSError, SafetensorError) as error:
            raise WeightsError(
                f"{self._folder / self._state}: {error}; remove {self._folder} to begin again"
            ) from error
        return load_released(weights, affinity_shift=affinity_shift)

    def add(self, sums: Sums | None = None, objects: Sequence[InstanceRow] = (), state: State | None = None) -> None:
        """Keep a tile whose part of the maps is written; one that shows nothing leaves all as it is.

        Args:
            sums: Of its clusters.
            objects: Those whose centre is in it.
            state: What the next tile starts from: centroids or a network; None for what this one started from.

        Raises:
            OSError: The disk is full.
        """
        for one in (self.clusters, self.mask, self.instances):
            if one is not None:
                one.flush()
        said = None if state is None else state.tolist() if isinstance(state, np.ndarray) else self._keep(state)
        line = {"sums": dict(sums or {}), "objects": [asdict(one) for one in objects], "state": said}
        with (self._folder / LINES).open("a") as file:
            file.write(_json(line))
            _sync(file)
        self._count(line)
        for old in self._folder.glob("*.safetensors") if isinstance(said, str) else ():
            if old.name != said:
                old.unlink()

    def renamed(self, label_of: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The clusters by other names, as a map of its own, since those of the tiles may be read once more.

        Args:
            label_of: ``(256,)``, the new name of each.
        """
        labels = _mapped(self._folder / "labels", np.uint8, self.clusters.shape, is_new=True)
        for first in range(0, len(labels), STRIP_ROWS):
            labels[first : first + STRIP_ROWS] = label_of[self.clusters[first : first + STRIP_ROWS]]
        return labels

    def _count(self, line: Mapping[str, Any]) -> None:
        self.n_tiles += 1
        for name, (total, area) in line["sums"].items():
            self.totals[int(name)] += total
            self.areas[int(name)] += area
        self.objects += [_row(**row) for row in line["objects"]]
        self._state = self._state if line["state"] is None else line["state"]

    def _keep(self, network: MSFormerNet) -> str:
        from safetensors.torch import save

        name = f"network-{self.n_tiles + 1}.safetensors"
        state = {key: value.detach().cpu().contiguous().clone() for key, value in network.state_dict().items()}
        with atomic_path(self._folder / name) as path, path.open("wb") as file:
            file.write(save(state))
            _sync(file)
        return name


def _mapped(path: Path, kind: Any, shape: tuple[int, ...], *, is_new: bool) -> np.memmap[Any, Any]:
    """A file as an array. A new one gets its place on the disk now: later a full disk would end the process."""
    if is_new:
        size = int(np.prod(shape)) * np.dtype(kind).itemsize
        with path.open("wb") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
    return np.memmap(path, dtype=kind, mode="r+", shape=shape)


def _sync(file: IO[Any]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _has(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _json(line: Mapping[str, Any]) -> str:
    return json.dumps(line) + "\n"


def _whole_lines(path: Path) -> list[dict[str, Any]]:
    """The lines up to the first that is not whole."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError):
        return []
    lines: list[dict[str, Any]] = []
    for one in text.splitlines(keepends=True):
        try:
            line = json.loads(one)
            if not one.endswith("\n") or line.keys() != {"sums", "objects", "state"}:
                break
            lines.append(line)
        except (ValueError, AttributeError):
            break
    return lines


def _row(**kept: Any) -> InstanceRow:
    values: dict[str, Any] = {}
    for key, value in kept.items():  # JSON has lists where rows have tuples
        values[key] = tuple(value) if isinstance(value, list) else value
    return InstanceRow(**values)
