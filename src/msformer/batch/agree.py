"""Images of one run are mostly of one kind: a few of them say which preset is ahead for all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial

import numpy as np

from msformer.batch.plan import Case
from msformer.config import AUTO_PRESET, Config
from msformer.errors import MSFormerError
from msformer.executors import Executor, run_items

FEWEST = 6
"""A folder of fewer images is no folder of a kind."""
ASKED = 7
"""Images that are asked, spread evenly over the run."""
MAJORITY = 0.5
"""Share of the images asked that a preset must win to be ahead."""


def whom_to_ask(cases: Sequence[Case], config: Config) -> list[Case]:
    """The images that are asked; none where no preset is to be chosen, or too few are there."""
    images = [case for case in cases if not case.instances]
    if config.preset != AUTO_PRESET or not config.auto.folder or config.auto.expected is not None:
        return []
    if config.asks_network or len(images) < FEWEST:  # whoever points needs no preset
        return []
    places = np.unique(np.linspace(0, len(images) - 1, min(ASKED, len(images))).round().astype(int))
    return [images[place] for place in places]


def agree(asked: Sequence[Case], config: Config, *, max_pixels: int, executor: Executor) -> str | None:
    """The preset that the images agree on; None where they do not.

    Args:
        asked: From ``whom_to_ask``.
        config: Settings of the run.
        max_pixels: Larger images have no say.
        executor: Who looks at them.
    """
    ask = partial(ask_case, config=config, max_pixels=max_pixels)
    answers = [answer for _, answer in sorted(run_items(executor, ask, asked), key=lambda one: one[0])]
    return winner([answer for answer in answers if isinstance(answer, dict) and answer])


def ask_case(case: Case, config: Config, max_pixels: int) -> dict[str, float]:
    """How each preset stands on one image; nothing where it cannot be read or shows nothing."""
    from msformer.focus import find_focus  # loaded where it is done, not where images are handed out
    from msformer.hypotheses import compare
    from msformer.io import read_image
    from msformer.prepare import find_no_data_in

    try:
        image = read_image(case.source, page=case.page or 0, max_pixels=max_pixels)
        focus = find_focus(image.shape, config.hints)
        part = focus.cut(image)
        return {one.preset: one.standing for one in compare(part, focus, config, find_no_data_in(part))}
    except (MSFormerError, OSError):
        return {}  # the run itself will say what is wrong with it


def winner(answers: Sequence[dict[str, float]]) -> str | None:
    """The preset that wins more than ``MAJORITY`` of the images; None where none does, or one image alone was asked."""
    if len(answers) < 2:
        return None
    wins = Counter(max(answer, key=lambda name: answer[name]) for answer in answers)
    best, count = wins.most_common(1)[0]
    return best if count > MAJORITY * len(answers) else None
