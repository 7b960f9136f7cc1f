"""The gradient of a part of an update's scenes. Opens no file."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from msformer.growing.examples import MOST_CLICKS, Example, make_example, next_click
from msformer.growing.objective import hard_dice, mask_loss, scale_losses, unprompted_loss
from msformer.growing.recipe import EXAMINED, SHARDS, Recipe, examination_seed
from msformer.network.prompted import Decoded, PromptedNet, Prompts
from msformer.threads import torch_threads

NOTHING_NEW = 0.3
"""Share of second questions that say nothing new."""


@dataclass(frozen=True)
class Progress:
    """What a shard saw; means over its scenes.

    Attributes:
        loss: The objective.
        first: Dice of the answer that expects the most, one prompt.
        best: Dice of the best of three, one prompt.
        last: Dice of the answer that expects the most, after the last correction.
    """

    loss: float
    first: float
    best: float
    last: float


@torch_threads(1)
def shard_gradient(network: PromptedNet, recipe: Recipe, step: int, shard: int) -> Progress:
    """Add the gradient of one shard of an update to the network's."""
    per_shard = recipe.scenes // SHARDS
    seeds = [recipe.scene_seed(step, shard * per_shard + index) for index in range(per_shard)]
    examples = [make_example(seed, recipe.prompts, recipe.side, recipe.options) for seed in seeds]
    rng = np.random.default_rng([recipe.seed, step, shard])
    batch = _Batch.of(examples)
    with _autocast(recipe):
        features = network.encode(batch.images)
        asked = features.of(batch.scene)
        loss = unprompted_loss(*network.without_prompt(features), batch.objects, batch.borders)
        loss = loss + scale_losses(features)
        prompts, dices, expected = batch.prompts, [], []
        for turn in range(recipe.rounds):
            decoded = network.decode(asked, prompts)
            of_masks = mask_loss(decoded, batch.truths)
            loss = loss + of_masks.total / recipe.rounds
            dices.append(of_masks.dice)
            expected.append(decoded.expected.detach())
            if turn + 1 < recipe.rounds:
                prompts = corrected(prompts, decoded, batch.truths, rng)
    loss.backward()  # type: ignore[no-untyped-call]
    kept = batch.truths.sum(dim=(1, 2)) > 0
    chosen = [
        dice[kept].gather(1, one[kept].argmax(1, keepdim=True)) for dice, one in zip(dices, expected, strict=True)
    ]
    return Progress(float(loss.detach()), _mean(chosen[0]), _mean(dices[0][kept].amax(dim=1)), _mean(chosen[-1]))


@torch_threads(1)
@torch.no_grad()
def examine(network: PromptedNet, recipe: Recipe) -> dict[str, float]:
    """Dice on scenes that are never learned from: one click deep inside, the best of three, one exact box."""
    sums: dict[str, list[Tensor]] = {"one_click": [], "best_of_three": [], "one_box": []}
    for start in range(0, EXAMINED, 16):
        seeds = range(start, min(start + 16, EXAMINED))
        batch = _Batch.of([make_example(examination_seed(seed), 1, recipe.side, recipe.options) for seed in seeds])
        with _autocast(recipe):
            features = network.encode(batch.images)
            clicked = network.decode(features, deep_clicks(batch.truths))
            boxed = network.decode(features, exact_boxes(batch.truths))
        kept = batch.truths.sum(dim=(1, 2)) > 0
        dice = hard_dice(clicked.logits, batch.truths)[kept]
        sums["one_click"].append(dice.gather(1, clicked.expected[kept].argmax(1, keepdim=True))[:, 0])
        sums["best_of_three"].append(dice.amax(dim=1))
        dice = hard_dice(boxed.logits, batch.truths)[kept]
        sums["one_box"].append(dice.gather(1, boxed.expected[kept].argmax(1, keepdim=True))[:, 0])
    return {name: _mean(torch.cat(values)) for name, values in sums.items()}


