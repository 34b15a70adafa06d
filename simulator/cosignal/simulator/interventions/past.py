"""Contacts of a day that is over, between people who were at large on it.

What this module guarantees:

* A past day is looked at as it was: with its own closures, and with who stayed at home
  on that day, not with who does today. Two of one household meet all the same, unless
  one of them was in hospital or dead.
* Nothing is stored for it but two bits for each person and day.
* The contacts are those that could transmit, each once for each case, in order.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import int64, uint32

from cosignal.simulator.compiled import inlined, kernel
from cosignal.simulator.contacts.days import DayContacts
from cosignal.simulator.contacts.slots import resolve_slot, slot_count
from cosignal.simulator.interventions.draws import Ids
from cosignal.simulator.population.people import HOUSEHOLD, People
from cosignal.simulator.state import State

if TYPE_CHECKING:
    from cosignal.simulator.simulation import Sim

Found = tuple[npt.NDArray[np.int64], Ids, npt.NDArray[np.uint8]]


def past_contacts(sim: "Sim", cases: Ids, day: int) -> Found:
    """Look at a past day again.

    Args:
        sim: The run, on a later day.
        cases: Shape (m,). Whose contacts.
        day: Which one.

    Returns:
        Shape (k,) each: place of the case among `cases`, the other one, the layer.

    Raises:
        UsageError: The day is not one of the last 31.
    """
    past = past_day(sim, day)
    room = most_contacts(cases, sim.people)
    places = np.empty(room, np.int64)
    others = np.empty(room, np.int32)
    layers = np.empty(room, np.uint8)
    count = _fill(cases, past, places, others, layers)
    return places[:count], others[:count], layers[:count]


class Past(NamedTuple):
    """A past day.

    Attributes:
        contacts: Of the day.
        people: Who is there.
        state: `State` of today.
        ago: How many days ago, a bit of `isolation` and `away`.
    """

    contacts: DayContacts
    people: People
    state: State
    ago: np.uint32


def past_day(sim: "Sim", day: int) -> Past:
    """Gather what decides a past day.

    Args:
        sim: The run, on a later day.
        day: Which one.

    Raises:
        UsageError: The day is not one of the last 31.
    """
    contacts, ago = sim.contacts_on(day), np.uint32(sim.day - day)
    return Past(contacts, sim.people, sim.state, ago)


@kernel
def most_contacts(cases, people):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - numba
    """How many contacts some people have at most."""
    room = 0
    for place in range(len(cases)):
        room += slot_count(cases[place], people)
    return room


@inlined
def was_home(i, past):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - numba
    """Whether somebody stayed at home on the day."""
    return (past.state.isolation[i] >> past.ago) & uint32(1) > 0


@inlined
def was_away(i, past):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - numba
    """Whether somebody was in hospital or dead on the day."""
    return (past.state.away[i] >> past.ago) & uint32(1) > 0


@inlined
def was_there(j, layer, past):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """Whether somebody could be met in a layer on the day."""
    if layer == HOUSEHOLD:
        return not was_away(j, past)
    return not was_home(j, past)


@inlined
def slots_of_past(i, past):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - numba
    """How many slots may hold somebody: those of the household come first."""
    people = past.people
    if was_away(i, past):
        return int64(0)
    if was_home(i, past):
        home = people.household[i]
        first = int64(people.household_start[home])
        return int64(people.household_start[home + 1]) - first - 1
    return slot_count(i, people)


@kernel
def _fill(cases, past, places, others, layers):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Put contacts down; how many there are."""
    count = 0
    for place in range(len(cases)):
        i = cases[place]
        for slot in range(slots_of_past(i, past)):
            j, layer = resolve_slot(i, slot, past.contacts, past.people)
            if j >= 0 and was_there(j, layer, past):
                places[count] = place
                others[count] = j
                layers[count] = layer
                count += 1
    return count
