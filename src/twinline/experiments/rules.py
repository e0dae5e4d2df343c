"""Intervals and tests for comparing arms."""

from collections.abc import Mapping
from math import erfc, exp, gamma, sqrt

from twinline.language.records import Interval

Z = 1.959963984540054
"""The normal quantile of a 95 % interval."""

EXPECTED_MIN = 5
"""Units that an arm should have before a chi-squared test says anything."""

MISMATCH_P = 0.001


def proportion(part: int, whole: int) -> Interval | None:
    """A proportion with its score interval (Wilson 1927); None of nothing."""
    if whole == 0:
        return None
    share, z2 = part / whole, Z * Z
    middle = (share + z2 / (2 * whole)) / (1 + z2 / whole)
    half = Z * sqrt(share * (1 - share) / whole + z2 / (4 * whole * whole)) / (1 + z2 / whole)
    low = middle - half if part else 0.0  # not a rounding error above it
    high = middle + half if part < whole else 1.0
    return Interval(value=share, low=low, high=high)


def mean(count: int, total: float, squares: float) -> Interval | None:
    """A mean with its normal interval, from the sum and the sum of squares."""
    if count == 0:
        return None
    value, error = total / count, _standard_error(count, total, squares)
    return Interval(value=value, low=value - Z * error, high=value + Z * error)


def proportion_difference(one: Interval | None, control: Interval | None) -> Interval | None:
    """The difference of two proportions (Newcombe 1998, method 10)."""
    if one is None or control is None:
        return None
    value = one.value - control.value
    below = sqrt((one.value - one.low) ** 2 + (control.high - control.value) ** 2)
    above = sqrt((one.high - one.value) ** 2 + (control.value - control.low) ** 2)
    return Interval(value=value, low=value - below, high=value + above)


def mean_difference(one: Interval | None, control: Interval | None) -> Interval | None:
    """The difference of two means with unequal variances (Welch 1947, normal quantile)."""
    if one is None or control is None:
        return None
    value = one.value - control.value
    half = sqrt((one.high - one.value) ** 2 + (control.high - control.value) ** 2)
    return Interval(value=value, low=value - half, high=value + half)


def ratio_p(expected: Mapping[str, float], observed: Mapping[str, int]) -> float | None:
    """How likely units fall at least this far from the expected shares by chance.

    Pearson's chi-squared test over the arms that expect anything; None when one of them
    expects fewer than five units, or there is one arm alone.
    """
    total = sum(observed.values())
    wanted = {arm: share * total for arm, share in expected.items() if share > 0}
    if len(wanted) < 2 or min(wanted.values()) < EXPECTED_MIN:
        return None
    statistic = sum((observed.get(arm, 0) - n) ** 2 / n for arm, n in wanted.items())
    return chi_squared_survival(statistic, len(wanted) - 1)


def chi_squared_survival(statistic: float, degrees: int) -> float:
    """P(X >= statistic) of a chi-squared variable with whole degrees of freedom.

    By the recurrence of the regularised gamma function, Q(a + 1, x) = Q(a, x) +
    x**a exp(-x) / gamma(a + 1) (Abramowitz and Stegun 6.5.21).
    """
    x = statistic / 2
    a, q = (1.0, exp(-x)) if degrees % 2 == 0 else (0.5, erfc(sqrt(x)))
    while a < degrees / 2:
        q += x**a * exp(-x) / gamma(a + 1)
        a += 1
    return min(1.0, q)


def _standard_error(count: int, total: float, squares: float) -> float:
    if count < 2:
        return 0.0
    variance = max(0.0, (squares - total * total / count) / (count - 1))
    return sqrt(variance / count)
