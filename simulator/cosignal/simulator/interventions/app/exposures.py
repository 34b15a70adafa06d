"""Whom a published key alerts: phones that were near it, and phones that were not.

What this module guarantees:

* A contact alerts if it happened, both phones had the app and were on that day, and the
  contact counts by `radio`.
* A false sighting alerts a stranger of the region, heard through a wall: as often as
  `false_sightings` says, whether or not either of the two stayed at home.
* Nobody is alerted for themselves. More false sightings add to those there were.
"""

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from numba import int64, uint64

from cosignal.simulator.compiled import inlined, kernel
from cosignal.simulator.contacts.slots import resolve_slot
from cosignal.simulator.interventions.app.radio import (
    PhoneDay,
    counts,
    is_on,
    phone_day,
)
from cosignal.simulator.interventions.draws import Ids
from cosignal.simulator.interventions.past import (
    most_contacts,
    past_day,
    slots_of_past,
    was_there,
)
from cosignal.simulator.parameters.app import AppParameters
from cosignal.simulator.streams import draw, uniform

if TYPE_CHECKING:
    from cosignal.simulator.simulation import Sim

Pairs = tuple[npt.NDArray[np.int64], Ids]


def exposed(
    sim: "Sim", app: AppParameters, cases: Ids, weights: npt.ArrayLike, day: int
) -> Pairs:
    """Find whom the keys of one past day alert.

    Args:
        sim: The run, on a later day.
        app: Phones and radio.
        cases: Shape (m,). Who publish.
        weights: Shape (m,). Infectiousness of that day; 0 for a key that is not
            published, or counts nothing.
        day: The past day.

    Returns:
        Shape (k,) each: place of the case among `cases`, whom it alerts. One may stand
        twice.
    """
    of_day = np.asarray(weights, np.float64)
    phones = phone_day(sim, app, day)
    on = np.empty(len(cases), np.bool_)
    _on(cases, phones, on)
    able = np.flatnonzero((of_day > 0) & on)
    index, others = _met(sim, cases[able], of_day[able], phones)
    if app.false_sightings > 0:
        more, strangers = _strangers(sim, cases[able], phones)
        index = np.concatenate([index, more])
        others = np.concatenate([others, strangers])
    return able[index], others


def _met(
    sim: "Sim", cases: Ids, weights: npt.NDArray[np.float64], phones: PhoneDay
) -> Pairs:
    """Whom people met whose contact counts."""
    room = most_contacts(cases, sim.people)
    index, others = np.empty(room, np.int64), np.empty(room, np.int32)
    past = past_day(sim, phones.contacts.day)
    count = _near(cases, weights, (past, phones), index, others)
    return index[:count], others[:count]


def _strangers(sim: "Sim", cases: Ids, phones: PhoneDay) -> Pairs:
    """Strangers of their region whom some people hear."""
    numbers = np.empty(len(cases), np.int64)
    total = _how_many(cases, phones, numbers)
    index, others = np.empty(total, np.int64), np.empty(total, np.int32)
    count = _who(cases, numbers, (sim.people, phones), index, others)
    return index[:count], others[:count]


@kernel
def _on(ids, phones, found):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - numba
    for place in range(len(ids)):
        found[place] = is_on(ids[place], phones)


@kernel
def _near(cases, weights, world, index, others):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Put down whom people alert who have a phone that is on; how many there are.

    What needs no look at the other one comes first.
    """
    past, phones = world
    count = 0
    for place in range(len(cases)):
        i = cases[place]
        for slot in range(slots_of_past(i, past)):
            j, layer = resolve_slot(i, slot, past.contacts, past.people)
            if j < 0 or not counts(i, j, layer, weights[place], phones):
                continue
            if is_on(j, phones) and was_there(j, layer, past):
                index[count] = place
                others[count] = j
                count += 1
    return count


@inlined
def _poisson(luck, mean):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - numba
    """The number of which `luck` is the quantile."""
    term = math.exp(-mean)
    below = term
    number = 0
    while luck >= below and term > 0:
        number += 1
        term *= mean / number
        below += term
    return number


@kernel
def _how_many(cases, phones, numbers):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """How many strangers each one hears; in all."""
    total = 0
    for place in range(len(cases)):
        luck = uniform(phones.keys.strangers, cases[place], 0)
        numbers[place] = _poisson(luck, phones.radio.false_sightings)
        total += numbers[place]
    return total


@kernel
def _who(cases, numbers, world, index, others):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Draw strangers; how many have a phone that is on."""
    people, phones = world
    count = 0
    for place in range(len(cases)):
        i = cases[place]
        first = people.region_start[people.region[i]]
        size = people.region_start[people.region[i] + 1] - first
        for which in range(numbers[place]):
            word = draw(phones.keys.strangers, i, which + 1)
            other = first + int64(word % uint64(size))
            if other != i and is_on(other, phones):
                index[count] = place
                others[count] = other
                count += 1
    return count
