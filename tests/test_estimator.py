from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.conftest import MakeSquare

from msformer import ConfigError, MSFormer, segment

FAST: dict[str, Any] = {"working_size": 41, "embed_dim": 12, "max_iter": 2}


def test_clone_and_parameters_follow_scikit_learn() -> None:
    base = pytest.importorskip("sklearn.base")
    estimator = MSFormer(random_state=3, **FAST)
    twin = base.clone(estimator)
    assert twin is not estimator
    assert twin.get_params() == estimator.get_params()
    assert twin.set_params(max_iter=7) is twin
    assert (twin.max_iter, estimator.max_iter) == (7, 2)
    with pytest.raises(ValueError, match="got 'nope'"):
        twin.set_params(nope=1)
    assert repr(estimator).startswith("MSFormer(preset='auto', random_state=3, working_size=41")


def test_fit_gives_what_segment_gives(square_image: MakeSquare) -> None:
    image = square_image()
    estimator = MSFormer(random_state=3, **FAST)
    labels = estimator.fit_predict(image)
    assert labels is estimator.labels_
    result = segment(image, estimator.segmentation_.config)
    np.testing.assert_array_equal(labels, result.label_map)
    np.testing.assert_array_equal(estimator.mask_, result.mask)
    assert estimator.n_iter_ == len(estimator.loss_history_) == 2
    assert estimator.converged_ is False
    assert result.config.random_state == 3


def test_constructor_checks_nothing_and_fit_checks_all(square_image: MakeSquare) -> None:
    with pytest.raises(ConfigError, match=r"fit\.max_iter"):
        MSFormer(max_iter=-1).fit(square_image())


@pytest.mark.parametrize(
    "change",
    [
        {"random_state": 9},
        {"working_size": 47},
        {"embed_dim": 9},
        {"max_iter": 1},
        {"min_clusters": 12},
        {"learning_rate": 0.9},
        {"preset": "paper-demo"},
        {"n_clusters": 2},
        {"region": (5, 5, 50, 45)},
    ],
    ids=str,
)
def test_every_parameter_changes_the_result(square_image: MakeSquare, change: dict[str, Any]) -> None:
    image = np.random.default_rng(0).integers(0, 255, (60, 50, 3), dtype=np.uint8)
    settings: dict[str, Any] = {**FAST, "max_iter": 3, "preset": "general"}  # auto may take one with k-means
    base = MSFormer(**settings).fit_predict(image)
    assert not np.array_equal(base, MSFormer(**{**settings, **change}).fit_predict(image))
