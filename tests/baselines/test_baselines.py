"""What holds for every method: the call, the labels, the seed, and that none can be shown a ground truth."""

from __future__ import annotations

import ast
import functools
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.conftest import MakeSquare

from msformer import baselines, pipeline
from msformer.baselines import METHODS, Method, get_method, method_names, register, segment, settings_of
from msformer.baselines import deepcluster as deepcluster_module
from msformer.baselines import dfc as dfc_module
from msformer.baselines import iic as iic_module
from msformer.baselines import sgscn as sgscn_module
from msformer.baselines.base import Counted, LearningSettings, one_hot
from msformer.cluster import Clustering
from msformer.config import Config
from msformer.errors import ConfigError, ImageError
from msformer.foreground import Scene, score_mask
from msformer.image import Image
from msformer.phantoms import make_phantom
from msformer.prepare import Prepared, prepare

NAMES = [
    "msformer", "msformer-clusters", "as-shipped", "untrained", "otsu-2", "otsu-3", "otsu-4", "kmeans-2", "kmeans-3",
    "kmeans-5", "kmeans-8", "slic-kmeans", "felzenszwalb", "chan-vese", "grabcut", "disc", "dfc", "sgscn",
    "iic-2", "iic-3", "deepcluster-2", "deepcluster-3",
]  # fmt: skip
SEEDED = {
    "msformer", "msformer-clusters", "as-shipped", "untrained", "kmeans-2", "kmeans-3", "kmeans-5", "kmeans-8",
    "slic-kmeans", "grabcut", "dfc", "sgscn", "iic-2", "iic-3", "deepcluster-2", "deepcluster-3",
}  # fmt: skip


@pytest.fixture(autouse=True)
def few_updates(monkeypatch: pytest.MonkeyPatch) -> None:
    """The learning methods with 3 updates: seconds, and the contract is the same."""
    for module in (dfc_module, sgscn_module, iic_module):
        monkeypatch.setattr(module, "LEARNING", LearningSettings(max_iter=3))
    monkeypatch.setattr(deepcluster_module, "LEARNING", LearningSettings(width=16, max_iter=4))
    monkeypatch.setattr(deepcluster_module, "ROUNDS", 2)


@pytest.fixture(scope="module")
def mosaic() -> NDArray[np.uint8]:
    """Tiles of random colours with a dark middle and a light top: no right answer, so starts end in different ones."""
    tiles = np.random.default_rng(3).integers(0, 255, (12, 12, 3)).astype(np.uint8)
    image = tiles.repeat(5, axis=0).repeat(5, axis=1)
    image[15:45, 15:45] //= 3
    image[:15] = image[:15] // 2 + 127
    return image


def test_the_methods_are_these() -> None:
    assert method_names() == list(METHODS) == NAMES
    assert {name for name, method in METHODS.items() if method.seeded} == SEEDED
    with_object = {name for name, method in METHODS.items() if method.object_label is not None}
    assert with_object == {"disc", "grabcut", "chan-vese"}
    for name, method in METHODS.items():
        assert method.name == name
        assert method.limits.endswith(".")
        assert method.reference


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["dermoscopy", "lung_ct", "cells"])
def test_every_method_gives_consecutive_labels_on_phantoms(name: str, kind: str, fast: Config) -> None:
    image = make_phantom(kind, seed=0, shape=(67, 83)).image
    copy = image.copy()
    result = segment(image, name, fast)
    assert result.label_map.shape == result.mask.shape == (67, 83)
    assert np.unique(result.label_map).tolist() == list(range(1, result.n_labels + 1))
    assert result.n_labels >= 1
    assert (result.stop_reason == "not_iterative") == (result.n_iter == 0 and name != "untrained")
    np.testing.assert_array_equal(image, copy)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("channels", "padding"), [(1, 0), (2, 4), (5, 4)])
