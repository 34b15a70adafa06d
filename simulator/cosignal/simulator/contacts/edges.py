"""Every contact of a day, once.

What this module guarantees:

* The list is the union of `contacts_of` of everybody: a contact of i and j stands once,
  under the smaller number, in ascending order of it.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from cosignal.simulator.compiled import kernel
from cosignal.simulator.contacts.days import DayContacts
from cosignal.simulator.contacts.slots import resolve_slot, slot_count
from cosignal.simulator.population.people import People

Edges = tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.uint8]]

#: People looked at in one go, so that the buffers stay small.
_BLOCK: Final = 32_768


def edges(day: DayContacts, people: People) -> Edges:
    """List a day's contacts.

    Args:
        day: Which.
        people: Who meets.

    Returns:
        i, j and layer, shape (m,) each, with i < j.
    """
    agents = len(people.age)
    blocks = [
        edges_of(start, min(start + _BLOCK, agents), day, people)
        for start in range(0, agents, _BLOCK)
    ]
    first, second, layer = zip(*blocks, strict=True)
    return np.concatenate(first), np.concatenate(second), np.concatenate(layer)


def edges_of(start: int, stop: int, day: DayContacts, people: People) -> Edges:
    """List the contacts that stand under some people, as `edges` does.

    Args:
        start: The first of them.
        stop: The first one after them.
        day: Which.
        people: Who meets.
    """
    room = _slots(start, stop, people)
    first, second = np.empty(room, np.int32), np.empty(room, np.int32)
    layer = np.empty(room, np.uint8)
    count = _fill(start, stop, day, people, first, second, layer)
    return first[:count].copy(), second[:count].copy(), layer[:count].copy()


@kernel
def _slots(start, stop, people):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    count = np.int64(0)
    for i in range(start, stop):
        count += slot_count(i, people)
    return count


@kernel
def _fill(start, stop, day, people, first, second, layers):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - numba
    count = 0
    for i in range(start, stop):
        for slot in range(slot_count(i, people)):
            j, layer = resolve_slot(i, slot, day, people)
            if j > i:
                first[count] = i
                second[count] = j
                layers[count] = layer
                count += 1
    return count
