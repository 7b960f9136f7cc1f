"""Who points at one object is answered by the grown network; settings and presets keep it out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from msformer import segment
from msformer.batch.agree import FEWEST, agree, whom_to_ask
from msformer.batch.plan import Case
from msformer.config import Config
from msformer.errors import WeightsError
from msformer.executors import Here
from msformer.image import Mask
from msformer.morphology import dice
from msformer.network.prompted import PromptedSizes, build_prompted
from msformer.phantoms import make_phantom
from msformer.prompting import Said, answer, grown_network, look, write_model
from msformer.scenes import SceneOptions, make_scene

OBJECTS = {"disc": (40, 50, 22), "small": (100, 130, 7)}


def discs(channels: int = 1) -> tuple[NDArray[np.uint8], dict[str, Mask]]:
    """Two dark discs of different size on a bright, slightly noisy ground of 140 × 170 px."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:140, :170]
    image = 190 + rng.normal(0, 5, (140, 170, channels))
    masks = {}
    for name, (row, column, radius) in OBJECTS.items():
        masks[name] = (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
        image[masks[name]] -= 90
    pixels = np.clip(image, 0, 255).astype(np.uint8)
    return (pixels[:, :, 0] if channels == 1 else pixels), masks


def pointed(image: NDArray[np.uint8], preset: str = "auto", **hints: tuple[int, ...]) -> Mask:
    return segment(image, Config.from_preset(preset).replace(hints=hints)).mask


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("name", OBJECTS)
def test_a_click_gives_the_object_under_it(name: str, channels: int) -> None:
    image, masks = discs(channels)
    row, column, _ = OBJECTS[name]
    mask = pointed(image, point=(row, column))
    assert dice(mask, masks[name]) > 0.85
    assert mask[row, column]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_each_channel_may_have_a_contrast_of_its_own(channels: int) -> None:
    options = SceneOptions.plain(
        grey=float(channels < 3), two_channels=float(channels == 2), four_channels=float(channels == 4)
    )
    for seed in range(3):
        scene = make_scene(seed, options=options)
        assert scene.image.shape[2:] == (() if channels == 1 else (channels,))
        looked = look(grown_network().network, scene.image.astype(np.float32), scene.valid)
        row, column = np.argwhere(scene.mask).mean(axis=0)
        assert scene.mask[int(row), int(column)], "an ellipse holds its middle"
        found = answer(looked, Said((((row + 0.5) / 128, (column + 0.5) / 128, True),)))
        assert dice(found.maps[found.best] > 0, scene.mask) > 0.9


def test_a_box_gives_the_object_in_it() -> None:
    image, masks = discs()
    mask = pointed(image, box=(18, 28, 63, 73))
    assert dice(mask, masks["disc"]) > 0.9


def test_auto_needs_no_preset_to_be_pointed_at() -> None:
    image, _ = discs()
    result = segment(image, Config.from_preset("auto").replace(hints={"point": (40, 50)}))
    assert result.config.preset == "general"
    assert result.compared == {}
    assert set(result.cues) == {"part", "object", "whole"}
    assert all(0 <= value <= 1 for value in result.cues.values())
    assert 0 <= result.confidence <= 1


def test_the_same_twice() -> None:
    image, _ = discs(3)
    np.testing.assert_array_equal(pointed(image, point=(40, 50)), pointed(image, point=(40, 50)))


@pytest.mark.parametrize("preset", ["paper-demo", "paper-scored"])
def test_the_paper_s_presets_do_without(preset: str) -> None:
    assert not Config.from_preset(preset).grown.prompts


def test_without_the_network_the_regions_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    image, masks = discs()

    def refuse() -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr("msformer.prompting.pointing.grown_network", refuse)
    settings = Config.from_preset("general").replace(
        hints={"point": (40, 50)}, grown={"prompts": False, "automatic": False}
    )
    result = segment(image, settings)
    assert dice(result.mask, masks["disc"]) > 0.9
    with pytest.raises(AssertionError, match="the network was asked"):
        segment(image, settings.replace(grown={"prompts": True}))


def test_presets_for_many_objects_answer_by_their_own_rule_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr("msformer.prompting.pointing.grown_network", refuse)
    phantom = make_phantom("cells", seed=0)
    row, column = (int(value) for value in np.argwhere(phantom.mask)[0])
    settings = Config.from_preset("nuclei").replace(hints={"point": (row, column)}, grown={"prompts": False})
    assert segment(phantom.image, settings).mask[row, column]


def test_a_point_in_presets_for_many_objects_adds_one_and_keeps_the_others() -> None:
    phantom = make_phantom("cells", seed=0)
    settings = Config.from_preset("nuclei")
    without = segment(phantom.image, settings).mask
    beside = np.argwhere(~without & ~phantom.mask)
    row, column = (int(value) for value in beside[len(beside) // 2])
    result = segment(phantom.image, settings.replace(hints={"point": (row, column)}))
    assert result.mask[row, column]
    assert np.count_nonzero(without & ~result.mask) <= 0.01 * np.count_nonzero(without)


def test_another_network_can_answer(tmp_path: Path) -> None:
    image, _ = discs()
    path = tmp_path / "mine.safetensors"
    sizes = PromptedSizes(dim=8, depth_fine=1, depth_coarse=1)
    network = build_prompted(sizes, torch.Generator().manual_seed(0))
    write_model(path, network, {"sizes": {"encoder": "dual-branch", "dim": 8, "depth_fine": 1, "depth_coarse": 1}}, [])
    settings = Config.from_preset("general").replace(hints={"point": (40, 50)})
    own = segment(image, settings.replace(grown={"model": str(path)}))
    shipped = segment(image, settings)
    assert own.cues != shipped.cues


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    image, _ = discs()
    path = tmp_path / "none.safetensors"
    path.write_text("no network")
    settings = Config.from_preset("general").replace(hints={"point": (40, 50)}, grown={"model": str(path)})
    with pytest.raises(WeightsError, match=r"none\.safetensors"):
        segment(image, settings)


def test_the_network_that_ships_is_small_and_says_how_it_was_grown() -> None:
    grown = grown_network()
    assert sum(one.numel() for one in grown.network.parameters()) < 2_000_000
    assert grown.recipe["steps"] > 0
    assert grown.recipe["sizes"]["encoder"] in ("dual-branch", "unet")
    assert grown.curve[-1]["step"] == grown.recipe["steps"]
    assert grown.curve[-1]["one_click"] > grown.curve[0]["one_click"]


@pytest.mark.parametrize("shape", [(33, 33), (33, 700), (1500, 40)])
def test_pictures_of_any_size_can_be_pointed_at(shape: tuple[int, int]) -> None:
    image = np.full(shape, 200, dtype=np.uint8)
    middle = shape[0] // 2, shape[1] // 2
    image[middle[0] - 8 : middle[0] + 8, middle[1] - 8 : middle[1] + 8] = 60
    mask = pointed(image, point=middle)
    assert mask.shape == shape
    assert mask[middle]
    for corner in ((0, 0), (0, shape[1] - 1), (shape[0] - 1, 0), (shape[0] - 1, shape[1] - 1)):
        assert pointed(image, point=corner).shape == shape


def test_a_folder_that_is_pointed_at_needs_no_agreement(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [Case(f"case{index}", Path(f"{index}.png")) for index in range(FEWEST)]
    asked: list[str] = []

    def answer(case: Case, **_: object) -> dict[str, float]:
        asked.append(case.case_id)
        return {"dermoscopy": 1.0}

    monkeypatch.setattr("msformer.batch.agree.ask_case", answer)
    auto = Config.from_preset("auto")
    assert agree(whom_to_ask(cases, auto), auto, max_pixels=10**6, executor=Here()) == "dermoscopy"
    assert asked
    pointed_at = auto.replace(hints={"point": (5, 5)})
    assert whom_to_ask(cases, pointed_at) == []


def test_the_network_can_have_a_say_where_nobody_points() -> None:
    image, masks = discs()
    alone = segment(image, Config.from_preset("general"))
    together = segment(image, Config.from_preset("general").replace(grown={"automatic": True}))
    assert together.foreground_score != alone.foreground_score
    assert max(dice(together.mask, mask) for mask in masks.values()) > 0.85
