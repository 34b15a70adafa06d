"""What people do about an alert: stay at home, order a test, or nothing.

What this module guarantees:

* Alerts of one person belong to one episode as long as each comes within 14 days of the
  one before. In an episode people decide once: whether they stay at home, with
  `compliance`, times 1 - `fatigue` for each episode before; and whether they order a
  test.
* Whoever stays at home does so again at each alert of the episode; quarantine counts
  from the last exposure.
* An alert is true if its owner was infected on the first day of exposure it is about,
  or since. If they were infected before, and still were on that day, they may have been
  the source: that is counted apart. All others are false.

Recorded are `alerts`, on one day one a phone at most; `false_alerts` and
`alerts_infected_before` of them; `alerted`, people for whom an episode begins, and
`alerts_acted`, those of them who then stay at home; `alerted_positive`, positive
results within 14 days of an alert, of which there is one in an episode at most.
"""

from typing import TYPE_CHECKING, Final

import numpy as np

from cosignal.simulator.interventions.draws import CHOICE, Flags, Ids, chances, chosen
from cosignal.simulator.interventions.intervention import in_force
from cosignal.simulator.interventions.quarantine import (
    is_worthwhile,
    quarantine_contacts,
)
from cosignal.simulator.interventions.testing import order_tests
from cosignal.simulator.interventions.warned import Warned
from cosignal.simulator.parameters.app import AppParameters
from cosignal.simulator.state import INFECTED, NEVER

if TYPE_CHECKING:
    from cosignal.simulator.simulation import Sim

#: An alert, or a positive result, so many days after an alert belongs to it.
ALERT_MEMORY: Final = 14
_MOST_EPISODES: Final = np.iinfo(np.uint8).max


def respond(sim: "Sim", app: AppParameters, alerted: Warned, day: int) -> None:
    """Alert people, and let them act.

    Args:
        sim: The run.
        app: How people answer.
        alerted: Whose phones alert, and the days of exposure; no known cases.
        day: Today.
    """
    ids, state = alerted.ids, sim.state
    sim.record.count("alerts", day, ids)
    _record_truth(sim, alerted, day)
    new = ~_recently_alerted(sim, ids, day)
    episode = state.alerts[ids].astype(np.int64) + new
    state.alerts[ids] = np.minimum(episode, _MOST_EPISODES)
    state.alert_day[ids] = day
    sim.record.count("alerted", day, ids[new])
    willing = app.compliance * (1 - app.fatigue) ** (episode - 1)
    acting = chances(sim.stream("app.compliance"), episode, ids, CHOICE) < willing
    acting &= is_worthwhile(sim, alerted.last)
    sim.record.count("alerts_acted", day, ids[acting & new])
    quarantine_contacts(sim, ids[acting], alerted.last[acting])
    stream = sim.stream("app.test")
    testing = chosen(stream, episode[new], ids[new], app.test_on_alert)
    delay = in_force(sim, sim.parameters.testing).order_delay
    order_tests(sim, "app.test_order", testing, day, delay)


def record_alerted(sim: "Sim", positive: Ids, day: int) -> None:
    """Count positive results that follow an alert.

    Args:
        sim: The run.
        positive: Shape (m,). Who has a result today.
        day: Today.
    """
    after = _recently_alerted(sim, positive, day)
    sim.record.count("alerted_positive", day, positive[after])


def _recently_alerted(sim: "Sim", ids: Ids, day: int) -> Flags:
    """Whether people are in an episode of alerts."""
    last = sim.state.alert_day[ids].astype(np.int64)
    recently: Flags = (last != NEVER) & (last >= day - ALERT_MEMORY)
    return recently


def _record_truth(sim: "Sim", alerted: Warned, day: int) -> None:
    """Count who was infected before the exposure, and who was not since either."""
    state, ids, first = sim.state, alerted.ids, alerted.first
    infected = state.infected_day[ids].astype(np.int64)
    since = infected >= first
    before = (infected != NEVER) & ~since
    before &= (state.status[ids] == INFECTED) | (state.end_day[ids] > first)
    sim.record.count("alerts_infected_before", day, ids[before])
    sim.record.count("false_alerts", day, ids[~since & ~before])
