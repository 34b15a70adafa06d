"""Who stays at home, today and on the days before.

What this module guarantees:

* Bit k of `State.isolation` is always about k days before `Sim.day`: all are moved on
  as that is. Bit 0 says in the morning who is at home already, and once the day's
  interventions have acted who meets nobody outside today.
* Who stays at home from today on, for whatever reason, was out in the morning. The
  reason comes at any time of the day, and so do contacts: with probability 1/2 today's
  are still had, all of somebody's or none. Who was at home in the morning goes on.
* People are counted at home from the day on which it begins.
* Somebody in hospital or dead counts as isolated.
"""

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
from numba import uint32

from cosignal.simulator.compiled import kernel
from cosignal.simulator.interventions.draws import CHOICE, keys_of_day
from cosignal.simulator.state import DEAD, State
from cosignal.simulator.streams import uniform
from cosignal.simulator.threads import share

if TYPE_CHECKING:
    from cosignal.simulator.simulation import Sim

Ids = npt.NDArray[np.int32]

_COUNTED: Final = ("in_isolation", "in_quarantine", "in_quarantine_infected")
#: Probability that contacts of the first day at home are still had.
_STILL_OUT: Final = 0.5


def set_isolated(
    state: State, ids: Ids, until: npt.ArrayLike, day: int, *, quarantined: bool
) -> None:
    """Let people stay at home, from today on; see `Sim.isolate`."""
    free = ids[state.isolated_until[ids] <= day]
    if quarantined:
        state.quarantined[free] = 1
    else:
        state.quarantined[ids] = 0
    state.reason_day[ids] = day
    days = np.broadcast_to(np.asarray(until, np.int16), ids.shape)
    np.maximum.at(state.isolated_until, ids, days)


def begin_day(state: State, day: int) -> None:
    """Move the memory of isolation on by a day, and see who is at home in the morning.

    Args:
        state: Of the run.
        day: That begins.
    """
    _wake(day, state)


def end_day(sim: "Sim", day: int) -> None:
    """Let isolation take effect, and count it.

    Args:
        sim: The run.
        day: Today.
    """
    cuts = np.linspace(0, len(sim.state.status), sim.threads + 1).astype(np.int64)
    parts = list(pairwise(cuts.tolist()))
    key = keys_of_day([sim.stream("isolation.first_day")], day)[0]
    counts = share(lambda part: _settle(*part, day, key, sim.state), parts, sim.threads)
    for name, count in zip(_COUNTED, np.sum(counts, axis=0).tolist(), strict=True):
        sim.record.add(name, day, count)


@kernel
def _wake(day, state):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - numba
    for i in range(len(state.isolation)):
        state.isolation[i] <<= uint32(1)
        if state.isolated_until[i] > day and state.status[i] != DEAD:
            state.isolation[i] |= uint32(1)


@kernel
def _settle(first, end, day, key, state):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Set or clear bit 0 of a range of people; count them by `_COUNTED`."""
    home = contact = infected = 0
    for i in range(first, end):
        is_dead = state.status[i] == DEAD
        at_home = state.isolated_until[i] > day and not is_dead
        stays = at_home and (
            state.isolation[i] & uint32(1) or uniform(key, i, CHOICE) >= _STILL_OUT
        )
        if at_home:
            home += 1
            if state.quarantined[i]:
                contact += 1
                if state.status[i] == 1:
                    infected += 1
        ward = state.hospital_day[i]
        away = ward >= 0 and ward <= day < state.end_day[i]
        state.isolation[i] &= ~uint32(1)
        if stays or away or is_dead:
            state.isolation[i] |= uint32(1)
    return home, contact, infected
