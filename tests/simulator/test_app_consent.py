"""Who is asked for consent, and when again."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from cosignal.simulator.interventions import App
from tests.simulator.app_runs import (
    PERFECT,
    ready,
    total,
)
from tests.simulator.quiet_runs import everybody, ids, next_day


def uploads(*, on_symptoms: bool, result_day: int) -> list[float]:
    """Uploads a day, of 3000 infected and 3000 otherwise ill since day 5."""
    app = replace(PERFECT, on_symptoms=on_symptoms, consent=0.6, detection=0.0)
    sim = ready(app, agents=6000)
    ill, other = everybody(sim)[:3000], everybody(sim)[3000:]
    sim.state.infected_day[ill] = 1
    sim.state.onset_day[ill] = 5
    sim.today |= {"onset": ill, "background": other}
    for day in range(5, result_day + 1):
        if day == result_day:
            sim.today["positive"] = everybody(sim)
        App(app, start=-1).apply(sim, day)
        next_day(sim)
    found: list[float] = sim.record.series("uploads").tolist()
    return found


def test_consent_is_given_once_an_illness_at_symptoms_or_at_the_result() -> None:
    """False alarm: below 1e-5; five standard errors, of two numbers."""
    at_result = uploads(on_symptoms=False, result_day=8)
    at_symptoms = uploads(on_symptoms=True, result_day=8)

    assert at_result[:8] == [0] * 8
    assert at_symptoms[8] == 0  # who refused at symptoms refuses still
    for number in (at_result[8], at_symptoms[5]):
        assert abs(number - 3600) < 5 * math.sqrt(6000 * 0.24)


def test_consent_of_an_infection_is_the_same_whenever_it_is_asked_for() -> None:
    published = []
    for allowed in (False, True):
        app = replace(PERFECT, on_symptoms=allowed, consent=0.5)
        sim = ready(app)
        case = ids(*range(10, 200, 10))
        sim.state.infected_day[case] = 1
        sim.state.onset_day[case] = 5
        sim.today["onset"] = case
        App(app, start=-1).apply(sim, 5)
        next_day(sim, positive=case)
        App(app, start=-1).apply(sim, 6)
        published.append(total(sim, "uploads"))

    assert published[0] == published[1]
    assert 0 < published[0] < 19


def test_an_illness_a_month_later_is_asked_about_anew() -> None:
    at_symptoms = uploads(on_symptoms=True, result_day=35)

    assert at_symptoms[5] > 0
    assert at_symptoms[35] > 0


def uploads_of(*days: tuple[int, dict[str, Any]]) -> list[tuple[int, int]]:
    """Days and numbers of uploads by person 10, to whom things happen on some days."""
    app = replace(PERFECT, on_symptoms=True, detection=0.0)
    sim = ready(app)
    happening = dict(days)
    for day in range(5, 40):
        today = dict(happening.get(day, {}))
        infected = today.pop("infected", sim.state.infected_day[10])
        sim.state.infected_day[10] = infected
        sim.today |= {name: ids(10) for name in today}
        App(app, start=-1).apply(sim, day)
        next_day(sim)
    found = sim.record.series("uploads")
    return [(day, int(found[day])) for day in np.flatnonzero(found).tolist()]


def test_who_was_asked_at_the_result_is_not_asked_again_at_symptoms() -> None:
    result, symptoms = {"positive": True, "infected": 5}, {"onset": True}

    assert uploads_of((7, result), (9, symptoms)) == [(7, 1)]


def test_another_illness_before_an_infection_is_no_reason_not_to_ask() -> None:
    other, result = {"background": True}, {"positive": True, "infected": 6}

    assert uploads_of((6, other), (9, result)) == [(6, 1), (9, 1)]


def test_symptoms_of_whatever_origin_during_an_infection_are_of_one_illness() -> None:
    other, result = {"background": True, "infected": 6}, {"positive": True}

    assert uploads_of((7, other), (9, result), (10, {"onset": True})) == [(7, 1)]


def test_every_illness_without_an_infection_is_asked_about() -> None:
    other, result = {"background": True}, {"positive": True}

    found = uploads_of((6, other), (9, other), (11, result), (39, result))

    assert found == [(6, 1), (9, 1), (39, 1)]


def test_a_second_infection_is_asked_about() -> None:
    first, second = ({"onset": True, "infected": day} for day in (6, 20))

    assert uploads_of((8, first), (22, second)) == [(8, 1), (22, 1)]
