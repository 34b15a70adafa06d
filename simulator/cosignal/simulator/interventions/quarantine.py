"""Staying at home: of cases for their own infection, of contacts for somebody else's.

What this module guarantees:

* Staying at home begins today and ends on the day it would have ended, or on the later
  one if there was a reason before.
* Quarantine counts from the last exposure, where it is known; one that would be over
  already is none.
* Known cases, and the dead, are not quarantined as contacts. A contact with symptoms is
  in quarantine all the same until a test is positive.
* Beginnings are recorded: how many, how many of them infected, and how many days these
  had been.

Recorded are `isolations`, `isolations_infected`, `days_to_isolation` for cases and
`quarantines`, `quarantines_infected`, `days_to_quarantine` for contacts; the days are
sums over the infected.
"""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cosignal.simulator.interventions.draws import Days, Flags, Ids, chosen
from cosignal.simulator.interventions.intervention import in_force
from cosignal.simulator.interventions.sets import distinct, without
from cosignal.simulator.interventions.testing import known_cases
from cosignal.simulator.state import DEAD, INFECTED, NEVER

if TYPE_CHECKING:
    from cosignal.simulator.population.people import People
    from cosignal.simulator.simulation import Sim


def isolate_cases(sim: "Sim", ids: Ids, *, confirmed: bool) -> None:
    """Let people stay at home for their own infection, or what may be one.

    Args:
        sim: The run.
        ids: Shape (m,). Who.
        confirmed: Whether a test says so; without, contacts in quarantine stay that.
    """
    ids = ids[sim.state.status[ids] != DEAD]
    _record(sim, ids, "isolation")
    until = sim.day + in_force(sim, sim.parameters.isolation).length
    in_quarantine = sim.state.quarantined[ids] == 1
    in_quarantine &= sim.state.isolated_until[ids] > sim.day
    contacts = ids[in_quarantine & (not confirmed)]
    # A test that ends their quarantine must not be older than their symptoms.
    reason = _reason_days(sim, contacts, np.full(len(contacts), NEVER))
    symptoms = sim.day - in_force(sim, sim.parameters.isolation).smart_release
    sim.isolate(contacts, until, quarantined=True)
    sim.state.reason_day[contacts] = np.maximum(reason, symptoms)
    others = ids[~(in_quarantine & (not confirmed))]
    sim.isolate(others, until, quarantined=False)


def quarantine_contacts(sim: "Sim", ids: Ids, since: Days | None = None) -> None:
    """Let contacts stay at home, and maybe those they live with.

    Args:
        sim: The run.
        ids: Shape (m,), distinct. Who.
        since: Shape (m,) or one day for all. Of their last exposure; today if None.
    """
    isolation = in_force(sim, sim.parameters.isolation)
    contacts = _quarantine(sim, ids, sim.day if since is None else since)
    if isolation.household_of_contacts > 0:
        others = without(household_members(sim.people, contacts), contacts)
        stream = sim.stream("isolation.household_of_contacts")
        _quarantine(
            sim,
            chosen(stream, sim.day, others, isolation.household_of_contacts),
            sim.day,
        )


def is_worthwhile(sim: "Sim", since: Days) -> Flags:
    """Whether a quarantine that begins today is not over already.

    Args:
        sim: The run.
        since: Shape (m,). Days of the last exposure.
    """
    length = in_force(sim, sim.parameters.isolation).quarantine_length
    left: Flags = np.asarray(since) + length > sim.day
    return left


def household_members(people: "People", ids: Ids) -> Ids:
    """Everybody who lives with somebody.

    Args:
        people: All.
        ids: Shape (m,). Who.

    Returns:
        Ascending, distinct, with `ids` themselves.
    """
    homes = distinct(people.household[ids])
    first = people.household_start[homes].astype(np.int64)
    sizes = people.household_start[homes + 1] - first
    within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    members: Ids = (np.repeat(first, sizes) + within).astype(np.int32)
    return members


def _quarantine(sim: "Sim", ids: Ids, since: Days) -> Ids:
    state, isolation = sim.state, in_force(sim, sim.parameters.isolation)
    days = np.broadcast_to(np.asarray(since, np.int64), ids.shape)
    ids, place = np.unique(ids, return_index=True)
    days = days[place]
    able = ~known_cases(state, ids, sim.day) & (state.status[ids] != DEAD)
    able &= is_worthwhile(sim, days)
    contacts: Ids = ids[able]
    days = days[able]
    _record(sim, contacts, "quarantine")
    reason = _reason_days(sim, contacts, days)
    sim.isolate(contacts, days + isolation.quarantine_length, quarantined=True)
    state.quarantined[contacts] = 1
    state.reason_day[contacts] = reason
    if isolation.smart_release > 0:
        due = np.maximum(days + isolation.smart_release - 1, sim.day)
        sim.queue("isolation.release").put(due, contacts)
    return contacts


def _reason_days(
    sim: "Sim", ids: Ids, since: npt.NDArray[np.integer]
) -> npt.NDArray[np.int64]:
    """From which day on `smart_release` counts, with an exposure more.

    The later one of those of contacts; and no test before symptoms counts.
    """
    state = sim.state
    smart = in_force(sim, sim.parameters.isolation).smart_release
    before = state.reason_day[ids].astype(np.int64)
    before -= np.where(state.quarantined[ids] == 1, 0, smart)
    at_home = state.isolated_until[ids] > sim.day
    reason: npt.NDArray[np.int64] = np.maximum(since, np.where(at_home, before, NEVER))
    return reason


def _record(sim: "Sim", ids: Ids, what: str) -> None:
    state, day = sim.state, sim.day
    beginning = ids[state.isolated_until[ids] <= day]
    infected = beginning[state.status[beginning] == INFECTED]
    sim.record.count(f"{what}s", day, beginning)
    sim.record.count(f"{what}s_infected", day, infected)
    days = int((day - state.infected_day[infected].astype(np.int64)).sum())
    sim.record.add(f"days_to_{what}", day, days)
