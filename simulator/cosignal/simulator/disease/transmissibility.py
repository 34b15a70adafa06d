"""How much one contact transmits, so that the reproduction number is the given one.

R0 is here the mean number of people whom a typical early case infects while hardly
anybody else has been infected, and nothing is done. Such a case has been infected by
somebody, as others near by have: in households, classes and teams some of those whom it
would infect are infected already. So R0 is a product:

* how many a typical case would infect if all others were susceptible, exactly: see
  `expectations`,
* times the share of these that it infects, of small outbreaks: see `small_outbreaks`.
  The outbreaks also show who the typical cases are.

Both depend on beta, the share and the cases but little. Beta is found in some rounds:
outbreaks with the last beta, a new beta from what they show. Typical cases of one round
are the first cases of the next one's outbreaks.

What this module guarantees:

* Beta is a function of parameters and people; it changes with neither interventions,
  nor threads.
"""

import math
import weakref
from collections import deque
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cosignal.protocol.errors import UsageError
from cosignal.simulator.disease.expectations import Expectation
from cosignal.simulator.disease.small_outbreaks import DEPTH, Found, setting, watch
from cosignal.simulator.disease.tables import Tables, infectiousness
from cosignal.simulator.parameters.disease import DiseaseParameters
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.population.people import People
from cosignal.simulator.streams import stream_key, uniforms

Ids = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]

#: Infections in the outbreaks of each round, about.
_ROUNDS: Final = (30_000, 30_000, 150_000)
#: Room for how many times as many.
_ROOM: Final = 4
#: Outbreaks of a round, at most.
_OUTBREAKS: Final = 20_000
#: Cases whose contacts are looked at: in the first rounds, in the end.
_FEW: Final = 1400
_MANY: Final = 7000
#: Outbreaks of less would hardly have the generations that are looked at.
_LEAST: Final = 0.5
#: Infections in the last generation of an outbreak, at most, about; share of a region's
#: people that they are, at most.
_LARGEST: Final = 400
_SMALL: Final = 0.01
_PRECISION: Final = 1e-4
#: A handful do.
_STEPS: Final = 100
_BETA_MAX: Final = 1e4
#: Of the logarithms; where it is less, more beta hardly infects more people.
_LEAST_SLOPE: Final = 0.05

#: What was asked last, of whom, and the answer: an experiment asks again and again.
#: People are known by all their arrays, which nobody writes to, and are not kept alive.
_Whom = list[weakref.ref[npt.NDArray[Any]]]
_SOLVED: Final[deque[tuple[tuple[object, ...], _Whom, float]]] = deque(maxlen=16)


def reproduction_of_growth(growth_rate: float, intervals: Floats) -> float:
    """Reproduction number that makes cases grow exponentially at a rate.

    Euler and Lotka: 1 = R * sum of intervals(k) * exp(-rate * k).

    Args:
        growth_rate: 1/day.
        intervals: Shape (l,). Shares of infections by days since the infector's.

    >>> round(reproduction_of_growth(0.2, infectiousness(DiseaseParameters())), 2)
    2.77
    """
    days = np.arange(len(intervals))
    return float(1 / (intervals @ np.exp(-growth_rate * days)))


def reproduction_number(disease: DiseaseParameters, intervals: Floats) -> float:
    """The one that is asked for: `r0`, or that of `growth_rate`.

    Args:
        disease: Which of the two.
        intervals: See `reproduction_of_growth`.
    """
    if disease.growth_rate is None:
        return disease.r0
    return reproduction_of_growth(disease.growth_rate, intervals)


def solve_beta(parameters: Parameters, people: People, tables: Tables) -> float:
    """Solve for beta.

    Args:
        parameters: `disease.r0` or `disease.growth_rate`, contacts, seed.
        people: Who is there.
        tables: The disease as numbers.

    Returns:
        Hazard of an average contact, summed over the days of infectiousness.

    Raises:
        UsageError: People do not meet so many others.
    """
    asked = (
        parameters.disease,
        parameters.contacts,
        parameters.seed,
        parameters.start_weekday,
    )
    for known, whom, beta in _SOLVED:
        same = all(one() is other for one, other in zip(whom, people, strict=True))
        if known == asked and same:
            return beta
    beta = _solved(parameters, people, tables)
    _SOLVED.append((asked, [weakref.ref(array) for array in people], beta))
    return beta


