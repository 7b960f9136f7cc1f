"""Make the pictures, the table and the timing of docs/scenes.md.

python scripts/make_scene_figure.py [--check]
"""

from __future__ import annotations

import platform
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from msformer.io import write_png
from msformer.scenes import Scene, SceneOptions, make_scene

PAGE = Path(__file__).parent.parent / "docs" / "scenes.md"
PICTURE = PAGE.parent / "scenes" / "grid.png"
FURTHER = PICTURE.with_name("further.png")
ROWS, COLUMNS, SIDE = 6, 8, 128
MORE = SceneOptions(two_channels=1.0, four_channels=1.0)
GREEN = (0, 255, 0)


def main() -> int:
    """Write pictures, table and timing; with ``--check``, tell whether the table is what the options say."""
    page = PAGE.read_text(encoding="utf-8")
    if "--check" in sys.argv[1:]:
        stale = replaced(page, "table", table()) != page
        if stale:
            print("docs/scenes.md is not what SceneOptions says: run scripts/make_scene_figure.py", file=sys.stderr)
        return int(stale)
    PICTURE.parent.mkdir(exist_ok=True)
    write_png(PICTURE, grid())
    write_png(FURTHER, further())
    page = replaced(replaced(page, "table", table()), "speed", speed())
    PAGE.write_text(page, encoding="utf-8")
    return 0


def replaced(page: str, name: str, text: str) -> str:
    """The page with what stands between the marks ``name`` exchanged."""
    start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    return re.sub(f"{start}.*?{end}", lambda _: f"{start}{text}{end}", page, flags=re.DOTALL)


def table() -> str:
    """Every option with its default and its meaning."""
    lines = ["| option | default | limits | meaning |", "|---|---|---|---|"]
    for one in fields(SceneOptions):
        low, high = one.metadata["limits"]
        default = f"{one.default[0]:g} to {one.default[1]:g}" if isinstance(one.default, tuple) else f"{one.default:g}"
        lines.append(f"| `{one.name}` | {default} | {low:g} to {high:g} | {one.metadata['meaning']} |")
    return "\n".join(lines) + "\n"


def speed() -> str:
    """Time of a scene, the median of five rounds."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    lines = []
    for side, count in ((128, 200), (256, 60)):
        rounds = []
        for first in range(5):
            start = time.process_time()
            for seed in range(first * count, (first + 1) * count):
                make_scene(seed, shape=(side, side))
            rounds.append(1000 * (time.process_time() - start) / count)
        lines.append(f"{np.median(rounds):.0f} ms ({min(rounds):.0f} to {max(rounds):.0f}) at {side} px")
    cv2.setNumThreads(threads)
    model = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    machine = model.group(1) if model else platform.machine()
    return f"A scene takes {' and '.join(lines)}: median and range of five rounds, one core of {machine}.\n"


def grid() -> NDArray[np.uint8]:
    """Scenes 0 to 47, each with its target outlined."""
    scenes = [make_scene(seed, shape=(SIDE, SIDE)) for seed in range(ROWS * COLUMNS)]
    tiles = [tile(scene, scene.image) for scene in scenes]
    return np.asarray(np.vstack([row(tiles[first : first + COLUMNS]) for first in range(0, len(tiles), COLUMNS)]))


def further() -> NDArray[np.uint8]:
    """The first scenes of two and the first of four channels; the last channel stands below the others."""
    scenes = [make_scene(seed, shape=(SIDE, SIDE), options=MORE) for seed in range(ROWS * COLUMNS)]
    shown = [
        scene for count in (2, 4) for scene in [one for one in scenes if one.image.shape[2] == count][: COLUMNS // 2]
    ]
    above = row([tile(one, one.image[..., 0] if one.image.shape[2] == 2 else one.image[..., :3]) for one in shown])
    return np.asarray(np.vstack([above, row([tile(one, one.image[..., -1]) for one in shown])]))


def row(tiles: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Tiles side by side with white between."""
    return np.hstack([np.pad(one, ((0, 4), (0, 4), (0, 0)), constant_values=255) for one in tiles])


def tile(scene: Scene, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Grey or coloured pixels of the scene with its target outlined, ``(H, W, 3)``."""
    marked = pixels.copy() if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
    lines, _ = cv2.findContours(scene.mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(marked, lines, -1, GREEN, 1)
    return np.asarray(marked, dtype=np.uint8)


if __name__ == "__main__":
    sys.exit(main())
