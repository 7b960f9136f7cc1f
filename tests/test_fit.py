from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from msformer import fit as fit_module
from msformer.config import FitSettings
from msformer.errors import ConfigError, FitDivergedError
from msformer.fit import FitEvent, FitResult, _Momentum, fit, iterate, resolve_precision
from msformer.network import MSFormerNet, build_network
from msformer.threads import torch_threads


def make_network(seed: int = 0) -> MSFormerNet:
    return build_network(2, embed_dim=11, depth=1, patch_size=8, generator=torch.Generator().manual_seed(seed))


IMAGE = np.random.default_rng(0).random((2, 37, 43))


def test_an_event_comes_before_each_update_with_losses_and_labels() -> None:
    events: list[FitEvent] = []
    counts: list[int] = []

    def watch(event: FitEvent) -> None:
        events.append(event)
        label_map = event.label_map()
        assert label_map.shape == (37, 43)
        counts.append(len(np.unique(label_map)))

    result = fit(make_network(), IMAGE, FitSettings(max_iter=3, min_clusters=1), on_event=watch)
    assert [event.record.step for event in events] == [0, 1, 2]
    assert [event.record.n_labels for event in events] == counts
    assert tuple(event.record for event in events) == result.history
    assert set(events[0].record.losses) == {"total", "cluster", "inter_scale", "intra_scale"}


def test_final_logits_are_those_of_the_final_parameters() -> None:
    network = make_network()
    result = fit(network, IMAGE, FitSettings(max_iter=2))
    with torch_threads(1), torch.no_grad():
        again = network(torch.from_numpy(IMAGE).float()[None]).logits[0]
    np.testing.assert_array_equal(result.logits, again.numpy())


def test_no_update_leaves_the_parameters_alone() -> None:
    network, untouched = make_network(), make_network()
    result = fit(network, IMAGE, FitSettings(max_iter=0))
    assert (result.n_iter, result.stop_reason, result.history) == (0, "max_iter", ())
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), untouched.parameters(), strict=True))


def test_loop_stops_after_the_update_that_started_from_few_clusters() -> None:
    free = fit(make_network(), IMAGE, FitSettings(max_iter=12, min_clusters=1, learning_rate=0.3))
    counts = [step.n_labels for step in free.history]
    limit = counts[3]
    first = next(index for index, count in enumerate(counts) if count <= limit)
    result = fit(make_network(), IMAGE, FitSettings(max_iter=12, min_clusters=limit, learning_rate=0.3))
    assert result.n_iter == first + 1
    assert (result.stop_reason, result.converged) == ("min_clusters", True)
    assert result.history == free.history[: first + 1]


def test_cancel_ends_before_the_next_update() -> None:
    cancel = threading.Event()

    def stop_at_one(event: FitEvent) -> None:
        if event.record.step == 1:
            cancel.set()

    result = fit(make_network(), IMAGE, FitSettings(max_iter=9), on_event=stop_at_one, cancel=cancel)
    assert (result.n_iter, result.stop_reason, result.converged) == (2, "cancelled", False)
    expected = fit(make_network(), IMAGE, FitSettings(max_iter=2))
    np.testing.assert_array_equal(result.logits, expected.logits)


def test_generator_can_be_left_in_the_middle() -> None:
    steps = iterate(make_network(), IMAGE, FitSettings(max_iter=5))
    assert next(steps).record.step == 0
    steps.close()


