"""Who stays at home, today and on the days before.

What this module guarantees:

* Bit k of `State.isolation` is always about k days before `Sim.day`: all are moved on
  as that is; bit 0 is set once the day's interventions have acted.
* Somebody in hospital or dead counts as isolated.
"""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from numba import uint32

from cosignal.simulator.compiled import kernel
from cosignal.simulator.state import DEAD, State

if TYPE_CHECKING:
    from cosignal.simulator.simulation import Sim

Ids = npt.NDArray[np.int32]


def set_isolated(
    state: State, ids: Ids, until: npt.ArrayLike, day: int, *, quarantined: bool
) -> None:
    """Let people stay at home, from today on; see `Sim.isolate`."""
    free = ids[state.isolated_until[ids] <= day]
    if quarantined:
        state.quarantined[free] = 1
    else:
        state.quarantined[ids] = 0
    days = np.broadcast_to(np.asarray(until, np.int16), ids.shape)
    np.maximum.at(state.isolated_until, ids, days)


def begin_day(state: State) -> None:
    """Move the memory of isolation on by a day."""
    np.left_shift(state.isolation, np.uint32(1), out=state.isolation)


def end_day(sim: "Sim", day: int) -> None:
    """Let isolation take effect, and count it.

    Args:
        sim: The run.
        day: Today.
    """
    counts = _settle(day, sim.state)
    names = ("in_isolation", "in_quarantine", "in_quarantine_infected")
    for name, count in zip(names, counts, strict=True):
        sim.record.add(name, day, count)


@kernel
def _settle(day, state):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - numba
    """Set bit 0; count those at home, for a contact, and for a contact and infected."""
    home = contact = infected = 0
    for i in range(state.status.size):
        is_dead = state.status[i] == DEAD
        at_home = state.isolated_until[i] > day and not is_dead
        if at_home:
            home += 1
            if state.quarantined[i]:
                contact += 1
                if state.status[i] == 1:
                    infected += 1
        ward = state.hospital_day[i]
        away = ward >= 0 and ward <= day < state.end_day[i]
        if at_home or away or is_dead:
            state.isolation[i] |= uint32(1)
    return home, contact, infected
