from __future__ import annotations

import numpy as np
import pytest

from msformer.image import Image
from msformer.render import GAP, OUTLINE_COLOUR, display, draw_outline, label_colours, preview


def test_colours_are_distinct_and_do_not_depend_on_how_many_there_are() -> None:
    many = label_colours(60)
    assert len({tuple(colour) for colour in many.tolist()}) == 61
    assert many[0].tolist() == [0, 0, 0]
    np.testing.assert_array_equal(label_colours(5), many[:6])


@pytest.mark.parametrize("shape", [(600, 900), (900, 600, 3), (40, 50, 2), (2000, 35)])
def test_preview_is_three_panels_in_proportion(shape: tuple[int, ...]) -> None:
    image = Image.from_array(np.random.default_rng(0).random(shape))
    labels = np.ones(shape[:2], dtype=np.uint16)
    labels[: shape[0] // 2] = 2
    picture = preview(image, labels, labels == 2, (0.0, 1.0))
    panel = (picture.shape[1] - 2 * GAP) // 3
    assert max(panel, picture.shape[0]) <= 480
    assert panel / picture.shape[0] == pytest.approx(shape[1] / shape[0], rel=0.15)
    clusters = picture[:, panel + GAP : 2 * panel + GAP]
    np.testing.assert_array_equal(clusters[2, 2], label_colours(2)[2])
    np.testing.assert_array_equal(clusters[-2, 2], label_colours(2)[1])


def test_display_maps_the_intensity_range_to_black_and_white() -> None:
    pixels = np.full((500, 500), -1000, dtype=np.int16)
    pixels[:, 250:] = 400
    shown = display(Image.from_array(pixels), (-1000.0, 400.0))
    assert shown[10, 10].tolist() == [0, 0, 0]
    assert shown[10, 470].tolist() == [255, 255, 255]


def test_outline_runs_along_the_border_of_the_mask_only() -> None:
    picture = np.full((60, 80, 3), 128, dtype=np.uint8)
    mask = np.zeros((60, 80), dtype=bool)
    mask[20:40, 30:50] = True
    drawn = draw_outline(picture, mask)
    yellow = (drawn == OUTLINE_COLOUR).all(axis=2)
    assert yellow[20, 30:50].all()
    assert not yellow[22:38, 32:48].any()
    assert (picture == 128).all()
