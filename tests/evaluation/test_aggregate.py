"""Summaries and paired comparisons against numbers worked out by hand, with undefined values and without any."""

from __future__ import annotations

import math
import warnings
from dataclasses import astuple
from itertools import product

import numpy as np
import pytest
from scipy import stats

from msformer.errors import ConfigError, MSFormerError
from msformer.evaluation import aggregate
from msformer.evaluation.aggregate import compare, interval_of_mean, summarise

NAN = math.nan


class TestIntervalOfMean:
    def test_of_several_samples_it_is_that_of_all_resamples_of_each(self) -> None:
        few, more = [0.0, 0.6], [0.1, 0.2, 0.9]
        means = [
            (np.mean(one) + np.mean(other)) / 2 for one in product(few, repeat=2) for other in product(more, repeat=3)
        ]  # all 108 equally likely ones
        found = interval_of_mean([np.array(few), np.array(more)], random_state=3, n_resamples=40_000)
        # which of its values a quantile falls on hangs on the draws: the next ones are .017 away
        np.testing.assert_allclose(found, np.quantile(means, [0.025, 0.975]), atol=0.034)

    def test_samples_count_alike_and_each_is_drawn_from_by_itself(self) -> None:
        low, high = interval_of_mean([np.full(2, 0.25), np.full(997, 0.75)], random_state=0)
        assert (low, high) == (0.5, 0.5)

    def test_the_seed_and_the_number_of_resamples_count(self) -> None:
        samples = [np.random.default_rng(4).random(19), np.random.default_rng(5).random(7)]
        first = interval_of_mean(samples, random_state=0)
        assert first == interval_of_mean(samples, random_state=0)
        assert first != interval_of_mean(samples, random_state=1)
        assert first != interval_of_mean(samples, random_state=0, n_resamples=501)


