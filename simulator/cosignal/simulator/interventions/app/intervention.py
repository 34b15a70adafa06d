"""The app, day by day: keys of those who publish, alerts of those who were near.

What this module guarantees:

* A positive result warns others only if the person has the app and consents; a code, an
  upload, a block and a download come between, each with its delay in fractions of days.
* Consent is given or refused once an illness, at symptoms or at the result; see
  `consent`.
* A phone is alerted once a day, however many keys it was near; the phone of a known
  case, who had a positive result within `RETEST_DAYS`, and of the dead is not.
* The dead publish nothing, and are no users.
"""

from dataclasses import dataclass, replace
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
from cosignal.simulator.interventions.app.consent import ask
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
from cosignal.simulator.interventions.sets import distinct, either
from cosignal.simulator.interventions.testing import known_cases
from cosignal.simulator.interventions.warned import Warned, put, take, together
from cosignal.simulator.parameters.app import AppParameters
from cosignal.simulator.state import DEAD, NEVER
from cosignal.simulator.threads import ranges, share

if TYPE_CHECKING:
    from cosignal.simulator.simulation import Sim

_HOURS: Final = 24.0
#: Cases for whom a thread is worth its while.
_LEAST: Final = 100

#: Place of the case, whom its keys alert, and the day of the contact; shape (k,) each.
Found = tuple[npt.NDArray[np.int64], Ids, npt.NDArray[np.int32]]


@dataclass(slots=True)
class App:
    """The exposure-notification app.

    Attributes:
        parameters: Who has it, and all that follows.
        start: First day; people install it from then on, or from `parameters.start` on
            if that is later, and nobody has it before.
        stop: Day after the last; None for the run's end.
    """

    parameters: AppParameters
    start: int = 0
    stop: int | None = None

    def apply(self, sim: "Sim", day: int) -> None:
        """Install, publish, alert."""
        if day == self.start:
            first = max(self.start, self.parameters.start)
            install(sim, replace(self.parameters, start=first), self.stop)
        else:
            _count_users(sim, sim.today.get("dead", NOBODY), self.stop, -1)
        self._publish(sim, day)
        self._upload(sim, day)
        self._alert(sim, day)

    def _publish(self, sim: "Sim", day: int) -> None:
        """Let those who may publish today decide, and send for a code."""
        app = self.parameters
        positive = sim.today.get("positive", NOBODY)
        record_alerted(sim, positive, day)
        offered = _users(sim, positive, day)
        sim.record.count("codes", day, offered)
        ill = NOBODY
        if app.on_symptoms:
            ill = either(sim.today["onset"], sim.today.get("background", NOBODY))
        asked, illness = ask(sim, _users(sim, ill, day), offered, day)
        willing = chosen(sim.stream("app.consent"), illness, asked, app.consent)
        uploading = days_later(sim.stream("app.code"), day, willing, app.code_delay)
        sim.queue("app.upload").put(uploading, willing)

    def _upload(self, sim: "Sim", day: int) -> None:
        ids = _users(sim, distinct(sim.queue("app.upload").take(day)), day)
        state = sim.state
        positive = known_cases(state, ids, day)
        tested = np.where(positive, state.test_day[ids], NEVER)
        reference = reference_days(
            state.onset_day[ids], tested, state.infected_day[ids], day
        )
        sim.record.count("uploads", day, ids)
        sim.record.add("keys", day, self._keys(sim, ids, day))
        weights = published_weights(reference, day, self.parameters)
        found = self._exposed(sim, ids, weights, day)
        self._download(sim, "app.alert", ids, found, day)

    def _keys(self, sim: "Sim", ids: Ids, day: int) -> int:
        """How many daily keys people publish."""
        since, until = sim.state.app_from[ids], sim.state.app_until[ids]
        days = published_days(self.parameters, day)
        return sum(int(np.count_nonzero(_has(since, until, past))) for past in days)

    def _exposed(
        self, sim: "Sim", ids: Ids, weights: npt.NDArray[np.float64], day: int
    ) -> Found:
        """Find whom keys alert: place of the case, whom, of when; for each contact.

        Past days, and parts of the cases, are looked at by all threads, and put
        together in their order.
        """
        days = published_days(self.parameters, day)
        if len(ids) == 0 or len(days) == 0:
            return np.empty(0, np.int64), NOBODY, NOBODY

        parts = ranges(len(ids), sim.threads, _LEAST)

        def of_day(work: tuple[int, tuple[int, int]]) -> Pairs:
            number, (first, end) = work
            cases, of_cases = ids[first:end], weights[number, first:end]
            index, others = exposed(sim, self.parameters, cases, of_cases, days[number])
            return index + first, others

        work = list(product(range(len(days)), parts))
        found = share(of_day, work, sim.threads)
        index, others = (np.concatenate(part) for part in zip(*found, strict=True))
        sizes = [len(one[1]) for one in found]
        when = np.repeat(
            np.asarray([days[number] for number, _ in work], np.int32), sizes
        )
        return index, others, when

    def _download(
        self, sim: "Sim", queue: str, ids: Ids, found: Found, day: int
    ) -> None:
        """Let phones hear of keys: after a block, when they ask for it next."""
        index, others, when = found
        app = self.parameters
        published = chances(sim.stream("app.publish"), day, ids, TIME_OF_DAY)
        published += day + app.publish_delay / _HOURS
        asks = chances(sim.stream("app.poll"), day, others, CHOICE)
        heard = published[index] + asks * app.poll_interval / _HOURS
        put(sim.queue(queue), np.floor(heard).astype(np.int64), others, when)

    def _alert(self, sim: "Sim", day: int) -> None:
        alerted = self._alerted(sim, "app.alert", day)
        if self.parameters.second_order:
            found = self._exposed(sim, alerted.ids, self._passed_on(alerted, day), day)
            self._download(sim, "app.second_alert", alerted.ids, found, day)
            second = self._alerted(sim, "app.second_alert", day)
            alerted = together(alerted, second)
        respond(sim, self.parameters, alerted, day)

    def _passed_on(self, alerted: Warned, day: int) -> npt.NDArray[np.float64]:
        """Weights of days on which alerted people may have infected others."""
        days = np.asarray(published_days(self.parameters, day), np.int64)
        after = days[:, np.newaxis] > alerted.first
        standard = self.parameters.infectiousness_weights[0]
        return np.where(after, standard, 0.0)

    def _alerted(self, sim: "Sim", queue: str, day: int) -> Warned:
        heard = take(sim.queue(queue), day)
        alerted = _is_user(sim, heard.ids, day)
        return heard.only(alerted & ~known_cases(sim.state, heard.ids, day))


