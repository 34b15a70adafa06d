"""Tracing by people: interviews, names, calls.

What this module guarantees:

* No more cases a day are interviewed than there is capacity for, newest results first;
  who has waited for longer than the window is not asked any more.
* Contacts are those of the days before the interview, as they were: see `past`.
* The dead are neither interviewed nor called.
* A contact that is named is reached `delay` days after, on average, and recorded as
  `traced`; one that stays at home is in quarantine, counted from the last contact.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import uint64

from cosignal.simulator.compiled import kernel
from cosignal.simulator.interventions.draws import (
    CHOICE,
    NOBODY,
    Ids,
    chances,
    days_later,
    keys_of_day,
    whole_number,
)
from cosignal.simulator.interventions.past import past_contacts
from cosignal.simulator.interventions.quarantine import quarantine_contacts
from cosignal.simulator.interventions.warned import Warned, put, take, warned
from cosignal.simulator.parameters.behaviour import TracingParameters
from cosignal.simulator.state import DEAD
from cosignal.simulator.streams import pair_uniform

if TYPE_CHECKING:
    from cosignal.simulator.simulation import Sim

_LAYER_SALT = 0x9FB21C651E98DF25


@dataclass(slots=True)
class ManualTracing:
    """Cases are asked whom they met; those are called.

    Attributes:
        parameters: How many, how far back, how well.
        start: First day.
        stop: Day after the last; None for the run's end.
    """

    parameters: TracingParameters
    start: int = 0
    stop: int | None = None

    def apply(self, sim: "Sim", day: int) -> None:
        """Interview cases and call contacts."""
        sim.queue("tracing.case").put(day, sim.today.get("positive", NOBODY))
        cases = self._interviewed(sim, day)
        sim.record.count("interviews", day, cases)
        contacts = named(sim, cases, self.parameters)
        reached = days_later(
            sim.stream("tracing.delay"), day, contacts.ids, self.parameters.delay
        )
        put(sim.queue("tracing.contact"), reached, contacts.ids, contacts.last)
        self._call(sim, day)

    def _interviewed(self, sim: "Sim", day: int) -> Ids:
        queue = sim.queue("tracing.case")
        first = day - self.parameters.window
        queue.take(first)
        waiting = [_living(sim, queue.take(past)) for past in range(first + 1, day + 1)]
        interviews = whole_number(self.parameters.capacity, len(sim.people.age), day)
        cases = []
        for past, ids in zip(range(day, first, -1), reversed(waiting), strict=True):
            turn = np.argsort(chances(sim.stream("tracing.turn"), past, ids, CHOICE))
            cases.append(ids[turn[:interviews]])
            queue.put(past, ids[turn[interviews:]])
            interviews -= len(cases[-1])
        return np.sort(np.concatenate(cases))

    def _call(self, sim: "Sim", day: int) -> None:
        contacts = take(sim.queue("tracing.contact"), day)
        contacts = contacts.only(sim.state.status[contacts.ids] != DEAD)
        sim.record.count("traced", day, contacts.ids)
        luck = chances(sim.stream("tracing.compliance"), day, contacts.ids, CHOICE)
        staying = contacts.only(luck < self.parameters.compliance)
        quarantine_contacts(sim, staying.ids, staying.last)


def named(sim: "Sim", cases: Ids, parameters: TracingParameters) -> Warned:
    """Whom cases name in interviews today.

    Args:
        sim: The run.
        cases: Shape (m,). Who are asked.
        parameters: For how many days, and how well they remember.

    Returns:
        Those named, and the days of their contacts.
    """
    contacts, days = [NOBODY], [NOBODY]
    for past in range(max(0, sim.day - parameters.window), sim.day):
        index, others, layers = past_contacts(sim, cases, past)
        luck = np.empty(len(index), np.float64)
        key = keys_of_day([sim.stream("tracing.recall")], past)[0]
        _pair_chances(key, cases, (index, others, layers), luck)
        recall = np.asarray(parameters.recall)[layers]
        contacts.append(others[luck < recall])
        days.append(np.full(len(contacts[-1]), past, np.int32))
    return warned(np.concatenate(contacts), np.concatenate(days))


def _living(sim: "Sim", ids: Ids) -> Ids:
    living: Ids = ids[sim.state.status[ids] != DEAD]
    return living


@kernel
def _pair_chances(key, ids, contacts, found):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    index, others, layers = contacts
    for place in range(len(index)):
        salted = key + uint64(layers[place] + 1) * uint64(_LAYER_SALT)
        found[place] = pair_uniform(salted, ids[index[place]], others[place])
