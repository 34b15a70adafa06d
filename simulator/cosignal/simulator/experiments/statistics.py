"""Means and intervals of few runs.

What this module guarantees:

* Intervals are Student's, for a mean of independent runs; with one run there is none.
* There is no interval with fewer than four runs; the mean says of how many it is.
* The interval of a count's mean stays at 0 or above, that of a share's within 0 and 1:
  it is Student's on the scale of the logarithm (of the odds, for a share), which holds
  the mean of skewed figures more often.
* `paired` compares runs that share their draws, so that only what differs is left.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from cosignal.protocol.errors import UsageError
from cosignal.simulator.words import number

#: Both ends of a 95 % interval leave so much out.
_TAIL: Final = 0.025
#: With fewer runs an interval is too wide to say anything, or, where they happen to
#: agree, too narrow; and nothing is known of a figure's skewness.
FEW: Final = 4
#: The exponent of a factor that is as good as any number.
_FAR: Final = 700.0
#: After so many a double has no digits left.
_HALVINGS: Final = 60


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95 % interval.

    Attributes:
        mean: Of the runs.
        low: Lower end; NaN with fewer than `FEW` runs, which say too little of it.
        high: Upper end, or NaN.
        runs: How many.
    """

    mean: float
    low: float
    high: float
    runs: int

    def __str__(self) -> str:
        """As it stands in tables: mean and, in parentheses, interval or runs.

        >>> from math import nan
        >>> str(Estimate(-8.0, -9.5, -6.5, 10)), str(Estimate(-8.0, nan, nan, 2))
        ('-8 (-9.5 to -6.5)', '-8 (2 runs)')
        """
        if self.runs == 0:
            return "-"
        if not self.has_interval:
            runs = "1 run" if self.runs == 1 else f"{self.runs} runs"
            return f"{number(self.mean)} ({runs})"
        return f"{number(self.mean)} ({number(self.low)} to {number(self.high)})"

    @property
    def has_interval(self) -> bool:
        """Whether there are runs enough for one."""
        return math.isfinite(self.low)


def estimate(
    values: npt.ArrayLike, low: float = -math.inf, high: float = math.inf
) -> Estimate:
    """Estimate a mean; runs that do not have the value (NaN) are left out.

    Args:
        values: Shape (runs,).
        low: The values' lower bound: 0 for counts and shares.
        high: Their upper bound, if they have a lower one too: 1 for shares.

    Returns:
        Mean and interval, which is NaN with fewer than `FEW` runs; all NaN if no run
        has the value.

    >>> str(estimate([0, 1, 3, 4], low=0)), str(estimate([0, 1, 3, 4]))
    ('2 (0.468 to 8.55)', '2 (-0.905 to 4.91)')
    """
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    runs = len(known)
    if not runs:
        return Estimate(math.nan, math.nan, math.nan, 0)
    mean = float(known.mean())
    if runs < FEW:
        return Estimate(mean, math.nan, math.nan, runs)
    half = student_t(1 - _TAIL, runs - 1) * float(known.std(ddof=1)) / math.sqrt(runs)
    if low < mean < high and math.isfinite(low):
        return Estimate(mean, *_within_bounds(mean, half, low, high), runs)
    return Estimate(mean, max(low, mean - half), min(high, mean + half), runs)


def _within_bounds(
    mean: float, half: float, low: float, high: float
) -> tuple[float, float]:
    """Ends of an interval on the scale of a logarithm, or of a logit.

    The delta method: there, the interval's half width is `half` times the slope.
    """
    above, below = mean - low, high - mean
    slope = 1 / above + (0 if math.isinf(high) else 1 / below)
    factor = math.exp(min(half * slope, _FAR))
    if math.isinf(high):
        return low + above / factor, low + above * factor
    # Of above / below, the odds.
    ends = (above / factor / below, above * factor / below)
    first, last = (low + (high - low) * odds / (1 + odds) for odds in ends)
    return first, last


def paired(values: npt.ArrayLike, base: npt.ArrayLike) -> Estimate:
    """Estimate the mean difference of runs that share their draws, pair by pair.

    Args:
        values: Shape (runs,).
        base: Shape (runs,). The same seeds, in the same order.

    Raises:
        UsageError: There are not as many of both.
    """
    ours, theirs = np.asarray(values, np.float64), np.asarray(base, np.float64)
    if ours.shape != theirs.shape:
        raise UsageError(
            f"base: expected {len(ours)} runs, as in values, got {len(theirs)}"
        )
    return estimate(ours - theirs)


def student_t(probability: float, freedom: int) -> float:
    """Quantile of Student's t distribution.

    Args:
        probability: From 0.5 up to, and without, 1.
        freedom: Degrees of freedom, 1 or more.

    Returns:
        The quantile.

    >>> [round(student_t(0.975, freedom), 3) for freedom in (1, 2, 5, 30)]
    [12.706, 4.303, 2.571, 2.042]
    """
    low, high = 0.0, math.pi / 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _within(middle, freedom) < 2 * probability - 1:
            low = middle
        else:
            high = middle
    return math.sqrt(freedom) * math.tan(low)


def _within(angle: float, freedom: int) -> float:
    """Probability of values from -t to t, with tan(angle) = t / sqrt(freedom).

    Source: Abramowitz and Stegun 1964, 26.7.3 and 26.7.4.
    """
    cos, odd = math.cos(angle), freedom % 2
    term, total = (cos, 0.0) if odd else (1.0, 0.0)
    for step in range(1 + odd, freedom, 2):
        total += term
        term *= cos * cos * step / (step + 1)
    total *= math.sin(angle)
    return 2 / math.pi * (angle + total) if odd else total
