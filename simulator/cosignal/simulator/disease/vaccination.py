"""Vaccination: by schedule, so many people a day, the oldest first, or by anybody.

What this module guarantees:

* The order of people is fixed by the seed: the decade of age, oldest first, then
  chance; with more doses a day the same people come earlier.
* The schedule passes over the dead and the vaccinated, and its doses go to the next.
* Nobody loses protection by another dose.
"""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.state import DEAD, NEVER
from cosignal.simulator.streams import uniforms

if TYPE_CHECKING:
    from cosignal.simulator.simulation import Sim

Ids = npt.NDArray[np.int32]


class Vaccination:
    """Those who are due, every day.

    Attributes:
        start: First day.
        stop: None: until all who want it have it.
    """

    def __init__(self, parameters: Parameters) -> None:
        """Plan.

        Args:
            parameters: `vaccination`.
        """
        self._parameters = parameters.vaccination
        self.start = self._parameters.start
        self.stop: int | None = None
        self._order: Ids | None = None
        self._passed = self._given = 0

    def apply(self, sim: "Sim", day: int) -> None:
        """Vaccinate those who are due on a day."""
        share = self._parameters.per_day
        if share == 0 or day < self.start:
            return
        doses = round(share * (day - self.start + 1) * len(sim.people.age))
        due = self._next(sim, doses - self._given)
        self._given += len(due)
        vaccinate(sim, due)

    def _next(self, sim: "Sim", doses: int) -> Ids:
        """Take the next ones out of the order, as many as there are doses."""
        if self._order is None:
            self._order = self._queue_up(sim)
        found = [np.empty(0, np.int32)]
        while doses > 0 and self._passed < len(self._order):
            ids = self._order[self._passed : self._passed + doses]
            self._passed += len(ids)
            able = sim.state.status[ids] != DEAD
            able &= sim.state.vaccinated_day[ids] == NEVER
            found.append(ids[able])
            doses -= len(found[-1])
        return np.concatenate(found)

    def _queue_up(self, sim: "Sim") -> Ids:
        ids = np.arange(len(sim.people.age), dtype=np.int32)
        bands = np.minimum(sim.people.age // 10, 8)
        coverage = np.array(self._parameters.coverage)[bands]
        chance = uniforms(sim.stream("vaccination"), ids, 0)
        wanting = ids[chance < coverage]
        order = np.lexsort((chance[wanting], -bands[wanting].astype(np.int16)))
        queue: Ids = wanting[order]
        return queue


def vaccinate(sim: "Sim", ids: Ids) -> None:
    """Vaccinate people today; see `Sim.vaccinate`."""
    state, day = sim.state, sim.day
    alive = np.unique(ids[state.status[ids] != DEAD])
    before = state.vaccinated_day[alive]
    again = np.maximum(before, day - sim.parameters.vaccination.delay)
    state.vaccinated_day[alive] = np.where(before == NEVER, day, again)
    sim.record.count("vaccinated", day, alive)
