"""Chance of what people do: who is chosen, how many days it takes.

What this module guarantees:

* A draw depends on its stream, the day and the person, never on who else is asked: two
  scenarios that ask different people agree on those they both ask.
* A higher probability chooses the same people and more; a longer mean delay lets nobody
  be earlier.
* Delays are fractions of days. What happens at any time of a day happens on it, so that
  the mean of whole days is the mean that was asked for.
"""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cosignal.simulator.compiled import kernel
from cosignal.simulator.streams import day_key, uniform

#: An array of people.
Ids = npt.NDArray[np.int32]
NOBODY: Final = np.empty(0, np.int32)
Reals = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
#: One day for all, or one for each person.
Days = int | npt.NDArray[np.integer[Any]]

#: What a draw for a person on a day is for.
CHOICE, TIME_OF_DAY, WAIT = range(3)

#: Times of rare events are cut here first, then at twice that, and so on.
_FIRST_BAND: Final = 2.0**-12
#: When in its band an event comes: a purpose of its own for each band.
_WITHIN_BAND: Final = 1000
#: No wait is longer than so many means: waits are uniform from 0.
_LONGEST: Final = 2.0


@kernel
def _keys_of_day(streams, day):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    for place in range(len(streams)):
        streams[place] = day_key(streams[place], day)


def keys_of_day(streams: Sequence[np.uint64], day: int) -> npt.NDArray[np.uint64]:
    """Keys for kernels that draw by themselves.

    Args:
        streams: Keys of streams.
        day: Of the run.

    Returns:
        Shape (len(streams),). Of that day of each.
    """
    keys = np.array(streams, np.uint64)
    _keys_of_day(keys, day)
    return keys


@kernel
def _chances_of_day(stream, day, ids, purpose, found):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    key = day_key(stream, day)
    for place in range(len(ids)):
        found[place] = uniform(key, ids[place], purpose)


@kernel
def _chances(stream, days, ids, purpose, found):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    for place in range(len(ids)):
        key = day_key(stream, days[place])
        found[place] = uniform(key, ids[place], purpose)


def chances(
    stream: np.uint64, day: Days, ids: npt.NDArray[np.integer[Any]], purpose: int
) -> Reals:
    """One number from 0 up to, and without, 1, for each person.

    Args:
        stream: Key of a stream, `Sim.stream`.
        day: Of the run; one for all, or shape (m,).
        ids: Shape (m,). People.
        purpose: `CHOICE`, `TIME_OF_DAY`, `WAIT`, or any other number.

    Returns:
        Shape (m,).
    """
    people = np.ascontiguousarray(ids, np.int32)
    found = np.empty(len(people), np.float64)
    if isinstance(day, int):
        _chances_of_day(stream, day, people, int(purpose), found)
    else:
        days = np.empty(len(people), np.int64)
        days[:] = day
        _chances(stream, days, people, int(purpose), found)
    return found


def chosen(
    stream: np.uint64,
    day: Days,
    ids: Ids,
    probability: float | npt.NDArray[np.floating[Any]],
) -> Ids:
    """Keep each person with a probability.

    Args:
        stream: Key of a stream.
        day: Of the run.
        ids: Shape (m,). People.
        probability: One for all, or shape (m,).

    Returns:
        Those chosen, in the order given.
    """
    kept: Ids = ids[chances(stream, day, ids, CHOICE) < probability]
    return kept


def times(stream: np.uint64, day: Days, ids: Ids, mean: float) -> Reals:
    """When something ends that begins at some time of a day and takes a while.

    Args:
        stream: Key of a stream.
        day: On which it begins, at a time that is uniform over the day.
        ids: Shape (m,). People.
        mean: Mean duration, days; durations are uniform from 0 to twice the mean.

    Returns:
        Shape (m,). Days of the run, with fractions.
    """
    began = chances(stream, day, ids, TIME_OF_DAY)
    took = _LONGEST * mean * chances(stream, day, ids, WAIT)
    found: Reals = day + began + took
    return found


def days_later(
    stream: np.uint64, day: Days, ids: Ids, mean: float
) -> npt.NDArray[np.int64]:
    """The whole days of `times`.

    Their mean is the day plus `mean`, exactly.
    """
    return np.floor(times(stream, day, ids, mean)).astype(np.int64)


@kernel
def _rare(key, band, rate, agents, found):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Put people down as far as there is room; how many there are."""
    person, count = -1, 0
    while True:
        skip = -math.log(1.0 - uniform(key, count, band)) / rate
        if skip >= agents - 1 - person:
            return count
        person += 1 + int(skip)
        if count < len(found):
            found[count] = person
        count += 1


def rare(stream: np.uint64, day: int, agents: int, probability: float) -> Ids:
    """People to whom something happens that is rare.

    Events come to everybody at random times (a Poisson process), and something happens
    to whom one comes before -log(1 - `probability`): a longer time adds people, and
    takes nobody away. The time is cut into bands, each twice as long as all before it;
    within one, the distance from one person to the next is geometric. So it takes about
    twice as many draws as people found, and not as many as there are people.

    Args:
        stream: Key of a stream.
        day: Of the run.
        agents: Of the population.
        probability: Of each of them, independent.

    Returns:
        Ascending, distinct.
    """
    if probability <= 0:
        return np.empty(0, np.int32)
    if probability >= 1:
        return np.arange(agents, dtype=np.int32)
    key, time = keys_of_day([stream], day)[0], -math.log1p(-probability)
    found = []
    band, first, end = 0, 0.0, _FIRST_BAND
    while first < time:
        rate = end - first
        ids = np.empty(_rare(key, band, rate, agents, NOBODY), np.int32)
        _rare(key, band, rate, agents, ids)
        if time < end:
            share = math.expm1(first - time) / math.expm1(-rate)
            ids = ids[chances(stream, day, ids, _WITHIN_BAND + band) < share]
        found.append(ids)
        band, first, end = band + 1, end, 2 * end
    return np.unique(np.concatenate(found))


def whole_number(rate: float, agents: int, day: int) -> int:
    """How many of something there are on a day, in whole numbers that add up.

    Args:
        rate: For each person and day.
        agents: Of the population.
        day: Of the run.
    """
    before, after = (math.floor(rate * agents * end) for end in (day, day + 1))
    return after - before
