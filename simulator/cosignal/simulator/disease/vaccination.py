"""Vaccination by schedule: so many people a day, the oldest first.

What this module guarantees:

* The order of people is fixed by the seed: the decade of age, oldest first, then
  chance; with more doses a day the same people come earlier.
* It is an intervention like any other.
"""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.state import DEAD
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
        self._done = 0

    def apply(self, sim: "Sim", day: int) -> None:
        """Vaccinate those who are due on a day; the dead are passed over."""
        share = self._parameters.per_day
        if share == 0 or day < self.start:
            return
        if self._order is None:
            self._order = self._queue_up(sim)
        target = round(share * (day - self.start + 1) * len(sim.people.age))
        due = self._order[self._done : target]
        self._done = max(self._done, target)
        due = due[sim.state.status[due] != DEAD]
        sim.state.vaccinated_day[due] = day
        sim.record.count("vaccinated", day, due)

    def _queue_up(self, sim: "Sim") -> Ids:
        ids = np.arange(len(sim.people.age), dtype=np.int32)
        bands = np.minimum(sim.people.age // 10, 8)
        coverage = np.array(self._parameters.coverage)[bands]
        chance = uniforms(sim.stream("vaccination"), ids, 0)
        wanting = ids[chance < coverage]
        order = np.lexsort((chance[wanting], -bands[wanting].astype(np.int16)))
        queue: Ids = wanting[order]
        return queue
