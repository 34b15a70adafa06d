"""What people do about an alert: stay at home, order a test, or nothing.

What this module guarantees:

* People stay at home with `compliance`, times 1 - `fatigue` for each alert before.
* Known cases do not act: they have their own reason to stay at home.
* An alert is false if its owner is not infected, nor was in the days it is about.
"""

from typing import TYPE_CHECKING, Final

import numpy as np

from cosignal.simulator.interventions.app.infectiousness import published_days
from cosignal.simulator.interventions.draws import Flags, Ids, chosen
from cosignal.simulator.interventions.intervention import in_force
from cosignal.simulator.interventions.quarantine import quarantine_contacts
from cosignal.simulator.interventions.testing import known_cases, order_tests
from cosignal.simulator.parameters.app import AppParameters
from cosignal.simulator.state import INFECTED, NEVER

if TYPE_CHECKING:
    from cosignal.simulator.simulation import Sim

#: A positive result so many days after an alert, or sooner, is put down to it.
ALERT_MEMORY: Final = 14
_MOST_ALERTS: Final = np.iinfo(np.uint8).max


def respond(sim: "Sim", app: AppParameters, ids: Ids, day: int) -> None:
    """Alert people, and let them act.

    Args:
        sim: The run.
        app: How people answer.
        ids: Shape (m,), distinct. Whose phones alert.
        day: Today.
    """
    state = sim.state
    sim.record.count("alerts", day, ids)
    sim.record.count("false_alerts", day, ids[~_concerned(sim, app, ids, day)])
    earlier = state.alerts[ids].astype(np.float64)
    state.alerts[ids] = np.minimum(earlier + 1, _MOST_ALERTS)
    state.alert_day[ids] = day
    new = ~known_cases(state, ids, day)
    willing = app.compliance * (1 - app.fatigue) ** earlier[new]
    acting = chosen(sim.stream("app.compliance"), day, ids[new], willing)
    sim.record.count("alerts_acted", day, acting)
    quarantine_contacts(sim, acting)
    testing = chosen(sim.stream("app.test"), day, ids[new], app.test_on_alert)
    delay = in_force(sim, sim.parameters.testing).order_delay
    order_tests(sim, "app.test_order", testing, day, delay)


def record_alerted(sim: "Sim", positive: Ids, day: int) -> None:
    """Count positive results that follow an alert.

    Args:
        sim: The run.
        positive: Shape (m,). Who has a result today.
        day: Today.
    """
    alerted = sim.state.alert_day[positive].astype(np.int64)
    after = (alerted != NEVER) & (alerted >= day - ALERT_MEMORY)
    sim.record.count("alerted_positive", day, positive[after])


def _concerned(sim: "Sim", app: AppParameters, ids: Ids, day: int) -> Flags:
    """Whether people are infected, or were in the days that alerts are about."""
    since = sim.state.infected_day[ids]
    recently = (since != NEVER) & (since >= published_days(app, day).start)
    infected: Flags = recently | (sim.state.status[ids] == INFECTED)
    return infected
