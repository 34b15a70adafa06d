"""Every contact of a day, once.

What this module guarantees:

* The list is the union of `contacts_of` of everybody: a contact of i and j stands once,
  under the smaller number, in ascending order of it.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from cosignal.simulator.contacts.days import DayContacts
from cosignal.simulator.contacts.slots import resolve_slot, slot_count
from cosignal.simulator.population.people import People


def edges(
    day: DayContacts, people: People
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """List a day's contacts.

    Args:
        day: Which.
        people: Who meets.

    Returns:
        i, j and layer, shape (m,) each, with i < j.
    """
    first, second, layer = _edges(day, people)
    return first, second, layer


@njit(nogil=True, cache=True)
def _edges(day, people):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - numba
    count = 0
    room = people.age.size * 8 + 64
    first = np.empty(room, np.int32)
    second = np.empty(room, np.int32)
    layers = np.empty(room, np.uint8)
    for i in range(people.age.size):
        slots = slot_count(i, people)
        if count + slots > room:
            room = 2 * room + slots
            first = _grown(first, count, room)
            second = _grown(second, count, room)
            layers = _grown(layers, count, room)
        for slot in range(slots):
            j, layer = resolve_slot(i, slot, day, people)
            if j > i:
                first[count] = i
                second[count] = j
                layers[count] = layer
                count += 1
    return first[:count].copy(), second[:count].copy(), layers[:count].copy()


@njit(nogil=True, cache=True)
def _grown(values, count, room):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    found = np.empty(room, values.dtype)
    found[:count] = values[:count]
    return found
