"""The loop that grows the network: two shards an update, in one process or two, with the same weights either way."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import torch
import torch.multiprocessing as multiprocessing
from torch import Tensor

from msformer import stopping
from msformer.errors import FitDivergedError
from msformer.growing.recipe import SHARDS, Recipe
from msformer.growing.shard import Progress, examine, shard_gradient
from msformer.network.prompted import PromptedNet, build_prompted
from msformer.threads import torch_threads

CLIP = 1.0
"""Largest norm of a gradient; scenes differ, and single ones must not throw the weights."""
MOMENTS = (0.9, 0.99)
SMALL = 1e-8
"""Adam's constants: the second average is shorter than usual, since the loss changes fast at first."""


@dataclass(eq=False)
class State:
    """Everything that growing goes on from.

    Attributes:
        step: Updates done.
        weights: ``(n,)``; all parameters in a row.
        averaged: ``(n,)``; their running mean, which is what ships.
        first: ``(n,)``; Adam's mean of gradients.
        second: ``(n,)``; Adam's mean of their squares.
        curve: A row an examination.
        seconds: Time that growing has taken.
    """

    step: int
    weights: Tensor
    averaged: Tensor
    first: Tensor
    second: Tensor
    curve: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0


def start_state(recipe: Recipe) -> State:
    """Random weights."""
    network = build_prompted(recipe.sizes, torch.Generator().manual_seed(recipe.seed))
    weights = torch.cat([one.detach().flatten() for one in network.parameters()])
    return State(0, weights, weights.clone(), torch.zeros_like(weights), torch.zeros_like(weights))


def network_of(recipe: Recipe, weights: Tensor) -> PromptedNet:
    """The network with these weights ``(n,)``, which it shares."""
    network = build_prompted(recipe.sizes, torch.Generator().manual_seed(0))
    _tie(network, weights)
    return network


def grow(recipe: Recipe, state: State, *, processes: int, examine_every: int) -> Generator[Progress, None, None]:
    """Update ``state`` in place until the recipe's steps are done; yields after each update.

    Args:
        recipe: What to do.
        state: Where to go on; holds the result.
        processes: 1, or one for each shard.
        examine_every: Updates between two examinations; the last update is followed by one.

    Raises:
        FitDivergedError: The objective is NaN or infinite.
    """
    decays = _decays(recipe)
    with _shards(recipe, state.weights, processes) as gradients:
        while state.step < recipe.steps:
            begun = time.perf_counter()
            gradient, progress = gradients(state.step)
            if not math.isfinite(progress.loss):
                raise FitDivergedError(f"growing: the objective is {progress.loss} at step {state.step}")
            _update(state, gradient, decays, recipe)
            if state.step % examine_every == 0 or state.step == recipe.steps:
                seen = examine(network_of(recipe, state.averaged.clone()), recipe)
                state.curve.append({"step": float(state.step), "loss": progress.loss, **seen})
            state.seconds += time.perf_counter() - begun
            yield progress


@torch_threads(1)
def _update(state: State, gradient: Tensor, decays: Tensor, recipe: Recipe) -> None:
    """AdamW (Loshchilov & Hutter, ICLR 2019) with a clipped gradient, and the running mean of the weights."""
    norm = float(gradient.norm())
    if norm > CLIP:
        gradient = gradient * (CLIP / norm)
    rate, step = recipe.rate_at(state.step), state.step + 1
    state.first.mul_(MOMENTS[0]).add_(gradient, alpha=1 - MOMENTS[0])
    state.second.mul_(MOMENTS[1]).addcmul_(gradient, gradient, value=1 - MOMENTS[1])
    scale = (state.second / (1 - MOMENTS[1] ** step)).sqrt_().add_(SMALL)
    state.weights.mul_(1 - rate * recipe.decay * decays)
    state.weights.addcdiv_(state.first, scale, value=-rate / (1 - MOMENTS[0] ** step))
    kept = min(recipe.averaging, (1 + step) / (10 + step))
    state.averaged.lerp_(state.weights, 1 - kept)
    state.step = step


def _decays(recipe: Recipe) -> Tensor:
    """1 for weights of products, 0 for biases and norms, ``(n,)``."""
    network = build_prompted(recipe.sizes, torch.Generator().manual_seed(0))
    return torch.cat([torch.full((one.numel(),), float(one.ndim > 1)) for one in network.parameters()])


def _tie(network: PromptedNet, weights: Tensor, gradient: Tensor | None = None) -> None:
    """Make the parameters views of one tensor, and their gradients of another."""
    start = 0
    for parameter in network.parameters():
        end = start + parameter.numel()
        parameter.data = weights[start:end].view(parameter.shape)
        if gradient is not None:
            parameter.grad = gradient[start:end].view(parameter.shape)
        start = end


class _Gradients:
    """Mean gradient of all shards and what they saw: here, or with the other shards in processes of their own."""

    def __init__(self, recipe: Recipe, weights: Tensor, helpers: list[tuple[Connection, Tensor]]) -> None:
        self._recipe, self._helpers = recipe, helpers
        self._own = torch.zeros_like(weights)
        self._network = network_of(recipe, weights)
        _tie(self._network, weights, self._own)

    def __call__(self, step: int) -> tuple[Tensor, Progress]:
        for connection, _ in self._helpers:
            connection.send(step)
        parts, seen = [], []
        for shard in range(SHARDS - len(self._helpers)):
            self._own.zero_()
            seen.append(shard_gradient(self._network, self._recipe, step, shard))
            parts.append(self._own.clone())
        for connection, gradient in self._helpers:
            answer = connection.recv()
            if isinstance(answer, Exception):
                raise answer
            seen.append(answer)
            parts.append(gradient)
        total = parts[0]
        for part in parts[1:]:  # always in the order of the shards
            total = total + part
        means = [sum(getattr(one, name) for one in seen) / SHARDS for name in ("loss", "first", "best", "last")]
        return total / SHARDS, Progress(*means)


@contextmanager
def _shards(recipe: Recipe, weights: Tensor, processes: int) -> Iterator[_Gradients]:
    weights.share_memory_()  # type: ignore[no-untyped-call]
    context = multiprocessing.get_context("spawn")
    helpers: list[tuple[Connection, Tensor]] = []
    workers: list[Any] = []
    try:
        for shard in range(1, SHARDS if processes > 1 else 1):
            here, there = context.Pipe()
            gradient = torch.zeros_like(weights).share_memory_()  # type: ignore[no-untyped-call]
            worker = context.Process(target=_serve, args=(there, recipe, weights, gradient, shard), daemon=True)
            worker.start()
            there.close()
            helpers.append((here, gradient))
            workers.append(worker)
        yield _Gradients(recipe, weights, helpers)
    finally:
        for connection, _ in helpers:
            connection.close()  # ends the worker's loop
        for worker in workers:
            worker.join(timeout=10)
            if worker.is_alive():
                worker.kill()


def _serve(connection: Connection, recipe: Recipe, weights: Tensor, gradient: Tensor, shard: int) -> None:
    """Answer with one shard's gradient for each step that is sent, until the other end closes."""
    for number in stopping.SIGNALS:  # which reach all processes; the first of them decides
        signal.signal(number, signal.SIG_IGN)
    network = network_of(recipe, weights)
    _tie(network, weights, gradient)
    while True:
        try:
            step = connection.recv()
        except (EOFError, OSError):
            return
        gradient.zero_()
        try:
            connection.send(shard_gradient(network, recipe, step, shard))
        except Exception as error:
            connection.send(error)