def test_same_seed_same_result_and_global_state_untouched() -> None:
    torch.manual_seed(99)
    before = torch.get_rng_state()
    first, again = (fit(make_network(4), IMAGE, FitSettings(max_iter=3)) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    np.testing.assert_array_equal(first.logits, again.logits)
    assert first.history == again.history


def larger_network() -> MSFormerNet:
    return build_network(3, embed_dim=24, depth=1, patch_size=12, generator=torch.Generator().manual_seed(1))


LARGER = np.random.default_rng(5).random((3, 97, 83))
"""Large enough for PyTorch to share its sums out among threads."""


@pytest.fixture
def callers_threads() -> Iterator[None]:
    """A test may set the number of threads."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("callers_threads")
@pytest.mark.parametrize("precision", ["float32", "float64", "bfloat16"])
def test_the_caller_s_threads_change_no_bit_and_stay_as_they_are(precision: str) -> None:
    settings = FitSettings.model_validate({"max_iter": 2, "precision": precision})
    found: list[FitResult] = []
    at_events: list[int] = []
    for threads in (1, 2, 4):
        torch.set_num_threads(threads)
        found.append(
            fit(larger_network(), LARGER, settings, on_event=lambda _: at_events.append(torch.get_num_threads()))
        )
        assert torch.get_num_threads() == threads
    assert at_events == [1, 1, 2, 2, 4, 4]
    for other in found[1:]:
        assert other.logits.tobytes() == found[0].logits.tobytes()
        assert other.history == found[0].history


@pytest.mark.usefixtures("callers_threads")
def test_the_caller_s_threads_are_back_after_an_error() -> None:
    torch.set_num_threads(3)
    for max_iter in (0, 2):
        with pytest.raises(FitDivergedError):
            fit(make_network(), IMAGE * np.nan, FitSettings(max_iter=max_iter))
        assert torch.get_num_threads() == 3
    steps = iterate(make_network(), IMAGE, FitSettings(max_iter=5))
    next(steps)
    steps.close()
    assert torch.get_num_threads() == 3


@pytest.mark.usefixtures("callers_threads")
def test_the_network_computes_with_the_threads_of_the_settings() -> None:
    torch.set_num_threads(3)
    network = make_network()
    seen: list[int] = []
    network.register_forward_hook(lambda *_: seen.append(torch.get_num_threads()))
    gradients: list[int] = []
    next(network.parameters()).register_hook(lambda _: gradients.append(torch.get_num_threads()))  # type: ignore[no-untyped-call]
    fit(network, IMAGE, FitSettings(max_iter=1, threads=2))
    assert (seen, gradients) == ([2, 2], [2])  # before the update and after it; of the update


def test_image_is_not_written_to() -> None:
    copy = IMAGE.copy()
    fit(make_network(), IMAGE, FitSettings(max_iter=1))
    np.testing.assert_array_equal(IMAGE, copy)


def test_loss_falls_on_its_own_labels() -> None:
    """Each update lowers the objective for most of the first steps; a wrong sign would raise it."""
    history = fit(make_network(), IMAGE, FitSettings(max_iter=6, min_clusters=1, learning_rate=0.01)).history
    falls = [later.losses["total"] < earlier.losses["total"] for earlier, later in pairwise(history)]
    assert sum(falls) >= 4


def test_divergence_is_an_error_that_names_the_learning_rate() -> None:
    with pytest.raises(FitDivergedError, match=r"learning_rate=0\.1"):
        fit(make_network(), IMAGE * np.nan, FitSettings(max_iter=2))
    with pytest.raises(FitDivergedError, match="final logits"):
        fit(make_network(), IMAGE * np.nan, FitSettings(max_iter=0))


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"learning_rate": 0.05}, True),
        ({"momentum": 0.5}, True),
        ({"max_iter": 2}, True),
        ({"precision": "float64"}, True),
        ({"precision": "bfloat16"}, True),
        ({"loss_weights": {"cluster": 0.5}}, True),
        ({"loss_weights": {"inter_scale": 0.0}}, True),
        ({"loss_weights": {"intra_scale": 9.0}}, True),
        ({}, False),
    ],
)
def test_every_setting_changes_the_result(change: dict[str, Any], differs: bool) -> None:
    base = fit(make_network(), IMAGE, FitSettings(max_iter=3)).logits
    other = fit(make_network(), IMAGE, FitSettings.model_validate({"max_iter": 3, **change})).logits
    assert (not np.array_equal(base, other)) == differs


def test_bfloat16_stays_near_float32() -> None:
    exact = fit(make_network(), IMAGE, FitSettings(max_iter=0)).logits
    rounded = fit(make_network(), IMAGE, FitSettings(max_iter=0, precision="bfloat16")).logits
    assert np.corrcoef(exact.ravel(), rounded.ravel())[0, 1] > 0.999


@pytest.mark.parametrize("device", ["nope", "cuda:99", "meta2"])
def test_a_device_that_is_not_there_is_named(device: str) -> None:
    with pytest.raises(ConfigError, match=f"fit.device must be a device of this machine.*got '{device}'"):
        fit(make_network(), IMAGE, FitSettings(max_iter=1, device=device))


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_updates_are_those_of_stochastic_gradient_descent_with_momentum(momentum: float) -> None:
    ours, theirs = torch.linspace(-1, 1, 7).requires_grad_(), torch.linspace(-1, 1, 7).requires_grad_()
    mine, reference = _Momentum([ours], 0.3, momentum), torch.optim.SGD([theirs], lr=0.3, momentum=momentum)
    for _ in range(4):
        mine.step(torch.autograd.grad((ours**3).sum(), [ours]))
        reference.zero_grad()
        (theirs**3).sum().backward()  # type: ignore[no-untyped-call]
        reference.step()
    assert torch.equal(ours, theirs)


def test_automatic_precision_follows_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    for has, expected in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr(fit_module, "_cpu_has_bfloat16", lambda has=has: has)
        assert resolve_precision("auto", cpu) == expected
        assert resolve_precision("float64", cpu) == "float64"
        assert resolve_precision("auto", torch.device("meta")) == "float32"
        assert fit(make_network(), IMAGE, FitSettings(max_iter=1, precision="auto")).precision == expected


@pytest.mark.parametrize("has_bfloat16", [True, False])
def test_a_fit_that_rounding_breaks_is_made_again_in_float32(
    monkeypatch: pytest.MonkeyPatch, has_bfloat16: bool
) -> None:
    expected = fit(make_network(), IMAGE, FitSettings(max_iter=3, min_clusters=1))
    real = fit_module.iterate

    def broken(network: MSFormerNet, image: Any, settings: FitSettings, **options: Any) -> Any:
        if settings.precision == "auto":
            events = real(network, image, settings, **options)
            yield next(events)
            yield next(events)  # an update has been made by now
            raise FitDivergedError("the objective must be finite")
        return (yield from real(network, image, settings, **options))

    monkeypatch.setattr(fit_module, "iterate", broken)
    monkeypatch.setattr(fit_module, "_cpu_has_bfloat16", lambda: has_bfloat16)
    steps: list[int] = []
    settings = FitSettings(max_iter=3, min_clusters=1, precision="auto")
    if not has_bfloat16:  # it was float32 already
        with pytest.raises(FitDivergedError):
            fit(make_network(), IMAGE, settings)
        return
    found = fit(make_network(), IMAGE, settings, on_event=lambda event: steps.append(event.record.step))
    assert (found.precision, found.n_iter) == ("float32", 3)
    assert np.array_equal(found.logits, expected.logits)
    assert steps == [0, 1, 0, 1, 2]


def other_devices() -> list[str]:
    found = ["cuda"] if torch.cuda.is_available() else []
    return [*found, *(["mps"] if torch.backends.mps.is_available() else [])]


@pytest.mark.skipif(not other_devices(), reason="no other device than the processor")
@pytest.mark.parametrize("device", other_devices() or ["none"])
def test_other_devices_run_the_same_method(device: str) -> None:
    here = fit(make_network(), IMAGE, FitSettings(max_iter=2))
    there = fit(make_network(), IMAGE, FitSettings(max_iter=2, device=device))
    assert there.history[0].losses["total"] == pytest.approx(here.history[0].losses["total"], rel=1e-3)
    same = (there.logits.argmax(axis=0) == here.logits.argmax(axis=0)).mean()
    assert same > 0.95