def corrected(prompts: Prompts, decoded: Decoded, truths: Tensor, rng: np.random.Generator) -> Prompts:
    """The prompts with the answer as the mask so far and, mostly, one more click on what is wrong with it.

    At times nothing new is said, and of these the mask is at times a coarse one: so it is when an answer is looked at
    again from nearer.
    """
    best = decoded.expected.argmax(dim=1)
    answer = decoded.logits.detach()[torch.arange(len(best)), best]
    clicks, previous = prompts.clicks.clone(), torch.sigmoid(answer)[:, None]
    coarse = F.interpolate(F.avg_pool2d(previous, 4), scale_factor=4, mode="bilinear")
    masks, wanted = (answer > 0).numpy(), truths.numpy() > 0
    for row in range(len(clicks)):
        if rng.random() < NOTHING_NEW:
            if rng.random() < 0.5:
                previous[row] = coarse[row]
            continue
        free = int((clicks[row, :, 2] != 0).sum())
        if free < MOST_CLICKS and (click := next_click(wanted[row], masks[row], rng)):
            clicks[row, free] = torch.tensor(click, dtype=torch.float32)
    return replace(prompts, clicks=clicks, previous=previous)


def deep_clicks(truths: Tensor) -> Prompts:
    """One click for each truth ``(n, H, W)``, at the pixel farthest from its border."""
    clicks = torch.zeros(len(truths), 1, 3)
    rng = np.random.default_rng(0)
    for row, truth in enumerate(truths.numpy() > 0):
        if truth.any() and (click := next_click(truth, np.zeros_like(truth), rng)):
            clicks[row, 0] = torch.tensor(click, dtype=torch.float32)
    return _only(truths, clicks=clicks)


def exact_boxes(truths: Tensor) -> Prompts:
    """One box for each truth ``(n, H, W)``."""
    boxes = torch.full((len(truths), 4), torch.nan)
    for row, truth in enumerate(truths):
        rows, columns = truth.amax(dim=1).nonzero()[:, 0], truth.amax(dim=0).nonzero()[:, 0]
        if len(rows):
            boxes[row] = torch.stack([rows[0], columns[0], rows[-1] + 1, columns[-1] + 1])
    return _only(truths, boxes=boxes)


def _only(truths: Tensor, *, clicks: Tensor | None = None, boxes: Tensor | None = None) -> Prompts:
    count, height, width = truths.shape
    return Prompts(
        torch.zeros(count, 1, 3) if clicks is None else clicks,
        torch.full((count, 4), torch.nan) if boxes is None else boxes,
        torch.full((count, 1, height, width), torch.nan),
    )


@dataclass(frozen=True)
class _Batch:
    images: Tensor
    scene: Tensor
    truths: Tensor
    prompts: Prompts
    objects: Tensor
    borders: Tensor

    @classmethod
    def of(cls, examples: list[Example]) -> _Batch:
        truths = _stacked([one.truths for one in examples]).flatten(0, 1)
        count = len(examples[0].truths)
        return cls(
            images=_stacked([one.image for one in examples]).to(memory_format=torch.channels_last),
            scene=torch.arange(len(examples)).repeat_interleave(count),
            truths=truths,
            prompts=Prompts(
                _stacked([one.clicks for one in examples]).flatten(0, 1),
                _stacked([one.boxes for one in examples]).flatten(0, 1),
                torch.full((len(truths), 1, *truths.shape[1:]), torch.nan),
            ),
            objects=_stacked([one.objects for one in examples]),
            borders=_stacked([one.borders for one in examples]),
        )


def _stacked(arrays: list[NDArray[np.float32]] | list[NDArray[np.bool_]]) -> Tensor:
    return torch.from_numpy(np.stack(arrays).astype(np.float32))


def _autocast(recipe: Recipe) -> torch.autocast:
    return torch.autocast("cpu", torch.bfloat16, enabled=recipe.precision == "bfloat16")


def _mean(values: Tensor) -> float:
    return float(values.float().mean()) if values.numel() else 0.0
