"""The disease among the people of a run.

What this module guarantees:

* A day costs what happens on it: courses are drawn at infection, and put into queues.
* Every infection is kept, with who, by whom, when and where.
"""

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from cosignal.simulator.compiled import kernel
from cosignal.simulator.disease.courses import begin_infections
from cosignal.simulator.disease.imports import arrivals, check_seeds
from cosignal.simulator.disease.tables import layer_weights, make_tables
from cosignal.simulator.disease.transmissibility import solve_beta
from cosignal.simulator.events import Queue
from cosignal.simulator.parameters.behaviour import LAYERS
from cosignal.simulator.results.infections import (
    OUTSIDE,
    InfectionLog,
    InfectionTable,
    NewInfections,
)
from cosignal.simulator.spread import Hazards, Spread, World, hazards
from cosignal.simulator.state import DEAD, FATAL, NEVER, RECOVERED
from cosignal.simulator.streams import day_key
from cosignal.simulator.threads import ranges, share

if TYPE_CHECKING:
    from cosignal.simulator.contacts.days import DayContacts
    from cosignal.simulator.simulation import Sim

Ids = npt.NDArray[np.int32]

#: Infections for which a thread is worth its while.
_LEAST: Final = 1000
_EVENTS: Final = ("onset", "hospital", "icu", "end")
_COUNTED: Final = {"onset": "onsets", "dead": "deaths"}


