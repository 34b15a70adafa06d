"""Who stays at home with symptoms, after a positive test, or with somebody who has one.

What this module guarantees:

* A negative result sends people out who stay at home for symptoms, if the test was not
  taken before them; and contacts in quarantine, if it was taken `smart_release` days
  after their last exposure or later, and not before symptoms.
* People give up with probability `drop_out` a day, from the day after the first.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
from numba import int16

from cosignal.simulator.compiled import kernel
from cosignal.simulator.interventions.draws import (
    CHOICE,
    NOBODY,
    Ids,
    chosen,
    keys_of_day,
)
from cosignal.simulator.interventions.quarantine import (
    household_members,
    isolate_cases,
    quarantine_contacts,
)
from cosignal.simulator.interventions.sets import distinct, either, without
from cosignal.simulator.interventions.testing import known_cases
from cosignal.simulator.parameters.behaviour import IsolationParameters
from cosignal.simulator.state import NEVER
from cosignal.simulator.streams import uniform
from cosignal.simulator.threads import ranges, share

if TYPE_CHECKING:
    from cosignal.simulator.simulation import Sim

#: People for whom a thread is worth its while.
_LEAST: Final = 100_000
_BLOCK: Final = 4096


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
        symptoms = either(sim.today["onset"], sim.today.get("background", NOBODY))
        self._isolate(sim, "symptoms", symptoms, self.parameters.on_symptoms)
        positive = sim.today.get("positive", NOBODY)
        self._isolate(sim, "positive", positive, self.parameters.on_positive)
        others = household_members(sim.people, positive)
        stream = sim.stream("isolation.household")
        home = chosen(stream, day, others, self.parameters.household)
        quarantine_contacts(sim, without(home, positive))

    def _isolate(self, sim: "Sim", why: str, ids: Ids, probability: float) -> None:
        stream = sim.stream(f"isolation.{why}")
        ids = chosen(stream, sim.day, ids, probability)
        isolate_cases(sim, ids, confirmed=why == "positive")

    def _drop_out(self, sim: "Sim", day: int) -> None:
        if self.parameters.drop_out > 0:
            key = keys_of_day([sim.stream("isolation.drop_out")], day)[0]
            until, chance = sim.state.isolated_until, self.parameters.drop_out

            def give_up(part: tuple[int, int]) -> None:
                _give_up(*part, day, (key, chance), until, np.empty(_BLOCK, np.int32))

            parts = ranges(len(until), sim.threads, _LEAST)
            share(give_up, parts, sim.threads)

    def _release(self, sim: "Sim", day: int) -> None:
        state = sim.state
        negative = sim.today.get("negative", NOBODY)
        ids = negative[~known_cases(state, negative, day)]
        state.isolated_until[ids[self._tested_late(sim, ids)]] = NEVER
        if self.parameters.smart_release > 0:
            due = distinct(sim.queue("isolation.release").take(day))
            sim.queue("test.order").put(day + 1, due[state.isolated_until[due] > day])

    def _tested_late(self, sim: "Sim", ids: Ids) -> npt.NDArray[np.bool_]:
        """Whether a test was taken late enough to end staying at home."""
        smart = self.parameters.smart_release
        contact = sim.state.quarantined[ids] == 1
        needed = sim.state.reason_day[ids] + np.where(contact, smart, 0)
        late: npt.NDArray[np.bool_] = sim.state.test_day[ids] >= needed
        late &= ~contact | (smart > 0)
        return late


@kernel
def _give_up(first, end, day, chance, until, at_home):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917
    """Let people of a range go out again who are at home, with a probability.

    Args:
        first: Of the range.
        end: First one after it.
        day: Of the run.
        chance: Key of the day's draws, and the probability.
        until: `State.isolated_until`.
        at_home: For as many people as are looked at in one go. They are listed without
            a branch: the processor would guess wrong at each of them.
    """
    today = int16(day)
    key, probability = chance
    for start in range(first, end, len(at_home)):
        count = 0
        for i in range(start, min(start + len(at_home), end)):
            at_home[count] = i
            count += until[i] > today
        for place in range(count):
            if uniform(key, at_home[place], CHOICE) < probability:
                until[at_home[place]] = NEVER
