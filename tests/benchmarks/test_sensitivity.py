from __future__ import annotations

import numpy as np
import pytest
from benchmarks.sensitivity import OFF, SETTINGS, Variant, is_possible, leave_half_out, settings, variants_of


def test_choosing_on_one_half_promises_more_than_it_keeps() -> None:
    # Each variant is perfect on two of eight cases: on the half that it was chosen on it has more than its true 1/4.
    dice = np.kron(np.eye(4), np.ones((1, 2)))
    other, own = leave_half_out(dice)
    assert own > 0.25 > other
    flat = np.full((3, 6), 0.8)
    assert leave_half_out(flat) == pytest.approx((0.8, 0.8))


def test_one_number_is_changed_and_nothing_else() -> None:
    plain, changed = settings(Variant("dermoscopy")), settings(Variant("dermoscopy", "refine.boundary_level", 0.5))
    assert changed.refine.boundary_level == pytest.approx(plain.refine.boundary_level / 2)
    assert changed.replace(refine={"boundary_level": plain.refine.boundary_level}) == plain


@pytest.mark.parametrize("preset", list(SETTINGS))
def test_every_stage_can_be_switched_off_and_changes_the_settings(preset: str) -> None:
    stages = [variant for variant in variants_of(preset) if variant.is_off]
    assert len(stages) == len(OFF[preset])
    for variant in stages:
        assert is_possible(variant)
        assert settings(variant) != settings(Variant(preset))
