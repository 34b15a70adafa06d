"""Tests: who orders one, who waits for one, what it says, and when.

What this module guarantees:

* People order a test with symptoms, of this infection or of another illness, and on
  admission to hospital; whoever puts people into the queue `test.order` has them tested
  as well.
* No more tests a day than there are; the rest waits, first come first served.
* Nobody is tested while their result is out, nor within `RETEST_DAYS` of a positive.
* Results of today are `sim.today["positive"]` and `sim.today["negative"]`; people with
  symptoms of another illness are `sim.today["background"]`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from cosignal.simulator.interventions.draws import (
    CHOICE,
    Flags,
    Ids,
    Reals,
    chances,
    chosen,
    days_later,
    rare,
    whole_number,
)
from cosignal.simulator.interventions.sets import either, without
from cosignal.simulator.parameters.behaviour import TestingParameters
from cosignal.simulator.state import DEAD, NEVER, State

if TYPE_CHECKING:
    from cosignal.simulator.simulation import Sim

Ints = npt.NDArray[np.integer[Any]]

#: Days after a positive result in which another one says nothing new.
RETEST_DAYS: Final = 30
#: Days of waiting that are kept apart; who has waited for longer comes first.
_WAITING_DAYS: Final = 60


@dataclass(slots=True)
class Testing:
    """Tests of people with symptoms, and of whoever else orders one.

    Attributes:
        parameters: What tests there are.
        start: First day.
        stop: Day after the last; None for the run's end.
    """

    parameters: TestingParameters
    start: int = 0
    stop: int | None = None

    def apply(self, sim: "Sim", day: int) -> None:
        """Take orders, test, and tell results."""
        state = sim.state
        ill = rare(
            sim.stream("testing.background"),
            day,
            len(state.status),
            self.parameters.background,
        )
        sim.today["background"] = ill[state.status[ill] != DEAD]
        self._order(sim, day)
        self._test(sim, day)
        _tell(sim, day, self.parameters)

    def _order(self, sim: "Sim", day: int) -> None:
        symptoms = either(sim.today["onset"], sim.today["background"])
        ordering = chosen(
            sim.stream("testing.order"), day, symptoms, self.parameters.symptomatic
        )
        order_tests(sim, "testing.order", ordering, day, self.parameters.order_delay)
        sim.queue("test.order").put(day, sim.today["hospital"])

    def _test(self, sim: "Sim", day: int) -> None:
        state, parameters = sim.state, self.parameters
        _know(sim, day)
        tests = whole_number(parameters.capacity, len(state.status), day)
        ids = serve(sim, tests, day, parameters)
        state.test_day[ids] = day
        sim.record.count("tests", day, ids)
        luck = chances(sim.stream("testing.outcome"), day, ids, CHOICE)
        positive = luck < positive_probability(
            infection_ages(state, ids, parameters), parameters
        )
        told = _result_days(sim, ids, parameters)
        sim.queue("test.positive").put(told[positive], ids[positive])
        sim.queue("test.negative").put(told[~positive], ids[~positive])


def order_tests(sim: "Sim", stream: str, ids: Ids, day: int, mean_delay: float) -> None:
    """Let people order a test.

    Args:
        sim: The run.
        stream: Name of the stream of their delays.
        ids: Shape (m,). Who.
        day: Of the order.
        mean_delay: Until the test, days.
    """
    sim.queue("test.order").put(
        days_later(sim.stream(stream), day, ids, mean_delay), ids
    )


def serve(sim: "Sim", tests: int, day: int, parameters: TestingParameters) -> Ids:
    """Take those who are tested today out of the queue.

    Args:
        sim: The run.
        tests: How many there are.
        day: Of the run.
        parameters: How long results take.

    Returns:
        Ascending, `tests` of them at most.
    """
    queue = sim.queue("test.order")
    everybody = tests >= len(sim.state.status)
    first = day if everybody else max(0, day - _WAITING_DAYS)
    served = [np.empty(0, np.int32)]
    for ordered in range(first, day + 1):
        if tests == 0:
            break
        ids = without(queue.take(ordered), np.concatenate(served))
        ids = ids[_may_be_tested(sim, ids, day, parameters)]
        turn = np.argsort(chances(sim.stream("testing.turn"), ordered, ids, CHOICE))
        served.append(ids[turn[:tests]])
        queue.put(ordered, ids[turn[tests:]])
        tests -= len(served[-1])
    return np.sort(np.concatenate(served))


def infection_ages(
    state: State, ids: Ids, parameters: TestingParameters
) -> npt.NDArray[np.int64]:
    """Days from infection to the last test; -1 where no test could tell.

    Args:
        state: Of the run.
        ids: Shape (m,). Who.
        parameters: Their `sensitivity` ends where no test can tell any more.
    """
    infected = state.infected_day[ids].astype(np.int64)
    since = state.test_day[ids] - infected
    there = (infected != NEVER) & (since >= 0) & (since < len(parameters.sensitivity))
    return np.where(there, since, -1)


def positive_probability(since: Ints, parameters: TestingParameters) -> Reals:
    """How likely a test is positive.

    Args:
        since: Shape (m,). Of `infection_ages`.
        parameters: Sensitivity and specificity.

    Returns:
        Shape (m,). An infected person's is a false alarm's at least.
    """
    false_alarm = 1.0 - parameters.specificity
    table = np.append(np.maximum(parameters.sensitivity, false_alarm), false_alarm)
    probability: Reals = table[since]
    return probability


def known_cases(state: State, ids: Ids, day: int) -> Flags:
    """Whether people had a positive result within `RETEST_DAYS`."""
    positive = state.positive_day[ids].astype(np.int64)
    known: Flags = (positive != NEVER) & (positive > day - RETEST_DAYS)
    return known


def _may_be_tested(
    sim: "Sim", ids: Ids, day: int, parameters: TestingParameters
) -> Flags:
    state = sim.state
    tested = state.test_day[ids] != NEVER
    alive: Flags = state.status[ids] != DEAD
    waiting: Flags = tested & (_result_days(sim, ids, parameters) > day)
    waiting |= known_cases(state, ids, day)
    return alive & ~waiting


def _result_days(
    sim: "Sim", ids: Ids, parameters: TestingParameters
) -> npt.NDArray[np.int64]:
    """When people hear of their last test."""
    return days_later(
        sim.stream("testing.result"),
        sim.state.test_day[ids],
        ids,
        parameters.result_delay,
    )


def _know(sim: "Sim", day: int) -> None:
    """Let those whose positive result comes today not be tested once more before it."""
    queue = sim.queue("test.positive")
    positive = queue.take(day)
    sim.state.positive_day[positive] = day
    queue.put(day, positive)


def _tell(sim: "Sim", day: int, parameters: TestingParameters) -> None:
    state = sim.state
    positive = sim.queue("test.positive").take(day)
    state.positive_day[positive] = day
    sim.today["positive"] = positive
    sim.today["negative"] = sim.queue("test.negative").take(day)
    sim.record.count("cases", day, positive)
    false = positive[infection_ages(state, positive, parameters) < 0]
    sim.record.count("false_positives", day, false)
