"""The loop: optimise a network on one image until its own clusters settle (paper algorithm 1).

This is the only optimisation loop of the method. It yields an event before each update, so progress bars, batch
records and live pages all watch the same run.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from msformer.config import FitSettings, Precision
from msformer.errors import ConfigError, FitDivergedError
from msformer.memory import keep_freed_memory
from msformer.network import MSFormerNet
from msformer.network.kernels import Kernels, use
from msformer.objective import objective
from msformer.processor import choose
from msformer.threads import torch_threads

StopReason = Literal["max_iter", "min_clusters", "cancelled"]


class CancelToken(Protocol):
    """Anything with ``is_set``, such as ``threading.Event``; the loop looks at it before each update."""

    def is_set(self) -> bool:
        """Whether the loop shall stop."""


@dataclass(frozen=True)
class FitStep:
    """One line of the loss history: the state *before* an update.

    Attributes:
        step: 0 for the first update.
        n_labels: Number of distinct labels in the argmax of the logits.
        losses: ``total`` (weighted) and the unweighted ``cluster``, ``inter_scale``, ``intra_scale``.
    """

    step: int
    n_labels: int
    losses: dict[str, float]


@dataclass(frozen=True)
class FitEvent:
    """A step as the loop announces it, with the labels at hand for whoever wants to draw them.

    Attributes:
        record: The step.
        pseudo_labels: ``(1, h, w)``, with the border of the prepared image.
        max_iter: Updates that the loop makes at most.
    """

    record: FitStep
    pseudo_labels: Tensor
    max_iter: int

    def label_map(self) -> NDArray[np.intp]:
        """The current labels ``(H, W)``, 0 to K − 1; copied only when asked for."""
        return self.pseudo_labels[0].cpu().numpy().astype(np.intp)


@dataclass(frozen=True)
class FitResult:
    """What the loop leaves.

    Attributes:
        logits: ``(K, H, W)`` of the final parameters, float64 if the loop ran in that precision, else float32.
        n_iter: Number of updates done.
        stop_reason: Why the loop ended.
        history: One entry an update.
        precision: What it ran in; never ``auto``.
        kernels: What multiplied on a CPU, in words; empty elsewhere.
    """

    logits: NDArray[np.floating]
    n_iter: int
    stop_reason: StopReason
    history: tuple[FitStep, ...]
    precision: Precision
    kernels: str

    @property
    def converged(self) -> bool:
        """Whether the loop ended by itself, with few clusters, and not at a limit or by a cancel."""
        return self.stop_reason == "min_clusters"


def fit(
    network: MSFormerNet,
    image: NDArray[np.floating],
    settings: FitSettings,
    *,
    on_event: Callable[[FitEvent], None] | None = None,
    cancel: CancelToken | None = None,
) -> FitResult:
    """Run the loop to its end.

    With the precision ``auto`` a fit that rounding to bfloat16 breaks (one of those in ``docs/paper.md`` was) is made
    again in float32, from the parameters that it began with.

    Args:
        network: Optimised in place, on the device and in the precision of the settings.
        image: ``(C, H, W)`` in [0, 1].
        settings: Limits, step size, weights, precision, threads and device. The caller's own number of threads is back
            before each event and at the end.
        on_event: Called before each update; of a fit that is made again, from step 0 on.
        cancel: Ends the loop before the next update; the result is that of the parameters so far.

    Raises:
        ConfigError: This machine has no such device.
        FitDivergedError: The objective became NaN or infinite.
    """
    may_round = settings.precision == "auto" and resolve_precision("auto", find_device(settings.device)) == "bfloat16"
    start = {name: value.clone() for name, value in network.state_dict().items()} if may_round else None
    try:
        return _to_the_end(iterate(network, image, settings, cancel=cancel), on_event)
    except FitDivergedError:
        if start is None:
            raise
    network.load_state_dict(start)
    exact = settings.model_copy(update={"precision": "float32"})
    return _to_the_end(iterate(network, image, exact, cancel=cancel), on_event)


def _to_the_end(events: Generator[FitEvent, None, FitResult], on_event: Callable[[FitEvent], None] | None) -> FitResult:
    while True:
        try:
            event = next(events)
        except StopIteration as end:
            result: FitResult = end.value
            return result
        if on_event is not None:
            on_event(event)


def iterate(
    network: MSFormerNet,
    image: NDArray[np.floating],
    settings: FitSettings,
    *,
    cancel: CancelToken | None = None,
) -> Generator[FitEvent, None, FitResult]:
    """The loop as a generator: yields an event before each update and returns the ``FitResult``.

    See ``fit`` for the arguments.
    """
    keep_freed_memory()
    device = find_device(settings.device)
    precision = resolve_precision(settings.precision, device)
    dtype = torch.float64 if precision == "float64" else torch.float32
    network.to(device=device, dtype=dtype)
    batch = torch.from_numpy(np.ascontiguousarray(image)).to(device=device, dtype=dtype)[None]
    optimiser = _Momentum(list(network.parameters()), settings.learning_rate, settings.momentum)
    autocast = torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16", cache_enabled=False)
    multiplied_in = torch.bfloat16 if precision == "bfloat16" else dtype
    chosen = choose(settings.kernels, multiplied_in) if device.type == "cpu" else Kernels()
    history: list[FitStep] = []
    stop_reason: StopReason = "max_iter"
    for step in range(settings.max_iter):
        if cancel is not None and cancel.is_set():
            stop_reason = "cancelled"
            break
        with torch_threads(settings.threads), use(chosen), autocast:
            output = network(batch)
            pseudo_labels = output.logits.detach().max(dim=1).indices  # (1, h, w)
            losses = objective(output, pseudo_labels, settings.loss_weights)
        record = FitStep(
            step=step,
            n_labels=_count_labels(pseudo_labels),
            losses={
                "total": losses.total.item(),
                "cluster": losses.cluster.item(),
                "inter_scale": losses.inter_scale.item(),
                "intra_scale": losses.intra_scale.item(),
            },
        )
        if not math.isfinite(record.losses["total"]):
            raise FitDivergedError(
                f"the objective must be finite; got {record.losses} at step {step} "
                f"with learning_rate={settings.learning_rate}, precision={precision}"
            )
        history.append(record)
        yield FitEvent(record, pseudo_labels, settings.max_iter)
        with torch_threads(settings.threads), use(chosen):
            optimiser.step(torch.autograd.grad(losses.total, optimiser.parameters))
        del output, losses  # the graph is not needed while the next one is built
        # The released loop looks at the count from before the update, and stops after it.
        if record.n_labels <= settings.min_clusters:
            stop_reason = "min_clusters"
            break
    with torch_threads(settings.threads), use(chosen), torch.no_grad(), autocast:
        logits = network(batch).logits[0].to(dtype)
    if not torch.isfinite(logits).all():
        raise FitDivergedError(
            f"the final logits must be finite; got NaN or infinity after {len(history)} updates "
            f"with learning_rate={settings.learning_rate}, precision={precision}"
        )
    said = str(chosen) if device.type == "cpu" else ""
    return FitResult(logits.cpu().numpy(), len(history), stop_reason, tuple(history), precision, said)


class _Momentum:
    """Stochastic gradient descent with momentum, as ``torch.optim.SGD`` does it.

    Those four lines are here because the first use of ``torch.optim`` imports 700 modules: .6 s and 40 MB, as much as
    the whole optimisation of an image takes.
    """

    def __init__(self, parameters: list[Tensor], learning_rate: float, momentum: float) -> None:
        self.parameters = parameters
        self._learning_rate = learning_rate
        self._momentum = momentum
        self._velocities: list[Tensor] | None = None

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor]) -> None:
        """Update the parameters in place."""
        if self._velocities is None:
            self._velocities = [gradient.clone() for gradient in gradients]
        else:
            for velocity, gradient in zip(self._velocities, gradients, strict=True):
                velocity.mul_(self._momentum).add_(gradient)
        for parameter, velocity in zip(self.parameters, self._velocities, strict=True):
            parameter.add_(velocity, alpha=-self._learning_rate)


def find_device(name: str) -> torch.device:
    """The device of that name.

    Raises:
        ConfigError: This machine has none, or it holds no numbers.
    """
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # AssertionError: a build without CUDA
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"fit.device must be a device of this machine, such as cpu; got {name!r} ({reason})"
        ) from error
    return device


def resolve_precision(name: Precision, device: torch.device) -> Precision:
    """``auto`` as a precision: bfloat16 on a CPU that multiplies in it, else float32; the others as they are."""
    if name != "auto":
        return name
    return "bfloat16" if device.type == "cpu" and _cpu_has_bfloat16() else "float32"


@functools.cache
def _cpu_has_bfloat16() -> bool:
    """Whether the processor has instructions for products in bfloat16; without them it is slower than float32."""
    try:
        flags = Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return False
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags)


def _count_labels(pseudo_labels: Tensor) -> int:
    return int(torch.count_nonzero(torch.bincount(pseudo_labels.flatten())))
