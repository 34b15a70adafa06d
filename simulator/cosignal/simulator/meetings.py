"""Whom some people met on a day, for those who want to look."""

import numpy as np
import numpy.typing as npt
from numba import njit

from cosignal.simulator.contacts.days import DayContacts
from cosignal.simulator.contacts.slots import contacts_of, slot_count
from cosignal.simulator.population.people import People

Ids = npt.NDArray[np.int32]


def meetings(
    ids: Ids, day: DayContacts, people: People
) -> tuple[Ids, Ids, npt.NDArray[np.uint8]]:
    """List contacts of a day, as if nobody stayed at home.

    Args:
        ids: Shape (m,), int32. Of whom.
        day: Which.
        people: Who is there.

    Returns:
        Shape (c,) each: who, whom, and the layer.
    """
    who, whom, layer = _listed(ids, day, people)
    return who, whom, layer


@njit(nogil=True, cache=True)
def _listed(ids, day, people):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - numba
    most = 0
    for i in ids:
        most += slot_count(i, people)
    who = np.empty(most, np.int32)
    whom = np.empty(most, np.int32)
    layer = np.empty(most, np.uint8)
    count = 0
    for i in ids:
        met = contacts_of(i, day, people, whom[count:], layer[count:])
        who[count : count + met] = i
        count += met
    return who[:count], whom[:count], layer[:count]