def test_any_number_of_channels_and_any_border(
    name: str, channels: int, padding: int, square_image: MakeSquare, fast: Config
) -> None:
    config = fast.replace(prepare={"padding": padding})
    result = segment(square_image(53, 61, channels), name, config)
    assert result.label_map.shape == (53, 61)
    assert result.working_shape == prepare(Image.from_array(square_image(53, 61, channels)), config.prepare).shape


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_labels_and_other_seeds_only_where_stated(
    name: str, mosaic: NDArray[np.uint8], fast: Config
) -> None:
    first = segment(mosaic, name, fast, random_state=0)
    again = segment(mosaic, name, fast, random_state=0)
    np.testing.assert_array_equal(first.label_map, again.label_map)
    np.testing.assert_array_equal(first.mask, again.mask)
    others = [segment(mosaic, name, fast, random_state=seed).label_map for seed in (1, 2, 3)]
    assert get_method(name).seeded == any(not np.array_equal(first.label_map, other) for other in others)


@pytest.mark.parametrize("name", NAMES)
def test_the_callers_random_states_are_untouched(name: str, mosaic: NDArray[np.uint8], fast: Config) -> None:
    def draws() -> list[Any]:
        return [
            torch.rand(3).tolist(),
            np.random.random(3).tolist(),  # noqa: NPY002 - the caller's global state is what is tested
            random.random(),
            cv2.randu(np.zeros(3), 0, 1).tolist(),  # type: ignore[call-overload]
        ]

    def seed_all() -> None:
        torch.manual_seed(1)
        np.random.seed(1)  # noqa: NPY002
        random.seed(1)
        cv2.setRNGSeed(1)

    seed_all()
    expected = draws()
    seed_all()
    segment(mosaic, name, fast, random_state=5)
    assert draws() == expected


@pytest.mark.parametrize("name", NAMES)
def test_a_blank_image_is_one_label_and_no_object(name: str) -> None:
    own = get_method(name).object_label is not None
    result = segment(np.full((40, 50), 77, dtype=np.uint8), name, own_foreground=own)
    assert (result.n_labels, result.stop_reason, result.foreground) == (1, "blank", None)


def test_msformer_in_the_registry_is_the_pipeline(square_image: MakeSquare, fast: Config) -> None:
    image = square_image()
    ours, theirs = segment(image, "msformer", fast, random_state=4), pipeline.segment(image, fast, random_state=4)
    np.testing.assert_array_equal(ours.label_map, theirs.label_map)
    np.testing.assert_array_equal(ours.mask, theirs.mask)
    assert ours.history == theirs.history


def test_untrained_is_the_pipeline_without_updates(square_image: MakeSquare, fast: Config) -> None:
    image = square_image()
    ours = segment(image, "untrained", fast, random_state=2)
    by_clusters = fast.replace(fit={"max_iter": 0}, foreground={"source": "clusters"})
    theirs = pipeline.segment(image, by_clusters, random_state=2)
    np.testing.assert_array_equal(ours.label_map, theirs.label_map)
    np.testing.assert_array_equal(ours.mask, theirs.mask)
    assert ours.n_iter == theirs.n_iter == 0
    assert not np.array_equal(ours.label_map, segment(image, "msformer", fast, random_state=2).label_map)


def test_only_the_method_itself_chooses_among_regions(square_image: MakeSquare, fast: Config) -> None:
    assert {name for name in NAMES if not get_method(name).by_clusters} == {"msformer"}
    for given in (None, "dermoscopy", "auto", fast):
        assert settings_of("msformer", given).foreground.source == "regions"
        assert settings_of("otsu-2", given).foreground.source == "clusters"
    assert settings_of("otsu-2", "auto").carried_to("nuclei").foreground.source == "clusters"
    assert segment(square_image(), "otsu-2", "auto").config.foreground.source == "clusters"
    assert segment(square_image(), "disc", fast, own_foreground=True).config.foreground.source == "clusters"
    with pytest.raises(ConfigError, match="got 'nope'"):
        settings_of("nope")