class TestSummarise:
    def test_by_hand(self) -> None:
        summary = summarise([0.9, 0.1, 0.5, 0.7, 0.3, 0.8])
        assert (summary.n, summary.n_undefined) == (6, 0)
        assert summary.mean == pytest.approx(3.3 / 6)
        assert summary.median == pytest.approx(0.6)
        assert summary.percentile10 == pytest.approx(0.2)  # half way between the two lowest
        assert summary.percentile90 == pytest.approx(0.85)
        assert 0.1 < summary.ci_low < summary.mean < summary.ci_high < 0.9

    def test_undefined_values_are_counted_and_left_out(self) -> None:
        summary = summarise([NAN, 0.2, 0.4, NAN, 0.9])
        assert (summary.n, summary.n_undefined) == (3, 2)
        assert astuple(summary)[2:] == astuple(summarise([0.2, 0.4, 0.9]))[2:]

    @pytest.mark.parametrize("values", [[], [NAN, NAN]])
    def test_nothing_defined(self, values: list[float]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            summary = summarise(values)
        assert (summary.n, summary.n_undefined) == (0, len(values))
        assert all(math.isnan(number) for number in astuple(summary)[2:])

    def test_one_case_has_no_interval(self) -> None:
        summary = summarise([0.5])
        assert (summary.mean, summary.median, summary.percentile10) == (0.5, 0.5, 0.5)
        assert math.isnan(summary.ci_low)
        assert math.isnan(summary.ci_high)

    def test_the_interval_is_that_of_all_resamples(self) -> None:
        values = [0.0, 0.1, 0.4, 1.0]
        means = [np.mean(sample) for sample in product(values, repeat=4)]  # all 256 equally likely ones
        summary = summarise(values, n_resamples=40_000)
        assert summary.ci_low == pytest.approx(np.quantile(means, 0.025), abs=0.026)
        assert summary.ci_high == pytest.approx(np.quantile(means, 0.975), abs=0.026)

    def test_the_interval_narrows_like_the_standard_error(self) -> None:
        values = np.random.default_rng(5).normal(0.7, 0.1, 401)
        summary = summarise(values)
        half = 1.96 * values.std() / math.sqrt(401)
        assert summary.ci_low == pytest.approx(values.mean() - half, rel=0.01)
        assert summary.ci_high == pytest.approx(values.mean() + half, rel=0.01)

    def test_the_seed_decides_and_nobody_elses_generator_is_touched(self) -> None:
        values = np.random.default_rng(3).random(17)
        np.random.seed(11)  # noqa: NPY002  (the caller's global state is the point)
        before = np.random.get_state()[1].copy()  # type: ignore[index]  # noqa: NPY002
        assert summarise(values) == summarise(values, random_state=0)
        np.testing.assert_array_equal(np.random.get_state()[1], before)  # type: ignore[index]  # noqa: NPY002
        assert summarise(values).ci_low != summarise(values, random_state=1).ci_low
        assert summarise(values).ci_low != summarise(values, n_resamples=501).ci_low

    def test_drawing_in_parts_gives_every_resample(self, monkeypatch: pytest.MonkeyPatch) -> None:
        values = np.random.default_rng(3).random(17)
        whole = summarise(values, n_resamples=103)
        monkeypatch.setattr(aggregate, "MAX_DRAWS", 17 * 10)
        assert summarise(values, n_resamples=103) == whole

    def test_infinite_values_are_an_error(self) -> None:
        with pytest.raises(MSFormerError, match="values must be finite or nan; got 2 infinite values"):
            summarise([0.5, math.inf, -math.inf])

    def test_no_resamples_is_an_error(self) -> None:
        with pytest.raises(ConfigError, match="n_resamples must be at least 1; got 0"):
            summarise([0.5, 0.7], n_resamples=0)


def cases(*values: float) -> dict[str, float]:
    return {f"case{index}": value for index, value in enumerate(values)}


class TestCompare:
    def test_by_hand(self) -> None:
        result = compare(cases(0.5, 0.75, 0.5, 1.0, 0.25), cases(0.25, 0.25, 0.5, 0.25, 0.375))
        # differences .25, .5, 0, .75, −.125
        assert (result.n, result.n_undefined) == (5, 0)
        assert (result.n_first_higher, result.n_second_higher, result.n_equal) == (3, 1, 1)
        assert result.mean_difference == pytest.approx(1.375 / 5)
        assert result.median_difference == 0.25
        assert -0.125 < result.ci_low < 0.275 < result.ci_high < 0.75

    def test_the_p_value_is_the_share_of_signs_as_extreme(self) -> None:
        differences = [0.1, 0.2, -0.3, 0.4, 0.5, 0.6, 0.7]
        result = compare(cases(*differences), cases(*[0.0] * 7))
        # ranks 1 to 7, the third negative: rank sum 3 of 28; of the 2**7 signs, those with a sum ≤ 3 or ≥ 25
        sums = [sum(rank for rank, sign in enumerate(signs, 1) if sign) for signs in product([0, 1], repeat=7)]
        extreme = sum(total <= 3 or total >= 25 for total in sums) / 2**7
        assert result.wilcoxon_p == pytest.approx(extreme)

    def test_cases_without_a_difference_do_not_enter_the_test(self) -> None:
        differences = np.random.default_rng(9).normal(0.3, 1, 61)
        zeros = np.zeros(61)
        result = compare(cases(*differences, *zeros[:7]), cases(*zeros, *zeros[:7]))
        assert result.n_equal == 7
        expected = stats.wilcoxon(differences, method="asymptotic").pvalue
        assert result.wilcoxon_p == pytest.approx(expected)

    def test_no_difference_anywhere_is_p_1_and_an_interval_of_0(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            result = compare(cases(0.5, 0.7, 0.9), cases(0.5, 0.7, 0.9))
        assert (result.n_equal, result.wilcoxon_p) == (3, 1.0)
        assert (result.mean_difference, result.ci_low, result.ci_high) == (0.0, 0.0, 0.0)

    def test_a_case_undefined_in_either_is_counted_and_left_out(self) -> None:
        result = compare(cases(0.5, NAN, 0.9, NAN, 0.8), cases(0.4, 0.2, NAN, NAN, 0.6))
        assert (result.n, result.n_undefined) == (2, 3)
        assert result.mean_difference == pytest.approx(0.15)

    @pytest.mark.parametrize("values", [[], [NAN, NAN]])
    def test_nothing_defined(self, values: list[float]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            result = compare(cases(*values), cases(*values))
        assert astuple(result)[:5] == (0, len(values), 0, 0, 0)
        assert all(math.isnan(number) for number in astuple(result)[5:])

    def test_pairs_by_name_whatever_the_order(self) -> None:
        first, second = {"a": 0.9, "b": 0.2, "c": 0.4}, {"c": 0.3, "a": 0.5, "b": 0.1}
        result = compare(first, second)
        assert result.n_first_higher == 3
        assert result == compare(dict(sorted(first.items(), reverse=True)), dict(sorted(second.items())))

    def test_pairing_narrows_the_interval(self) -> None:
        hardness = np.random.default_rng(1).random(43)
        first, second = cases(*(hardness + 0.01)), cases(*hardness)
        paired = compare(first, second)
        assert paired.ci_high - paired.ci_low < 1e-9  # the difference is the same in every case
        alone = summarise(list(first.values()))
        assert alone.ci_high - alone.ci_low > 0.1

    def test_the_seed_and_the_number_of_resamples_count(self) -> None:
        generator = np.random.default_rng(2)
        first, second = cases(*generator.random(19)), cases(*generator.random(19))
        assert compare(first, second) == compare(first, second, random_state=0)
        assert compare(first, second).ci_low != compare(first, second, random_state=1).ci_low
        assert compare(first, second).ci_low != compare(first, second, n_resamples=501).ci_low

    def test_cases_that_differ_are_an_error(self) -> None:
        with pytest.raises(MSFormerError, match=r"1 only in the first \['b'\], 2 only in the second \['c', 'd'\]"):
            compare({"a": 1.0, "b": 1.0}, {"a": 1.0, "d": 1.0, "c": 1.0})

    def test_infinite_values_are_an_error(self) -> None:
        with pytest.raises(MSFormerError, match="second must be finite or nan; got 1 infinite values"):
            compare({"a": 1.0}, {"a": math.inf})
