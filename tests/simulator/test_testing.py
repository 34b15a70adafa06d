import math
from dataclasses import replace

import numpy as np

from cosignal.simulator import interventions
from cosignal.simulator.interventions.testing import known_cases
from cosignal.simulator.parameters import behaviour
from cosignal.simulator.simulation import Sim
from cosignal.simulator.state import DEAD, INFECTED
from tests.simulator.quiet_runs import Ids, everybody, ids, next_day, quiet

#: Everybody with symptoms is tested at once, and knows at once; no other illness.
AT_ONCE = behaviour.TestingParameters(
    symptomatic=1.0,
    background=0.0,
    order_delay=0.0,
    result_delay=0.0,
    sensitivity=(0.0, 1.0, 1.0, 1.0),
    specificity=1.0,
    capacity=1.0,
)


def infect(sim: Sim, people: Ids, day: int) -> None:
    sim.state.status[people] = INFECTED
    sim.state.infected_day[people] = day


def who_was_tested(sim: Sim, day: int) -> list[int]:
    found: list[int] = np.flatnonzero(sim.state.test_day == day).tolist()
    return found


def test_symptoms_lead_to_a_test_and_a_result() -> None:
    sim = quiet(3)
    infect(sim, ids(4, 5), 1)
    sim.today["onset"] = ids(4, 5, 6)

    interventions.Testing(AT_ONCE).apply(sim, 3)

    assert sim.today["positive"].tolist() == [4, 5]
    assert sim.today["negative"].tolist() == [6]
    assert sim.record.series("tests")[3] == 3
    assert sim.record.series("cases")[3] == 2
    assert sim.state.positive_day[[4, 5, 6]].tolist() == [3, 3, -1]


def test_sensitivity_follows_the_days_since_infection() -> None:
    sim = quiet(6)
    for person in range(6):
        infect(sim, ids(person), 6 - person)
    sim.today["onset"] = ids(*range(6))

    interventions.Testing(
        replace(AT_ONCE, sensitivity=(0.0, 0.0, 1.0, 1.0, 0.0))
    ).apply(sim, 6)

    assert sim.today["positive"].tolist() == [2, 3]


def test_sensitivity_is_a_probability() -> None:
    """False alarm: below 1e-6; five standard errors."""
    sim = quiet(2, agents=20_000)
    people = everybody(sim)
    infect(sim, people, 1)
    sim.today["onset"] = people

    interventions.Testing(replace(AT_ONCE, sensitivity=(0.0, 0.7))).apply(sim, 2)

    error = math.sqrt(0.7 * 0.3 / len(people))
    assert abs(len(sim.today["positive"]) / len(people) - 0.7) < 5 * error


def test_false_positives_are_counted_as_such() -> None:
    """False alarm: below 1e-6; five standard errors."""
    sim = quiet(2, agents=20_000)
    sim.today["onset"] = everybody(sim)

    interventions.Testing(replace(AT_ONCE, specificity=0.98)).apply(sim, 2)

    false = sim.record.series("false_positives")[2]
    assert abs(false - 400) < 5 * math.sqrt(400)
    assert false == sim.record.series("cases")[2]


def test_an_infection_long_gone_is_no_sensitivity() -> None:
    sim = quiet(8)
    infect(sim, ids(1), 2)
    sim.today["onset"] = ids(1)

    interventions.Testing(AT_ONCE).apply(sim, 8)

    assert sim.today["negative"].tolist() == [1]


def test_who_ordered_first_is_tested_first() -> None:
    sim = quiet(0)
    testing = interventions.Testing(replace(AT_ONCE, capacity=0.01))
    first, second = ids(*range(500, 525)), ids(*range(5))
    sim.today["onset"] = first
    testing.apply(sim, 0)
    next_day(sim, onset=second)
    testing.apply(sim, 1)
    next_day(sim)
    testing.apply(sim, 2)
    next_day(sim)
    testing.apply(sim, 3)

    served = [who_was_tested(sim, day) for day in range(4)]

    assert [len(people) for people in served] == [10, 10, 10, 0]
    assert set(served[0]) | set(served[1]) < set(first.tolist())
    assert set(second.tolist()) < set(served[2])
    assert sim.record.series("tests")[:4].tolist() == [10, 10, 10, 0]