def test_regions_make_the_difference_to_the_methods_own_clusters(square_image: MakeSquare, fast: Config) -> None:
    image = square_image()
    own, clusters = (segment(image, name, fast, random_state=4) for name in ("msformer", "msformer-clusters"))
    np.testing.assert_array_equal(own.label_map, clusters.label_map)
    assert own.history == clusters.history
    assert set(own.cues) != set(clusters.cues)  # what is seen of a region, and the cues of the rule on clusters
    theirs = pipeline.segment(image, fast.replace(foreground={"source": "clusters"}), random_state=4)
    np.testing.assert_array_equal(clusters.mask, theirs.mask)


def test_a_wrong_call_is_an_error(fast: Config) -> None:
    with pytest.raises(ConfigError, match=r"method must be one of msformer, .*; got 'nope'"):
        segment(np.zeros((40, 40)), "nope")
    with pytest.raises(ConfigError, match="must be used with one of chan-vese, grabcut, disc; 'otsu-2' has no object"):
        segment(np.zeros((40, 40)), "otsu-2", own_foreground=True)
    with pytest.raises(ImageError, match="at least 33 px"):
        segment(np.zeros((4, 4)), "disc", fast, own_foreground=True)


@pytest.mark.parametrize("name", ["chan-vese", "grabcut", "disc"])
def test_own_object_is_what_the_method_calls_it(name: str, square_image: MakeSquare, fast: Config) -> None:
    image = square_image(83, 83)
    prepared = prepare(Image.from_array(image), fast.prepare)
    inside = get_method(name).cluster(prepared, fast).logits[1] == 1
    native = cv2.resize(inside.astype(np.uint8), (83, 83), interpolation=cv2.INTER_NEAREST) == 1
    result = segment(image, name, fast, spacing_mm=(0.5, 0.5), own_foreground=True)
    assert (result.mask == native).mean() > 0.97  # the border is drawn more finely at native size
    assert result.mask[41, 41]
    assert not result.mask[0].any()
    assert len(np.unique(result.label_map[result.mask])) == 1
    assert result.foreground is not None
    assert result.foreground.area_px == result.mask.sum()
    assert result.foreground.area_mm2 == pytest.approx(result.mask.sum() / 4)
    scene = Scene(prepared.appearance, prepared.working.valid)
    exact, _ = score_mask(inside, scene, fast.foreground.cues)
    assert result.foreground_score == pytest.approx(exact, abs=0.1)


def test_own_object_may_differ_from_the_rules(fast: Config) -> None:
    image = np.full((60, 90, 3), 200, dtype=np.uint8)
    image[5:25, 5:30] = 40  # away from the centre: the rule takes the square, the disc remains a disc
    assert segment(image, "otsu-2", fast).mask[15, 17]
    own = segment(image, "disc", fast, own_foreground=True)
    assert own.mask[30, 45]
    assert not own.mask[15, 17]


def test_one_hot_by_hand() -> None:
    np.testing.assert_array_equal(
        one_hot(np.array([[0, 2, 2]])), np.array([[[1, 0, 0]], [[0, 0, 0]], [[0, 1, 1]]], dtype=np.float32)
    )


def peeks_by_position(prepared: Prepared, settings: Config, mask_gt: Any) -> Clustering: ...  # type: ignore[empty-body]
def peeks_by_default(prepared: Prepared, settings: Config, mask_gt: Any = None) -> Clustering: ...  # type: ignore[empty-body]
def peeks_by_name(prepared: Prepared, settings: Config, *, mask_gt: Any) -> Clustering: ...  # type: ignore[empty-body]
def peeks_by_name_default(prepared: Prepared, settings: Config, *, mask_gt: Any = None) -> Clustering: ...  # type: ignore[empty-body]
def collects(prepared: Prepared, settings: Config, *rest: Any) -> Clustering: ...  # type: ignore[empty-body]
def collects_names(prepared: Prepared, settings: Config, **rest: Any) -> Clustering: ...  # type: ignore[empty-body]
def collects_all(*rest: Any, **names: Any) -> Clustering: ...  # type: ignore[empty-body]
def other_names(prepared: Prepared, mask_gt: Any) -> Clustering: ...  # type: ignore[empty-body]
def too_few(prepared: Prepared) -> Clustering: ...  # type: ignore[empty-body]
def by_name_only(*, prepared: Prepared, settings: Config) -> Clustering: ...  # type: ignore[empty-body]
def with_default(prepared: Prepared, settings: Any = None) -> Clustering: ...  # type: ignore[empty-body]


