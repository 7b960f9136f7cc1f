from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from msformer.config import Config, HintSettings, merge
from msformer.focus import find_focus
from msformer.image import Image
from msformer.learning.redraw import redraw
from msformer.morphology import dice
from msformer.phantoms import make_phantom


@pytest.fixture(scope="module")
def phantom() -> Any:
    return make_phantom("dermoscopy", seed=3, shape=(90, 120))


def small(mask: NDArray[np.bool_], shape: tuple[int, int]) -> NDArray[np.bool_]:
    return np.asarray(cv2.resize(mask.astype(np.float32), shape[::-1], interpolation=cv2.INTER_AREA) >= 0.5)


def drawn(
    phantom: Any, mask: NDArray[np.bool_], changes: dict[str, Any] | None = None, **hints: Any
) -> NDArray[np.bool_]:
    image = Image(phantom.image)
    settings = Config.from_mapping(merge({"preset": "dermoscopy"}, changes or {}))
    return redraw(image, find_focus(image.shape, HintSettings(**hints)), settings, mask)


def test_a_coarse_mask_comes_back_at_native_size_near_the_object(phantom: Any) -> None:
    coarse = small(phantom.mask, (13, 17))
    before = coarse.copy()
    found = drawn(phantom, coarse)
    assert found.shape == (90, 120)
    assert found.dtype == np.bool_
    assert dice(found, phantom.mask) > 0.85
    np.testing.assert_array_equal(coarse, before)
    np.testing.assert_array_equal(drawn(phantom, coarse), found)
    assert not drawn(phantom, np.zeros((13, 17), dtype=bool)).any()


def test_the_border_is_drawn_as_the_settings_say(phantom: Any) -> None:
    coarse = small(phantom.mask, (13, 17))
    none, three = (drawn(phantom, coarse, {"refine": {"boundary_rounds": count}}) for count in (0, 3))
    assert not np.array_equal(none, three)


def test_a_mask_of_the_part_that_was_pointed_at_lies_in_it(phantom: Any) -> None:
    found = drawn(phantom, np.ones((9, 11), dtype=bool), region=(10, 30, 70, 110))
    assert found.shape == (90, 120)
    assert found[20:60, 40:100].mean() > 0.5
    found[10:70, 30:110] = False
    assert not found.any()
