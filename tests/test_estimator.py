from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import check_estimator
from tests.conftest import MakeSquare

from msformer import ConfigError, MSFormer, segment

FAST: dict[str, Any] = {"working_size": 41, "embed_dim": 12, "max_iter": 2}


def test_clone_and_parameters_follow_scikit_learn() -> None:
    estimator = MSFormer(random_state=3, **FAST)
    twin = clone(estimator)
    assert twin is not estimator
    assert twin.get_params() == estimator.get_params()
    assert twin.set_params(max_iter=7) is twin
    assert (twin.max_iter, estimator.max_iter) == (7, 2)
    with pytest.raises(ValueError, match="Invalid parameter 'nope'"):
        twin.set_params(nope=1)
    assert repr(estimator) == "MSFormer(embed_dim=12, max_iter=2, random_state=3, working_size=41)"


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


def test_checks_of_scikit_learn_pass_where_they_apply() -> None:
    """Checks with tables of samples do not: an image is none, and its tag says so."""
    results = check_estimator(MSFormer(n_clusters=3), on_skip=None)
    assert results
    assert {one["status"] for one in results} <= {"passed"}
    for name in (
        "check_no_attributes_set_in_init",
        "check_estimator_repr",
        "check_get_params_invariance",
        "check_set_params",
        "check_estimator_tags_renamed",
        "check_valid_tag_types",
        "check_parameters_default_constructible",
        "check_estimator_cloneable",
    ):
        check = getattr(estimator_checks, name)
        check("KMeans", KMeans())  # it is a check of any clustering, and is called so
        check("MSFormer", MSFormer(n_clusters=3))


def test_it_is_searched_over_and_drawn_in_a_pipeline(square_image: MakeSquare) -> None:
    image = square_image()
    truth = image.mean(axis=2) < image.mean() if image.ndim == 3 else image < image.mean()
    rows = range(len(image))

    def overlap(estimator: MSFormer, _: Any) -> float:
        return float((estimator.mask_ == truth).mean())

    search = GridSearchCV(
        MSFormer(preset="general", **FAST), {"n_clusters": [2, 3]}, cv=[(rows, rows)], scoring=overlap
    ).fit(image)
    assert search.best_params_["n_clusters"] in (2, 3)
    pipeline = make_pipeline(FunctionTransformer(np.sqrt), MSFormer(n_clusters=2))
    assert "MSFormer" in pipeline._repr_html_()
    assert pipeline.fit_predict(image.astype(np.float32)).max() == 2


def test_parameters_that_a_preset_ignores_are_told(square_image: MakeSquare) -> None:
    with pytest.warns(UserWarning, match=r"fit\.max_iter changes nothing with the preset 'dermoscopy'"):
        MSFormer(preset="dermoscopy", max_iter=8).fit(square_image())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MSFormer(preset="general", **FAST).fit(square_image())
        MSFormer(preset="dermoscopy", n_clusters=3).fit(square_image())
