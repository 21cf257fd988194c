"""Shares, areas under the curve and medians, each with its 95 % interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Z95 = 1.959963984540054
"""Normal quantile of a two-sided 95 % interval."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval, from `count` observations; None where there were none."""

    value: float | None
    low: float | None = None
    high: float | None = None
    count: int = 0


NOTHING = Estimate(None)


def share(hits: int, count: int) -> Estimate:
    """A proportion with Wilson's score interval (J Am Stat Assoc 1927;22:209), which holds at 0 and 1.

    >>> found = share(9, 10)
    >>> round(found.low, 3), round(found.high, 3)
    (0.596, 0.982)
    """
    if not count:
        return NOTHING
    p, z2 = hits / count, Z95**2
    middle = (p + z2 / (2 * count)) / (1 + z2 / count)
    half = Z95 / (1 + z2 / count) * sqrt(p * (1 - p) / count + z2 / (4 * count**2))
    # At the ends the interval touches 0 and 1 exactly; rounding must not leave it short of them.
    low, high = (0.0 if hits == 0 else middle - half), (1.0 if hits == count else middle + half)
    return Estimate(p, low, high, count)


def auc(positive: Sequence[float], negative: Sequence[float]) -> Estimate:
    """Area under the receiver operating characteristic, larger scores meaning disease; ties count half.

    The interval is DeLong's (Biometrics 1988;44:837) on the logit scale. Where the groups separate wholly DeLong's
    variance is 0: then it is Wilson's for the smaller group, all of it right (or wrong), which is wide enough.
    """
    m, n = len(positive), len(negative)
    if not m or not n:
        return NOTHING
    above = _placements(np.asarray(positive, float), np.asarray(negative, float))
    area = float(above.mean())
    variance = _variance(above.mean(axis=1)) / m + _variance(above.mean(axis=0)) / n
    if area in (0.0, 1.0) or variance <= 0 or min(m, n) < 2:
        smaller = share(round(area * min(m, n)), min(m, n))
        return Estimate(area, smaller.low, smaller.high, m + n)
    logit = log(area / (1 - area))
    half = Z95 * sqrt(variance) / (area * (1 - area))
    low, high = (float(1 / (1 + np.exp(-at))) for at in (logit - half, logit + half))
    return Estimate(area, low, high, m + n)


def _placements(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> NDArray[np.float64]:
    """(positive, negative): 1 where the positive scores higher, one half where both score the same."""
    first, second = positive[:, None], negative[None, :]
    return np.asarray((first > second) + 0.5 * (first == second), dtype=np.float64)


def _variance(values: NDArray[np.float64]) -> float:
    return float(values.var(ddof=1)) if values.size > 1 else 0.0


def median(values: Sequence[float]) -> Estimate:
    """Median with its distribution-free interval from the binomial ranks (Conover, Practical Nonparametric Statistics).

    >>> median([1.0, 2.0, 10.0]).value
    2.0
    """
    ordered = sorted(values)
    n = len(ordered)
    if not n:
        return NOTHING
    below = int(stats.binom.ppf(0.025, n, 0.5))
    return Estimate(
        float(np.median(ordered)), float(ordered[max(below - 1, 0)]), float(ordered[min(n - below, n - 1)]), n
    )


def quartiles(values: Sequence[float]) -> tuple[float, float, float] | None:
    """Lower quartile, median, upper quartile (linear interpolation); None of nothing."""
    if not values:
        return None
    low, middle, high = np.percentile(values, (25, 50, 75))
    return float(low), float(middle), float(high)
