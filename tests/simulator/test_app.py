import math
from dataclasses import replace
from typing import Any

import numpy as np

from cosignal.simulator.interventions import App
from cosignal.simulator.interventions.app.exposures import exposed
from cosignal.simulator.interventions.app.infectiousness import (
    published_days,
    published_weights,
    reference_days,
)
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
        sim.state.alert_day[:] = -1
        sim.today["positive"] = cases
        App(app, start=-1).apply(sim, sim.day)
        number = sim.record.series("alerts")[sim.day]
        acted.append(sim.record.series("alerts_acted")[sim.day] / number)
        assert abs(acted[-1] - 0.6 * 0.5**earlier) < 5 * math.sqrt(0.24 / number)
        next_day(sim)


def test_whoever_is_tired_of_alerts_ignores_a_later_episode() -> None:
    app = replace(PERFECT, fatigue=1.0)
    sim = ready(app)
    first = alert_by(sim, app, 10)
    for _ in range(15):
        next_day(sim)
    new = alert_by(sim, app, 10) - first

    assert sim.record.series("alerts_acted")[5] == sim.record.series("alerts")[5] > 0
    assert sim.record.series("alerts_acted")[20] == len(new)


def alert_by(sim: Sim, app: AppParameters, *cases: int) -> set[int]:
    """Let people publish today; who is alerted."""
    sim.today["positive"] = ids(*cases)
    App(app, start=-1).apply(sim, sim.day)
    return alerted(sim, sim.day)


def test_people_decide_once_in_an_episode_of_alerts() -> None:
    app = replace(PERFECT, compliance=0.5, test_on_alert=0.5)
    sim = ready(app)
    first = alert_by(sim, app, 10, 20, 30, 40)
    acted = set(np.flatnonzero(sim.state.isolated_until > 5).tolist())
    ordered = set(sim.queue("test.order").take(90).tolist())
    next_day(sim)
    sim.state.isolated_until[:] = -1  # all give up, and are alerted again
    sim.state.asked[:] = -1  # the cases are of another illness
    second = alert_by(sim, app, 10, 20, 30, 40)
    again = set(np.flatnonzero(sim.state.isolated_until > 6).tolist())

    both = first & second
    assert len(first) > 20
    assert both & acted == both & again
    assert 0 < len(both & acted) < len(both)
    assert both & ordered
    assert not both & set(sim.queue("test.order").take(90).tolist())
    assert sim.record.series("alerted")[5:7].tolist() == [
        len(first),
        len(second - first),
    ]
    assert sim.record.series("alerts")[6] == len(second)
    assert sim.record.series("alerts_acted")[6] == len(again - first)
    assert (sim.state.alerts[list(both)] == 1).all()


def test_an_episode_of_alerts_ends_after_fourteen_days_without_one() -> None:
    sim = ready(PERFECT, day=30)
    near = sorted(contacts(sim, ids(10), range(27, 30)))
    sim.state.alert_day[near] = 16
    sim.state.alert_day[near[0]] = 15
    sim.state.alerts[near] = 1

    alert_by(sim, PERFECT, 10)

    assert total(sim, "alerts") == len(near) > 2
    assert total(sim, "alerted") == 1
    assert sim.state.alerts[near].tolist() == [2] + [1] * (len(near) - 1)


def test_quarantine_after_an_alert_counts_from_the_last_exposure() -> None:
    sim = ready(PERFECT)
    last = {
        j: day
        for day in range(2, 5)
        for j in contacts(sim, ids(10), range(day, day + 1))
    }

    assert set(last) == alert_by(sim, PERFECT, 10)

    assert last == {j: int(sim.state.isolated_until[j]) - 14 for j in last}
    assert len(set(last.values())) == 3


def test_whose_quarantine_would_be_over_already_does_not_stay_at_home() -> None:
    sim = quiet(0, days=60, isolation__quarantine_length=2)
    install(sim, PERFECT)
    for _ in range(5):
        next_day(sim)
    late = contacts(sim, ids(10), range(4, 5))

    reached = alert_by(sim, PERFECT, 10)

    assert late < reached
    assert late == set(np.flatnonzero(sim.state.isolated_until > 5).tolist())
    assert total(sim, "alerts_acted") == len(late)


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