def _solved(parameters: Parameters, people: People, tables: Tables) -> float:
    quiet = replace(parameters, contacts=replace(parameters.contacts, holidays=()))
    search = _Search(quiet, people, tables)
    if search.target == 0:
        return 0.0
    for infections in _ROUNDS:
        search.improve(infections)
    return search.answer()


class _Search:
    """Beta and the typical cases, better with each round."""

    def __init__(self, parameters: Parameters, people: People, tables: Tables) -> None:
        """Begin with people at random, as if nobody competed.

        Raises:
            UsageError: Nobody can infect anybody.
        """
        self._all = (parameters, people, tables)
        self._disease = parameters.disease
        region = len(people.age) / (len(people.region_start) - 1)
        self._largest = min(_LARGEST, _SMALL * region)
        self._beta = 0.1
        anybody = _anybody(parameters.seed, len(people.age))
        self._found = Found(anybody, 1.0, infectiousness(self._disease))
        if self.target > 0 and self._expectation(_FEW).mean(self._beta) <= 0:
            raise self._refused("0 where nobody can infect anybody")

    @property
    def target(self) -> float:
        """The reproduction number that is asked for."""
        return reproduction_number(self._disease, self._found.intervals)

    def improve(self, infections: int) -> None:
        """Find beta, and with it better cases.

        Args:
            infections: In all outbreaks, about.
        """
        target = max(self.target, _LEAST)
        self._beta = self._solution(target, self._expectation(_FEW))
        depth = DEPTH
        while depth > 1 and target ** (depth + 1) > self._largest:
            depth -= 1
        size = float((target ** np.arange(depth + 2)).sum())
        first = _some(self._found.ids, min(_OUTBREAKS, math.ceil(infections / size)))
        self._found = watch(
            first, _ROOM * infections, setting(*self._all, depth, self._beta)
        )

    def answer(self) -> float:
        """Beta, in the end.

        Raises:
            UsageError: People do not meet so many others.
        """
        expectation = self._expectation(_MANY)
        beta = self._solution(self.target, expectation)
        if beta == _BETA_MAX:
            most = expectation.mean(_BETA_MAX) * self._found.success
            raise self._refused(f"at most {most:.3g} with these contacts")
        return beta

    def _expectation(self, cases: int) -> Expectation:
        return Expectation(_some(self._found.ids, cases), *self._all)

    def _solution(self, target: float, expectation: Expectation) -> float:
        """Beta with which a case infects as many as the target; the greatest if none.

        By secants of logarithms, between which the relation is nearly a line.
        """

        def gap(beta: float) -> float:
            return math.log(expectation.mean(beta) * self._found.success / target)

        if expectation.mean(_BETA_MAX) * self._found.success <= target:
            return _BETA_MAX
        old = beta = self._beta
        slope, last = 1.0, gap(beta)
        now = last
        for _ in range(_STEPS):
            if abs(now) <= _PRECISION:
                break
            if beta != old and now != last:
                slope = (now - last) / math.log(beta / old)
            old, last = beta, now
            step = math.exp(-now / max(slope, _LEAST_SLOPE))
            beta = min(beta * step, _BETA_MAX)
            now = gap(beta)
        return beta

    def _refused(self, expected: str) -> UsageError:
        return UsageError(
            f"disease.r0: expected {expected}, got {self.target:.3g}",
            advice="Give people more contacts, layers weight, and ages susceptibility.",
        )


def _anybody(seed: int, people: int) -> Ids:
    """People at random."""
    key = stream_key(seed, "disease.transmissibility")
    numbers = uniforms(key, np.arange(_OUTBREAKS), 0)
    found: Ids = (numbers * people).astype(np.int32)
    return found


def _some(ids: Ids, wanted: int) -> Ids:
    """As many as are wanted, evenly spaced; some more than once if there are fewer."""
    at = (np.arange(wanted) + 0.5) * (len(ids) / wanted)
    return ids[at.astype(np.int64)].astype(np.int32)
