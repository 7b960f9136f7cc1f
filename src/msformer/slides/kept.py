"""What tiles gave so far, on disk: a run that is ended goes on behind the last tile that it kept."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

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


@dataclass(frozen=True)
class TileLine:
    """What is kept of a tile beside its part of the maps.

    Attributes:
        totals: ``(256,)``, sum of the grey values of each cluster.
        areas: ``(256,)``, its pixels.
        objects: Those whose centre is in the tile.
        state: What the next tile starts from: centroids; the name of a file, of a network; None after a blank tile.
    """

    totals: Sequence[float]
    areas: Sequence[float]
    objects: Sequence[InstanceRow]
    state: Sequence[Sequence[float]] | str | None


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
        lines: Of the tiles that are done, in order.
    """

    def __init__(self, folder: Path, shape: tuple[int, int], *, has_instances: bool) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.lines = _whole_lines(folder / LINES)
        kinds = {"clusters": np.uint8, "mask": np.uint8} | ({"instances": np.uint32} if has_instances else {})
        size = shape[0] * shape[1]
        if any(not _has(folder / name, size * np.dtype(kind).itemsize) for name, kind in kinds.items()):
            self.lines = []
        maps = {
            name: np.memmap(folder / name, dtype=kind, mode="r+" if self.lines else "w+", shape=shape)
            for name, kind in kinds.items()
        }
        self.clusters, self.mask, self.instances = maps["clusters"], maps["mask"], maps.get("instances")
        with atomic_path(folder / LINES) as path:  # without what was torn
            path.write_text("".join(_json(line) for line in self.lines))
        if self.instances is not None:
            count = self.n_objects
            for first in range(0, shape[0] if self.lines else 0, STRIP_ROWS):
                strip = self.instances[first : first + STRIP_ROWS]
                if (begun := strip > count).any():
                    strip[begun] = 0
                    self.mask[first : first + STRIP_ROWS][begun] = 0

    @property
    def objects(self) -> tuple[InstanceRow, ...]:
        """Of all tiles, by number."""
        return tuple(one for line in self.lines for one in line.objects)

    @property
    def n_objects(self) -> int:
        """How many there are."""
        return sum(len(line.objects) for line in self.lines)

    def sums(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Totals and areas of all tiles, ``(256,)`` each, added in their order."""
        totals, areas = np.zeros(NAMES), np.zeros(NAMES)
        for line in self.lines:
            totals += np.asarray(line.totals)
            areas += np.asarray(line.areas)
        return totals, areas

    def state(self, affinity_shift: int) -> State | None:
        """What the next tile starts from.

        Args:
            affinity_shift: Of a network, which its weights do not tell.

        Raises:
            WeightsError: The network that was kept is damaged.
        """
        kept = next((line.state for line in reversed(self.lines) if line.state is not None), None)
        if not isinstance(kept, str):
            return None if kept is None else np.asarray(kept, dtype=np.float64)
        from safetensors import SafetensorError
        from safetensors.torch import load

        from msformer.network import load_released

        try:
            weights = load((self._folder / kept).read_bytes())
        except (OSError, SafetensorError) as error:
            raise WeightsError(f"{self._folder / kept}: {error}; remove {self._folder} to begin again") from error
        return load_released(weights, affinity_shift=affinity_shift)

    def add(
        self,
        totals: NDArray[np.float64],
        areas: NDArray[np.float64],
        objects: Sequence[InstanceRow],
        state: State | None,
    ) -> None:
        """Keep a tile whose part of the maps is written.

        Raises:
            OSError: The disk is full.
        """
        for one in (self.clusters, self.mask, self.instances):
            if one is not None:
                one.flush()
        said: Sequence[Sequence[float]] | str | None
        if state is None or isinstance(state, np.ndarray):
            said = None if state is None else state.tolist()
        else:
            said = self._keep_network(state)
        line = TileLine(totals.tolist(), areas.tolist(), objects, said)
        with (self._folder / LINES).open("a") as file:
            file.write(_json(line))
            file.flush()
            os.fsync(file.fileno())
        self.lines.append(line)
        for old in self._folder.glob("*.safetensors"):
            if old.name != said and isinstance(said, str):
                old.unlink()

    def renamed(self, label_of: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The clusters by other names, as a map of its own, since those of the tiles may be read once more.

        Args:
            label_of: ``(256,)``, the new name of each.
        """
        labels = np.memmap(self._folder / "labels", dtype=np.uint8, mode="w+", shape=self.clusters.shape)
        for first in range(0, len(labels), STRIP_ROWS):
            labels[first : first + STRIP_ROWS] = label_of[self.clusters[first : first + STRIP_ROWS]]
        return labels

    def _keep_network(self, network: MSFormerNet) -> str:
        from safetensors.torch import save

        name = f"network-{len(self.lines) + 1}.safetensors"
        state = {key: value.detach().cpu().contiguous().clone() for key, value in network.state_dict().items()}
        with atomic_path(self._folder / name) as path:
            path.write_bytes(save(state))
        return name


def _has(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _json(line: TileLine) -> str:
    return json.dumps(asdict(line)) + "\n"


def _whole_lines(path: Path) -> list[TileLine]:
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError):
        return []
    lines: list[TileLine] = []
    for one in text.splitlines(keepends=True):
        try:
            if not one.endswith("\n"):
                break
            kept = json.loads(one)
            kept["objects"] = [_row(**row) for row in kept["objects"]]
            lines.append(TileLine(**kept))
        except (ValueError, TypeError, KeyError):
            break
    return lines


def _row(**kept: Any) -> InstanceRow:
    values: dict[str, Any] = {}
    for key, value in kept.items():  # JSON has lists where rows have tuples
        values[key] = tuple(value) if isinstance(value, list) else value
    return InstanceRow(**values)
