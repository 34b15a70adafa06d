"""Bounds of statistical tests, each with its chance of a false alarm."""

from statistics import NormalDist

import numpy as np
import numpy.typing as npt

#: Chance that one comparison fails although all is well. Seeds are fixed: a test that
#: passes once passes always, and one that fails was unlucky once in 100,000.
FALSE_ALARM = 1e-5


def chi_square_is_small(counts: npt.ArrayLike) -> bool:
    """Whether counts are as even as chance makes them (Wilson and Hilferty 1931)."""
    found = np.asarray(counts, float).ravel()
    expected = found.mean()
    statistic = float(((found - expected) ** 2 / expected).sum())
    freedom = len(found) - 1
    part = 2 / (9 * freedom)
    score = NormalDist().inv_cdf(1 - FALSE_ALARM)
    return bool(statistic < freedom * (1 - part + score * part**0.5) ** 3)


def is_near(found: float, expected: float, error: float) -> bool:
    """Whether a mean is near what is expected, given its standard error."""
    score = NormalDist().inv_cdf(1 - FALSE_ALARM / 2)
    return abs(found - expected) <= score * error
