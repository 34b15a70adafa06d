"""Gamma distributions on whole days, with exactly the mean and deviation asked for.

What this module guarantees:

* The probabilities of days sum to 1; their mean and standard deviation are the given
  ones to six digits, not those of a continuous distribution cut into days.
* What no distribution on whole days can have is refused.

The distribution is the gamma density at whole days, normalised; shape and rate are
solved for, one within the other, by bisection.
"""

import math
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from cosignal.protocol.errors import UsageError

Weights = npt.NDArray[np.float64]

#: Standard deviations past the mean after which nobody is left.
_REACH: Final = 8.0
_STEPS: Final = 48
_SHAPES: Final = (1e-3, 1e5)


@lru_cache(maxsize=256)
def lattice_gamma(name: str, mean: float, deviation: float, first: int) -> Weights:
    """Probabilities of whole days.

    Args:
        name: Of what is distributed, for a message.
        mean: Days; above `first`.
        deviation: Days; standard deviation.
        first: The least possible day.

    Returns:
        Shape (length,), read-only, of day 0, 1, and so on; zeros before `first`.

    Raises:
        UsageError: No distribution on whole days from `first` has these moments.

    >>> lattice_gamma("x", 5.5, 2.14, 1).round(3)[:4].tolist()
    [0.0, 0.003, 0.042, 0.124]
    """
    _refuse_impossible(name, mean, deviation, first)
    days = np.arange(first, math.ceil(mean + _REACH * deviation) + 3, dtype=np.float64)
    low, high = (math.log(shape) for shape in _SHAPES)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        weights = _of_mean(days, math.exp(middle), mean, first)
        if _deviation(days, weights) > deviation:
            low = middle
        else:
            high = middle
    if abs(_deviation(days, weights) / deviation - 1) > 1e-3:  # noqa: PLR2004
        raise UsageError(
            f"{name}: expected a standard deviation that a gamma distribution on whole "
            f"days with a mean of {mean:g} can have, got {deviation:g}"
        )
    return _trimmed(np.concatenate([np.zeros(first), weights]))


def moments(weights: Weights) -> tuple[float, float]:
    """Mean and standard deviation, in days, of probabilities of whole days."""
    days = np.arange(len(weights), dtype=np.float64)
    return float(days @ weights), _deviation(days, weights)


def _of_mean(days: Weights, shape: float, mean: float, first: int) -> Weights:
    """The one with this shape and that mean; the rate is found by bisection."""
    logs = (shape - 1) * np.log(days + (first == 0) * 0.5)
    low, high = -50.0, shape * 100.0 + 50.0
    for _ in range(_STEPS):
        rate = (low + high) / 2
        weights = logs - rate * days
        weights = np.exp(weights - weights.max())
        weights /= weights.sum()
        if days @ weights > mean:
            low = rate
        else:
            high = rate
    return weights


def _deviation(days: Weights, weights: Weights) -> float:
    mean = days @ weights
    return math.sqrt(max(0.0, float((days - mean) ** 2 @ weights)))


def _refuse_impossible(name: str, mean: float, deviation: float, first: int) -> None:
    if mean <= first:
        raise UsageError(
            f"{name}: expected a mean above {first} days, got {mean:g}",
            advice="Nothing happens on the day of infection itself.",
        )
    part = mean - math.floor(mean)
    least = math.sqrt(part * (1 - part))
    if deviation <= least:
        raise UsageError(
            f"{name}: expected a standard deviation above {least:.3g} days, "
            f"got {deviation:g}",
            advice="A run goes by whole days, which alone spread this much.",
        )


def _trimmed(weights: Weights) -> Weights:
    """Without the last days, which are not worth a look."""
    kept = int(np.flatnonzero(weights > weights.max() * 1e-7)[-1]) + 1
    found: Weights = weights[:kept] / weights[:kept].sum()
    found.flags.writeable = False
    return found
