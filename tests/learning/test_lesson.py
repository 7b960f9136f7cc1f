"""One image as it is learned from: what is seen of it, and its file, of which nothing is believed."""

from __future__ import annotations

import os
import pickle
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.learning.helpers import digest_of, lesson

from msformer.config import Config, HintSettings
from msformer.errors import ReadError
from msformer.focus import find_focus
from msformer.foreground.asked import SAID
from msformer.image import Image
from msformer.learning.lesson import COLOURS, DESCRIBED, in_order, make_lesson, read_lesson, write_lesson
from msformer.phantoms import make_phantom
from msformer.regions import FEATURES

KEY = "k" * 64
Arrays = dict[str, Any]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    place = tmp_path / "deeper" / "a.npz"
    write_lesson(place, lesson(1), KEY)
    return place


def refused(path: Path) -> str:
    with pytest.raises(ReadError) as caught:
        read_lesson(path, KEY)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("n_regions", [0, 1, 5])
def test_what_was_written_comes_back(tmp_path: Path, n_regions: int) -> None:
    """Maps in half precision, regions bit for bit, also where they do not fill a byte, and no correction."""
    whole = lesson(1, n_regions=n_regions)
    masks = np.random.default_rng(0).random((n_regions, 3, 7)) < 0.5
    whole = lesson(1, n_regions=n_regions, masks=masks, corrected=whole.own, is_single=False, confidence=0.625)
    write_lesson(tmp_path / "a.npz", whole, KEY)
    again = read_lesson(tmp_path / "a.npz", KEY)
    assert (again.name, again.digest) == ("name-1", digest_of(1))
    assert (again.confidence, again.is_single, again.corrected) == (0.625, False, None)
    np.testing.assert_array_equal(again.view, whole.view.astype(np.float16).astype(np.float32))
    np.testing.assert_array_equal(again.own, whole.own)
    np.testing.assert_array_equal(again.features, whole.features)
    np.testing.assert_array_equal(again.masks, masks)
    assert again.masks.dtype == np.bool_
    assert again.view.dtype == np.float32
    assert [one.name for one in tmp_path.iterdir()] == ["a.npz"], "no draft is left"


def test_a_lesson_of_something_else_is_refused(path: Path) -> None:
    with pytest.raises(ReadError, match="another image"):
        read_lesson(path, "other")
    assert read_lesson(path).name == "name-1", "without a key any will do"


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.99, 0.9999])
def test_a_cut_lesson_is_refused(path: Path, share: float) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    refused(path)


