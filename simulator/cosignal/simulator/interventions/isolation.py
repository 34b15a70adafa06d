"""Who stays at home with symptoms, after a positive test, or with somebody who has one.

What this module guarantees:

* A negative result sends people out who stay at home for symptoms, if the test was not
  taken before them; and contacts in quarantine, if it was taken `smart_release` days
  after their last exposure or later, and not before symptoms.
* People give up with probability `drop_out` a day, from the day after the first.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cosignal.simulator.interventions.draws import NOBODY, Ids, chosen
from cosignal.simulator.interventions.quarantine import (
    household_members,
    isolate_cases,
    quarantine_contacts,
)
from cosignal.simulator.interventions.testing import known_cases
from cosignal.simulator.parameters.behaviour import IsolationParameters
from cosignal.simulator.state import NEVER

if TYPE_CHECKING:
    from cosignal.simulator.simulation import Sim


@dataclass(slots=True)
class Isolation:
    """Isolation of cases and quarantine of their households.

    Attributes:
        parameters: Who, for how long, how strictly.
        start: First day.
        stop: Day after the last; None for the run's end.
    """

    parameters: IsolationParameters
    start: int = 0
    stop: int | None = None

    def apply(self, sim: "Sim", day: int) -> None:
        """Let people give up, begin, and be released."""
        self._drop_out(sim, day)
        self._release(sim, day)
        symptoms = np.union1d(sim.today["onset"], sim.today.get("background", NOBODY))
        self._isolate(sim, "symptoms", symptoms, self.parameters.on_symptoms)
        positive = sim.today.get("positive", NOBODY)
        self._isolate(sim, "positive", positive, self.parameters.on_positive)
        others = household_members(sim.people, positive)
        stream = sim.stream("isolation.household")
        home = chosen(stream, day, others, self.parameters.household)
        quarantine_contacts(sim, np.setdiff1d(home, positive))

    def _isolate(self, sim: "Sim", why: str, ids: Ids, probability: float) -> None:
        stream = sim.stream(f"isolation.{why}")
        ids = chosen(stream, sim.day, ids, probability)
        isolate_cases(sim, ids, confirmed=why == "positive")

    def _drop_out(self, sim: "Sim", day: int) -> None:
        if self.parameters.drop_out > 0:
            at_home = _at_home(sim.state.isolated_until, day)
            stream = sim.stream("isolation.drop_out")
            leaving = chosen(stream, day, at_home, self.parameters.drop_out)
            sim.state.isolated_until[leaving] = NEVER

    def _release(self, sim: "Sim", day: int) -> None:
        state = sim.state
        negative = sim.today.get("negative", NOBODY)
        ids = negative[~known_cases(state, negative, day)]
        state.isolated_until[ids[self._tested_late(sim, ids)]] = NEVER
        if self.parameters.smart_release > 0:
            due = np.unique(sim.queue("isolation.release").take(day))
            sim.queue("test.order").put(day + 1, due[state.isolated_until[due] > day])

    def _tested_late(self, sim: "Sim", ids: Ids) -> npt.NDArray[np.bool_]:
        """Whether a test was taken late enough to end staying at home."""
        smart = self.parameters.smart_release
        contact = sim.state.quarantined[ids] == 1
        needed = sim.state.reason_day[ids] + np.where(contact, smart, 0)
        late: npt.NDArray[np.bool_] = sim.state.test_day[ids] >= needed
        late &= ~contact | (smart > 0)
        return late


def _at_home(until: npt.NDArray[np.int16], day: int) -> Ids:
    found: Ids = np.flatnonzero(until > day).astype(np.int32)
    return found
