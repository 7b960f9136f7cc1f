"""Which preset fits an image: every plausible one gives its best answer, and the answers compete.

What a file says of itself comes first: a header that says MR is never a lung in CT. Then one measure of trust, the same
for all presets, compares what they found (``confidence.py``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from msformer.answer import Answer, Glance, find_answer
from msformer.confidence import Bench, Trust, judge, many_log_odds
from msformer.config import Config
from msformer.focus import Focus
from msformer.image import Image
from msformer.kinds import has_colour
from msformer.prepare import NoData, Prepared, detail_grid, prepare

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
CHEST_PRESETS = ("lung-ct", "chest-xray")
OF_THE_CHEST = ("CHEST", "THORAX", "LUNG", "BODY", "TRUNK", "RIB")
"""Words in a header's body part (DICOM PS3.16 CID 4030) that leave the presets of the chest."""
ELSEWHERE = (
    "HEAD", "BRAIN", "SKULL", "FACE", "ORBIT", "JAW", "TEETH", "NECK", "SPINE", "ABDOMEN", "PELVIS", "LIVER", "KIDNEY",
    "PROSTATE", "BLADDER", "BREAST", "SHOULDER", "ARM", "HUMERUS", "ELBOW", "WRIST", "HAND", "FINGER", "HIP", "LEG",
    "FEMUR", "KNEE", "TIBIA", "ANKLE", "FOOT", "TOE", "CALCANEUS", "EXTREMITY",
)  # fmt: skip
"""Words that rule them out where none of those is there; a word that is not known rules out nothing."""
TRIAL_SIZE = 193
"""Detail grid on which answers compete; the one that wins is made anew on its own."""
ACCEPTED = 0.5
"""Probability from which on the preset of a folder is taken without asking the others."""
KIND_COUNTS = 0.5
"""How much the kind of the picture counts for the choice beyond what it counts for the probability, where it was fitted
with whole sets left out and so on less than is known: with 0, .5 and 1, sets left out .686, .684, .678, as it ships
.717, .722, .727."""
KIND_AMONG_MANY = 2.0
"""The same where presets for many objects are compared with each other: what each of them means by an object is not
seen of the masks, nuclei being as well bordered as whole cells. Dice of the presets that win with .5, 1, 2 and 9, mean
over the sets at hand, with sets left out .680, .682, .682, .683, as it ships .715, .717, .721, .721."""
CROWD = ("several", "solidity", "separate")
"""Cues whose product says whether a picture holds many alike things with borders of their own."""
AGREED = 1.0
"""Log-odds that it is ahead where they are asked: another must be nearly three times as likely."""


@dataclass(frozen=True, eq=False)
class Trial:
    """How an answer came about, to be taken over where the settings of the preset ask for the same.

    Attributes:
        settings: What was asked for.
        prepared: The picture as the preset prepared it.
        answer: What was found.
    """

    settings: Config
    prepared: Prepared
    answer: Answer

    @property
    def crowd(self) -> float | None:
        """How much it is many alike things with borders of their own, in [0, 1]; None where that was not looked for."""
        cues = self.answer.chosen.cues
        if self.settings.foreground.objects != "many" or not all(name in cues for name in CROWD):
            return None
        return math.prod(cues[name] for name in CROWD)

    def is_prepared_for(self, settings: Config, shape: tuple[int, int]) -> bool:
        """Whether the settings would prepare an image of this shape just so."""
        own, other = self.settings.prepare, settings.prepare
        if None in (own.detail_size, other.detail_size) or detail_grid(shape, own) != detail_grid(shape, other):
            return False
        return own == settings.replace(prepare={"detail_size": own.detail_size}).prepare

    def answers(self, settings: Config, shape: tuple[int, int]) -> bool:
        """Whether the settings would find just the same in an image of this shape."""
        own = self.settings
        alike = (own.foreground, own.refine) == (settings.foreground, settings.refine)
        return alike and self.is_prepared_for(settings, shape)


@dataclass(frozen=True)
class Hypothesis:
    """A preset and what it found.

    Attributes:
        preset: Its name.
        trust: How likely its answer is right.
        extra: What speaks for it in comparison with the others, in log-odds.
        trial: How it came about.
    """

    preset: str
    trust: Trust
    extra: float = 0.0
    trial: Trial | None = field(default=None, repr=False, compare=False)

    @property
    def standing(self) -> float:
        """What hypotheses are compared by: log-odds of the answer, the kind of the picture once more, and the extra."""
        return self.trust.log_odds + KIND_COUNTS * self.trust.kind + self.extra


def plausible_presets(image: Image) -> tuple[str, ...]:
    """The presets that header and channels allow, ``general`` always among them."""
    if image.modality is not None and image.modality.upper() in OF_MODALITY:
        names = OF_MODALITY[image.modality.upper()]
    else:
        names = COLOUR if has_colour(image) else GREY
    part = (image.body_part or "").upper()
    is_elsewhere = any(word in part for word in ELSEWHERE) and not any(word in part for word in OF_THE_CHEST)
    return tuple(name for name in names if not (is_elsewhere and name in CHEST_PRESETS))


def compare(
    image: Image,
    focus: Focus,
    settings: Config,
    no_data: NoData | None = None,
    bench: Bench | None = None,
    glance: Glance | None = None,
) -> list[Hypothesis]:
    """Let the plausible presets answer, the one that stands best first; of equal ones in the order of names above.

    Args:
        image: The part of the image that is looked at.
        focus: What the user points at in it.
        settings: Those of ``auto``, whose changes each preset takes over.
        no_data: What of the image shows nothing.
        bench: The image as answers are judged on it, where that is known already.
        glance: The image for the grown network; without it, no preset asks it.
    """
    bench = bench or Bench.of(image, no_data)
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
        answer = find_answer(prepared, focus, trial, glance)
        found.append(Hypothesis(name, judge(answer, prepared, bench, trial), 0.0, Trial(trial, prepared, answer)))
        if name == expected and found[0].trust.probability >= ACCEPTED:
            return found
    found = with_many(found)
    return sorted(found, key=lambda one: -one.standing - (AGREED if one.preset == expected else 0.0))


def with_many(found: Sequence[Hypothesis]) -> list[Hypothesis]:
    """What is known once all have answered.

    A picture with many alike things, each with a border of its own, speaks for the presets for many objects; one
    without says nothing, for their own trust has it. Among themselves these share out their standings by the kind of
    the picture.
    """
    many = [one for one in found if one.trial is not None and one.trial.settings.foreground.objects == "many"]
    crowds = [crowd for one in many if one.trial is not None and (crowd := one.trial.crowd) is not None]
    bonus = max(many_log_odds(max(crowds)), 0.0) if crowds else 0.0
    standings = sorted((one.standing for one in many), reverse=True)
    by_kind = sorted(many, key=lambda one: -one.trust.log_odds - KIND_AMONG_MANY * one.trust.kind)
    extra: Mapping[str, float] = {
        one.preset: standing - one.standing + bonus for one, standing in zip(by_kind, standings, strict=True)
    }
    return [replace(one, extra=extra.get(one.preset, 0.0)) for one in found]


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
