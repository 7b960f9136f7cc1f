"""The student: the method's two branches on a stem, taught by a folder what is meant in it.

It is a network of the kind that ``msformer grow`` grows, from random weights: from those that were grown on scenes,
which know objects of every kind and have to unlearn most of them, it was behind (``docs/learning.md``). Its map of
objects is what it says. The method's two terms, agreement between scales and stability within one, stay in its loss.
What the program found itself is taught as a trimap, sure object, sure surroundings and an unlabelled band between, and
by a loss that tolerates wrong masks; what a person gave is taught as it is.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from msformer.errors import FitDivergedError
from msformer.growing.objective import scale_losses
from msformer.learning.lesson import Lesson
from msformer.morphology import ellipse
from msformer.network.prompted import PromptedNet, build_prompted
from msformer.prompting.view import SIDE
from msformer.threads import torch_threads

BAND = 0.025
"""Half width of the unlabelled band around the border of the program's own masks, as a share of the side."""
TOLERANCE = 0.7
"""Exponent q of generalised cross-entropy (Zhang & Sabuncu, NeurIPS 2018): 0 is cross-entropy, 1 the mean error."""
FIRM = 5.0
"""How much oftener an image that a person corrected is drawn than one with full confidence."""
RATE = 1e-3
"""Largest learning rate: half of that which networks are grown with."""
RISE = 10
"""Updates over which the rate rises."""
DECAY = 0.01
BATCH = 6
CLIP = 1.0
SCALES = 1.0
"""Weight of the method's two terms as they were weighted while the network grew."""
TURN = 0.5
"""Chance of any angle; else a quarter turn, give or take."""
LARGER = 0.3
"""Logarithm of the scale, at most."""
MOVED = 0.08
"""Shift, as a share of the side, at most."""
LIGHT, COLOUR = 0.15, 0.1
"""Deviations of contrast and light, and of the light of single planes, in deviations of the picture."""
CUT_OUT = 0.3
"""Chance that a rectangle is blanked, a fifth to two fifths of a side."""


@dataclass(frozen=True)
class Lessons:
    """How the student is taught.

    Attributes:
        updates: Updates of the network, at most.
        trimaps: Whether the band around borders of own masks is left out.
        tolerant: Whether the loss of own masks tolerates wrong ones.
        by_confidence: Whether confident masks are drawn oftener.
        scales: Weight of the method's two terms.
        start: ``noise``, random weights, or ``grown``, those of the network that ships.
        seed: Of all draws.
    """

    updates: int = 60
    trimaps: bool = True
    tolerant: bool = True
    by_confidence: bool = True
    scales: float = SCALES
    start: Literal["noise", "grown"] = "noise"
    seed: int = 0


@torch_threads(1)
def teach(
    network: PromptedNet,
    lessons: Sequence[Lesson],
    how: Lessons,
    tell: Callable[[int], None] | None = None,
) -> PromptedNet:
    """Update a copy of the network on lessons.

    Args:
        network: Where it starts, or, from noise, whose sizes it has; not changed.
        lessons: Those that it may see, in an order that does not depend on names (``in_order``).
        how: What is done.
        tell: Called with the number of updates that are done.

    Raises:
        FitDivergedError: The objective is NaN or infinite.
    """
    student = network if how.start == "grown" else random_network(network, how.seed)
    student = copy.deepcopy(student).train()
    student.requires_grad_(False)
    parameters = [*student.encoder.parameters(), *student.unprompted.parameters()]
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimiser = torch.optim.AdamW(parameters, lr=RATE, weight_decay=DECAY, betas=(0.9, 0.99))
    rng = np.random.default_rng(how.seed)
    chances = draw_chances(lessons, how)
    targets = [target_of(lesson, how) for lesson in lessons]
    for update in range(how.updates):
        rate = RATE * min(1.0, (update + 1) / RISE) * 0.5 * (1 + np.cos(np.pi * update / how.updates))
        for group in optimiser.param_groups:
            group["lr"] = rate
        chosen = rng.choice(len(lessons), size=BATCH, p=chances)
        batch = [turned(lessons[index].view, targets[index], rng) for index in chosen]
        images, truths, known = (torch.from_numpy(np.stack(part)) for part in zip(*batch, strict=True))
        tolerant = torch.tensor([how.tolerant and lessons[index].corrected is None for index in chosen])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            features = student.encode(images)
            objects, _ = student.without_prompt(features)
            loss = object_loss(objects, truths, known, tolerant) + how.scales * scale_losses(features)
        if not torch.isfinite(loss):
            raise FitDivergedError(f"learning: the objective is {float(loss.detach())} at update {update}")
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, CLIP)
        optimiser.step()
        if tell is not None:
            tell(update + 1)
    return student.eval().requires_grad_(False)


def random_network(network: PromptedNet, seed: int) -> PromptedNet:
    """A network of the same sizes with random weights."""
    return build_prompted(network.sizes, torch.Generator().manual_seed(seed))


