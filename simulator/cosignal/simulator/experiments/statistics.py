"""Means and intervals of few runs.

What this module guarantees:

* Intervals are Student's, for a mean of independent runs; with one run there is none.
* The interval of a count's mean stays at 0 or above, that of a share's within 0 and 1:
  from four runs on it is Student's on the scale of the logarithm (of the odds, for a
  share), which holds the mean of skewed figures more often; with two or three, where
  that scale would give any width, Student's interval ends at the bound.
* `paired` compares runs that share their draws, so that only what differs is left.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from cosignal.protocol.errors import UsageError

#: Both ends of a 95 % interval leave so much out.
_TAIL: Final = 0.025
#: With fewer runs nothing is known of a figure's skewness.
_FEW: Final = 4
#: The exponent of a factor that is as good as any number.
_FAR: Final = 700.0
#: After so many a double has no digits left.
_HALVINGS: Final = 60
#: From here on digits after the point say nothing.
_WHOLE: Final = 1000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95 % interval.

    Attributes:
        mean: Of the runs.
        low: Lower end; the mean itself where there is one run.
        high: Upper end.
        runs: How many.
    """

    mean: float
    low: float
    high: float
    runs: int

    def __str__(self) -> str:
        """As it stands in tables: mean and, in parentheses, interval."""
        if self.runs == 0:
            return "-"
        if self.runs == 1:
            return number(self.mean)
        return f"{number(self.mean)} ({number(self.low)} to {number(self.high)})"


def estimate(
    values: npt.ArrayLike, low: float = -math.inf, high: float = math.inf
) -> Estimate:
    """Estimate a mean; runs that do not have the value (NaN) are left out.

    Args:
        values: Shape (runs,).
        low: The values' lower bound: 0 for counts and shares.
        high: Their upper bound, if they have a lower one too: 1 for shares.

    Returns:
        Mean and interval; NaN if no run has the value.

    >>> str(estimate([0, 1, 3, 4], low=0)), str(estimate([0, 1, 3, 4]))
    ('2 (0.468 to 8.55)', '2 (-0.905 to 4.91)')
    """
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    runs = len(known)
    if not runs:
        return Estimate(math.nan, math.nan, math.nan, 0)
    mean = float(known.mean())
    if runs == 1:
        return Estimate(mean, mean, mean, 1)
    half = student_t(1 - _TAIL, runs - 1) * float(known.std(ddof=1)) / math.sqrt(runs)
    if low < mean < high and math.isfinite(low) and runs >= _FEW:
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


def number(value: float) -> str:
    """Write a number with as many digits as a reader wants.

    >>> number(1234.5), number(0.12345), number(-0.0000123)
    ('1,234', '0.123', '-1.23e-05')
    """
    if not math.isfinite(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= _WHOLE else f"{value:.3g}"


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
