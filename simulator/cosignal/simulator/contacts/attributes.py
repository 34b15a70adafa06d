"""How long and how near a contact is, and how much it transmits.

What this module guarantees:

* Hours, metres and dose are functions of the day, the pair and the layer: whoever asks
  (transmission, a phone, a tracer) sees the same contact.
* The dose is above 0, at most `DOSE_MAX`, and 1 on average in every layer.

The dose saturates with time, by `dose_saturation`, and halves with each metre (Chu
2020, Lancet 395:1973: risk falls about twofold with each metre).
"""

import math
from functools import lru_cache
from statistics import NormalDist
from typing import Final

import numpy as np
import numpy.typing as npt
from numba import uint64

from cosignal.simulator.compiled import inlined, kernel
from cosignal.simulator.parameters.population import ContactParameters
from cosignal.simulator.streams import draw

Table = npt.NDArray[np.float32]

#: The greatest dose of one contact, relative to an average one.
DOSE_MAX: Final = 6.0
#: Quantiles of a table.
QUANTILES: Final = 1024
#: Members of a household are together for hours. POLYMOD, diaries of the UK and
#: Germany: of daily contacts at home with somebody of the age of a member, 70 and 67 %
#: last for more than four hours, as they do with this spread; the median is assumed.
_HOUSEHOLD_MEDIAN: Final = 6.0
_HOUSEHOLD_SPREAD: Final = 0.84
_MASK: Final = QUANTILES - 1
_HOURS_SHIFT: Final = 10
_DAY_HOURS: Final = 24.0


@lru_cache(maxsize=32)
def tables(parameters: ContactParameters) -> tuple[Table, Table, Table, Table]:
    """Inverse distribution functions, at equally likely points.

    Args:
        parameters: Durations, distances, saturation.

    Returns:
        Hours, shape (2, 1024): within households, elsewhere; metres, shape (1024,);
        parts of the dose by hours, shape (2, 1024), and by metres, shape (1024,).
    """
    hours = np.stack(
        [
            _lognormal(_HOUSEHOLD_MEDIAN, _HOUSEHOLD_SPREAD),
            _lognormal(parameters.duration_median, parameters.duration_spread),
        ]
    )
    metres = _gamma(parameters.distance_mean, parameters.distance_shape)
    by_hours = -np.expm1(-hours / parameters.dose_saturation)
    by_metres = np.exp2(-metres)
    by_hours *= np.array([[_scale(row, by_metres)] for row in by_hours])
    found = (hours, metres, by_hours, by_metres)
    first, second, third, fourth = (table.astype(np.float32) for table in found)
    return first, second, third, fourth


def _points() -> npt.NDArray[np.float64]:
    return (np.arange(QUANTILES) + 0.5) / QUANTILES


def _lognormal(median: float, spread: float) -> npt.NDArray[np.float64]:
    normal = NormalDist()
    scores = np.array([normal.inv_cdf(point) for point in _points().tolist()])
    return np.minimum(median * np.exp(spread * scores), _DAY_HOURS)


def _gamma(mean: float, shape: float) -> npt.NDArray[np.float64]:
    """Quantiles by summing the density over the logarithm of the distance."""
    scale = mean / shape
    grid = np.linspace(math.log(1e-6 * mean), math.log(60 * mean), 40_001)
    weight = np.exp(shape * grid - np.exp(grid) / scale)
    cumulative = np.cumsum(weight)
    return np.exp(np.interp(_points(), cumulative / cumulative[-1], grid))


def _scale(
    by_hours: npt.NDArray[np.float64], by_metres: npt.NDArray[np.float64]
) -> float:
    """Make the mean of the capped product 1, by bisection, from every fourth point."""
    product = np.multiply.outer(by_hours[2::4], by_metres[2::4])
    low, high = 0.0, 1e6
    for _ in range(60):
        middle = (low + high) / 2
        if np.minimum(product * middle, DOSE_MAX).mean() < 1:
            low = middle
        else:
            high = middle
    return high


@inlined
def _word(i, j, layer, key):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - numba
    salted = key + uint64(layer + 11) * uint64(0xA0761D6478BD642F)
    if i < j:
        return draw(salted, i, j)
    return draw(salted, j, i)


@kernel
def contact_hours(i, j, layer, day):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """How long two people who meet on a day are together.

    Args:
        i: One of them.
        j: The other one.
        layer: Where they meet.
        day: `DayContacts`.

    Returns:
        float32, hours.
    """
    word = _word(i, j, layer, day.key)
    return day.hours[min(layer, 1), (word >> uint64(_HOURS_SHIFT)) & uint64(_MASK)]


@kernel
def contact_metres(i, j, layer, day):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """How far two people who meet on a day are from each other; float32, metres."""
    return day.metres[_word(i, j, layer, day.key) & uint64(_MASK)]


@inlined
def dose(i, j, layer, day):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - numba
    """How much a contact transmits, relative to an average one of its layer.

    Returns:
        float32, above 0, at most `DOSE_MAX`.
    """
    word = _word(i, j, layer, day.key)
    hours = day.dose_hours[
        min(layer, 1), (word >> uint64(_HOURS_SHIFT)) & uint64(_MASK)
    ]
    product = hours * day.dose_metres[word & uint64(_MASK)]
    return min(product, np.float32(DOSE_MAX))
