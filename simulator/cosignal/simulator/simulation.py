"""A run, day by day.

What this module guarantees:

* A run is decided by its parameters, its people and its interventions: the same ones
  give the same run, bit for bit, on any number of threads.
* The order of a day: the disease goes on; infections come in from outside;
  interventions act; isolation takes effect; people meet and infect each other;
  analysers look.
* Contacts of the last 31 days can be looked at again, exactly as they were.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from cosignal.protocol.errors import UsageError
from cosignal.simulator import interventions as built_in
from cosignal.simulator.contacts.days import DayContacts, day_contacts
from cosignal.simulator.disease.outbreak import Outbreak
from cosignal.simulator.disease.vaccination import Vaccination, vaccinate
from cosignal.simulator.events import Queue
from cosignal.simulator.interventions.defaults import defaults
from cosignal.simulator.isolation import begin_day, end_day, set_isolated
from cosignal.simulator.meetings import meetings
from cosignal.simulator.parameters.app import AppParameters
from cosignal.simulator.parameters.behaviour import LAYERS
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.population.consistency import require_consistent
from cosignal.simulator.population.files import OwnFiles, read_files
from cosignal.simulator.population.own import Population
from cosignal.simulator.population.people import People, owned, unwritten
from cosignal.simulator.population.synthetic import synthetic
from cosignal.simulator.recorder import Recorder
from cosignal.simulator.results import Results
from cosignal.simulator.spread import Spread
from cosignal.simulator.state import REMEMBERED_DAYS, State, new_state
from cosignal.simulator.streams import stream_key

if TYPE_CHECKING:
    from cosignal.simulator.interventions import Intervention
    from cosignal.simulator.plots.style import Drawing

Ids = npt.NDArray[np.int32]
Analyser = Callable[["Sim", int], None]
#: Interventions, or a function that makes them of a run's parameters.
Own = Sequence["Intervention"] | Callable[[Parameters], Sequence["Intervention"]]

_SHORT: Final = {"agents": "population.agents", "r0": "disease.r0"}


class Sim:
    """One run.

    Nothing is built before it is asked for, so that a `Sim` may also stand for what the
    runs of an experiment have in common.

    Attributes:
        parameters: All of them.
        own_interventions: The user's own; None for those of the parameters.
        own_population: The user's own people; None for synthetic ones.
        analysers: Called at the end of each day.
        threads: How many share the work of a day; they change no number.
        beta: Hazard of an average contact; None to solve for it.
        day: The day that comes next, or that is going on.
        today: People by what happened to them today: `onset`, `hospital`, `icu`,
            `recovered`, `dead`; and `infected` for those of the day before. Shape (m,),
            int32, ascending.
        factors: Shape (5,), float32. Share of contacts that remains today, by layer;
            interventions multiply into it.

    >>> sim = Sim("FR", agents=2000, days=30, r0=3.0, seed=1)
    >>> results = sim.run()
    >>> 100 < results.summary()["infections"] < 2000
    True
    """

    def __init__(
        self,
        place: str | None = None,
        *,
        parameters: Parameters | None = None,
        interventions: "Own | None" = None,
        analysers: Sequence[Analyser] = (),
        population: Population | People | None = None,
        threads: int = 1,
        beta: float | None = None,
        **values: Any,  # noqa: ANN401 - any parameter
    ) -> None:
        """Describe a run.

        Args:
            place: Country, in place of `population.place`.
            parameters: From which to start; the defaults if None.
            interventions: In place of the built-in ones; or a function that makes them
                of the run's parameters.
            analysers: Called as `analyser(sim, day)` at the end of each day.
            population: The user's own people, in place of synthetic ones and of those
                whose files the parameters name.
            threads: 1 or more.
            beta: Hazard of an average contact, in place of what `disease.r0` asks for.
            **values: `agents`, `days`, `seed`, `r0`, `app=AppParameters(...)`, or any
                parameter by its dotted name with `__` for the dot: `app__adoption`.

        Raises:
            UsageError: A parameter does not exist or does not fit.
        """
        self.parameters = _parameters(parameters, place, values)
        self.own_interventions = _kept(interventions)
        self.own_population = _people(population)
        self.analysers = tuple(analysers)
        self.threads = _threads(threads)
        self.beta = beta
        self.day = 0
        self.today: dict[str, Ids] = {}
        self.factors = np.ones(len(LAYERS), np.float32)
        self._queues: defaultdict[str, Queue] = defaultdict(Queue)
        self._streams: dict[str, np.uint64] = {}
        self._contacts: dict[int, DayContacts] = {}

    @cached_property
    def people(self) -> People:
        """Who is there."""
        if self.own_population is not None:
            require_consistent(self.own_population)
            return owned(self.own_population)
        if self.files is not None:
            return self.files.population(self.parameters).people
        return synthetic(self.parameters)

    @cached_property
    def files(self) -> OwnFiles | None:
        """What was read of the files that the parameters name."""
        return None if self.own_population is not None else read_files(self.parameters)

    @property
    def own(self) -> tuple[str, ...]:
        """Names of all that the program gave, beside parameters and their files."""
        # Only here: experiments know us.
        from cosignal.simulator.experiments.own_code import (  # noqa: PLC0415
            name_of,
        )

        given = self.own_interventions
        parts = (given,) if callable(given) else tuple(given or ())
        names = list(dict.fromkeys(map(name_of, parts)))
        if given is not None and not names:
            names = ["interventions"]
        if self.own_population is not None:
            names.append("population")
        return (*names, *(() if self.beta is None else ("beta",)))

    @cached_property
    def state(self) -> State:
        """What changes from day to day."""
        return new_state(len(self.people.age), 1 + len(self.parameters.variants))

    @cached_property
    def record(self) -> Recorder:
        """Counts of each day."""
        return Recorder(self.parameters.days, self.people.age)

    @cached_property
    def interventions(self) -> "tuple[Intervention, ...]":
        """What is done each day, in this order."""
        own = self.own_interventions
        if own is None:
            return tuple(defaults(self.parameters))
        return tuple(own(self.parameters)) if callable(own) else tuple(own)

    @cached_property
    def outbreak(self) -> Outbreak:
        """The disease among these people."""
        return Outbreak(self)

    @cached_property
    def _spread(self) -> Spread:
        return Spread(self.threads)

    @cached_property
    def _vaccination(self) -> Vaccination:
        return Vaccination(self.parameters)

    def run(self, progress: Callable[[int, int], None] | None = None) -> Results:
        """Go through all days that are left.

        Args:
            progress: Called after each day with how many are done, of how many.

        Returns:
            What came out.
        """
        days = self.parameters.days
        while self.day < days:
            self.step()
            if progress is not None:
                progress(self.day, days)
        return self.results

    def step(self) -> None:
        """Go through one day.

        Raises:
            UsageError: The run is over.
        """
        day = self.day
        if day >= self.parameters.days:
            raise UsageError(f"step: expected a day before {day}, the run is over")
        self.factors[:] = 1
        self.today = self.outbreak.progress(day)
        self._vaccination.apply(self, day)
        with unwritten():
            for intervention in self.interventions:
                if built_in.is_active(intervention, day):
                    intervention.apply(self, day)
        end_day(self, day)
        self._remember_contacts(day)
        self.outbreak.spread(day, self._contacts[day], self._spread)
        with unwritten():
            for analyser in self.analysers:
                analyser(self, day)
        self.day = day + 1
        begin_day(self, self.day)

    @property
    def results(self) -> Results:
        """What came out up to now."""
        return Results(
            self.parameters,
            self.day,
            len(self.people.age),
            self.record,
            self.outbreak.infections(),
            own=self.own,
            files=self.files.digests if self.files else (),
        )

    def plot(self) -> "Drawing":
        """Draw what came out up to now; see `Results.plot`."""
        return self.results.plot()

    def queue(self, name: str) -> Queue:
        """Events of a kind, made when first asked for."""
        return self._queues[name]

    def stream(self, name: str) -> np.uint64:
        """The key of a stream of draws; see `streams`."""
        if name not in self._streams:
            self._streams[name] = stream_key(self.parameters.seed, name)
        return self._streams[name]

    def isolate(self, ids: Ids, until: npt.ArrayLike, *, quarantined: bool) -> None:
        """Let people stay at home, from some time of today on.

        Who was out this morning has met those of today already with probability 1/2;
        see `isolation`.

        Args:
            ids: Shape (m,), int32. Who.
            until: Shape (m,) or one day for all: first day on which they go out again.
                A later day that they have already stays.
            quarantined: Whether the reason is a contact, not their own infection.
        """
        set_isolated(self.state, ids, until, self.day, quarantined=quarantined)

    def vaccinate(self, ids: Ids) -> None:
        """Vaccinate people, today; `vaccination` says how well and when it protects.

        The dead are passed over. Somebody whom a vaccination protects already is
        protected anew at once; one that does not protect yet stays the one that counts.

        Args:
            ids: Shape (m,), int32. Who.
        """
        vaccinate(self, ids)

    def contacts_on(self, day: int) -> DayContacts:
        """What `contacts` needs to know of a day.

        Args:
            day: Today, once interventions have acted, or one of the last 31 days.

        Raises:
            UsageError: The day is forgotten, or has not come.
        """
        if day not in self._contacts:
            raise UsageError(
                f"contacts_on: expected one of the last {REMEMBERED_DAYS - 1} days, "
                f"got {day}"
            )
        return self._contacts[day]

    def contacts(self, day: int, ids: Ids) -> tuple[Ids, Ids, npt.NDArray[np.uint8]]:
        """Whom people met, with isolation as it was; nobody in hospital, nor dead.

        Args:
            day: Of the last 31.
            ids: Shape (m,), int32. Who.

        Returns:
            Shape (c,) each: who, whom, and the layer; one element for each contact.
        """
        contacts = self.contacts_on(day)
        who, whom, layer = meetings(ids, contacts, self.people)
        bit = np.uint32(1) << np.uint32(self.day - day)
        home, away = (self.state.isolation & bit) > 0, (self.state.away & bit) > 0
        kept = (layer == 0) | ~(home[who] | home[whom])
        kept &= ~(away[who] | away[whom])
        return who[kept], whom[kept], layer[kept]

    def _remember_contacts(self, day: int) -> None:
        self._contacts[day] = day_contacts(
            self.people, self.parameters, day, self.factors
        )
        self._contacts.pop(day + 1 - REMEMBERED_DAYS, None)


def _parameters(
    parameters: Parameters | None, place: str | None, values: Mapping[str, Any]
) -> Parameters:
    named: dict[str, Any] = {} if place is None else {"population.place": place}
    for name, value in values.items():
        if name == "app" and isinstance(value, AppParameters):
            named |= {f"app.{key}": getattr(value, key) for key in value.__slots__}
        else:
            named[_SHORT.get(name, name.replace("__", "."))] = value
    return (parameters or Parameters()).with_values(named)


def _people(population: Population | People | None) -> People | None:
    if isinstance(population, Population):
        return population.people
    if population is None or isinstance(population, People):
        return population
    raise UsageError(
        f"population: expected a Population or People, got {type(population).__name__}",
        advice='For example Population.from_csv("people.csv").',
    )


def _kept(interventions: "Own | None") -> "Own | None":
    """A function as it is, anything else as a tuple of its own."""
    if interventions is None or callable(interventions):
        return interventions
    return tuple(interventions)


def _threads(threads: int) -> int:
    if threads < 1:
        raise UsageError(f"threads: expected 1 or more, got {threads}")
    return threads
