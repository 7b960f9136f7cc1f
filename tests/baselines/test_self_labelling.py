"""The losses, the network and the loop of the baselines that learn, worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from msformer.baselines import deepcluster, dfc, iic, segment, sgscn
from msformer.baselines.base import Counted, LearningSettings
from msformer.baselines.self_labelling import (
    build_convnet,
    concentration_loss,
    continuity_loss,
    jittered,
    learn_labels,
    similarity_loss,
)
from msformer.config import Config
from msformer.errors import ConfigError, FitDivergedError
from msformer.image import Image
from msformer.prepare import Prepared, prepare


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    image = np.random.default_rng(1).integers(0, 255, (41, 53, 3), dtype=np.uint8)
    return prepare(Image.from_array(image), Config.from_preset().replace(prepare={"working_size": 37}).prepare)


# Two clusters on 2 × 3 pixels. Rows differ by 3, 0, 1 and 2, 2, 0; columns by 1, 2 | 4, 1 and 0, 1 | 0, 1.
LOGITS = torch.tensor([[[[0.0, 1.0, 3.0], [3.0, -1.0, 2.0]], [[1.0, 1.0, 2.0], [-1.0, 3.0, 2.0]]]])


def test_continuity_by_hand() -> None:
    down = (3 + 2 + 1) + (2 + 2 + 0)  # of 6 differences
    right = (1 + 2 + 4 + 3) + (0 + 1 + 4 + 1)  # of 8
    assert continuity_loss(LOGITS).item() == pytest.approx(down / 6 + right / 8)


def test_similarity_by_hand() -> None:
    labels = LOGITS.argmax(dim=1)
    assert labels.tolist() == [[[1, 0, 0], [0, 1, 0]]]  # a tie goes to the first
    margins = [1, 0, 1, 4, 4, 0]  # how far the winner is ahead: −log softmax = log(1 + exp(−margin))
    expected = sum(math.log1p(math.exp(-margin)) for margin in margins) / 6
    assert similarity_loss(LOGITS, labels).item() == pytest.approx(expected)


def test_dfc_and_sgscn_weigh_the_terms() -> None:
    labels = LOGITS.argmax(dim=1)
    similarity, continuity = similarity_loss(LOGITS, labels).item(), 10 / 6 + 16 / 8
    terms = {name: term.item() for name, term in dfc.objective(LOGITS, labels).items()}
    assert terms == pytest.approx({"similarity": similarity, "continuity": 5 * continuity})
    terms = {name: term.item() for name, term in sgscn.objective(LOGITS, labels).items()}
    consistency = concentration_loss(LOGITS).item()
    assert terms == pytest.approx({"similarity": similarity, "continuity": 5 * continuity, "consistency": consistency})


def test_concentration_by_hand() -> None:
    first = torch.zeros(3, 3)
    first[0, 0] = first[2, 0] = 1  # two pixels of the left column; positions are −1, 0, 1 on both axes
    logits = 60 * torch.stack([first, 1 - first])[None]
    rows_first, columns_first = 1, 0  # mean 0 and squares 1, 1; one column
    rows_second = 4 / 7  # 2, 3, 2 pixels: mean 0, four squares of 1
    columns_second = 4 / 7 - (2 / 7) ** 2  # 1, 3, 3 pixels: mean 2/7, four squares of 1
    expected = rows_first + columns_first + rows_second + columns_second
    assert concentration_loss(logits).item() == pytest.approx(expected, rel=1e-5)


def test_concentration_prefers_clusters_in_one_place() -> None:
    together, scattered = torch.zeros(2, 1, 2, 8, 8)
    together[0, 0, :, :4] = together[0, 1, :, 4:] = 9
    scattered[0, 0, :, ::2] = scattered[0, 1, :, 1::2] = 9
    assert concentration_loss(together) < 0.8 * concentration_loss(scattered)


def test_network_is_that_of_the_paper() -> None:
    network = build_convnet(3, 7, 2, torch.Generator().manual_seed(0))
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    norms = {f"norms.{index}.{kind}": (7,) for index in range(3) for kind in ("weight", "bias")}
    assert shapes == norms | {
        "blocks.0.weight": (7, 3, 3, 3),
        "blocks.0.bias": (7,),
        "blocks.1.weight": (7, 7, 3, 3),
        "blocks.1.bias": (7,),
        "response.weight": (7, 7, 1, 1),
        "response.bias": (7,),
    }
    logits = network(torch.rand(1, 3, 11, 13, generator=torch.Generator().manual_seed(1)))
    assert logits.shape == (1, 7, 11, 13)
    # The last normalisation: every cluster starts with mean 0 and variance 1, so none has a lead.
    torch.testing.assert_close(logits.mean(dim=(0, 2, 3)), torch.zeros(7), atol=1e-5, rtol=0)
    torch.testing.assert_close(logits.var(dim=(0, 2, 3), correction=0), torch.ones(7), atol=1e-2, rtol=0)


def test_parameters_come_from_the_generator_within_their_bounds() -> None:
    first, again, other = (build_convnet(3, 7, 2, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(first.response.weight, other.response.weight)
    assert first.blocks[0].weight.abs().max() <= 1 / math.sqrt(27)  # type: ignore[operator]


def learn(prepared: Prepared, **changes: Any) -> tuple[str, int, list[float]]:
    options: dict[str, Any] = {"width": 9, "depth": 1, "max_iter": 4, "min_labels": 1, "learning_rate": 0.05}
    learning = LearningSettings(**{**options, "momentum": 0.5, **changes})
    result = learn_labels(prepared, Config.from_preset(), dfc.objective, learning)
    return result.stop_reason, result.n_iter, [step.losses["total"] for step in result.history]


def test_the_loop_lowers_the_loss_and_stops_for_a_reason(prepared: Prepared) -> None:
    stop, n_iter, totals = learn(prepared)
    assert (stop, n_iter) == ("max_iter", 4)
    assert totals[-1] < totals[0]
    assert learn(prepared, min_labels=9)[:2] == ("min_clusters", 1)  # after the update that started from ≤ 9 labels
    assert learn(prepared, max_iter=0)[:2] == ("max_iter", 0)
    with pytest.raises(FitDivergedError, match="must be finite"):
        learn(prepared, learning_rate=float("inf"))


@pytest.mark.parametrize("change", [{"width": 8}, {"depth": 2}, {"learning_rate": 0.2}, {"momentum": 0.9}], ids=str)
def test_every_setting_of_the_loop_changes_the_losses(prepared: Prepared, change: dict[str, float]) -> None:
    assert learn(prepared)[2] != learn(prepared, **change)[2]


@pytest.mark.parametrize(("name", "module"), [("dfc", dfc), ("sgscn", sgscn)])
def test_history_has_every_term(name: str, module: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEARNING", LearningSettings(max_iter=2))
    image = np.random.default_rng(1).integers(0, 255, (41, 53, 3), dtype=np.uint8)
    result = segment(image, name, Config.from_preset().replace(prepare={"working_size": 33}))
    names = {"similarity", "continuity"} | ({"consistency"} if name == "sgscn" else set())
    assert [step.step for step in result.history] == [0, 1]
    for step in result.history:
        assert set(step.losses) == {"total"} | names
        assert step.losses["total"] == pytest.approx(sum(step.losses[term] for term in names), rel=1e-6)
    assert result.record()["n_iter"] == 2


def information(first: np.ndarray[Any, Any], second: np.ndarray[Any, Any], reach: int) -> float:
    """The definition once more, pixel by pixel: pairs within the picture, either order, Σ p log(p / (row · column))."""
    classes, height, width = first.shape
    values = []
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            joint = np.zeros((classes, classes))
            for row in range(height):
                for column in range(width):
                    if 0 <= row + down < height and 0 <= column + right < width:
                        joint += np.outer(first[:, row, column], second[:, row + down, column + right])
            joint = (joint + joint.T) / (2 * joint.sum())
            apart = np.outer(joint.sum(axis=1), joint.sum(axis=0))
            values.append(float((joint * np.log(joint / apart)).sum()))
    return sum(values) / len(values)


@pytest.mark.parametrize("reach", [0, 1, 2])
def test_mutual_information_equals_its_definition(reach: int) -> None:
    rng = np.random.default_rng(5)
    first, second = (rng.dirichlet(np.ones(3), (5, 7)).transpose(2, 0, 1) for _ in range(2))
    ours = iic.mutual_information(torch.from_numpy(first), torch.from_numpy(second), reach).item()
    assert ours == pytest.approx(information(first, second, reach), abs=1e-12)


def test_mutual_information_of_equal_halves_is_that_of_a_coin() -> None:
    halves = torch.zeros(2, 4, 6, dtype=torch.float64)
    halves[0, :2] = halves[1, 2:] = 1
    assert iic.mutual_information(halves, halves, 0).item() == pytest.approx(math.log(2), abs=1e-9)
    alone = torch.zeros(2, 4, 6, dtype=torch.float64)
    alone[0] = 1  # one class everywhere tells nothing
    assert iic.mutual_information(alone, alone, 1).item() == pytest.approx(0, abs=1e-9)
    for reach in (-1, 4):
        with pytest.raises(
            ConfigError, match=f"reach must be at least 0 and under the shorter side, 4 px; got {reach}"
        ):
            iic.mutual_information(halves, halves, reach)


@pytest.mark.parametrize("count", [1, 65])
def test_a_number_of_classes_has_limits(count: int) -> None:
    with pytest.raises(ConfigError, match=f"count must be from 2 to 64; got {count}"):
        Counted(iic.group, count)


def test_whitening_gives_uncorrelated_directions_of_length_one() -> None:
    rng = np.random.default_rng(4)
    points = rng.normal(size=(997, 2)) @ np.array([[5.0, 1.0, 0.0], [0.0, 0.5, 0.0]])  # two directions in three numbers
    scores = deepcluster.whitened(points + 100, 8)
    assert scores.shape == (997, 2)
    np.testing.assert_allclose(np.linalg.norm(scores, axis=1), 1)
    np.testing.assert_allclose(scores.T @ scores / 997, np.eye(2) / 2, atol=0.06)  # an even circle
    first = deepcluster.whitened(points, 1)
    assert set(np.round(np.unique(first), 9)) == {-1.0, 1.0}  # of one direction only the sign is left
    raw = (points - points.mean(axis=0))[:, 0]
    assert abs(np.corrcoef(first[:, 0], np.sign(raw))[0, 1]) > 0.9  # the strong one


def test_a_sample_labels_all_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deepcluster, "SAMPLE", 50)
    rng = np.random.default_rng(2)
    names = rng.integers(0, 3, 700)
    points = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]])[names] + rng.normal(scale=0.3, size=(700, 2))
    labels = deepcluster.labels_by_sample(points, 3, seed=1)
    assert len({(int(a), int(b)) for a, b in zip(names, labels, strict=True)}) == 3
    assert sorted(set(labels)) == [0, 1, 2]


def test_other_light_changes_channels_apart_and_within_limits() -> None:
    image = torch.rand(1, 3, 5, 7, generator=torch.Generator().manual_seed(1))
    changed = jittered(image, torch.Generator().manual_seed(2))
    factors = []
    for channel in range(3):
        before, after = image[0, channel].flatten(), changed[0, channel].flatten()
        gain = (after[1] - after[0]) / (before[1] - before[0])
        torch.testing.assert_close(after, before * gain + (after[0] - before[0] * gain))
        assert abs(gain - 1) <= 0.1001
        factors.append(round(float(gain), 4))
    assert len(set(factors)) == 3


@pytest.mark.parametrize(("name", "module"), [("iic-2", iic), ("deepcluster-2", deepcluster)])
@pytest.mark.parametrize("change", [{"width": 8}, {"depth": 1}, {"learning_rate": 0.2}, {"momentum": 0.5}], ids=str)
def test_settings_of_the_classes_change_the_losses(
    name: str, module: Any, change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    image = np.random.default_rng(1).integers(0, 255, (41, 53, 3), dtype=np.uint8)
    config = Config.from_preset().replace(prepare={"working_size": 33})
    totals = []
    for options in ({}, change):
        monkeypatch.setattr(module, "LEARNING", LearningSettings(**{"width": 16, "max_iter": 10, **options}))
        totals.append([step.losses["total"] for step in segment(image, name, config).history])
    assert totals[0] != totals[1]
    assert all(len(some) == 10 for some in totals)


def test_classes_tell_more_of_each_other_as_iic_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iic, "LEARNING", LearningSettings(width=16, max_iter=20))
    image = np.random.default_rng(1).integers(0, 255, (41, 53, 3), dtype=np.uint8)
    image[:, 20:] //= 3
    history = segment(image, "iic-2", Config.from_preset().replace(prepare={"working_size": 33})).history
    assert set(history[0].losses) == {"total", "classes", "over_clustering"}
    assert history[-1].losses["classes"] < history[0].losses["classes"] - 0.1
    assert history[-1].losses["classes"] > -math.log(2)  # no more than a coin
