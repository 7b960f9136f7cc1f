"""The scores of many cases in a few numbers, and two methods compared case by case.

A metric that is undefined for a case (nan, see ``metrics``) cannot enter a mean; it is left out and counted, and the
count is part of every result. Intervals are percentile bootstrap intervals (Efron and Tibshirani 1993) with a
generator of their own: the same values and seed give the same interval, and no one else's random state is touched.
Percentile and not BCa, because BCa is undefined where all values are the same, as a difference of two methods can be.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from msformer.errors import ConfigError, MSFormerError

COVERAGE = 0.95
"""Share of the resampled means that an interval holds."""
N_RESAMPLES = 5_000
MAX_DRAWS = 4_000_000
"""Most indices drawn at once of a sample, which bounds the memory."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Summary:
    """One metric over many cases; all numbers but the counts are nan where no case is defined.

    Attributes:
        n: Cases with a defined value: those that the numbers are of.
        n_undefined: Cases without one, left out.
        mean: Mean.
        median: Median.
        percentile10: 10th percentile, linear interpolation: the bad end of a metric such as Dice.
        percentile90: 90th percentile: the bad end of an error or a distance.
        ci_low: Lower end of the 95 % bootstrap interval of the mean; nan with fewer than two defined cases.
        ci_high: Its upper end.
    """

    n: int
    n_undefined: int
    mean: float
    median: float
    percentile10: float
    percentile90: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True)
class Comparison:
    """Two methods over the same cases; differences are first − second.

    Attributes:
        n: Cases in which both are defined: those that the numbers are of.
        n_undefined: Cases in which at least one is not, left out.
        n_first_higher: Cases in which the first method has the higher value.
        n_second_higher: Cases in which the second has.
        n_equal: Cases in which the values are the same.
        mean_difference: Mean of the differences; nan where ``n`` is 0.
        median_difference: Median of the differences; nan where ``n`` is 0.
        ci_low: Lower end of the 95 % paired bootstrap interval of the mean difference; nan where ``n`` is under 2.
        ci_high: Its upper end.
        wilcoxon_p: Two-sided p value of the Wilcoxon signed-rank test, cases without a difference dropped; 1 where
            there is no difference in any case, nan where ``n`` is 0.
    """

    n: int
    n_undefined: int
    n_first_higher: int
    n_second_higher: int
    n_equal: int
    mean_difference: float
    median_difference: float
    ci_low: float
    ci_high: float
    wilcoxon_p: float


def summarise(values: Sequence[float] | Values, *, random_state: int = 0, n_resamples: int = N_RESAMPLES) -> Summary:
    """Summarise one metric over cases.

    Args:
        values: One value a case; nan where it is undefined.
        random_state: Seed of the bootstrap.
        n_resamples: How many resamples of the cases the interval comes from.

    Raises:
        MSFormerError: A value is infinite.
        ConfigError: ``n_resamples`` is under 1.
    """
    every = _as_values("values", values)
    defined = every[~np.isnan(every)]
    if defined.size == 0:
        return Summary(0, every.size, *[math.nan] * 6)
    low, high = _bootstrap_interval(defined, random_state, n_resamples)
    return Summary(
        n=defined.size,
        n_undefined=every.size - defined.size,
        mean=float(defined.mean()),
        median=float(np.median(defined)),
        percentile10=float(np.percentile(defined, 10)),
        percentile90=float(np.percentile(defined, 90)),
        ci_low=low,
        ci_high=high,
    )


def compare(
    first: Mapping[str, float],
    second: Mapping[str, float],
    *,
    random_state: int = 0,
    n_resamples: int = N_RESAMPLES,
) -> Comparison:
    """Compare one metric of two methods, case by case.

    Args:
        first: Value by case, nan where it is undefined.
        second: The same of the other method; a case that it failed on belongs in here too, with its score.
        random_state: Seed of the bootstrap.
        n_resamples: How many resamples of the cases the interval comes from.

    Raises:
        MSFormerError: The cases differ, or a value is infinite.
        ConfigError: ``n_resamples`` is under 1.
    """
    if first.keys() != second.keys():
        only = (sorted(first.keys() - second.keys()), sorted(second.keys() - first.keys()))
        raise MSFormerError(
            f"both methods must have the same cases; got {len(only[0])} only in the first {only[0][:5]}, "
            f"{len(only[1])} only in the second {only[1][:5]}"
        )
    cases = sorted(first)  # so that the interval does not depend on the order in which cases were run
    every = _as_values("first", [first[case] for case in cases])
    every = every - _as_values("second", [second[case] for case in cases])
    differences = every[~np.isnan(every)]
    n, n_undefined = differences.size, every.size - differences.size
    if n == 0:
        return Comparison(0, n_undefined, 0, 0, 0, *[math.nan] * 5)
    low, high = _bootstrap_interval(differences, random_state, n_resamples)
    return Comparison(
        n=n,
        n_undefined=n_undefined,
        n_first_higher=int((differences > 0).sum()),
        n_second_higher=int((differences < 0).sum()),
        n_equal=int((differences == 0).sum()),
        mean_difference=float(differences.mean()),
        median_difference=float(np.median(differences)),
        ci_low=low,
        ci_high=high,
        # scipy divides by zero without a difference, and what it returns then has changed between versions
        wilcoxon_p=float(stats.wilcoxon(differences).pvalue) if differences.any() else 1.0,
    )


def interval_of_mean(
    samples: Sequence[Values], random_state: int, n_resamples: int = N_RESAMPLES
) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the mean of one sample, or of the mean of several samples' means.

    Args:
        samples: Each is resampled by itself, so samples stay and count alike; at least two values in each.
        random_state: Seed.
        n_resamples: How many times each is resampled.
    """

    def mean_of_means(*drawn: Values, axis: int) -> Values:
        return np.asarray(np.mean([one.mean(axis=axis) for one in drawn], axis=0))

    found = stats.bootstrap(
        tuple(samples),
        mean_of_means,
        n_resamples=n_resamples,
        batch=max(1, MAX_DRAWS // max(one.size for one in samples)),
        vectorized=True,
        confidence_level=COVERAGE,
        method="percentile",
        rng=np.random.default_rng(random_state),
    ).confidence_interval
    return float(found.low), float(found.high)


def _as_values(name: str, values: Sequence[float] | Values) -> Values:
    array = np.asarray(values, dtype=np.float64)
    if np.isinf(array).any():
        raise MSFormerError(f"{name} must be finite or nan; got {int(np.isinf(array).sum())} infinite values")
    return array


def _bootstrap_interval(values: Values, random_state: int, n_resamples: int) -> tuple[float, float]:
    if n_resamples < 1:
        raise ConfigError(f"n_resamples must be at least 1; got {n_resamples}")
    if values.size < 2:
        return math.nan, math.nan  # one case says nothing of the spread
    return interval_of_mean([values], random_state, n_resamples)
