"""What alerts say, and what people do about them."""

import math
from dataclasses import replace

import numpy as np

from cosignal.simulator.interventions import App
from cosignal.simulator.interventions.app.infectiousness import (
    published_days,
    published_weights,
    reference_days,
)
from cosignal.simulator.interventions.app.intervention import install
from cosignal.simulator.parameters.app import AppParameters
from cosignal.simulator.state import DEAD
from tests.simulator.app_runs import (
    PERFECT,
    alert_by,
    alerted,
    contacts,
    ready,
    total,
)
from tests.simulator.quiet_runs import everybody, ids, next_day, quiet


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
