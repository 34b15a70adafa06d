"""The app, day by day: keys of those who publish, alerts of those who were near.

What this module guarantees:

* A positive result warns others only if the person has the app and consents; a code, an
  upload, a block and a download come between, each with its delay in fractions of days.
* A phone is alerted once a day, however many keys it was near.
"""

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from cosignal.simulator.interventions.app.adoption import (
    adopters,
    installations,
    users_by_day,
)
from cosignal.simulator.interventions.app.alerts import record_alerted, respond
from cosignal.simulator.interventions.app.exposures import Pairs, exposed
from cosignal.simulator.interventions.app.infectiousness import (
    published_days,
    published_weights,
    reference_days,
)
from cosignal.simulator.interventions.draws import (
    CHOICE,
    NOBODY,
    TIME_OF_DAY,
    Flags,
    Ids,
    chances,
    chosen,
    days_later,
)
from cosignal.simulator.interventions.sets import distinct, either, without
from cosignal.simulator.parameters.app import AppParameters
from cosignal.simulator.state import DEAD, NEVER
from cosignal.simulator.threads import ranges, share

if TYPE_CHECKING:
    from cosignal.simulator.simulation import Sim

_HOURS: Final = 24.0
#: Cases for whom a thread is worth its while.
_LEAST: Final = 100


@dataclass(slots=True)
class App:
    """The exposure-notification app.

    Attributes:
        parameters: Who has it, and all that follows.
        start: First day; people install it from then on, and from `parameters.start`.
        stop: Day after the last; None for the run's end.
    """

    parameters: AppParameters
    start: int = 0
    stop: int | None = None

    def apply(self, sim: "Sim", day: int) -> None:
        """Install, publish, alert."""
        if day == self.start:
            install(sim, self.parameters)
        self._publish(sim, day)
        self._upload(sim, day)
        self._alert(sim, day)

    def _publish(self, sim: "Sim", day: int) -> None:
        """Let those who may publish today decide, and send for a code."""
        app = self.parameters
        positive = sim.today.get("positive", NOBODY)
        record_alerted(sim, positive, day)
        offered = positive[has_app(sim, positive, day)]
        sim.record.count("codes", day, offered)
        if app.on_symptoms:
            offered = without(offered, self._published_before(sim, offered))
            ill = either(sim.today["onset"], sim.today.get("background", NOBODY))
            offered = either(offered, ill[has_app(sim, ill, day)])
        willing = chosen(sim.stream("app.consent"), day, offered, app.consent)
        uploading = days_later(sim.stream("app.code"), day, willing, app.code_delay)
        sim.queue("app.upload").put(uploading, willing)

    def _published_before(self, sim: "Sim", ids: Ids) -> Ids:
        """Who published when their symptoms began, and need not again."""
        onset = sim.state.onset_day[ids]
        since = sim.state.app_from[ids]
        ill = ids[(onset != NEVER) & (onset < sim.day) & (since <= onset)]
        days = sim.state.onset_day[ill]
        return chosen(sim.stream("app.consent"), days, ill, self.parameters.consent)

    def _upload(self, sim: "Sim", day: int) -> None:
        ids = distinct(sim.queue("app.upload").take(day))
        ids = ids[has_app(sim, ids, day)]
        state = sim.state
        reference = reference_days(
            state.onset_day[ids], state.test_day[ids], state.infected_day[ids], day
        )
        sim.record.count("uploads", day, ids)
        sim.record.add("keys", day, self._keys(sim, ids, day))
        weights = published_weights(reference, day, self.parameters)
        pairs = self._exposed(sim, ids, weights, day)
        self._download(sim, "app.alert", ids, pairs, day)

    def _keys(self, sim: "Sim", ids: Ids, day: int) -> int:
        """How many daily keys people publish."""
        since, until = sim.state.app_from[ids], sim.state.app_until[ids]
        days = published_days(self.parameters, day)
        return sum(int(np.count_nonzero(_has(since, until, past))) for past in days)

    def _exposed(
        self, sim: "Sim", ids: Ids, weights: npt.NDArray[np.float64], day: int
    ) -> Pairs:
        """Find whom keys alert: place of the case, whom; one for each contact.

        Past days, and parts of the cases, are looked at by all threads, and put
        together in their order.
        """
        days = published_days(self.parameters, day)
        if len(ids) == 0 or len(days) == 0:
            return np.empty(0, np.int64), NOBODY

        parts = ranges(len(ids), sim.threads, _LEAST)

        def of_day(work: tuple[int, tuple[int, int]]) -> Pairs:
            number, (first, end) = work
            cases, of_cases = ids[first:end], weights[number, first:end]
            index, others = exposed(sim, self.parameters, cases, of_cases, days[number])
            return index + first, others

        found = share(of_day, product(range(len(days)), parts), sim.threads)
        index, others = (np.concatenate(part) for part in zip(*found, strict=True))
        return index, others

    def _download(
        self, sim: "Sim", queue: str, ids: Ids, pairs: Pairs, day: int
    ) -> None:
        """Let phones hear of keys: after a block, when they ask for it next."""
        index, others = pairs
        app = self.parameters
        published = chances(sim.stream("app.publish"), day, ids, TIME_OF_DAY)
        published += day + app.publish_delay / _HOURS
        asks = chances(sim.stream("app.poll"), day, others, CHOICE)
        heard = published[index] + asks * app.poll_interval / _HOURS
        sim.queue(queue).put(np.floor(heard).astype(np.int64), others)

    def _alert(self, sim: "Sim", day: int) -> None:
        first = self._alerted(sim, "app.alert", day)
        second = NOBODY
        if self.parameters.second_order:
            standard = self.parameters.infectiousness_weights[0]
            days = published_days(self.parameters, day)
            weights = np.full((len(days), len(first)), standard)
            pairs = self._exposed(sim, first, weights, day)
            self._download(sim, "app.second_alert", first, pairs, day)
            second = without(self._alerted(sim, "app.second_alert", day), first)
        respond(sim, self.parameters, either(first, second), day)

    def _alerted(self, sim: "Sim", queue: str, day: int) -> Ids:
        ids = distinct(sim.queue(queue).take(day))
        alerted: Ids = ids[has_app(sim, ids, day) & (sim.state.status[ids] != DEAD)]
        return alerted


def install(sim: "Sim", app: AppParameters) -> None:
    """Let people have the app; those who have it already, by an own rule, are left.

    Args:
        sim: The run, on the day before the first installation.
        app: How many, and when.
    """
    state, people = sim.state, sim.people
    if (state.app_from == NEVER).all():
        stream = sim.stream("app.adoption")
        chosen_ones = adopters(people.age, people.household, people.region, app, stream)
        state.app_from[:], state.app_until[:] = installations(chosen_ones, app, stream)
    users = users_by_day(state.app_from, state.app_until, sim.parameters.days)
    for day, number in enumerate(users.tolist()):
        sim.record.add("app_users", day, number)


def has_app(sim: "Sim", ids: Ids, day: int) -> Flags:
    """Whether people have the app on a day.

    Args:
        sim: The run.
        ids: Shape (m,). Who.
        day: Of the run.
    """
    return _has(sim.state.app_from[ids], sim.state.app_until[ids], day)


def _has(since: npt.NDArray[np.int16], until: npt.NDArray[np.int16], day: int) -> Flags:
    there: Flags = (since != NEVER) & (since <= day)
    there &= (until == NEVER) | (day < until)
    return there