def test_nobody_is_tested_while_their_result_is_out() -> None:
    sim = quiet(0)
    testing = interventions.Testing(replace(AT_ONCE, result_delay=5.0))
    sim.today["onset"] = people = everybody(sim)
    testing.apply(sim, 0)
    told = sim.today["negative"]
    next_day(sim, onset=people)

    testing.apply(sim, 1)

    told = np.union1d(told, sim.today["negative"])
    assert 0 < len(told) < len(people)
    assert who_was_tested(sim, 1) == told.tolist()


def test_nobody_is_tested_on_the_day_of_their_positive_result() -> None:
    sim = quiet(3)
    people = everybody(sim)
    infect(sim, people, 2)
    always = replace(AT_ONCE, sensitivity=(1.0,) * 30, result_delay=1.5)
    testing = interventions.Testing(always)
    sim.today["onset"] = people
    results = np.zeros(len(people), int)
    for day in range(3, 9):
        sim.queue("test.order").put(day, people)
        testing.apply(sim, day)
        results[sim.today["positive"]] += 1
        next_day(sim)

    assert {1} == set(results.tolist())


def test_results_take_their_time() -> None:
    """False alarm: below 1e-6; five standard errors of the mean of 5000 waits."""
    sim = quiet(0, agents=5000)
    testing = interventions.Testing(replace(AT_ONCE, result_delay=2.0))
    sim.today["onset"] = everybody(sim)
    waits = []
    for day in range(6):
        testing.apply(sim, day)
        waits += [day] * len(sim.today["negative"])
        next_day(sim)

    assert len(waits) == 5000
    assert abs(np.mean(waits) - 2.0) < 5 * np.std(waits) / math.sqrt(5000)


def test_known_cases_are_not_tested_again_for_a_month() -> None:
    sim = quiet(1)
    infect(sim, ids(3), 0)
    sim.state.positive_day[[3, 4]] = [1, 1]

    assert known_cases(sim.state, ids(3, 4, 5), 30).tolist() == [True, True, False]
    assert known_cases(sim.state, ids(3, 4, 5), 31).tolist() == [False] * 3

    sim.today["onset"] = ids(3, 5)
    interventions.Testing(AT_ONCE).apply(sim, 1)
    assert who_was_tested(sim, 1) == [5]


def test_the_dead_are_not_tested_and_hospitals_test_everybody() -> None:
    sim = quiet(1)
    sim.state.status[2] = DEAD
    sim.today["onset"] = ids(2)
    sim.today["hospital"] = ids(8)

    interventions.Testing(replace(AT_ONCE, symptomatic=0.0)).apply(sim, 1)
    assert who_was_tested(sim, 1) == [8]

    interventions.Testing(AT_ONCE).apply(sim, 1)
    assert who_was_tested(sim, 1) == [8]


def test_other_illness_takes_tests() -> None:
    """False alarm: below 1e-6; five standard errors."""
    sim = quiet(1, agents=20_000)

    interventions.Testing(replace(AT_ONCE, background=0.02, symptomatic=0.5)).apply(
        sim, 1
    )

    assert abs(len(sim.today["background"]) - 400) < 5 * math.sqrt(400)
    assert abs(len(who_was_tested(sim, 1)) - 200) < 5 * math.sqrt(200)


def test_whoever_puts_people_into_the_queue_has_them_tested() -> None:
    sim = quiet(1)
    sim.queue("test.order").put(1, ids(7, 7, 9))

    interventions.Testing(AT_ONCE).apply(sim, 1)

    assert who_was_tested(sim, 1) == [7, 9]
    assert sim.record.series("tests")[1] == 2
