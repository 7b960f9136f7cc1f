"""Label maps and masks → files that other programs read without losing the numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from msformer.io.atomic import atomic_path


def write_label_map(path: Path, label_map: NDArray[np.integer]) -> None:
    """Write a label map ``(H, W)`` as a grey PNG, 8-bit where the labels allow it, else 16-bit.

    No palette: common readers expand palettes to colours and lose the labels.
    """
    depth = np.uint8 if int(label_map.max(initial=0)) <= 255 else np.uint16
    write_png(path, label_map.astype(depth))


def write_mask(path: Path, mask: NDArray[np.bool_]) -> None:
    """Write a mask ``(H, W)`` as an 8-bit grey PNG, 0 and 255."""
    write_png(path, mask.astype(np.uint8) * np.uint8(255))


def write_png(path: Path, pixels: NDArray[Any]) -> None:
    """Write 8-bit grey or RGB, or 16-bit grey pixels as a PNG."""
    with atomic_path(path) as temporary:
        # The lowest compression that is one: a third of the time of Pillow's own choice, files an eighth larger.
        Pillow.fromarray(pixels).save(temporary, format="PNG", compress_level=1)


def null_undefined(value: Any) -> Any:
    """A copy of nested data for strict JSON, which has no NaN and no infinity: they become null."""
    if isinstance(value, dict):
        return {key: null_undefined(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [null_undefined(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@contextmanager
def text_file(path: Path) -> Iterator[TextIO]:
    """A text file in UTF-8 that is written bit by bit and is there when it is whole.

    What UTF-8 cannot hold, such as parts of odd file names, is written as an escape.
    """
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        yield file


def write_text(path: Path, text: str) -> None:
    """Write a text file at once; see ``text_file``."""
    with text_file(path) as file:
        file.write(text)
