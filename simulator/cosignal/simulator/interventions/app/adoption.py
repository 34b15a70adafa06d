"""Who has the app, from which day to which.

What this module guarantees:

* Once all have installed it, the share with the app is `adoption` to the person.
* A person's share is proportional to `by_age` of their decade of age, up to 1: where
  there are not enough phones, older and younger people get theirs later.
* Two members of a household of the same age have or lack it with correlation
  `clustering`; for ages with unequal shares, it is the nearest to it that these shares
  allow.
* Whoever has it at some adoption has it at every higher one, from the same day on.

Household members are alike because each person decides with probability
sqrt(`clustering`) by their household's draw, and otherwise by their own: two of them
share a draw with probability `clustering`.
"""

import math

import numpy as np
import numpy.typing as npt
from numba import int64

from cosignal.protocol.errors import UsageError
from cosignal.simulator.compiled import kernel
from cosignal.simulator.interventions.draws import chances, keys_of_day
from cosignal.simulator.parameters.app import AppParameters
from cosignal.simulator.recorder import AGE_BANDS
from cosignal.simulator.state import LAST_DAY, NEVER
from cosignal.simulator.streams import uniform

#: What the draws of the stream `app.adoption` are for; all are those of day 0.
_OWN, _HOUSEHOLD, _ALIKE, _INSTALLATION, _REMOVAL, _REGION = range(6)

Days = npt.NDArray[np.int16]


def adopters(
    ages: npt.NDArray[np.uint8],
    household: npt.NDArray[np.int32],
    region: npt.NDArray[np.uint16],
    app: AppParameters,
    stream: np.uint64,
) -> npt.NDArray[np.bool_]:
    """Choose who will have the app.

    Args:
        ages: Shape (n,), years.
        household: Shape (n,).
        region: Shape (n,).
        app: Its `adoption`, `by_age`, `clustering`, `regional_spread`.
        stream: Key of the stream.

    Returns:
        Shape (n,); round(`adoption` n) of them are true.

    Raises:
        UsageError: More people than have a phone in any age group.
    """
    wanted = round(app.adoption * len(ages))
    shares = np.asarray(app.by_age)[np.minimum(ages // 10, AGE_BANDS - 1)]
    shares = shares * _regional(region, app.regional_spread, stream)
    able = int(np.count_nonzero(shares))
    if wanted > able:
        raise UsageError(
            f"app.adoption: expected at most {able / len(ages):.3g}, the share of "
            f"people whose app.by_age is above 0, got {app.adoption:g}"
        )
    reluctance = np.full(len(ages), np.inf)
    decided = _decisions(household, app.clustering, stream)
    np.divide(decided, shares, out=reluctance, where=shares > 0)
    return _least(reluctance, wanted)


def installations(
    adopting: npt.NDArray[np.bool_], app: AppParameters, stream: np.uint64
) -> tuple[Days, Days]:
    """Draw from when to when everybody has the app.

    Args:
        adopting: Shape (n,). Who will have it.
        app: Its `start`, `ramp` and `uninstall`.
        stream: Key of the stream.

    Returns:
        For `State.app_from` and `State.app_until`, shape (n,) each.
    """
    ids = np.flatnonzero(adopting).astype(np.int32)
    since = app.start + np.floor(chances(stream, 0, ids, _INSTALLATION) * app.ramp)
    until = since + _days_kept(chances(stream, 0, ids, _REMOVAL), app.uninstall)
    first, last = np.full((2, len(adopting)), NEVER, np.int16)
    first[ids] = np.minimum(since, LAST_DAY)
    last[ids] = np.where(until <= LAST_DAY, until, NEVER)
    return first, last


def users_by_day(
    since: Days, until: Days, bands: npt.NDArray[np.uint8], days: range
) -> npt.NDArray[np.int64]:
    """How many have the app on some days.

    Args:
        since: `State.app_from`, shape (n,).
        until: `State.app_until`, shape (n,).
        bands: Decades of age, shape (n,).
        days: One after the other.

    Returns:
        Shape (len(days), 9). By decade of age.
    """
    first = np.clip(since, days.start, days.stop) - days.start
    end = np.clip(np.where(until == NEVER, days.stop, until), days.start, days.stop)
    end -= days.start
    has = (since != NEVER) & (first < end)
    change = np.zeros((len(days) + 1, AGE_BANDS), np.int64)
    np.add.at(change, (first[has], bands[has]), 1)
    np.subtract.at(change, (end[has], bands[has]), 1)
    users: npt.NDArray[np.int64] = np.cumsum(change[:-1], axis=0)
    return users


def _decisions(
    household: npt.NDArray[np.int32], clustering: float, stream: np.uint64
) -> npt.NDArray[np.float64]:
    found = np.empty(len(household), np.float64)
    _decide(household, math.sqrt(clustering), keys_of_day([stream], 0)[0], found)
    return found


@kernel
def _decide(household, alike, key, found):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Draw for everybody: the household's draw with a probability, else their own."""
    for i in range(len(household)):
        who, what = int64(i), _OWN
        if alike > 0.0 and uniform(key, i, _ALIKE) < alike:
            who, what = int64(household[i]), _HOUSEHOLD
        found[i] = uniform(key, who, what)


def _regional(
    region: npt.NDArray[np.uint16], spread: float, stream: np.uint64
) -> npt.NDArray[np.float64]:
    """Log-normal weight of each person's region."""
    if spread == 0:
        return np.ones(len(region))
    first, second = (chances(stream, 0, region, _REGION + more) for more in (0, 1))
    normal = np.sqrt(-2 * np.log1p(-first)) * np.cos(2 * np.pi * second)
    weights: npt.NDArray[np.float64] = np.exp(spread * normal)
    return weights


def _days_kept(
    luck: npt.NDArray[np.float64], removal: float
) -> npt.NDArray[np.float64]:
    """Days until the first of daily chances to remove it comes true."""
    if removal == 0:
        return np.full(len(luck), np.inf)
    if removal == 1:
        return np.ones(len(luck))
    return 1 + np.floor(np.log1p(-luck) / math.log1p(-removal))


def _least(values: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.bool_]:
    """Mark the least ones; of equals, those that come first."""
    if count == 0:
        return np.zeros(len(values), np.bool_)
    limit = np.partition(values, count - 1)[count - 1]
    least: npt.NDArray[np.bool_] = values < limit
    equal = np.flatnonzero(values == limit)
    least[equal[: count - np.count_nonzero(least)]] = True
    return least
