from __future__ import annotations

import json
import threading
from typing import Any

import numpy as np
import pytest
import torch
from tests.conftest import MakeSquare
from tests.helpers import released_state, square_slices

import msformer
from msformer.config import Config
from msformer.errors import ConfigError, ImageError, WeightsError
from msformer.fit import FitEvent
from msformer.image import Image
from msformer.pipeline import segment


def test_default_preset_finds_the_square(square_image: MakeSquare) -> None:
    image = square_image(131, 173)
    result = segment(image, random_state=0)
    truth = np.zeros((131, 173), dtype=bool)
    truth[square_slices(131, 173)] = True
    dice = 2 * (result.mask & truth).sum() / (result.mask.sum() + truth.sum())
    assert dice > 0.9
    assert result.foreground_score > 0.5


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_labels_are_consecutive_at_native_size(
    square_image: MakeSquare, fast: Config, channels: int, dtype: Any
) -> None:
    image = square_image(89, 53, channels, dtype)
    copy = image.copy()
    result = segment(image, fast)
    assert result.label_map.shape == result.mask.shape == (89, 53)
    assert str(result.label_map.dtype) == "uint16"
    assert str(result.mask.dtype) == "bool"
    labels = np.unique(result.label_map)
    assert labels.tolist() == list(range(1, result.n_labels + 1))
    assert [region.label for region in result.regions] == labels.tolist()
    assert sum(region.area_px for region in result.regions) == 89 * 53
    assert len(result.cluster_channels) == result.n_labels
    np.testing.assert_array_equal(image, copy)


def test_labels_run_from_dark_to_bright(square_image: MakeSquare) -> None:
    result = segment(square_image(channels=1), random_state=0)
    means = [region.mean_intensity[0] for region in result.regions]
    assert len(means) >= 3
    assert means == sorted(means)


def test_same_seed_same_labels_and_the_callers_random_state_is_untouched(
    square_image: MakeSquare, fast: Config
) -> None:
    image = square_image()
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002 - the caller's global state is what is tested
    states = torch.get_rng_state(), np.random.get_state()[1].tolist()  # type: ignore[index] # noqa: NPY002
    first, again = segment(image, fast), segment(image, fast)
    other = segment(image, fast, random_state=5)
    assert torch.equal(states[0], torch.get_rng_state())
    assert states[1] == np.random.get_state()[1].tolist()  # type: ignore[index] # noqa: NPY002
    np.testing.assert_array_equal(first.label_map, again.label_map)
    np.testing.assert_array_equal(first.mask, again.mask)
    assert not np.array_equal(first.label_map, other.label_map)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_constant_image_is_one_label_and_no_object(value: int) -> None:
    result = segment(np.full((64, 48, 3), value, dtype=np.uint8))
    assert (result.label_map == 1).all()
    assert not result.mask.any()
    assert (result.stop_reason, result.n_iter, result.foreground, result.foreground_score) == ("blank", 0, None, 0.0)


def test_nearly_constant_images_give_a_result(fast: Config) -> None:
    for step in (1, 3):
        image = np.full((50, 40), 100, dtype=np.uint8)
        image[25, 20] += step
        assert segment(image, fast).label_map.shape == (50, 40)
    assert segment(np.full((50, 40), 1e-30) * np.arange(40), fast).n_labels >= 1


@pytest.mark.parametrize("shape", [(33, 33), (33, 500), (500, 33), (34, 35), (33, 4000)])
def test_any_shape_from_33_px_up(shape: tuple[int, int], fast: Config) -> None:
    image = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    assert segment(image, fast).label_map.shape == shape


def test_wrong_input_is_an_error() -> None:
    with pytest.raises(ImageError, match="NaN"):
        segment(np.full((40, 40), np.nan))
    with pytest.raises(ImageError, match="at least 33 px"):
        segment(np.zeros((1, 1)))
    with pytest.raises(ConfigError, match="preset must be one of"):
        segment(np.zeros((40, 40)), "nope")


def test_areas_in_mm2_where_spacing_is_known(square_image: MakeSquare, fast: Config) -> None:
    image = Image.from_array(square_image(), spacing_mm=(0.1, 0.3))
    result = segment(image, fast)
    assert result.regions[0].area_mm2 == pytest.approx(result.regions[0].area_px * 0.03)
    again = segment(image, fast, spacing_mm=(1.0, 1.0))
    assert again.regions[0].area_mm2 == again.regions[0].area_px


