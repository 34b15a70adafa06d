"""Who publishes and who is alerted, from the result to the phone."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from cosignal.simulator.interventions import App
from cosignal.simulator.interventions.app.exposures import exposed
from cosignal.simulator.parameters.app import AppParameters
from cosignal.simulator.simulation import Sim
from cosignal.simulator.state import DEAD, INFECTED
from tests.simulator.app_runs import (
    PERFECT,
    alert_by,
    alerted,
    contacts,
    on_days,
    ready,
    total,
)
from tests.simulator.quiet_runs import everybody, ids, next_day, quiet


def test_without_delay_contacts_are_at_home_on_the_day_of_the_result() -> None:
    sim = ready(PERFECT)
    sim.today["positive"] = ids(10)

    App(PERFECT, start=-1).apply(sim, 5)

    expected = contacts(sim, ids(10), range(2, 5))
    assert expected == alerted(sim, 5)
    assert expected == set(np.flatnonzero(sim.state.isolated_until > 5).tolist())
    assert (sim.state.quarantined[list(expected)] == 1).all()
    assert total(sim, "codes") == total(sim, "uploads") == 1
    assert total(sim, "keys") == 3
    assert total(sim, "alerts") == total(sim, "alerts_acted") == len(expected)


def test_each_step_of_the_chain_takes_its_time() -> None:
    """False alarm: below 1e-6; five standard errors.

    From result to code 0.8 days, a block 12 h, half of 24 h until the next download.
    Day 4, a Monday, and the days after have as many contacts.
    """
    app = replace(
        PERFECT, window=1, code_delay=0.8, publish_delay=12.0, poll_interval=24.0
    )
    sim = ready(app, agents=6000, weekday=3)
    sim.today["positive"] = cases = everybody(sim)[::20]

    by_day = on_days(sim, app, 6)

    mean = np.arange(6) @ by_day / sum(by_day)
    spread = 0.8  # of one case, whose contacts share its delays
    assert abs(mean - 1.8) < 5 * spread / math.sqrt(len(cases))
    assert by_day[-1] == 0


def test_a_block_and_a_download_delay_alerts_by_whole_days() -> None:
    late = replace(PERFECT, window=1, publish_delay=48.0)
    sim = ready(late)
    sim.today["positive"] = ids(10, 500)

    by_day = on_days(sim, late, 4)

    assert by_day[:2] == [0, 0]
    assert by_day[2] > 0
    assert sum(by_day) == len(contacts(sim, ids(10, 500), range(4, 5)))


def test_keys_are_of_the_days_before_the_upload() -> None:
    app = replace(PERFECT, code_delay=3.0, window=2)
    sim = ready(app)
    sim.today["positive"] = ids(10)
    for day in range(5, 12):
        App(app, start=-1).apply(sim, day)
        if sim.record.series("uploads")[day]:
            break
        next_day(sim)

    assert total(sim, "uploads") == 1
    assert alerted(sim, sim.day) == contacts(sim, ids(10), range(day - 2, day))


def test_consent_decides_who_uploads() -> None:
    """False alarm: below 1e-6; five standard errors."""
    app = replace(PERFECT, consent=0.6, detection=0.0)
    sim = ready(app, agents=5000)
    sim.today["positive"] = everybody(sim)

    App(app, start=-1).apply(sim, 5)

    assert total(sim, "codes") == 5000
    assert abs(total(sim, "uploads") - 3000) < 5 * math.sqrt(5000 * 0.24)


def test_a_case_without_the_app_warns_nobody() -> None:
    sim = ready(PERFECT)
    sim.state.app_from[10] = -1
    sim.state.app_until[11] = 4
    sim.today["positive"] = ids(10, 11)

    App(PERFECT, start=-1).apply(sim, 5)

    assert total(sim, "codes") == total(sim, "uploads") == total(sim, "alerts") == 0


def test_who_removed_the_app_is_not_alerted() -> None:
    app = replace(PERFECT, publish_delay=24.0)
    sim = ready(app)
    sim.today["positive"] = ids(10)
    App(app, start=-1).apply(sim, 5)
    sim.state.app_until[:] = 6

    assert on_days(sim, app, 3) == [0, 0, 0]


def test_who_removed_the_app_before_the_code_came_does_not_upload() -> None:
    app = replace(PERFECT, code_delay=14.0)
    sim = ready(app)
    sim.today["positive"] = everybody(sim)[:100]
    App(app, start=-1).apply(sim, 5)
    at_once = total(sim, "uploads")
    sim.state.app_until[:] = 6

    on_days(sim, app, 30)

    assert at_once < 20
    assert total(sim, "uploads") == at_once


def test_two_cases_alert_a_phone_once_a_day() -> None:
    sim = ready(PERFECT)
    home = np.flatnonzero(np.bincount(sim.people.household) >= 3)[0]
    members = np.flatnonzero(sim.people.household == home).astype(np.int32)
    sim.today["positive"] = members[:2]

    App(PERFECT, start=-1).apply(sim, 5)

    assert sim.state.alerts[members[2]] == 1
    assert total(sim, "alerts") == len(contacts(sim, members[:2], range(2, 5)))


def test_nobody_has_an_app_that_starts_later() -> None:
    app = replace(AppParameters(), ramp=10, adoption=0.5, by_age=(1.0,) * 9)
    later = App(app, start=30)
    alive: dict[str, Any] = {"disease__seeds": 20, "disease__fatal": (0.0,) * 9}
    sim = Sim("FR", agents=2000, days=60, interventions=(later,), **alive)
    users = sim.run().series("app_users")

    since = sim.state.app_from[sim.state.app_from >= 0]
    assert (since.min(), since.max()) == (30, 39)
    assert users[:30].tolist() == [0] * 30
    assert users[39:].tolist() == [1000] * 21


def test_symptoms_allow_an_upload_only_where_that_is_asked_for() -> None:
    for allowed in (False, True):
        app = replace(PERFECT, on_symptoms=allowed)
        sim = ready(app)
        sim.state.onset_day[10] = sim.state.infected_day[10] = 5
        sim.today |= {"onset": ids(10), "background": ids(20)}
        App(app, start=-1).apply(sim, 5)
        uploads = total(sim, "uploads")
        next_day(sim, positive=ids(10))
        App(app, start=-1).apply(sim, 6)

        # Who has published for symptoms does not for the result.
        assert (uploads, total(sim, "uploads")) == ((2, 2) if allowed else (0, 1))


def test_an_alert_is_true_if_its_owner_was_infected_at_the_exposure_or_since() -> None:
    sim = ready(PERFECT, day=9)
    first: dict[int, int] = {}
    for day in range(6, 9):
        for one in contacts(sim, ids(10), range(day, day + 1)):
            first.setdefault(one, day)
    at, since, before, ill_then, well_then = sorted(first)[:5]
    state = sim.state
    state.infected_day[[at, since]] = [first[at], 8]
    state.infected_day[[ill_then, well_then]] = 0
    state.infected_day[before] = first[before] - 1
    state.status[before] = INFECTED
    state.end_day[[ill_then, well_then]] = [first[ill_then] + 1, first[well_then]]

    alert_by(sim, PERFECT, 10)

    assert total(sim, "alerts") == len(first)
    assert total(sim, "alerts_infected_before") == 2
    assert total(sim, "false_alerts") == len(first) - 4


def test_positive_results_after_an_alert_are_counted() -> None:
    sim = ready(PERFECT, day=30)
    sim.state.alert_day[[1, 2, 3]] = [30, 16, 15]
    sim.today["positive"] = ids(1, 2, 3, 4)

    App(PERFECT, start=-1).apply(sim, 30)

    assert total(sim, "alerted_positive") == 2


def test_exposures_are_looked_at_through_the_phones_of_the_day() -> None:
    sim = ready(replace(PERFECT, off=0.3))
    app = replace(PERFECT, off=0.3)
    sim.today["positive"] = cases = everybody(sim)[::50]

    App(app, start=-1).apply(sim, 5)

    expected: set[int] = set()
    for day in range(2, 5):
        _, others = exposed(sim, app, cases, np.ones(len(cases)), day)
        expected |= set(others.tolist())
    assert expected == alerted(sim, 5)


def test_phones_of_the_dead_publish_nothing_and_get_no_code() -> None:
    sim = quiet(6)
    app = App(PERFECT, start=6)
    sim.state.status[3] = DEAD
    sim.today["positive"] = ids(3, 4)
    app.apply(sim, 6)

    assert sim.record.series("codes")[6] == 1
    assert sim.record.series("uploads")[6] == 1


def test_who_dies_before_the_code_comes_does_not_upload() -> None:
    sim = quiet(6)
    app = App(replace(PERFECT, code_delay=2.0), start=6)
    positive = everybody(sim)[:50]
    sim.today["positive"] = positive
    app.apply(sim, 6)
    sim.state.status[positive] = DEAD
    for day in range(7, 13):
        next_day(sim)
        app.apply(sim, day)

    uploads = sim.record.series("uploads")
    assert sim.record.series("codes")[6] == 50
    assert 0 < uploads[6] == uploads.sum() < 50
