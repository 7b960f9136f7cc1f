from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import msformer
from msformer.confidence import CALIBRATION, Calibration, Evidence, estimate_confidence
from msformer.image import Mask
from msformer.phantoms import make_phantom
from msformer.prepare import View

SHAPE = (41, 67)
CLEAR = Evidence(separation=0.9, contrast=50, kept=0.95, free=1.0)


def _mask(rows: slice, columns: slice, shape: tuple[int, int] = SHAPE) -> Mask:
    mask = np.zeros(shape, dtype=bool)
    mask[rows, columns] = True
    return mask


def _view(mask: Mask, inside: float = 0.7, outside: float = 0.4, noise: float = 0.0) -> View:
    values = np.where(mask, inside, outside).astype(np.float32)
    values += noise * np.random.default_rng(0).standard_normal(mask.shape).astype(np.float32)
    return View(appearance=values, brightness=values, valid=np.ones(mask.shape, dtype=bool))


def test_a_flat_object_on_flat_ground_is_separated_entirely() -> None:
    mask = _mask(slice(11, 29), slice(13, 43))
    evidence = Evidence.of(mask, mask, _view(mask))
    assert evidence.separation == pytest.approx(1, abs=1e-5)
    assert evidence.contrast == pytest.approx(255 * 0.3, rel=1e-4)
    assert (evidence.kept, evidence.free, evidence.agreement) == (1, 1, 1)


def test_separation_is_contrast_in_units_of_the_spread_beside_the_border() -> None:
    mask = _mask(slice(0, 401), slice(0, 211), shape=(401, 421))  # one straight border, bands alike in size
    evidence = Evidence.of(mask, mask, _view(mask, inside=0.5, outside=0.3, noise=0.1))
    distance = (0.5 - 0.3) / 0.1
    assert evidence.separation == pytest.approx(distance**2 / (4 + distance**2), abs=0.02)


def test_separation_sees_only_what_is_beside_the_border() -> None:
    mask = _mask(slice(11, 29), slice(13, 43))
    view = _view(mask)
    view.appearance[36:, :] = 0.7  # far from the border, like the object
    assert Evidence.of(mask, mask, view).separation == pytest.approx(1, abs=1e-5)


def test_the_border_of_the_field_is_no_border() -> None:
    mask = _mask(slice(11, 29), slice(0, 43))
    view = _view(mask)
    view.appearance[:, :7] = 9.0  # not seen: outside of the field, part of the mask or not
    valid = np.ones(SHAPE, dtype=bool)
    valid[:, :7] = False
    assert Evidence.of(mask, mask, replace(view, valid=valid)).separation == pytest.approx(1, abs=1e-5)


def test_kept_is_the_dice_of_the_two_outlines() -> None:
    mask, start = _mask(slice(10, 20), slice(10, 30)), _mask(slice(10, 20), slice(15, 30))
    assert Evidence.of(mask, start, _view(mask)).kept == pytest.approx(2 * 150 / (200 + 150))
    assert Evidence.of(mask, None, _view(mask)).kept == 1


def test_the_start_may_be_on_a_coarser_grid() -> None:
    mask = _mask(slice(8, 24), slice(16, 40), shape=(48, 64))
    start = _mask(slice(4, 12), slice(8, 20), shape=(24, 32))
    assert Evidence.of(mask, start, _view(mask)).kept > 0.95


def test_free_counts_the_frame_of_two_pixels() -> None:
    mask = _mask(slice(0, 30), slice(10, 30))
    frame = 41 * 67 - 37 * 63
    assert Evidence.of(mask, mask, _view(mask)).free == pytest.approx(1 - 2 * 20 / frame)


@pytest.mark.parametrize("everything", [False, True])
def test_nothing_and_everything_have_no_evidence(everything: bool) -> None:
    mask = np.full(SHAPE, everything)
    evidence = Evidence.of(mask, mask, _view(mask))
    assert evidence == Evidence(separation=0, contrast=0, kept=0, free=0)
    assert estimate_confidence(evidence) < 1e-4


def test_inputs_are_left_alone() -> None:
    mask = _mask(slice(11, 29), slice(13, 43))
    view = _view(mask)
    before = mask.copy(), view.appearance.copy()
    Evidence.of(mask, mask, view)
    np.testing.assert_array_equal(mask, before[0])
    np.testing.assert_array_equal(view.appearance, before[1])


def test_the_estimate_is_the_logistic_function_of_the_weighted_terms() -> None:
    calibration = Calibration(offset=0.5, separation=2, contrast=3, kept=5, free=7)
    evidence = Evidence(separation=0.25, contrast=15, kept=0.9, free=0.8, agreement=0.5)
    odds = 0.5 + 2 * 0.25 + 3 * math.log(15 / 30) - 5 * 0.1 - 7 * 0.2
    assert estimate_confidence(evidence, calibration) == pytest.approx(0.5 / (1 + math.exp(-odds)))


@pytest.mark.parametrize(
    ("name", "less"), [("separation", 0.5), ("contrast", 10.0), ("kept", 0.7), ("free", 0.6), ("agreement", 0.5)]
)
def test_less_of_any_evidence_lowers_the_estimate(name: str, less: float) -> None:
    assert estimate_confidence(replace(CLEAR, **{name: less})) < estimate_confidence(CLEAR) - 1e-3


def test_how_much_of_the_frame_a_large_object_covers_does_not_count() -> None:
    assert estimate_confidence(replace(CLEAR, free=0.7)) == estimate_confidence(replace(CLEAR, free=0.1))


@pytest.mark.parametrize(("first", "second"), [(0.0, 3.0), (30.0, 255.0)])
def test_contrast_counts_within_its_limits_only(first: float, second: float) -> None:
    estimates = [estimate_confidence(replace(CLEAR, contrast=value)) for value in (first, second)]
    assert estimates[0] == estimates[1]


def test_no_weight_in_use_is_negative() -> None:
    weights = (CALIBRATION.separation, CALIBRATION.contrast, CALIBRATION.kept, CALIBRATION.free)
    assert min(weights) >= 0


def test_a_lesion_is_trusted_and_bare_skin_is_not() -> None:
    lesion = make_phantom("dermoscopy", seed=1001, difficulty=0.2)
    bare = make_phantom("empty", seed=1001, difficulty=0.6, scene="skin")
    trusted = msformer.segment(lesion.image, "dermoscopy")
    doubted = msformer.segment(bare.image, {"preset": "dermoscopy", "confidence": {"empty_below": 0.0}})
    assert trusted.confidence > 0.8
    assert doubted.mask.any()
    assert doubted.confidence < 0.25


def test_the_threshold_empties_the_mask_and_keeps_the_confidence() -> None:
    image = make_phantom("empty", seed=1001, difficulty=0.6, scene="skin").image
    kept = msformer.segment(image, {"preset": "dermoscopy", "confidence": {"empty_below": 0.0}})
    emptied = msformer.segment(image, {"preset": "dermoscopy", "confidence": {"empty_below": 0.9}})
    assert (kept.is_empty, emptied.is_empty) == (False, True)
    assert not emptied.mask.any()
    assert emptied.confidence == kept.confidence > 0


def test_a_blank_image_has_no_confidence() -> None:
    result = msformer.segment(np.full((67, 83), 131, dtype=np.uint8), "dermoscopy")
    assert (result.is_empty, result.confidence) == (True, 0.0)