def install(sim: "Sim", app: AppParameters, stop: int | None = None) -> None:
    """Let people have the app; those who have it already, by an own rule, are left.

    Args:
        sim: The run, on the day before the first installation.
        app: How many, and when.
        stop: Day after the last on which users are counted; None for the run's end.
    """
    state, people = sim.state, sim.people
    if (state.app_from == NEVER).all():
        stream = sim.stream("app.adoption")
        chosen_ones = adopters(people.age, people.household, people.region, app, stream)
        state.app_from[:], state.app_until[:] = installations(chosen_ones, app, stream)
    _count_users(sim, np.flatnonzero(state.status != DEAD).astype(np.int32), stop, 1)


def _count_users(sim: "Sim", ids: Ids, stop: int | None, sign: int) -> None:
    """Count people as users, or no more, from today on."""
    state, last = sim.state, sim.parameters.days
    days = range(sim.day, last if stop is None else max(sim.day, min(stop, last)))
    bands = sim.record.bands[ids]
    rows = users_by_day(state.app_from[ids], state.app_until[ids], bands, days)
    sim.record.add_days("app_users", sim.day, sign * rows)


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


def _is_user(sim: "Sim", ids: Ids, day: int) -> Flags:
    """Whether people have the app today, and live."""
    alive: Flags = sim.state.status[ids] != DEAD
    return alive & has_app(sim, ids, day)


def _users(sim: "Sim", ids: Ids, day: int) -> Ids:
    users: Ids = ids[_is_user(sim, ids, day)]
    return users
