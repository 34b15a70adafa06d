"""Staying at home: of cases for their own infection, of contacts for somebody else's.

What this module guarantees:

* Staying at home begins today and ends on the day it would have ended, or on the later
  one if there was a reason before.
* The dead do not stay at home, and known cases are not quarantined as contacts. A
  contact with symptoms is in quarantine all the same until a test is positive.
* Beginnings are recorded: how many, how many of them infected, and how many days these
  had been.

Recorded are `isolations`, `isolations_infected`, `days_to_isolation` for cases and
`quarantines`, `quarantines_infected`, `days_to_quarantine` for contacts; the days are
sums over the infected.
"""

from typing import TYPE_CHECKING

import numpy as np

from cosignal.simulator.interventions.draws import Ids, chosen
from cosignal.simulator.interventions.intervention import in_force
from cosignal.simulator.interventions.sets import distinct, without
from cosignal.simulator.interventions.testing import known_cases
from cosignal.simulator.state import DEAD, INFECTED

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
    contacts = in_quarantine & (not confirmed)
    sim.isolate(ids[contacts], until, quarantined=True)
    sim.isolate(ids[~contacts], until, quarantined=False)


def quarantine_contacts(sim: "Sim", ids: Ids) -> None:
    """Let contacts stay at home, and maybe those they live with.

    Args:
        sim: The run.
        ids: Shape (m,). Who.
    """
    isolation = in_force(sim, sim.parameters.isolation)
    contacts = _quarantine(sim, ids)
    if isolation.household_of_contacts > 0:
        others = without(household_members(sim.people, contacts), contacts)
        stream = sim.stream("isolation.household_of_contacts")
        _quarantine(
            sim, chosen(stream, sim.day, others, isolation.household_of_contacts)
        )


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


def _quarantine(sim: "Sim", ids: Ids) -> Ids:
    state, isolation = sim.state, in_force(sim, sim.parameters.isolation)
    ids = distinct(ids)
    able = ~known_cases(state, ids, sim.day) & (state.status[ids] != DEAD)
    contacts: Ids = ids[able]
    _record(sim, contacts, "quarantine")
    until = sim.day + isolation.quarantine_length
    sim.isolate(contacts, until, quarantined=True)
    state.quarantined[contacts] = 1
    if isolation.smart_release > 0:
        due = sim.day + isolation.smart_release - 1
        sim.queue("isolation.release").put(due, contacts)
    return contacts


def _record(sim: "Sim", ids: Ids, what: str) -> None:
    state, day = sim.state, sim.day
    beginning = ids[state.isolated_until[ids] <= day]
    infected = beginning[state.status[beginning] == INFECTED]
    sim.record.count(f"{what}s", day, beginning)
    sim.record.count(f"{what}s_infected", day, infected)
    days = int((day - state.infected_day[infected].astype(np.int64)).sum())
    sim.record.add(f"days_to_{what}", day, days)
