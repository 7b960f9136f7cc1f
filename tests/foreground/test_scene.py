"""What is known of a scene: the side of the objects, the middle of the body."""

from __future__ import annotations

import numpy as np
import pytest

from msformer.foreground import Scene, find_midline, find_sign


@pytest.mark.parametrize(("polarity", "sign"), [("darker", -1), ("brighter", 1), ("either", 0)])
def test_a_named_polarity_is_its_sign(polarity: str, sign: int) -> None:
    assert find_sign(polarity, np.zeros((3, 5), np.float32), np.ones((3, 5), bool)) == sign


@pytest.mark.parametrize(("few", "sign"), [(9.0, 1), (-9.0, -1)])
def test_minority_is_the_side_of_the_few_within_the_field(few: float, sign: int) -> None:
    """Three of 15 px pull the mean away from the median; more that do not count would pull it back."""
    values = np.zeros((5, 7), dtype=np.float32)
    valid = np.zeros((5, 7), dtype=bool)
    valid[:3, :5] = True
    values[0, :3] = few
    values[~valid] = -100 * few
    assert find_sign("minority", values, valid) == sign


def test_seen_and_spread_are_of_the_field() -> None:
    values = np.full((3, 5), 99, dtype=np.float32)
    valid = np.zeros((3, 5), dtype=bool)
    values[1, 1:], valid[1, 1:] = [0, 0, 1, 3], True
    scene = Scene(values, valid)
    assert scene.seen.tolist() == [0, 0, 1, 3]
    assert scene.spread == pytest.approx(6 / 4)
    assert scene.shape == (3, 5)
    assert scene.side == pytest.approx(np.sqrt(15))


def test_the_midline_is_the_brightest_column_of_the_bodys_middle_third() -> None:
    """The body is columns 20 to 80, its middle third 40 to 60; brighter columns lie outside of that or of the body."""
    brightness = np.full((53, 101), 0.2, dtype=np.float32)
    valid = np.zeros((53, 101), dtype=bool)
    valid[4:50, 20:81] = True
    brightness[:, 42:49] = 0.5
    brightness[:, 70:80] = 0.9
    brightness[:, :15] = 1.0
    assert find_midline(brightness, valid) == pytest.approx(45, abs=1)


def test_a_thin_bright_line_is_no_midline() -> None:
    """A catheter of 1 px, three times as bright, under a Gaussian of 4 px: a tenth of it is left."""
    brightness = np.full((53, 101), 0.2, dtype=np.float32)
    brightness[:, 45:56] = 0.5
    brightness[:, 38] = 0.9
    assert find_midline(brightness, np.ones((53, 101), bool)) == pytest.approx(50, abs=2)


def test_columns_with_little_body_do_not_stretch_it() -> None:
    """An arm of a fifth of the rows on the right: with it, the middle third would begin at 40."""
    brightness = np.full((53, 101), 0.2, dtype=np.float32)
    valid = np.zeros((53, 101), dtype=bool)
    valid[:, 20:51] = True
    valid[:10, 51:] = True
    brightness[:, 28:36] = 0.5
    assert find_midline(brightness, valid) == pytest.approx(32, abs=2)


def test_without_a_body_the_midline_is_the_middle() -> None:
    assert find_midline(np.zeros((5, 11), np.float32), np.zeros((5, 11), bool)) == 5
