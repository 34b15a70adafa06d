"""The first day at home: half of those who stay from today on have met people already.

A band of five standard errors is missed by chance in less than one of a million.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from cosignal.simulator.interventions import App, Isolation, ManualTracing
from cosignal.simulator.interventions.app.intervention import install
from cosignal.simulator.parameters.app import AppParameters
from cosignal.simulator.parameters.behaviour import (
    IsolationParameters,
    TracingParameters,
)
from cosignal.simulator.simulation import Sim
from cosignal.simulator.state import DEAD
from tests.simulator.quiet_runs import Ids, everybody, ids, next_day, quiet

STRICT = IsolationParameters(
    on_symptoms=1.0, on_positive=1.0, household=1.0, drop_out=0.0
)


def met_nobody(sim: Sim, ago: int) -> npt.NDArray[np.bool_]:
    """Who stayed at home some days ago; by person."""
    found: npt.NDArray[np.bool_] = (sim.state.isolation >> np.uint32(ago)) & 1 > 0
    return found


def assert_half(sim: Sim, people: Ids) -> None:
    """Of those who stay from the day before on: half that day, everybody today."""
    stayed = int(met_nobody(sim, 1)[people].sum())
    assert abs(stayed - len(people) / 2) < 5 * math.sqrt(len(people) / 4)
    assert met_nobody(sim, 0)[people].all()


def by_symptoms(sim: Sim) -> None:
    sim.today["onset"] = everybody(sim)[::2]
    Isolation(STRICT).apply(sim, sim.day)


def by_result_and_household(sim: Sim) -> None:
    sim.today["positive"] = everybody(sim)[::9]
    Isolation(STRICT).apply(sim, sim.day)


def by_call(sim: Sim) -> None:
    sim.today["positive"] = everybody(sim)[::40]
    everyone = TracingParameters(
        capacity=1.0, recall=(1.0,) * 5, delay=0.0, compliance=1.0
    )
    ManualTracing(everyone).apply(sim, sim.day)


def by_alert(sim: Sim) -> None:
    app = AppParameters(
        adoption=1.0, consent=1.0, code_delay=0.0, publish_delay=0.0, compliance=1.0
    )
    install(sim, app)
    sim.state.app_from[:] = 0
    sim.today["positive"] = everybody(sim)[::20]
    App(app, start=-1).apply(sim, sim.day)


def by_hand(sim: Sim) -> None:
    sim.isolate(everybody(sim)[::2], sim.day + 9, quarantined=False)


@pytest.mark.parametrize(
    "reason", [by_symptoms, by_result_and_household, by_call, by_alert, by_hand]
)
def test_half_of_those_who_stay_from_today_on_have_met_people_already(
    reason: Any,  # noqa: ANN401 - a function of a run
) -> None:
    sim = quiet(3, agents=6000)
    reason(sim)
    staying = np.flatnonzero(sim.state.isolated_until > 4).astype(np.int32)
    next_day(sim)

    assert len(staying) > 1000
    assert sim.record.series("in_isolation")[3] == len(staying)
    assert_half(sim, staying)


def test_contacts_of_the_first_day_are_those_of_whoever_still_had_them() -> None:
    sim = quiet(2, agents=3000)
    by_hand(sim)
    next_day(sim)
    home = met_nobody(sim, 1)

    who, whom, layer = sim.contacts(2, everybody(sim))

    out = layer > 0
    assert not (home[who[out]] | home[whom[out]]).any()
    first_day = (sim.state.isolated_until > 3) & ~home
    assert np.isin(who[out], np.flatnonzero(first_day)).any()


def test_who_is_at_home_in_the_morning_goes_on() -> None:
    sim = quiet(2, agents=2000)
    people = everybody(sim)
    sim.isolate(people, 4, quarantined=True)
    next_day(sim)
    sim.isolate(people, 9, quarantined=False)  # on the last day
    next_day(sim)

    assert met_nobody(sim, 1).all()


def test_who_leaves_today_and_comes_back_today_was_at_home_in_the_morning() -> None:
    sim = quiet(2, agents=2000)
    people = everybody(sim)
    sim.isolate(people, 12, quarantined=False)
    next_day(sim)
    sim.state.isolated_until[:] = -1
    sim.isolate(people, 12, quarantined=True)
    next_day(sim)

    assert met_nobody(sim, 1).all()


def test_who_is_free_from_today_on_and_has_a_new_reason_may_have_met_people() -> None:
    sim = quiet(2, agents=6000)
    people = everybody(sim)
    sim.isolate(people, 4, quarantined=False)
    next_day(sim)
    next_day(sim)
    sim.isolate(people, 12, quarantined=False)
    next_day(sim)

    assert_half(sim, people)


def test_who_gives_up_meets_people_on_that_day() -> None:
    sim = quiet(2)
    sim.isolate(ids(7), 12, quarantined=False)
    next_day(sim)
    sim.state.isolated_until[7] = -1
    next_day(sim)

    assert not met_nobody(sim, 1)[7]


def test_the_dead_meet_nobody_from_the_day_of_their_death_on() -> None:
    sim = quiet(2)
    people = everybody(sim)[:200]
    sim.isolate(people, 12, quarantined=False)
    sim.state.status[people] = DEAD
    next_day(sim)

    assert met_nobody(sim, 1)[people].all()
    assert sim.record.series("in_isolation")[2] == 0


def test_any_number_of_threads_draws_the_same_first_days() -> None:
    one, three = quiet(2), quiet(2)
    three.threads = 3
    for sim in (one, three):
        by_hand(sim)
        next_day(sim)

    assert one.state.isolation.tolist() == three.state.isolation.tolist()


def test_a_first_day_is_a_draw_of_day_and_person() -> None:
    few, many = quiet(2), quiet(2)
    few.isolate(ids(*range(0, 1000, 7)), 9, quarantined=False)
    many.isolate(everybody(many), 9, quarantined=True)
    for sim in (few, many):
        next_day(sim)

    assert (
        met_nobody(few, 1)[::7].tolist()
        == met_nobody(many, 1)[::7].tolist()
        != [True] * 143
    )
