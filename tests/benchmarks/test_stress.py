from __future__ import annotations

import numpy as np
import pytest
from benchmarks.stress import crop


@pytest.mark.parametrize("share", [0.1, 0.35, 0.6, 0.78])
@pytest.mark.parametrize("angle", [None, 0.7])
def test_a_crop_holds_about_the_share_that_was_asked_for(share: float, angle: float | None) -> None:
    rows, columns = np.mgrid[:307, :409]
    truth = np.hypot(rows - 150, columns - 200) <= 60  # fills pi / 4 of its own box, so no crop around it holds more
    window = crop(truth, share, angle)
    assert truth[window].mean() == pytest.approx(share, abs=0.06)
    height, width = truth[window].shape
    assert height / width == pytest.approx(0.75, abs=0.02)


def test_a_shifted_crop_cuts_the_lesion() -> None:
    rows, columns = np.mgrid[:307, :409]
    truth = np.hypot(rows - 150, columns - 200) <= 60
    window = crop(truth, 0.6, 0.0)  # to the right: what is left of the lesion is lost
    assert truth[window][:, 0].any()
    assert not truth[window][:, -1].any()
