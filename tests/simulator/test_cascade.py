import math

import numpy as np

from cosignal.simulator.interventions import (
    App,
    LayerClosure,
    ManualTracing,
    defaults,
)
from cosignal.simulator.interventions.app.cascade import (
    cascade,
    days_to_isolation,
    days_to_quarantine,
    quarantine_days,
)
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.simulation import Sim


def test_a_cascade_sums_up_what_a_run_recorded() -> None:
    record = {
        "cases": [10, 20],
        "codes": [6, 9],
        "uploads": [3, 7],
        "keys": [21, 49],
        "alerts": [0, 40],
        "false_alerts": [0, 25],
        "alerts_infected_before": [0, 5],
        "alerted": [0, 20],
        "alerts_acted": [0, 11],
        "alerted_positive": [0, 4],
    }
    found = cascade(lambda name: np.array(record[name], float))

    assert (found.cases, found.codes, found.uploads, found.keys) == (30, 15, 10, 70)
    assert (found.alerts, found.true_alerts, found.infected_before) == (40, 10, 5)
    assert (found.alerted, found.acted) == (20, 11)
    assert found.alerts_per_upload == 2
    assert found.notifications_per_upload == 4
    assert found.ppv == 0.25
    assert found.secondary_attack_rate == 0.2


def test_a_share_of_nothing_is_not_a_number() -> None:
    found = cascade(lambda _: np.zeros(3))

    assert math.isnan(found.ppv)
    assert math.isnan(days_to_quarantine(lambda _: np.zeros(3)))


def test_a_run_fits_together() -> None:
    sim = Sim(
        "FR", agents=10_000, days=60, app__adoption=0.6, disease__seeds=200, r0=3.0
    )
    results = sim.run()
    found = cascade(results.series)
    infected, others = quarantine_days(results.series)
    assert results.summary()["ppv"] == found.ppv

    assert found.cases >= found.codes >= found.uploads > 50
    assert found.alerts > found.alerted > found.acted > 100
    assert found.infected_before > 0
    assert found.alerts >= found.true_alerts > found.alerted_cases > 0
    assert 0 < infected < others
    assert 1 < days_to_quarantine(results.series) < 10
    assert 3 < days_to_isolation(results.series) < 12


def test_defaults_are_what_parameters_ask_for() -> None:
    plain = defaults(Parameters())
    full = defaults(
        Parameters().with_values(
            {
                "app.adoption": 0.1,
                "tracing.capacity": 0.1,
                "closures": [{"layer": "work"}],
            }
        )
    )

    assert not any(isinstance(one, App | ManualTracing) for one in plain)
    assert isinstance(full[0], LayerClosure)
    assert isinstance(full[-2], ManualTracing)
    assert isinstance(full[-1], App)
    assert len(full) == len(plain) + 3


def test_people_and_episodes_are_those_that_a_look_at_everybody_counts() -> None:
    alerts: dict[int, list[int]] = {}
    counts = dict.fromkeys(("alerts", "alerted", "alerted_positive"), 0)
    episodes_with_result: set[tuple[int, int]] = set()
    begun: dict[int, int] = {}

    def look(sim: Sim, day: int) -> None:
        for person in sim.today["positive"].tolist():
            if any(day - 14 <= past < day for past in alerts.get(person, ())):
                counts["alerted_positive"] += 1
                episodes_with_result.add((person, begun[person]))
        for person in np.flatnonzero(sim.state.alert_day == day).tolist():
            earlier = alerts.setdefault(person, [])
            counts["alerts"] += 1
            if not any(day - 14 <= past for past in earlier):
                counts["alerted"] += 1
                begun[person] = day
            earlier.append(day)
        results = sim.state.positive_day[sim.state.alert_day == day]
        assert ((results == -1) | (results <= day - 30)).all()

    sim = Sim(
        "FR",
        agents=4000,
        days=90,
        app__adoption=0.6,
        disease__seeds=100,
        r0=3.0,
        analysers=[look],
    )
    sim.run()

    found = {name: sim.record.series(name).sum() for name in counts}
    assert counts == found
    assert counts["alerts"] > counts["alerted"] > counts["alerted_positive"] > 50
    assert len(episodes_with_result) == counts["alerted_positive"]
