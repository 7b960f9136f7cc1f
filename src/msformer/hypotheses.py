"""Which preset fits an image: every plausible one gives its best answer, and the answers compete.

What a file says of itself comes first: a header that says MR is never a lung in CT. Then one measure of trust, the same
for all presets, compares what they found (``confidence.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msformer.answer import find_answer
from msformer.confidence import Bench, Trust, judge
from msformer.config import Config
from msformer.focus import Focus
from msformer.image import Image
from msformer.kinds import has_colour
from msformer.prepare import NoData, prepare

GREY = ("lung-ct", "chest-xray", "ultrasound", "nuclei", "general")
"""Presets for pictures without colour."""
COLOUR = ("dermoscopy", "stained-tissue", "nuclei", "general")
"""Presets for pictures with colour."""
OF_MODALITY = {
    "CT": ("lung-ct", "general"),
    "MR": ("general",),
    "PT": ("general",),
    "US": ("ultrasound", "general"),
    "CR": ("chest-xray", "general"),
    "DX": ("chest-xray", "general"),
    "RG": ("chest-xray", "general"),
    "MG": ("general",),
    "SM": ("stained-tissue", "nuclei", "general"),
    "GM": ("stained-tissue", "nuclei", "general"),
    "DMS": ("dermoscopy", "general"),
    "OP": ("general",),
    "ES": ("general",),
}
"""What the modality of a header (DICOM PS3.3 C.7.3.1.1.1) leaves; others say nothing of what is seen."""
TRIAL_SIZE = 193
"""Detail grid on which answers compete; the one that wins is made anew on its own."""
ACCEPTED = 0.5
"""Probability from which on the preset of a folder is taken without asking the others."""
KIND_COUNTS = 0.5
"""How much the kind of the picture counts for the choice beyond what it counts for the probability, where it was fitted
with whole sets left out and so on less than is known: with 0, .5 and 1, sets left out .686, .684, .678, as it ships
.717, .722, .727."""
AGREED = 1.0
"""Log-odds that it is ahead where they are asked: another must be nearly three times as likely."""


@dataclass(frozen=True)
class Hypothesis:
    """A preset and what it found.

    Attributes:
        preset: Its name.
        trust: How likely its answer is right.
    """

    preset: str
    trust: Trust

    @property
    def standing(self) -> float:
        """What hypotheses are compared by: log-odds of the answer, and the kind of the picture once more."""
        return self.trust.log_odds + KIND_COUNTS * self.trust.kind


def plausible_presets(image: Image) -> tuple[str, ...]:
    """The presets that header and channels allow, ``general`` always among them."""
    if image.modality is not None and image.modality.upper() in OF_MODALITY:
        return OF_MODALITY[image.modality.upper()]
    return COLOUR if has_colour(image) else GREY


def compare(image: Image, focus: Focus, settings: Config, no_data: NoData | None = None) -> list[Hypothesis]:
    """Let the plausible presets answer, the one that stands best first; of equal ones in the order of names above.

    Args:
        image: The part of the image that is looked at.
        focus: What the user points at in it.
        settings: Those of ``auto``, whose changes each preset takes over.
        no_data: What of the image shows nothing.
    """
    bench = Bench.of(image, no_data)
    expected = settings.auto.expected
    names = list(plausible_presets(image))
    if expected in names:
        names.sort(key=lambda name: name != expected)
    found: list[Hypothesis] = []
    for name in names:
        trial = trial_settings(settings.carried_to(name))
        prepared = prepare(image, trial.prepare, no_data)
        if prepared.is_blank:
            return []
        found.append(Hypothesis(name, judge(find_answer(prepared, focus, trial), prepared, bench, trial)))
        if name == expected and found[0].trust.probability >= ACCEPTED:
            return found
    return sorted(found, key=lambda one: -one.standing - (AGREED if one.preset == expected else 0.0))


def trial_settings(settings: Config) -> Config:
    """Settings as they compete: on a small grid, and without clusters."""
    size = min(settings.prepare.detail_size or settings.prepare.working_size, TRIAL_SIZE)
    return settings.replace(prepare={"detail_size": size}, foreground={"source": "regions"})


def verdict(compared: Sequence[Hypothesis]) -> str:
    """Which preset won, and by how much the next one lost; empty where none competed."""
    if not compared:
        return ""
    first, *others = compared
    if not others:
        return f"{first.preset} alone was asked: no other fits the header, or the folder agrees on it"
    next_one = others[0]
    is_ahead = first.trust.probability < next_one.trust.probability
    return (
        f"{first.preset} fits best ({first.trust.probability:.2f}), "
        f"then {next_one.preset} ({next_one.trust.probability:.2f})"
        + (", of whose kind the picture or the folder looks less" if is_ahead else "")
    )