def draw_chances(lessons: Sequence[Lesson], how: Lessons) -> NDArray[np.float64]:
    """How often each lesson is drawn, ``(n,)``, sum 1: own masks by their confidence, corrected ones firmly."""
    weights = np.array(
        [
            FIRM if lesson.corrected is not None else lesson.confidence if how.by_confidence else 1.0
            for lesson in lessons
        ]
    )
    weights = np.maximum(weights, 1e-6)
    return np.asarray(weights / weights.sum())


def target_of(lesson: Lesson, how: Lessons) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What is taught, ``(h, w)`` in [0, 1], and where it is known, 0 or 1."""
    known = lesson.valid.astype(np.float32)
    if lesson.corrected is not None or not how.trimaps:
        return lesson.truth, known
    element = ellipse(max(round(BAND * float(np.sqrt(known.size))), 1))
    mask = (lesson.own >= 0.5).astype(np.uint8)
    band = (cv2.dilate(mask, element) > 0) & (cv2.erode(mask, element) == 0)
    return lesson.own, known * ~band


def turned(
    view: NDArray[np.float32], target: tuple[NDArray[np.float32], NDArray[np.float32]], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """A view and its target turned, mirrored, scaled, shifted, and in another light, on ``SIDE`` × ``SIDE`` px."""
    truth, known = target
    height, width = truth.shape
    angle = rng.uniform(-180, 180) if rng.random() < TURN else rng.choice([0, 90, 180, 270]) + rng.uniform(-15, 15)
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), float(angle), float(np.exp(rng.uniform(-LARGER, LARGER))))
    if rng.random() < 0.5:
        matrix = matrix @ np.array([[-1.0, 0, width - 1], [0, 1, 0], [0, 0, 1]])
    shift = np.array([SIDE - width, SIDE - height]) / 2 + rng.uniform(-MOVED, MOVED, 2) * SIDE
    matrix = np.asarray(matrix, dtype=np.float64) + np.array([[0, 0, 1]]) * shift[:, None]

    def moved(plane: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(cv2.warpAffine(plane, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR), dtype=np.float32)

    planes = moved(np.ascontiguousarray(view.transpose(1, 2, 0)))  # (h, w, c)
    valid = (planes[:, :, 3:] > 0.5).astype(np.float32)
    light = planes[:, :, :3] * np.exp(rng.normal(0, LIGHT)) + rng.normal(0, LIGHT) + rng.normal(0, COLOUR, 3)
    if rng.random() < CUT_OUT:
        sides = (rng.uniform(0.2, 0.4, 2) * SIDE).astype(int)
        row, column = (int(rng.integers(0, SIDE - side)) for side in sides)
        light[row : row + sides[0], column : column + sides[1]] = 0
    result = np.concatenate([light * valid, valid], axis=2).transpose(2, 0, 1)
    return np.ascontiguousarray(result, dtype=np.float32), moved(truth), (moved(known) > 0.99).astype(np.float32)


def object_loss(objects: Tensor, truths: Tensor, known: Tensor, tolerant: Tensor) -> Tensor:
    """Cross-entropy, generalised where wrong masks are tolerated, and Dice, where the truth is known.

    Args:
        objects: ``(B, h, w)``, logits.
        truths: ``(B, H, W)`` in [0, 1].
        known: ``(B, H, W)``, 0 or 1.
        tolerant: ``(B,)``, whether the mask may be wrong.
    """
    shape = objects.shape[1], objects.shape[2]
    truths, known = F.adaptive_avg_pool2d(torch.stack([truths, known], dim=1), shape).unbind(dim=1)
    known = (known > 0.99).float()
    share = torch.sigmoid(objects.float())
    entropy = F.binary_cross_entropy_with_logits(objects.float(), truths, reduction="none")
    # The chance that is given to what the mask says: (1 - p^q) / q falls off where a mask contradicts all others.
    chance = (share * truths + (1 - share) * (1 - truths)).clamp(min=1e-4)
    general = (1 - chance**TOLERANCE) / TOLERANCE
    each = torch.where(tolerant[:, None, None], general, entropy)
    of_pixels = (each * known).sum(dim=(1, 2)) / known.sum(dim=(1, 2)).clamp(min=1)
    overlap = 2 * (share * truths * known).sum(dim=(1, 2)) + 1
    soft = overlap / (((share + truths) * known).sum(dim=(1, 2)) + 1)
    return (2 * of_pixels + 1 - soft).mean()


@torch_threads(1)
@torch.inference_mode()
def objects_in(student: PromptedNet, lesson: Lesson) -> NDArray[np.float32]:
    """Probability of being of what is meant, ``(h, w)``: the mean over the view and its mirror image."""
    image = torch.from_numpy(lesson.view)[None]
    logits, _ = student.without_prompt(student.encode(torch.cat([image, image.flip(-1)])))
    share = torch.sigmoid(logits)
    mean = ((share[0] + share[1].flip(-1)) / 2).numpy()
    rows, columns = lesson.shape
    return np.asarray(cv2.resize(mean, (columns, rows), interpolation=cv2.INTER_LINEAR), dtype=np.float32)