def halves(prepared: Prepared, settings: Config) -> Clustering:
    rows = np.arange(prepared.shape[0])[:, None] * np.ones(prepared.shape[1])
    return Clustering(one_hot((rows > rows.mean()).astype(np.intp)), "not_iterative")


@functools.wraps(halves)
def disguised(prepared: Prepared, settings: Config, mask_gt: Any = None) -> Clustering:
    return halves(prepared, settings)


def peeks_first(mask_gt: Any, prepared: Prepared, settings: Config) -> Clustering: ...  # type: ignore[empty-body]
def peeks_first_of_four(  # type: ignore[empty-body]
    mask_gt: Any, prepared: Prepared, settings: Config, count: int
) -> Clustering: ...


def closes_over(mask_gt: Any) -> Callable[..., Clustering]:
    def cluster(prepared: Prepared, settings: Config) -> Clustering:
        return halves(prepared, settings) if mask_gt is None else mask_gt

    return cluster


class PeekingObject:
    def peek(self, prepared: Prepared, settings: Config) -> Clustering:
        return halves(prepared, settings)

    def __call__(self, prepared: Prepared, settings: Config, mask_gt: Any = None) -> Clustering:
        return halves(prepared, settings)


@pytest.mark.parametrize(
    "cluster",
    [
        peeks_by_position, peeks_by_default, peeks_by_name, peeks_by_name_default, collects, collects_names,
        collects_all, other_names, too_few, by_name_only, with_default, disguised, PeekingObject(),
        functools.partial(peeks_by_name, mask_gt=None), functools.partial(peeks_first, None), closes_over(None),
        Counted(peeks_by_name, 2), Counted(functools.partial(peeks_first_of_four, None), 2), PeekingObject().peek,  # type: ignore[arg-type]
        "no function",
    ],
    ids=lambda cluster: getattr(cluster, "__name__", type(cluster).__name__),
)  # fmt: skip
def test_what_asks_for_more_than_the_image_cannot_be_registered(cluster: Callable[..., Clustering]) -> None:
    with pytest.raises(ConfigError, match=r"method 'peek': cluster must"):
        register(Method("peek", cluster, seeded=False, reference="-", limits="-."))
    assert method_names() == NAMES


def test_a_registered_method_is_called_with_image_and_settings_only(
    monkeypatch: pytest.MonkeyPatch, square_image: MakeSquare, fast: Config
) -> None:
    method = Method("halves", halves, seeded=False, reference="-", limits="-.")
    # Put there and taken away again by the fixture, so that the registry is as before.
    monkeypatch.setitem(baselines._methods, "halves", method)
    del baselines._methods["halves"]
    assert register(method) is get_method("halves")
    result = segment(square_image(), "halves", fast)
    assert result.n_labels == 2
    with pytest.raises(ConfigError, match="'halves' is taken"):
        register(replace(method, limits="Other."))


def test_the_registry_cannot_be_written_past_its_check() -> None:
    with pytest.raises(TypeError):
        METHODS["peek"] = METHODS["disc"]  # type: ignore[index]


def test_no_baseline_imports_what_sees_ground_truth() -> None:
    sources = sorted(Path(baselines.__file__).parent.glob("*.py"))
    assert len(sources) >= 12
    for source in sources:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            module = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
            for name in [module, *names]:
                assert not {"evaluation", "phantoms", "benchmark"} & set(name.split(".")), (source.name, name)


def test_the_registry_is_light_to_import() -> None:
    code = (
        "import sys, msformer.baselines; heavy = {'torch', 'sklearn', 'skimage', 'msformer.evaluation'} & "
        "set(sys.modules); sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
