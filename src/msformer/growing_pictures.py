"""Pictures of a network that was grown: its curve, and what it says of scenes that it never learned from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from msformer.growing.examples import Example, make_example
from msformer.growing.objective import hard_dice
from msformer.growing.recipe import EXAMINED, Recipe, examination_seed
from msformer.growing.shard import deep_clicks
from msformer.image import Mask
from msformer.network.prompted import PromptedNet
from msformer.render import GAP, OUTLINE_COLOUR, Picture, label_colours

LINES = {"one_click": "one click", "best_of_three": "one click, best of three", "one_box": "one box"}
"""What a curve's picture shows of each examination, and how it is called there."""
WIDTH, HEIGHT = 860, 340
"""Of a curve's picture in px."""
LEFT, TOP, BOTTOM, BETWEEN = 50, 34, 46, 60
"""Room around its two panels in px."""
TRUTH_COLOUR = (86, 180, 233)
CLICK_COLOUR = (213, 94, 0)
COLUMNS, ROWS, TILE, EDGE = 6, 4, 256, 24
"""Tiles of a sheet, side of each in px, and height in px of the line of words over each row and the whole."""


def draw_curve(curve: Sequence[Mapping[str, float]], title: str) -> str:
    """Dice and loss over updates, as SVG.

    Args:
        curve: Examinations, each with ``step``, ``loss`` and the Dice of ``LINES``.
        title: Stands over it.
    """
    panel = (WIDTH - 2 * LEFT - BETWEEN) / 2
    losses = [row["loss"] for row in curve]
    highest = _round_up(max(losses, default=1.0))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="18" font-weight="bold">{escape(title)}</text>',
    ]
    steps = [row["step"] for row in curve]
    last = max(steps, default=1.0)
    for number, (left, top_value, name) in enumerate(((LEFT, 1.0, "Dice"), (LEFT + panel + BETWEEN, highest, "loss"))):
        parts += _frame(left, panel, top_value, last, name)
        columns = list(LINES.items()) if number == 0 else [("loss", "loss of the last update")]
        for index, (key, word) in enumerate(columns):
            colour = _hex(label_colours(4)[index + 1 if number == 0 else 4])
            points = [
                (left + panel * step / last, _height(row[key] / top_value))
                for step, row in zip(steps, curve, strict=True)
            ]
            parts.append(_line(points, colour))
            at = left + panel - 8, _height(0) - 12 - 16 * (len(columns) - 1 - index)
            parts.append(f'<text x="{at[0]:.1f}" y="{at[1]:.1f}" text-anchor="end" fill="{colour}">{word}</text>')
    return "\n".join([*parts, "</svg>\n"])


def draw_sheet(network: PromptedNet, recipe: Recipe) -> Picture:
    """Scenes of the examination with a click on each, the truth and the answer, and the Dice between them."""
    examples = _asked(recipe)
    tiles = [np.full((TILE + EDGE, TILE, 3), 255, np.uint8) for _ in range(COLUMNS * ROWS)]
    if examples:
        truths = torch.from_numpy(np.stack([one.truths[0] for one in examples]).astype(np.float32))
        images = torch.from_numpy(np.stack([one.image for one in examples]))
        prompts = deep_clicks(truths)
        with torch.inference_mode():
            decoded = network.decode(network.encode(images), prompts)
        best = decoded.expected.argmax(dim=1)
        chosen = torch.arange(len(best)), best
        answers = (decoded.logits[chosen] > 0).numpy()
        reached = hard_dice(decoded.logits, truths)[chosen].tolist()
        hoped = torch.sigmoid(decoded.expected[chosen]).tolist()
        for index, example in enumerate(examples):
            down, right = (int(value) for value in prompts.clicks[index, 0, :2])
            tiles[index][EDGE:] = _tile(example, answers[index], (down, right))
            _write(tiles[index], f"Dice {reached[index]:.2f}, expected {hoped[index]:.2f}", 0)
    tiles = [np.pad(one, ((0, 0), (0, GAP), (0, 0)), constant_values=255) for one in tiles]
    rows = [np.concatenate(tiles[row * COLUMNS : (row + 1) * COLUMNS], axis=1) for row in range(ROWS)]
    top = np.full((EDGE, COLUMNS * (TILE + GAP), 3), 255, np.uint8)
    _write(top, "Scenes that were never learned from. Dot: the click. Blue: the truth. Yellow: the answer.", 0)
    return np.concatenate([top, *rows], axis=0)


