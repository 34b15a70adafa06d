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
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit, uint64

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

#: No wait is longer than so many means: waits are uniform from 0.
_LONGEST: Final = 2.0


@njit(nogil=True, cache=True)
def _chances(stream, days, ids, purpose):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    found = np.empty(len(ids), np.float64)
    for place in range(len(ids)):
        key = day_key(stream, days[place])
        found[place] = uniform(key, ids[place], purpose)
    return found


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
    days = np.empty(len(people), np.int64)
    days[:] = day
    found: Reals = _chances(stream, days, people, int(purpose))
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


@njit(nogil=True, cache=True)
def _rare(stream, day, agents, probability):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    key = day_key(stream, day)
    scale = 1.0 / math.log1p(-probability)
    found = np.empty(0, np.int32)
    for fill in range(2):
        person = -1
        count = 0
        while True:
            skip = math.log(1.0 - uniform(key, uint64(count), uint64(0))) * scale
            if skip > agents:
                break
            person += 1 + int(skip)
            if person >= agents:
                break
            if fill:
                found[count] = person
            count += 1
        if not fill:
            found = np.empty(count, np.int32)
    return found


def rare(stream: np.uint64, day: int, agents: int, probability: float) -> Ids:
    """People to whom something happens that is rare.

    As many draws as people found, not as people: from one to the next the distance is
    geometric.

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
    found: Ids = _rare(stream, int(day), int(agents), float(probability))
    return found


def whole_number(rate: float, agents: int, day: int) -> int:
    """How many of something there are on a day, in whole numbers that add up.

    Args:
        rate: For each person and day.
        agents: Of the population.
        day: Of the run.
    """
    before, after = (math.floor(rate * agents * end) for end in (day, day + 1))
    return after - before
