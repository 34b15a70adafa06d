"""Contacts of a day that is over, between people who were at large on it.

What this module guarantees:

* A past day is looked at as it was: with its own closures, and with who stayed at home
  on that day, not with who does today. Two of one household meet all the same.
* Nothing is stored for it but a bit for each person and day.
* The contacts are those that could transmit, each once for each case, in order.
"""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from numba import njit, uint32

from cosignal.simulator.contacts.slots import resolve_slot, slot_count
from cosignal.simulator.interventions.draws import Ids

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
    contacts = sim.contacts_on(day)
    ago = np.uint32(sim.day - day)
    found: Found = _past_contacts(cases, contacts, sim.people, sim.state.isolation, ago)
    return found


@njit(nogil=True, cache=True)
def _past_contacts(cases, contacts, people, isolation, ago):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    room = 0
    for place in range(len(cases)):
        room += slot_count(cases[place], people)
    places = np.empty(room, np.int64)
    others = np.empty(room, np.int32)
    layers = np.empty(room, np.uint8)
    count = 0
    for place in range(len(cases)):
        i = cases[place]
        i_home = (isolation[i] >> ago) & uint32(1)
        for slot in range(slot_count(i, people)):
            j, layer = resolve_slot(i, slot, contacts, people)
            if j < 0:
                continue
            if layer != 0 and (i_home or (isolation[j] >> ago) & uint32(1)):
                continue
            places[count] = place
            others[count] = j
            layers[count] = layer
            count += 1
    return places[:count].copy(), others[:count].copy(), layers[:count].copy()