def test_events_and_cancel_reach_the_loop(square_image: MakeSquare, fast: Config) -> None:
    steps: list[int] = []
    cancel = threading.Event()

    def watch(event: FitEvent) -> None:
        steps.append(event.record.step)
        cancel.set()

    result = segment(square_image(), fast, on_event=watch, cancel=cancel)
    assert steps == [0]
    assert result.stop_reason == "cancelled"
    assert result.label_map.min() >= 1


def test_record_is_json_and_says_how_to_make_it_again(square_image: MakeSquare, fast: Config) -> None:
    image = square_image()
    result = segment(image, fast, random_state=3)
    record = json.loads(json.dumps(result.record(), allow_nan=False))
    assert record["seed"] == 3
    assert record["input_digest"] == Image.from_array(image).digest
    assert {"msformer", "torch", "numpy", "python"} <= set(record["versions"])
    assert len(record["history"]) == record["n_iter"] == 2
    stages = {"hash", "prepare", "cluster", "foreground", "refine", "consensus", "confidence", "measure"}
    assert set(record["timings_s"]) == stages
    again = segment(image, Config.from_mapping(record["config"]))
    np.testing.assert_array_equal(again.label_map, result.label_map)


def test_as_array_it_is_the_label_map(square_image: MakeSquare, fast: Config) -> None:
    result = segment(square_image(), fast)
    np.testing.assert_array_equal(np.asarray(result), result.label_map)
    assert np.asarray(result, dtype=np.int64).dtype == np.int64


def test_released_weights_start_the_network(square_image: MakeSquare) -> None:
    generator = torch.Generator().manual_seed(0)
    state = {
        name: value if "num_batches" in name else torch.rand(value.shape, generator=generator) - 0.5
        for name, value in released_state(dim=6, depth=1, channels=3, patch=32).items()
    }
    result = segment(square_image(), "paper-demo", initial_weights=state)
    assert max(result.cluster_channels) < 6
    with pytest.raises(WeightsError, match="are for 3 channels; the prepared image has 1"):
        segment(square_image(channels=1), initial_weights=state)
    # A shift has no weights: it comes from the settings, and patches must fit beside it.
    shifted = segment(square_image(), "paper", initial_weights=state)
    assert shifted.network is not None
    assert (shifted.network["patch_size"], shifted.network["affinity_shift"]) == (32, 2)
    small = Config.from_preset("paper").replace(prepare={"working_size": 33})
    with pytest.raises(ConfigError, match=r"affinity_shift must be at most the shorter .*, 33 px; got 32 \+ 2"):
        segment(square_image(), small)


SETTINGS: list[dict[str, Any]] = [
    {"prepare": {"working_size": 53}},
    {"prepare": {"keep_aspect": False}},
    {"prepare": {"interpolation": "bilinear"}},
    {"prepare": {"colour": "bgr"}},
    {"prepare": {"padding": 0}},
    {"network": {"embed_dim": 13}},
    {"network": {"depth": 1}},
    {"network": {"patch_size": 20}},
    {"network": {"affinity_shift": 2}},
    {"fit": {"max_iter": 4}},
    {"fit": {"learning_rate": 0.3}},
    {"refine": {"logit_smoothing": 1}},
    {"random_state": 1},
]


@pytest.mark.parametrize("change", SETTINGS, ids=str)
def test_every_setting_of_the_clustering_changes_the_labels(change: dict[str, Any], fast: Config) -> None:
    image = np.random.default_rng(0).integers(0, 255, (80, 120, 3), dtype=np.uint8)
    base = segment(image, fast).label_map
    assert not np.array_equal(base, segment(image, fast.replace(**change)).label_map)


def test_public_names_are_these() -> None:
    assert set(msformer.__all__) == {
        "segment", "Segmentation", "segment_volume", "VolumeSegmentation", "MSFormer", "Editor", "edit", "Config",
        "preset_names", "Image", "Volume", "read", "MSFormerError", "ConfigError", "ImageError", "ImageShapeError",
        "NonFiniteImageError", "ReadError", "WeightsError",
        "FitDivergedError", "__version__",
    }  # fmt: skip
    for name in msformer.__all__:
        assert getattr(msformer, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        _ = msformer.nope
