"""Intervals and tests are those of the books: compared with published values and with scipy."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from twinline.experiments.rules import (
    EXPECTED_MIN,
    Z,
    chi_squared_survival,
    mean,
    mean_difference,
    proportion,
    proportion_difference,
    ratio_p,
)
from twinline.language.records import Interval

counts = st.integers(1, 2_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def ends(interval: Interval | None) -> tuple[float, float]:
    assert interval is not None
    return interval.low, interval.high


def sums(values: list[float]) -> tuple[int, float, float]:
    return len(values), math.fsum(values), math.fsum(value * value for value in values)


# --- proportions ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [
        (10, 100, 0.0552, 0.1744),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (1, 1, 0.2065, 1.0),
        # Newcombe (1998), Statistics in Medicine 17, 857-872, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_of_a_proportion_is_wilson_s(
    part: int, whole: int, low: float, high: float
) -> None:
    found = proportion(part, whole)
    assert ends(found) == pytest.approx((low, high), abs=5e-5)
    assert found is not None
    assert found.value == part / whole


@given(counts)
def test_scipy_gives_the_same_interval_of_any_proportion(count: tuple[int, int]) -> None:
    wanted = stats.binomtest(*count).proportion_ci(method="wilson")
    assert ends(proportion(*count)) == pytest.approx((wanted.low, wanted.high), abs=1e-12)


@given(counts)
def test_a_proportion_lies_within_its_interval_and_that_within_0_and_1(
    count: tuple[int, int],
) -> None:
    found = proportion(*count)
    assert found is not None
    assert 0 <= found.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.high <= 1


def test_of_nothing_there_is_no_proportion() -> None:
    assert proportion(0, 0) is None
    assert proportion_difference(None, proportion(1, 2)) is None
    assert proportion_difference(proportion(1, 2), None) is None


@pytest.mark.parametrize(
    ("one", "control", "low", "high"),
    [
        # Newcombe (1998), Statistics in Medicine 17, 873-890, table II, method 10
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
        ((0, 10), (0, 10), -0.2775, 0.2775),
    ],
)
def test_the_interval_of_a_difference_of_proportions_is_newcombe_s(
    one: tuple[int, int], control: tuple[int, int], low: float, high: float
) -> None:
    found = proportion_difference(proportion(*one), proportion(*control))
    assert ends(found) == pytest.approx((low, high), abs=1e-4)


# --- means ------------------------------------------------------------------------------

scores = st.lists(st.floats(0, 1).map(lambda score: round(score, 3)), min_size=2, max_size=50)


def test_the_quantile_is_that_of_95_percent() -> None:
    assert pytest.approx(stats.norm.ppf(0.975), abs=1e-15) == Z


@given(scores)
def test_the_interval_of_a_mean_is_the_normal_one(values: list[float]) -> None:
    error = stats.sem(values)
    middle = sum(values) / len(values)
    wanted = (middle - Z * error, middle + Z * error)
    assert ends(mean(*sums(values))) == pytest.approx(wanted, abs=1e-6)


@given(scores, scores)
def test_the_interval_of_a_difference_of_means_is_welch_s(
    one: list[float], control: list[float]
) -> None:
    error = math.hypot(stats.sem(one), stats.sem(control))
    value = sum(one) / len(one) - sum(control) / len(control)
    found = mean_difference(mean(*sums(one)), mean(*sums(control)))
    assert ends(found) == pytest.approx((value - Z * error, value + Z * error), abs=1e-6)


def test_of_no_score_there_is_no_mean_and_of_one_no_width() -> None:
    assert mean(0, 0, 0) is None
    assert mean_difference(mean(0, 0, 0), mean(2, 1, 1)) is None
    assert mean_difference(mean(2, 1, 1), mean(0, 0, 0)) is None
    assert ends(mean(1, 0.5, 0.25)) == (0.5, 0.5)


def test_equal_scores_have_an_interval_without_width_though_sums_are_rounded() -> None:
    assert ends(mean(*sums([0.1] * 1_000))) == pytest.approx((0.1, 0.1), abs=1e-7)


# --- sample ratio -----------------------------------------------------------------------


@given(st.floats(0, 700), st.integers(1, 49))
def test_the_survival_function_of_chi_squared_is_scipy_s(statistic: float, degrees: int) -> None:
    wanted = stats.chi2.sf(statistic, degrees)
    assert chi_squared_survival(statistic, degrees) == pytest.approx(wanted, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize(
    ("statistic", "degrees", "p"),
    [(3.841, 1, 0.05), (10.828, 1, 0.001), (5.991, 2, 0.05), (67.505, 50, 0.05), (0, 3, 1.0)],
)
def test_the_survival_function_has_the_values_of_the_tables(
    statistic: float, degrees: int, p: float
) -> None:
    assert chi_squared_survival(statistic, degrees) == pytest.approx(p, abs=5e-5)


@given(st.lists(st.integers(0, 5_000), min_size=2, max_size=8).filter(lambda n: sum(n) > 100))
def test_the_ratio_check_is_pearson_s(observed: list[int]) -> None:
    share = 1 / len(observed)
    names = [f"arm {number}" for number in range(len(observed))]
    found = ratio_p(dict.fromkeys(names, share), dict(zip(names, observed, strict=True)))
    assert found == pytest.approx(stats.chisquare(observed).pvalue, rel=1e-6, abs=1e-300)


def test_a_ratio_that_is_off_is_told_from_one_that_is_not() -> None:
    shares = {"control": 0.5, "canary": 0.5}
    fair = ratio_p(shares, {"control": 5_050, "canary": 4_950})
    unfair = ratio_p(shares, {"control": 5_300, "canary": 4_700})
    assert fair is not None
    assert unfair is not None
    assert fair > 0.3
    assert unfair < 1e-8


def test_too_few_units_say_nothing() -> None:
    shares = {"control": 0.95, "canary": 0.05}
    units = round(EXPECTED_MIN / 0.05)
    assert ratio_p(shares, {"control": units - 1}) is None
    assert ratio_p(shares, {"control": units}) is not None
    assert ratio_p(shares, {}) is None
    assert ratio_p({"control": 1.0}, {"control": 1_000}) is None


def test_an_arm_that_should_get_nobody_is_not_tested() -> None:
    shares = {"control": 0.5, "canary": 0.5, "old": 0.0}
    assert ratio_p(shares, {"control": 500, "canary": 500}) == pytest.approx(1.0)
