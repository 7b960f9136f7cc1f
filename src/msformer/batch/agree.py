"""Images of one run are mostly of one kind: a few of them say which preset is ahead for all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial

import numpy as np

from msformer.batch.plan import Case
from msformer.config import AUTO_PRESET, Config
from msformer.errors import MSFormerError
from msformer.focus import find_focus
from msformer.hypotheses import compare
from msformer.io import read_image
from msformer.prepare import find_no_data_in
from msformer.processes import Split, run_in_processes

FEWEST = 6
"""A folder of fewer images is no folder of a kind."""
ASKED = 7
"""Images that are asked, spread evenly over the run."""
MAJORITY = 0.5
"""Share of the images asked that a preset must win to be ahead."""


def agree(cases: Sequence[Case], config: Config, *, max_pixels: int, split: Split) -> Config:
    """The settings with ``auto.expected``, where ``auto`` is to choose and the images agree; else as they are."""
    images = [case for case in cases if not case.instances]
    if config.preset != AUTO_PRESET or not config.auto.folder or config.auto.expected is not None:
        return config
    if config.asks_network:  # whoever points needs no preset
        return config
    if len(images) < FEWEST:
        return config
    places = np.unique(np.linspace(0, len(images) - 1, min(ASKED, len(images))).round().astype(int))
    asked = [images[place] for place in places]
    ask = partial(ask_case, config=config, max_pixels=max_pixels)
    if split.workers == 1:
        answers = [ask(case) for case in asked]
    else:
        answers = [answer or {} for _, answer in sorted(run_in_processes(ask, asked, split))]
    expected = winner([answer for answer in answers if answer])
    return config if expected is None else config.replace(auto={"expected": expected})


def ask_case(case: Case, config: Config, max_pixels: int) -> dict[str, float]:
    """How each preset stands on one image; nothing where it cannot be read or shows nothing."""
    try:
        image = read_image(case.source, page=case.page or 0, max_pixels=max_pixels)
        focus = find_focus(image.shape, config.hints)
        part = focus.cut(image)
        return {one.preset: one.standing for one in compare(part, focus, config, find_no_data_in(part))}
    except (MSFormerError, OSError, MemoryError):
        return {}  # the run itself will say what is wrong with it


def winner(answers: Sequence[dict[str, float]]) -> str | None:
    """The preset that wins more than ``MAJORITY`` of the images; None where none does, or one image alone was asked."""
    if len(answers) < 2:
        return None
    wins = Counter(max(answer, key=lambda name: answer[name]) for answer in answers)
    best, count = wins.most_common(1)[0]
    return best if count > MAJORITY * len(answers) else None
