"""Volumes of slices whose object is known: two bright bars on dark ground, drawn into every slice."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from msformer.config import Config
from msformer.errors import ConfigError, ImageError, ImageShapeError
from msformer.geometry import Geometry
from msformer.volume import Volume
from msformer.volumes import segment_volume, shown_slices, slice_numbers, volume_limits

DEPTH, HEIGHT, WIDTH = 7, 61, 53
KMEANS = {"cluster": {"method": "kmeans", "n_clusters": 3}, "prepare": {"working_size": 47}}


def make(dtype: Any = np.int16, modality: str | None = "MR") -> tuple[Volume, NDArray[np.bool_]]:
    """Three levels; the brightest is an object that moves down by one row a slice."""
    rng = np.random.default_rng(0)
    voxels = rng.normal(100, 4, (DEPTH, HEIGHT, WIDTH))
    voxels[:, :, :20] += 200
    truth = np.zeros(voxels.shape, dtype=bool)
    for number in range(DEPTH):
        truth[number, 20 + number : 40 + number, 28:44] = True
    voxels[truth] += 500
    volume = Volume(voxels.astype(dtype), Geometry((0.7, 0.9, 2.5)), "nifti", Path("made.nii"), modality=modality)
    return volume, truth


def config(**changes: Any) -> Config:
    return Config.from_preset("general").replace(**KMEANS).replace(**changes)


def dice(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def test_the_object_is_found_in_every_slice_and_labels_run_from_dark_to_bright() -> None:
    volume, truth = make()
    found = segment_volume(volume, config(foreground={"polarity": "brighter"}))
    assert found.slices == tuple(range(DEPTH))
    assert found.mask.shape == found.label_map.shape == (DEPTH, HEIGHT, WIDTH)
    for number in range(DEPTH):
        assert dice(found.mask[number], truth[number]) > 0.9, number
    assert found.n_labels == 3
    means = [volume.voxels[found.label_map == label].mean() for label in (1, 2, 3)]
    assert means == sorted(means)


def test_a_cluster_keeps_its_number_from_slice_to_slice_because_each_starts_from_its_neighbour() -> None:
    volume, _ = make()
    settings = config(cluster={"n_clusters": 6})
    following, alone = segment_volume(volume, settings), segment_volume(volume, settings, follow=False)
    assert following.followed > 3 * (DEPTH - 1) - 1
    assert following.changed / following.followed < 0.1
    assert alone.changed / alone.followed > 3 * following.changed / following.followed + 0.2


def test_the_network_goes_on_from_the_parameters_of_the_slice_before() -> None:
    volume, _ = make()
    small = {"embed_dim": 6, "depth": 1, "patch_size": 8}
    settings = Config.from_preset("general").replace(
        prepare={"working_size": 41}, network=small, fit={"max_iter": 3, "precision": "float32"},
        read={"slices": "0:3"},
    )  # fmt: skip
    updates: list[int] = []
    losses: list[float] = []

    def watch(_: int, found: Any) -> None:
        updates.append(found.n_iter)
        losses.append(found.history[0].losses["total"])

    segment_volume(volume, settings, on_slice=watch)
    assert updates == [3, 2, 2]
    assert losses[1] < losses[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("all", [0, 1, 2, 3, 4, 5, 6]),
        ("3", [3]),
        ("2:5", [2, 3, 4]),
        (":3", [0, 1, 2]),
        ("1::2", [1, 3, 5]),
        ("-2:", [5, 6]),
    ],
)
def test_slices_are_named_as_in_python(text: str, expected: list[int]) -> None:
    assert slice_numbers(text, 7) == expected
    assert config(read={"slices": text}).read.slices == text


@pytest.mark.parametrize("text", ["7", "9:", "4:4"])
def test_slices_that_are_not_there_are_told_with_the_limit(text: str) -> None:
    with pytest.raises(ConfigError, match=r"read.slices must name slices from 0 to 6 .*got"):
        slice_numbers(text, 7)


@pytest.mark.parametrize("text", ["", "a:b", "1:2:0", "1:2:3:4", "-1"])
def test_nonsense_for_slices_is_refused_by_the_settings(text: str) -> None:
    with pytest.raises(ConfigError, match="slices"):
        config(read={"slices": text})


def test_slices_that_are_not_asked_for_stay_empty() -> None:
    volume, truth = make()
    found = segment_volume(volume, config(read={"slices": "2:4"}, foreground={"polarity": "brighter"}))
    assert found.slices == (2, 3)
    assert found.label_map[[0, 1, 4, 5, 6]].max() == 0
    assert not found.mask[[0, 1, 4, 5, 6]].any()
    assert dice(found.mask[2:4], truth[2:4]) > 0.9


@pytest.mark.parametrize("axis", [1, 2])
def test_slices_across_another_axis(axis: int) -> None:
    volume, truth = make()
    turned = np.ascontiguousarray(np.moveaxis(volume.voxels, 0, axis))
    other = Volume(turned, volume.geometry, "nifti", Path("made.nii"), modality="MR")
    found = segment_volume(other, config(read={"axis": axis}, foreground={"polarity": "brighter"}))
    assert dice(np.moveaxis(found.mask, axis, 0), truth) > 0.9


def test_slices_too_small_are_refused_with_axis_and_size() -> None:
    volume, _ = make()
    with pytest.raises(ImageShapeError, match="axis 1 must be at least 33 px high and wide; got 7 × 53"):
        segment_volume(volume, config(read={"axis": 1}))


def test_restarts_are_for_single_images() -> None:
    volume, _ = make()
    with pytest.raises(ConfigError, match=r"restarts must be 1 for volumes.*got 3"):
        segment_volume(volume, config(restarts=3))


def test_a_slice_that_shows_nothing_has_no_label() -> None:
    volume, _ = make()
    voxels = volume.voxels.copy()
    voxels[3] = 100
    found = segment_volume(Volume(voxels, None, "nifti", Path("made.nii"), modality="MR"), config())
    assert found.label_map[3].max() == 0
    assert (found.label_map[[2, 4]] > 0).all()


def test_one_window_holds_for_all_slices() -> None:
    volume, _ = make()
    assert volume_limits(volume, config(prepare={"window": (50.0, 20.0)})) == (40.0, 60.0)
    ct = Volume((volume.voxels - 1024).astype(np.int16), None, "dicom", Path("x"), modality="CT")
    assert volume_limits(ct, config()) == (-1000.0, 400.0)
    assert volume_limits(ct, config(prepare={"window": "lung"})) == (-1350.0, 150.0)
    with pytest.raises(ImageError, match="'lung' is in Hounsfield units, for CT; got MR"):
        volume_limits(volume, config(prepare={"window": "lung"}))
    low, high = volume_limits(volume, config())
    assert low == pytest.approx(np.percentile(volume.voxels, 0.5), abs=1)
    assert high == pytest.approx(np.percentile(volume.voxels, 99.5), abs=1)


def test_declared_padding_counts_neither_in_the_window_nor_in_the_slices() -> None:
    volume, _ = make()
    voxels = volume.voxels.astype(np.int16)
    voxels[:, :, :20] = -9999
    padded = replace(volume, voxels=voxels, padding_value=-9999)
    low, high = volume_limits(padded, config())
    assert low == pytest.approx(np.percentile(voxels[:, :, 20:], 0.5), abs=1)
    assert high == pytest.approx(np.percentile(voxels[:, :, 20:], 99.5), abs=1)
    assert volume_limits(padded, config(prepare={"no_data": False}))[0] == -9999
    assert not segment_volume(padded, config()).mask[:, :, :18].any()


def test_a_cancel_ends_after_the_slice_at_hand() -> None:
    volume, _ = make()
    cancel = threading.Event()
    found = segment_volume(volume, config(), cancel=cancel, on_slice=lambda *_: cancel.set())
    assert found.slices == (0,)


def test_preview_shows_slices_spread_evenly() -> None:
    assert list(shown_slices((4, 5, 6, 7, 8, 9, 10), 4)) == [4, 6, 8, 10]
    assert list(shown_slices((4, 5), 4)) == [4, 5]


@pytest.mark.parametrize("empty_in", [slice(0, 2), slice(2, 4), slice(6, 7)])
@pytest.mark.parametrize("method", ["kmeans", "network"])
def test_a_channel_that_is_empty_in_some_slices_keeps_labels_and_all_slices(empty_in: slice, method: str) -> None:
    """The first channel has the object, the second one other things, where it was switched on."""
    volume, truth = make()
    second = np.random.default_rng(1).normal(60, 4, volume.voxels.shape)
    second[:, 5:20, 5:20] += 90
    second[empty_in] = 0
    voxels = np.stack([volume.voxels, second.astype(np.int16)], axis=3)
    settings = config(foreground={"polarity": "brighter"}, cluster={"method": method, "n_clusters": 4})
    if method == "network":
        small = {"embed_dim": 6, "depth": 1, "patch_size": 8}
        settings = settings.replace(network=small, fit={"max_iter": 2, "precision": "float32"})
    found = segment_volume(Volume(voxels, volume.geometry, "tiff", Path("made.tif")), settings)
    assert found.slices == tuple(range(DEPTH))
    assert found.label_map.any(axis=(1, 2)).all()
    if method == "kmeans":
        assert all(dice(found.mask[number], truth[number]) > 0.8 for number in range(DEPTH))
        inside = [np.bincount(found.label_map[number][truth[number]]).argmax() for number in range(DEPTH)]
        assert len(set(inside)) == 1  # the object has the same label in all slices


def test_a_first_slice_of_few_values_does_not_limit_the_clusters_of_the_others() -> None:
    voxels = np.full((3, HEIGHT, WIDTH), 10, dtype=np.uint8)
    voxels[:, 10:40, 10:30] = 90
    voxels[1:, 10:20, 35:50] = 170
    voxels[1:, 30:50, 35:50] = 250
    volume = Volume(voxels, None, "nrrd", Path("made.nrrd"))
    settings = config(cluster={"n_clusters": 4}, prepare={"working_size": 57, "smoothing": 0, "no_data": False})
    found = segment_volume(volume, settings)
    values = [set(np.unique(found.label_map[1][voxels[1] == value])) for value in (90, 170, 250)]
    assert all(len(one) >= 1 for one in values)
    assert (
        np.bincount(found.label_map[1][35:45, 38:47].ravel()).argmax()
        != np.bincount(found.label_map[1][12:18, 38:47].ravel()).argmax()
    )


def test_errors_name_the_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    volume, _ = make()

    def refuse(*_: Any, **__: Any) -> None:
        raise ImageError("no")

    monkeypatch.setattr("msformer.volumes.segment_with", refuse)
    with pytest.raises(ImageError, match=r"^slice 2: no"):
        segment_volume(volume, config(read={"slices": "2:"}))