def _asked(recipe: Recipe) -> list[Example]:
    """The first scenes of the examination that hold something to ask for."""
    found: list[Example] = []
    for index in range(EXAMINED):
        example = make_example(examination_seed(index), 1, recipe.side, recipe.options)
        if example.truths.any():
            found.append(example)
        if len(found) == COLUMNS * ROWS:
            break
    return found


def _tile(example: Example, answer: Mask, click: tuple[int, int]) -> Picture:
    """What the network is shown, ``(TILE, TILE, 3)``, with truth, answer and click."""
    planes, seen = example.image[:3].transpose(1, 2, 0), example.image[3] > 0
    low, high = np.percentile(planes[seen], [0.5, 99.5]) if seen.any() else (0.0, 1.0)
    unit = np.clip((planes - low) / max(high - low, 1e-6), 0, 1) * seen[:, :, None]
    shown = np.rint(255 * cv2.resize(unit, (TILE, TILE), interpolation=cv2.INTER_LINEAR)).astype(np.uint8)
    for mask, colour, width in ((example.truths[0], TRUTH_COLOUR, 4), (answer, OUTLINE_COLOUR, 1)):
        large = cv2.resize(mask.astype(np.uint8), (TILE, TILE), interpolation=cv2.INTER_NEAREST)
        contours, _ = cv2.findContours(large, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(shown, contours, -1, colour, width)
    scale = TILE / len(answer)
    centre = round((click[1] + 0.5) * scale), round((click[0] + 0.5) * scale)
    cv2.circle(shown, centre, 5, (255, 255, 255), -1, cv2.LINE_AA)
    cv2.circle(shown, centre, 3, CLICK_COLOUR, -1, cv2.LINE_AA)
    return np.asarray(shown, dtype=np.uint8)


def _write(picture: Picture, words: str, left: int) -> None:
    """Write words into the topmost line of a picture."""
    cv2.putText(picture, words, (left + 4, EDGE - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)


def _frame(left: float, width: float, top_value: float, last: float, name: str) -> list[str]:
    """Axes of a panel with four lines across, and the words at them."""
    parts = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        height = _height(share)
        parts.append(
            f'<line x1="{left:.1f}" x2="{left + width:.1f}" y1="{height:.1f}" y2="{height:.1f}" stroke="#ccc"/>'
            f'<text x="{left - 6:.1f}" y="{height + 4:.1f}" text-anchor="end">{top_value * share:.3g}</text>'
        )
        if share in (0.0, 0.5, 1.0):
            parts.append(
                f'<text x="{left + width * share:.1f}" y="{_height(0) + 16:.1f}" text-anchor="middle">'
                f"{last * share:g}</text>"
            )
    middle = left + width / 2
    parts.append(f'<text x="{middle:.1f}" y="{HEIGHT - 10}" text-anchor="middle">{name} over updates</text>')
    return parts


def _line(points: Sequence[tuple[float, float]], colour: str) -> str:
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2" fill="{colour}"/>' for x, y in points)
    return f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="1.5"/>{dots}'


def _height(share: float) -> float:
    """Where a share of the largest value stands, in px from the top."""
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - min(max(share, 0.0), 1.0))


def _round_up(value: float) -> float:
    """The next higher of 1, 2, 5 times a power of ten."""
    power = 10.0 ** np.floor(np.log10(max(value, 1e-6)))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9)))


def _hex(colour: NDArray[np.uint8]) -> str:
    return "#" + "".join(f"{int(value):02x}" for value in colour)
