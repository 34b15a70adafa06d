"""Who stays at home, today and on the days before.

What this module guarantees:

* Bit k of `State.isolation` is always about k days before `Sim.day`: all are moved on
  as that is; bit 0 is set once the day's interventions have acted.
* Somebody in hospital or dead counts as isolated.
"""

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
from numba import int16, uint32

from cosignal.simulator.compiled import kernel
from cosignal.simulator.state import DEAD, INFECTED, State, some_of
from cosignal.simulator.threads import ranges, share

if TYPE_CHECKING:
    from cosignal.simulator.simulation import Sim

Ids = npt.NDArray[np.int32]

#: People for whom a thread is worth its while.
_LEAST: Final = 100_000
_COUNTED: Final = ("in_isolation", "in_quarantine", "in_quarantine_infected")


def set_isolated(
    state: State, ids: Ids, until: npt.ArrayLike, day: int, *, quarantined: bool
) -> None:
    """Let people stay at home, from today on; see `Sim.isolate`."""
    free = ids[state.isolated_until[ids] <= day]
    if quarantined:
        state.quarantined[free] = 1
    else:
        state.quarantined[ids] = 0
    days = np.full(ids.shape, until, np.int16)
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
    parts = ranges(len(sim.state.status), sim.threads, _LEAST)

    def settled(part: tuple[int, int]) -> tuple[int, int, int]:
        found: tuple[int, int, int] = _settle(day, some_of(sim.state, *part))
        return found

    counts = share(settled, parts, sim.threads)
    for name, count in zip(_COUNTED, np.sum(counts, axis=0).tolist(), strict=True):
        sim.record.add(name, day, count)


@kernel
def _settle(day, state):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - numba
    """Set bit 0 of some people; count them by `_COUNTED`.

    Without a branch and with days of 16 bits, so that the processor takes many people
    at once: that is eight times as fast.
    """
    today = int16(day)
    home = contact = infected = 0
    for i in range(len(state.status)):
        is_dead = state.status[i] == DEAD
        at_home = (state.isolated_until[i] > today) & (state.status[i] != DEAD)
        in_quarantine = at_home & (state.quarantined[i] != 0)
        ward = state.hospital_day[i]
        away = (ward >= 0) & (ward <= today) & (today < state.end_day[i])
        state.isolation[i] |= uint32(at_home | away | is_dead)
        home += at_home
        contact += in_quarantine
        infected += in_quarantine & (state.status[i] == INFECTED)
    return home, contact, infected