class Outbreak:
    """What happens to whom, and when.

    Attributes:
        tables: The disease as numbers.
        beta: Hazard of an average contact over the whole infection; see
            `transmissibility`.
    """

    def __init__(self, sim: "Sim") -> None:
        """Begin with nobody infected.

        Args:
            sim: The run.
        """
        self._sim = sim
        parameters = sim.parameters
        check_seeds(parameters, len(sim.people.age))
        self.tables = make_tables(parameters)
        bands = np.minimum(sim.people.age // 10, 8)
        by_age = np.array(parameters.disease.susceptibility, np.float32)
        sim.state.susceptibility[:] = by_age[bands]
        self.beta = (
            solve_beta(parameters, sim.people, self.tables)
            if sim.beta is None
            else sim.beta
        )
        self._weights = layer_weights(parameters)
        self._queues = {name: Queue() for name in _EVENTS}
        # Infected by day, of the last days; and all that are infectious, as of a day.
        self._cohorts: dict[int, Ids] = {}
        self._infectious, self._joined = np.empty(0, np.int32), NEVER
        self._wards = {name: np.empty(0, np.int32) for name in ("hospital", "icu")}
        self._log = InfectionLog()

    def progress(self, day: int) -> dict[str, Ids]:
        """Let the disease go on to a day, and infections come in from outside.

        Returns:
            People by what happens to them; see `Sim.today`.
        """
        state, record = self._sim.state, self._sim.record
        due = {name: queue.take(day) for name, queue in self._queues.items()}
        ended = due.pop("end")
        is_dead = state.course[ended] == FATAL
        state.status[ended] = np.where(is_dead, DEAD, RECOVERED)
        due |= {"dead": ended[is_dead], "recovered": ended[~is_dead]}
        for name, series in _COUNTED.items():
            record.count(series, day, due[name])
        for name, inside in self._wards.items():
            inside = np.concatenate([inside, due[name]])  # noqa: PLW2901 - the new ones
            self._wards[name] = inside[state.end_day[inside] > day]
            record.count(name, day, self._wards[name])
        due["infected"] = self._cohorts.get(day - 1, np.empty(0, np.int32))
        self._import(day)
        return due

    def spread(self, day: int, contacts: "DayContacts", spread: Spread) -> None:
        """Let people infect each other."""
        found = spread.thin(self._catch_up(day), self.world(day, contacts))
        variant = self._sim.state.variant[found.infectors]
        self._infect(
            day, NewInfections(found.infected, found.infectors, found.layers, variant)
        )

    def world(self, day: int, contacts: "DayContacts") -> World:
        """All that decides who infects whom on a day."""
        sim = self._sim
        return World(self._hazards(day), contacts, sim.people, sim.state, self.tables)

    def infectious(self, day: int) -> Ids:
        """Who was infected so recently that they may infect; shape (m,), int32.

        Ascending, as of what is known now of their last infection.
        """
        since = self._sim.state.infected_day
        first = max(0, day - len(self.tables.profile) + 1)
        found: Ids = np.flatnonzero((since >= first) & (since < day)).astype(np.int32)
        return found

    def _catch_up(self, day: int) -> Ids:
        """The same, of the list that is kept from day to day.

        They come in ascending order, so that people who live and work together are
        looked at one after the other: what is asked of them is then at hand.
        """
        new = [
            ids for since, ids in self._cohorts.items() if self._joined < since < day
        ]
        found = np.sort(np.concatenate([self._infectious, *new]))
        first = max(0, day - len(self.tables.profile) + 1)
        count = _still(found, self._sim.state.infected_day, first, day)
        self._infectious, self._joined = found[:count], day - 1
        for since in [since for since in self._cohorts if since < day - 1]:
            del self._cohorts[since]
        return self._infectious

    def infections(self) -> InfectionTable:
        """All infections up to now."""
        return self._log.table()

    def _hazards(self, day: int) -> Hazards:
        sim = self._sim
        return hazards(day, self.beta, self._weights, sim.state, sim.stream("spread"))

    def _import(self, day: int) -> None:
        sim = self._sim
        ids, variants, failed = arrivals(
            sim.parameters, sim.state, self.tables, day, sim.stream("imports")
        )
        nobody = np.full(len(ids), -1, np.int32)
        outside = np.full(len(ids), OUTSIDE, np.uint8)
        if len(ids) > 0:
            self._infect(day, NewInfections(ids, nobody, outside, variants))
        sim.record.count("imports", day, ids)
        sim.record.add("imports_failed", day, failed)

    def _infect(self, day: int, new: NewInfections) -> None:
        sim, state, ids = self._sim, self._sim.state, new.ids
        self._log.add(day, new, state)
        key = np.uint64(day_key(sim.stream("disease.course"), day))
        self._begin(day, new, key)
        for name in _EVENTS:
            days = getattr(state, f"{name}_day")[ids]
            coming = np.flatnonzero(days > day)
            self._queues[name].put(days[coming], ids[coming])
        before = self._cohorts.get(day)
        # Those from outside come first, and nobody is infected twice on a day.
        both = ids if before is None else np.sort(np.concatenate([before, ids]))
        self._cohorts[day] = both
        sim.record.count("infections", day, ids)
        self._count_layers(day, ids, new.layers)

    def _begin(self, day: int, new: NewInfections, key: np.uint64) -> None:
        """Draw what will happen to whom: nobody is there twice, so in any order."""
        sim = self._sim

        def begin(part: tuple[int, int]) -> None:
            rows = slice(*part)
            begin_infections(
                new.ids[rows],
                new.infectors[rows],
                day,
                new.variants[rows],
                key,
                sim.people.age,
                sim.state,
                self.tables,
            )

        share(begin, ranges(len(new.ids), sim.threads, _LEAST), sim.threads)

    def _count_layers(self, day: int, ids: Ids, layers: npt.NDArray[np.uint8]) -> None:
        for number, name in enumerate(LAYERS):
            self._sim.record.count(f"infections_{name}", day, ids[layers == number])


@kernel
def _still(ids, infected_day, first, day):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Move those who were infected from a first day on, and before a day, to the front.

    Who was infected again meanwhile stands twice in `ids`, and once afterwards.

    Returns:
        How many they are.
    """
    count = 0
    for place in range(len(ids)):
        i = ids[place]
        is_new = count == 0 or ids[count - 1] != i
        if is_new and first <= infected_day[i] < day:
            ids[count] = i
            count += 1
    return count
