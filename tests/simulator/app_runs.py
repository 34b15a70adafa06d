"""Runs in which the app is there, and nothing else."""

import numpy as np

from cosignal.simulator.interventions import App
from cosignal.simulator.interventions.app.intervention import install
from cosignal.simulator.parameters.app import AppParameters
from cosignal.simulator.simulation import Sim
from tests.simulator.quiet_runs import Ids, ids, next_day, quiet

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


def alert_by(sim: Sim, app: AppParameters, *cases: int) -> set[int]:
    """Let people publish today; who is alerted."""
    sim.today["positive"] = ids(*cases)
    App(app, start=-1).apply(sim, sim.day)
    return alerted(sim, sim.day)
