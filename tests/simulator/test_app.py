import math
from dataclasses import replace

import numpy as np

from cosignal.simulator.interventions import App
from cosignal.simulator.interventions.app.exposures import exposed
from cosignal.simulator.interventions.app.intervention import install
from cosignal.simulator.parameters.app import AppParameters
from cosignal.simulator.simulation import Sim
from cosignal.simulator.state import DEAD, INFECTED
from tests.simulator.quiet_runs import Ids, everybody, ids, next_day, quiet

#: Everybody has it, every contact counts, nothing takes time, everybody complies.
PERFECT = AppParameters(
    adoption=1.0,
    off=0.0,
    detection=1.0,
    alert_minutes=0.0,
    infectiousness_days=(-14, -13, 14, 15),
    false_sightings=0.0,
    window=3,
    consent=1.0,
    code_delay=0.0,
    publish_delay=0.0,
    poll_interval=0.1,
    compliance=1.0,
    test_on_alert=0.0,
)


def ready(
    app: AppParameters, day: int = 5, *, agents: int = 1000, weekday: int = 0
) -> Sim:
    """A run on a day, with the app installed from the beginning."""
    sim = quiet(0, agents=agents, days=60, start_weekday=weekday)
    install(sim, app)
    for _ in range(day):
        next_day(sim)
    sim.state.test_day[:] = day
    return sim


def contacts(sim: Sim, cases: Ids, days: range) -> set[int]:
    met: set[int] = set()
    for day in days:
        _, whom, _ = sim.contacts(day, cases)
        met |= set(whom.tolist())
    return met


def alerted(sim: Sim, day: int) -> set[int]:
    return set(np.flatnonzero(sim.state.alert_day == day).tolist())


def total(sim: Sim, name: str) -> float:
    return float(sim.record.series(name).sum())


def on_days(sim: Sim, app: AppParameters, days: int) -> list[float]:
    """Alerts of the days that follow a positive result of today."""
    first = sim.day
    for _ in range(days):
        App(app, start=-1).apply(sim, sim.day)
        next_day(sim)
    alerts: list[float] = sim.record.series("alerts").tolist()
    return alerts[first : first + days]


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


def test_some_comply_and_tired_people_do_less() -> None:
    """False alarm: below 1e-5; five standard errors, of two numbers."""
    app = replace(PERFECT, compliance=0.6, fatigue=0.5)
    sim = ready(app, agents=3000)
    cases = everybody(sim)[::3]
    acted = []
    for earlier in (0, 1):
        sim.state.alerts[:] = earlier
        sim.today["positive"] = cases
        App(app, start=-1).apply(sim, sim.day)
        number = sim.record.series("alerts")[sim.day]
        acted.append(sim.record.series("alerts_acted")[sim.day] / number)
        assert abs(acted[-1] - 0.6 * 0.5**earlier) < 5 * math.sqrt(0.24 / number)
        next_day(sim)


def test_whoever_is_tired_of_alerts_ignores_them() -> None:
    app = replace(PERFECT, fatigue=1.0)
    sim = ready(app)
    for day in (5, 6):
        sim.today["positive"] = ids(10)
        App(app, start=-1).apply(sim, day)
        next_day(sim)

    new = alerted(sim, 6) - contacts(sim, ids(10), range(2, 5))
    assert sim.record.series("alerts_acted")[5] == sim.record.series("alerts")[5] > 0
    assert sim.record.series("alerts_acted")[6] == len(new)


def test_alerted_people_may_order_a_test() -> None:
    """False alarm: below 1e-6; five standard errors."""
    app = replace(PERFECT, test_on_alert=0.4, compliance=0.0)
    sim = ready(app, agents=3000)
    sim.today["positive"] = everybody(sim)[::3]

    App(app, start=-1).apply(sim, 5)

    number = total(sim, "alerts")
    ordered = sim.queue("test.order").take(60)
    assert set(ordered.tolist()) <= alerted(sim, 5)
    assert abs(len(ordered) - 0.4 * number) < 5 * math.sqrt(0.24 * number)


def test_known_cases_neither_stay_for_an_alert_nor_order_a_test() -> None:
    app = replace(PERFECT, test_on_alert=1.0)
    sim = ready(app)
    sim.state.positive_day[:] = 4
    sim.today["positive"] = ids(10)

    App(app, start=-1).apply(sim, 5)

    assert total(sim, "alerts") > 0
    assert total(sim, "alerts_acted") == 0
    assert sim.queue("test.order").take(60).size == 0


def test_second_order_alerts_reach_contacts_of_contacts_and_no_further() -> None:
    app = replace(PERFECT, second_order=True, window=1)
    sim = ready(app, agents=20_000)
    sim.today["positive"] = ids(10)

    App(app, start=-1).apply(sim, 5)

    first = contacts(sim, ids(10), range(4, 5))
    second = contacts(sim, ids(*sorted(first)), range(4, 5))
    assert first | second == alerted(sim, 5)
    assert len(second - first) > len(first)


def test_backward_tracing_reaches_the_days_before_the_window() -> None:
    forward = replace(PERFECT, window=2)
    for app, days in (
        (forward, range(3, 5)),
        (replace(forward, backward_window=3), range(5)),
    ):
        sim = ready(app)
        sim.today["positive"] = ids(10)
        App(app, start=-1).apply(sim, 5)

        assert contacts(sim, ids(10), days) == alerted(sim, 5)


def test_keys_of_days_without_infectiousness_alert_nobody() -> None:
    app = replace(PERFECT, window=4, infectiousness_days=(-1, 0, 1, 2))
    sim = ready(app)
    sim.state.infected_day[10] = 1
    sim.state.onset_day[10] = 4
    sim.today["positive"] = ids(10)

    App(app, start=-1).apply(sim, 5)

    assert contacts(sim, ids(10), range(3, 5)) == alerted(sim, 5)
    assert total(sim, "keys") == 4


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


def test_alerts_of_people_who_are_not_infected_are_false() -> None:
    sim = ready(PERFECT)
    reached = ids(*sorted(contacts(sim, ids(10), range(2, 5))))
    infected, recovered, before = reached[:1], reached[1:2], reached[2:3]
    sim.state.status[infected] = INFECTED
    sim.state.infected_day[infected] = 0
    sim.state.infected_day[recovered] = 3
    sim.state.infected_day[before] = 1
    sim.today["positive"] = ids(10)

    App(PERFECT, start=-1).apply(sim, 5)

    assert total(sim, "false_alerts") == len(reached) - 2


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