def test_known_cases_are_not_alerted() -> None:
    sim = ready(PERFECT, day=40)
    near = sorted(contacts(sim, ids(10), range(37, 40)))
    sim.state.positive_day[near[:2]] = [10, 11]  # 30 days, and 29 days ago

    assert {*near} - {near[1]} == alert_by(sim, PERFECT, 10)

    assert sim.state.alert_day[near[1]] == -1
    assert total(sim, "alerts") == len(near) - 1


def test_the_dead_neither_publish_nor_are_alerted() -> None:
    late = replace(PERFECT, code_delay=1.0)
    sim = ready(late)
    dead, near = ids(10, 500), sorted(contacts(sim, ids(20), range(2, 5)) - {10, 500})
    sim.state.status[10] = DEAD
    sim.state.status[near[0]] = DEAD
    alert_by(sim, late, 10)
    sim.today["positive"] = ids()
    assert total(sim, "codes") == 0

    sim.queue("app.upload").put(6, ids(500))
    next_day(sim)
    sim.state.status[dead] = DEAD
    App(late, start=-1).apply(sim, 6)
    assert total(sim, "uploads") == total(sim, "alerts") == 0

    sim.queue("app.upload").put(7, ids(20))
    next_day(sim)
    App(late, start=-1).apply(sim, 7)
    assert total(sim, "uploads") == 1
    assert near[0] not in alerted(sim, 7)
    assert len(alerted(sim, 7)) > 0


def test_second_order_alerts_reach_contacts_of_contacts_and_no_further() -> None:
    app = replace(PERFECT, second_order=True)
    sim = ready(app, agents=20_000)
    # A case with some contacts.
    case = next(i for i in range(100) if len(contacts(sim, ids(i), range(2, 5))) > 8)
    sim.state.positive_day[case] = 5

    found = alert_by(sim, app, case)
    next_day(sim)
    App(app, start=-1).apply(sim, 6)  # some hear of it after midnight
    found |= alerted(sim, 6)

    since: dict[int, int] = {}
    for day in range(2, 5):
        for one in contacts(sim, ids(case), range(day, day + 1)):
            since.setdefault(one, day)
    second: set[int] = set()
    for one, day in since.items():  # whom they met after they were exposed
        second |= contacts(sim, ids(one), range(day + 1, 5))
    before = contacts(sim, ids(*since), range(2, 5)) - second - since.keys() - {case}
    assert (since.keys() | second) - {case} == found
    assert len(second - since.keys()) > len(since)
    assert len(before) > len(since)


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


def test_backward_days_are_those_before_the_first_infectious_one() -> None:
    app = replace(AppParameters(), window=7, backward_window=5)
    for onset, first in ((30, 25), (29, 24), (27, 23), (20, 23)):
        weights = published_weights(np.array([onset]), 30, app)[:, 0]

        days = np.asarray(published_days(app, 30))
        last = min(onset + 9, 29)
        assert days[weights > 0].tolist() == list(range(first - 5, last + 1))


def test_old_symptoms_and_tests_are_no_reference() -> None:
    def reference(onset: int, test: int) -> int:
        found = reference_days(np.array([onset]), np.array([test]), np.array([9]), 80)
        return int(found[0])

    assert reference(66, 79) == 66
    assert reference(65, 79) == 79
    assert reference(-1, 66) == 66
    assert reference(15, 65) == reference(-1, -1) == 80


def test_a_negative_test_is_no_reference() -> None:
    """Of another illness that allows an upload; the keys count from today."""
    app = replace(PERFECT, on_symptoms=True, infectiousness_days=(-1, 0, 1, 2))
    for positive, days in ((-1, range(8, 9)), (5, range(6, 8))):
        sim = ready(app, day=9)
        sim.state.test_day[10] = 6
        sim.state.positive_day[10] = positive
        sim.today["background"] = ids(10)
        App(app, start=-1).apply(sim, 9)

        wanted = contacts(sim, ids(10), days)
        assert wanted == alerted(sim, 9)


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
