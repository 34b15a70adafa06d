"""Who stays at home, today and on the days before.

What this module guarantees:

* Bit k of `State.isolation` and of `State.away` is about k days before `Sim.day`: all
  are moved on as that is, and nothing that comes later changes them. Bit 0 of
  `isolation` says in the morning who is at home already, and once the day's
  interventions have acted who meets nobody outside today.
* Who stays at home from today on, for whatever reason, was out in the morning. The
  reason comes at any time of the day, and so do contacts: with probability 1/2 today's
  are still had, all of somebody's or none. Who was at home in the morning goes on.
* People are counted at home from the day on which it begins.
* Somebody in hospital or dead has bit 0 of both set, but does not stay at home: no day
  of isolation or quarantine is counted, and at home they meet nobody either.
"""

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
from numba import int16, uint32

from cosignal.simulator.compiled import kernel
from cosignal.simulator.interventions.draws import CHOICE, keys_of_day
from cosignal.simulator.recorder import AGE_BANDS
from cosignal.simulator.state import DEAD, INFECTED, LAST_DAY, State, some_of
from cosignal.simulator.streams import uniform
from cosignal.simulator.threads import ranges, share

if TYPE_CHECKING:
    from cosignal.simulator.simulation import Sim

Ids = npt.NDArray[np.int32]

#: People for whom a thread is worth its while.
_LEAST: Final = 100_000
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
    # Whoever is to stay at home for longer does so until the last day there can be.
    days = np.minimum(np.broadcast_to(until, ids.shape), LAST_DAY).astype(np.int16)
    np.maximum.at(state.isolated_until, ids, days)


def begin_day(sim: "Sim", day: int) -> None:
    """Move the memory of isolation on by a day, and see who is at home in the morning.

    Args:
        sim: The run.
        day: That begins.
    """
    parts = ranges(len(sim.state.status), sim.threads, _LEAST)
    share(lambda part: _wake(day, some_of(sim.state, *part)), parts, sim.threads)


def end_day(sim: "Sim", day: int) -> None:
    """Let isolation take effect, and count it.

    Args:
        sim: The run.
        day: Today.
    """
    bands = sim.record.bands
    key = keys_of_day([sim.stream("isolation.first_day")], day)[0]

    def settled(part: tuple[int, int]) -> npt.NDArray[np.int64]:
        counts = np.zeros((len(_COUNTED), AGE_BANDS), np.int64)
        state = some_of(sim.state, *part)
        _settle(day, state)
        _begin(day, part[0], key, state)
        _count(day, state, bands[slice(*part)], counts)
        return counts

    parts = ranges(len(sim.state.status), sim.threads, _LEAST)
    total = np.sum(share(settled, parts, sim.threads), axis=0)
    for name, row in zip(_COUNTED, total, strict=True):
        sim.record.add_days(name, day, row[np.newaxis])


@kernel
def _wake(day, state):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - numba
    today = int16(day)
    for i in range(len(state.isolation)):
        at_home = (state.isolated_until[i] > today) & (state.status[i] != DEAD)
        state.isolation[i] = (state.isolation[i] << uint32(1)) | uint32(at_home)
        state.away[i] = state.away[i] << uint32(1)


@kernel
def _settle(day, state):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - numba
    """Set or clear bit 0 of some people, of whom nobody begins to stay at home.

    Without a branch and with days of 16 bits, so that the processor takes many people
    at once: that is eight times as fast.
    """
    today = int16(day)
    for i in range(len(state.status)):
        is_dead = state.status[i] == DEAD
        at_home = state.isolated_until[i] > today
        ward = state.hospital_day[i]
        in_ward = (ward >= 0) & (ward <= today) & (today < state.end_day[i])
        away = uint32(in_ward | is_dead)
        stays = uint32(at_home) & state.isolation[i]
        before = state.isolation[i] & ~uint32(1)
        state.isolation[i] = before | stays | away
        state.away[i] |= away


@kernel
def _begin(day, first, key, state):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Set bit 0 of half of those who begin: few of all, so that a branch is quick."""
    today = int16(day)
    for i in range(len(state.status)):
        begins = state.isolated_until[i] > today
        begins = begins and not state.isolation[i] & uint32(1)
        if begins and uniform(key, first + i, CHOICE) >= _STILL_OUT:
            state.isolation[i] |= uint32(1)


@kernel
def _count(day, state, bands, counts):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Count who stays at home, by `_COUNTED` and age: few of all as well."""
    today = int16(day)
    for i in range(len(state.status)):
        if state.isolated_until[i] > today and not state.away[i] & uint32(1):
            counts[0, bands[i]] += 1
            if state.quarantined[i]:
                counts[1, bands[i]] += 1
                if state.status[i] == INFECTED:
                    counts[2, bands[i]] += 1
