from __future__ import annotations

import cv2
import numpy as np
import pytest

from msformer.refine import mask_to_native, smooth_logits, to_native
from msformer.refine import native as refine


def random_logits(clusters: int, height: int, width: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(0).normal(size=(clusters, height, width)).astype(np.float32)


@pytest.mark.parametrize("shape", [(83, 131), (19, 7), (29, 200), (101, 17)])
def test_native_labels_are_the_argmax_of_interpolated_logits(
    shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refine, "STRIP_ELEMENTS", 3000)  # several strips, so that their seams are tested
    logits = random_logits(5, 29, 17)
    channels, native = to_native(logits, shape)
    wide = np.stack([cv2.resize(plane, shape[::-1], interpolation=cv2.INTER_LINEAR) for plane in logits[channels]])
    best = np.sort(wide, axis=0)
    clear = best[-1] - best[-2] > 1e-4  # ties may fall either way by rounding
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(native[clear], wide.argmax(axis=0)[clear])


def test_clusters_that_win_nowhere_take_no_part() -> None:
    logits = random_logits(4, 29, 17)
    logits[2] = -10
    channels, native = to_native(logits, (58, 34))
    assert channels.tolist() == [0, 1, 3]
    assert native.max() == 2


def test_same_size_is_the_plain_argmax() -> None:
    logits = random_logits(6, 29, 17)
    channels, native = to_native(logits, (29, 17))
    np.testing.assert_array_equal(channels[native], logits.argmax(axis=0))


def test_borders_are_smoother_than_enlarged_labels() -> None:
    """A straight slanted border: interpolation follows the line, enlarged labels make stairs."""
    rows, columns = np.mgrid[:33, :33]
    logits = np.stack([columns - 0.5 * rows, np.full((33, 33), 8.3)]).astype(np.float32)
    _, native = to_native(logits, (330, 330))
    rows, columns = (np.mgrid[:330, :330] + 0.5) / 10 - 0.5
    truth = columns - 0.5 * rows < 8.3
    stairs = cv2.resize(logits.argmax(axis=0).astype(np.uint8), (330, 330), interpolation=cv2.INTER_NEAREST)
    assert (native != truth).mean() < 0.1 * (stairs != truth).mean()


def test_smoothing_removes_a_checkerboard() -> None:
    rows, columns = np.mgrid[:40, :36]
    board = ((rows + columns) % 2).astype(np.float32)
    logits = np.stack([board * 2 - 1, np.full(board.shape, 0.5, dtype=np.float32)])
    assert len(np.unique(smooth_logits(logits, 1).argmax(axis=0))) == 2
    assert (smooth_logits(logits, 3).argmax(axis=0) == 1).all()


def test_mask_follows_the_native_clusters_within_one_working_pixel_of_its_border_only() -> None:
    mask = np.zeros((12, 12), dtype=bool)
    mask[4:8, 4:8] = True
    candidate = np.zeros((120, 120), dtype=bool)
    candidate[37:83, 37:83] = True  # the true object, 3 native px beyond the working mask
    candidate[0:20, 0:20] = True  # the same clusters elsewhere, which the rule did not choose
    candidate[58:62, 58:62] = False  # a hole that the rule filled
    expected = np.zeros((120, 120), dtype=bool)
    expected[37:83, 37:83] = True
    np.testing.assert_array_equal(mask_to_native(mask, candidate), expected)


def test_mask_on_the_same_grid_is_copied() -> None:
    mask = np.eye(12, dtype=bool)
    native = mask_to_native(mask, np.ones((12, 12), dtype=bool))
    np.testing.assert_array_equal(native, mask)
    assert native is not mask