def test_a_flipped_byte_in_any_part_is_refused_or_changes_nothing(path: Path) -> None:
    whole, sound = path.read_bytes(), read_lesson(path, KEY)
    n_refused = 0
    for place in range(0, len(whole), max(len(whole) // 150, 1)):
        spoiled = bytearray(whole)
        spoiled[place] ^= 0xFF
        path.write_bytes(spoiled)
        try:
            again = read_lesson(path, KEY)
        except ReadError:
            n_refused += 1
            continue
        np.testing.assert_array_equal(again.view, sound.view)
    assert n_refused > 100


def test_pickled_objects_are_refused_and_not_run(path: Path, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (os.mkdir, (str(tmp_path / "sprung"),))

    with np.load(path) as data:
        arrays: Arrays = {name: data[name] for name in data.files}
    objects = np.empty(1, dtype=object)
    objects[0] = Trap()
    for name in ("name", "key", "format", "features"):
        np.savez(path, **arrays | {name: objects})
        refused(path)
    path.write_bytes(pickle.dumps(Trap()))
    refused(path)
    assert not (tmp_path / "sprung").exists()


def test_foreign_files_are_refused(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.zeros(3))  # one array, no archive
    refused(path)
    np.savez(path, weights=np.zeros(3))
    refused(path)
    path.write_text("no archive")
    refused(path)
    path.unlink()
    refused(path)
    path.mkdir()
    refused(path)


def _changed(name: str, change: Callable[[NDArray[Any]], Any]) -> Callable[[Arrays], None]:
    def spoil(arrays: Arrays) -> None:
        arrays[name] = change(arrays[name])

    return spoil


SPOILED: dict[str, Callable[[Arrays], None]] = {
    "another version": _changed("format", lambda one: one + 1),
    "several versions": _changed("format", lambda one: np.array([1, 1])),
    "fewer planes": _changed("view", lambda one: one[:3]),
    "a flat view": _changed("view", lambda one: one[0]),
    "nothing to see": _changed("view", lambda one: one[:, :0]),
    "NaN": _changed("view", lambda one: one * np.nan),
    "a mask of another size": _changed("own", lambda one: one[1:]),
    "endless features": _changed("features", lambda one: one + np.inf),
    "fewer columns": _changed("features", lambda one: one[:, 1:]),
    "fewer rows": _changed("features", lambda one: one[1:]),
    "features that are words": _changed("features", lambda one: one.astype(str)),
    "too few masks": _changed("masks", lambda one: one[1:]),
    "no confidence": _changed("confidence", lambda one: one * np.nan),
    "too much confidence": _changed("confidence", lambda one: one + 1),
    "masks in a row": _changed("masks_shape", lambda one: np.array([one.prod()])),
    "a negative side": _changed("masks_shape", lambda one: one * [1, -1, -1]),
}


@pytest.mark.parametrize("kind", SPOILED)
def test_parts_that_do_not_fit_together_are_refused(path: Path, kind: str) -> None:
    with np.load(path) as data:
        arrays: Arrays = {name: data[name] for name in data.files}
    np.savez(path, **arrays)
    read_lesson(path, KEY)
    SPOILED[kind](arrays)
    np.savez(path, **arrays)
    refused(path)


def test_no_memory_is_taken_for_masks_that_a_file_only_claims(path: Path) -> None:
    with np.load(path) as data:
        arrays: Arrays = {name: data[name] for name in data.files}
    np.savez(path, **arrays | {"masks_shape": np.array([5, 10_000, 10_000])})
    tracemalloc.start()
    try:
        refused(path)
        assert tracemalloc.get_traced_memory()[1] < 50 * 2**20
    finally:
        tracemalloc.stop()
    np.savez(path, **arrays | {"masks_shape": np.array([2**40, 2**40, 2**40])})
    refused(path)


def test_a_correction_is_the_share_of_each_pixel_and_can_be_taken_away() -> None:
    """8 × 10 px on 4 × 5: blocks of four."""
    view = np.ones((4, 4, 5), dtype=np.float32)
    own = np.zeros((4, 5), dtype=np.float32)
    one = lesson(0, view=view, own=own)
    mask = np.zeros((8, 10), dtype=bool)
    mask[0:2, 0:3] = True  # the first block, half of the second
    mask[7, 9] = True  # a quarter of the last
    corrected = one.with_correction(mask)
    expected = np.zeros((4, 5))
    expected[0, 0], expected[0, 1], expected[3, 4] = 1, 0.5, 0.25
    assert corrected.corrected is not None
    np.testing.assert_allclose(corrected.corrected, expected, atol=1e-6)
    assert (corrected.truth is corrected.corrected, one.truth is own, corrected.own is own) == (True, True, True)
    assert corrected.with_correction(None).corrected is None


def test_lessons_are_in_the_order_of_what_they_show() -> None:
    names = dict(enumerate("dacb"))
    some = [lesson(number, name=names[number], n_regions=0) for number in names]
    expected = sorted(digest_of(number) for number in names)
    assert [one.digest for one in in_order(some)] == expected == [one.digest for one in in_order(some[::-1])]


@pytest.fixture(scope="module")
def phantom() -> Any:
    return make_phantom("dermoscopy", seed=3, shape=(64, 80))


def look(phantom: Any, preset: str, pixels: NDArray[Any] | None = None, **hints: Any) -> Any:
    image = Image(phantom.image if pixels is None else pixels)
    settings = Config.from_preset(preset)
    focus = find_focus(image.shape, HintSettings(**hints))
    return make_lesson("a", "d", image, focus, settings, phantom.mask, 0.75)


def test_what_is_learned_from_an_image(phantom: Any) -> None:
    one = look(phantom, "dermoscopy")
    assert one.shape[0] / one.shape[1] == pytest.approx(64 / 80, rel=0.05), "about the image's proportions"
    assert one.own.mean() == pytest.approx(phantom.mask.mean(), abs=0.01)
    assert len(one.masks) == len(one.features) > 3
    assert one.features.shape[1] == len(DESCRIBED) == len(FEATURES) + COLOURS + len(SAID) + 1
    assert np.isfinite(one.features).all()
    assert (one.is_single, one.confidence, one.corrected) == (True, 0.75, None)
    own = one.on_regions(one.own) > 0.5
    shared = (one.masks & own).sum(axis=(1, 2))
    assert (2 * shared / (one.masks.sum(axis=(1, 2)) + own.sum())).max() > 0.8, "one of the regions is the object"


def test_where_several_objects_are_looked_for_regions_are_seen_all_the_same(phantom: Any) -> None:
    one = look(phantom, "nuclei")
    assert not one.is_single
    assert len(one.masks) == len(one.features) > 0


def test_a_blank_image_has_no_regions(phantom: Any) -> None:
    one = look(phantom, "general", np.full((64, 80), 90, dtype=np.uint8))
    assert one.masks.shape == (0, 1, 1)
    assert one.features.shape == (0, len(DESCRIBED))


def test_only_the_part_that_was_pointed_at_is_seen(phantom: Any) -> None:
    part = look(phantom, "general", region=(10, 20, 50, 60))
    assert part.shape[0] == part.shape[1]
    assert part.own.mean() == pytest.approx(phantom.mask[10:50, 20:60].mean(), abs=0.01)
    outside = phantom.image.copy()
    outside[:10] = 0
    np.testing.assert_array_equal(part.view, look(phantom, "general", outside, region=(10, 20, 50, 60)).view)
