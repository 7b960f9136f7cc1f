"""``msformer.Editor``: what the program answers a person who points."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.interaction.methods.base import Answer, Box, Click, Picture
from msformer.config import GrownSettings
from msformer.editing.asking import Answers, Told, first_answer, further_answer
from msformer.editing.asking import Click as Place
from msformer.editing.seen import Seen
from msformer.image import Mask


class Edited:
    """A picture that is looked at once; further clicks act where they are."""

    def __init__(self, model: Path | None, picture: Picture) -> None:
        self._seen = Seen(picture.image, GrownSettings(model=None if model is None else str(model)))
        self._seen.looked  # noqa: B018 - looks
        self._told = Told()

    def answer(self, clicks: Sequence[Click], box: Box | None, previous_mask: Mask | None) -> list[Answer]:
        """Three nested answers to what is said first, one to a further click."""
        places = [Place(row, column, sign > 0) for row, column, sign in clicks]
        if previous_mask is None or len(places) < 2:
            found = first_answer(self._seen, places, box)
        else:
            found = further_answer(self._seen, previous_mask, self._told, places[-1])
        return self._kept(found)

    def _kept(self, found: Answers) -> list[Answer]:
        self._told = found.told
        return list(zip(found.masks, found.expected, strict=True))
