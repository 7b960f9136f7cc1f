"""``pipeline.regions_of``: the same regions that the pipeline chooses among, where they are on the image."""

from __future__ import annotations

import numpy as np
import pytest
from tests.conftest import MakeSquare
from tests.helpers import square_slices

from msformer import answer, pipeline
from msformer.config import Config
from msformer.errors import ImageError
from msformer.foreground import Foreground, choose_region
from msformer.refine import enlarge


def test_what_the_pipeline_chooses_is_one_of_them(
    square_image: MakeSquare, fast: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Foreground] = []

    def watched(*given: object) -> Foreground:
        seen.append(choose_region(*given))  # type: ignore[arg-type]
        return seen[-1]

    monkeypatch.setattr(answer, "choose_region", watched)
    image, one = square_image(171, 197), fast.replace(foreground={"objects": "one"})
    result = pipeline.segment(image, one)
    placed = pipeline.regions_of(image, one)
    (chosen,) = seen
    assert chosen.mask.shape == placed.grid
    assert sum(np.array_equal(region.on(placed.grid), chosen.mask) for region in placed.regions) == 1
    native = enlarge(chosen.mask, (171, 197))
    assert (native == result.mask).mean() > 0.98  # without refinement, but for a smoother border
    assert placed.window == (slice(0, 171), slice(0, 197))


def test_a_region_of_interest_is_where_they_lie(square_image: MakeSquare, fast: Config) -> None:
    image = square_image(171, 197)
    config = fast.replace(hints={"region": (21, 33, 160, 190)})
    placed = pipeline.regions_of(image, config)
    assert placed.window == (slice(21, 160), slice(33, 190))
    rows, columns = square_slices(171, 197)
    truth = np.zeros((171, 197), dtype=bool)
    truth[rows, columns] = True
    best = 0.0
    for region in placed.regions:
        whole = np.zeros_like(truth)
        whole[placed.window] = enlarge(region.on(placed.grid), (139, 157))
        best = max(best, 2 * (whole & truth).sum() / (whole.sum() + truth.sum()))
    assert best > 0.93


def test_auto_and_names_of_presets_are_understood(square_image: MakeSquare) -> None:
    image = square_image()
    assert pipeline.regions_of(image).regions
    assert pipeline.regions_of(image, "auto").regions
    assert pipeline.regions_of(image, {"preset": "dermoscopy"}).regions


def test_a_blank_image_has_none() -> None:
    placed = pipeline.regions_of(np.full((40, 50), 77, dtype=np.uint8))
    assert placed.regions == ()
    assert placed.window == (slice(0, 40), slice(0, 50))


def test_what_cannot_be_segmented_has_none_either() -> None:
    with pytest.raises(ImageError, match="at least 33 px"):
        pipeline.regions_of(np.zeros((4, 4)))
