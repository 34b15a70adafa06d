"""How much one contact transmits, so that the reproduction number is the given one.

R0 is here the mean number of people whom a typical early case infects while hardly
anybody else has been infected, and nothing is done. Such a case has been infected by
somebody, as others near by have: in households, classes and teams some of those whom it
would infect are infected already. So R0 is a product:

* how many a typical case would infect if all others were susceptible, exactly: see
  `expectations`,
* times the share of these that it infects, of small outbreaks: see `small_outbreaks`.
  The outbreaks also show who the typical cases are.

How beta is found is in `search`.

What this module guarantees:

* Beta is a function of parameters and people; it changes with neither interventions,
  nor threads.
"""

import weakref
from collections import deque
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cosignal.protocol.errors import UsageError
from cosignal.simulator.disease.search import Search
from cosignal.simulator.disease.tables import Tables, infectiousness
from cosignal.simulator.parameters.disease import DiseaseParameters
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.population.people import People

Floats = npt.NDArray[np.float64]

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
    disease = parameters.disease
    if reproduction_number(disease, infectiousness(disease)) == 0:
        return 0.0

    def wanted(intervals: Floats) -> float:
        return reproduction_number(disease, intervals)

    search = Search(quiet, people, tables, wanted)
    beta = search.beta()
    if beta is None:
        raise _refused(search, Search(quiet, people, tables, lambda _: 1.0))
    return beta


def _refused(search: Search, fading: Search) -> UsageError:
    """Say what the greatest possible R0 is.

    Up to 1 other generations count: where only more is asked for, the answer may be 1.

    Args:
        search: That has found no beta.
        fading: For 1; not begun.
    """
    most = search.most
    if most < 1 < search.target:
        most = fading.most if fading.beta() is None else 1.0
    expected = f"at most {most:.3g} with these contacts"
    if most == 0:
        expected = "0 where nobody can infect anybody, or no chain goes on"
    return UsageError(
        f"disease.r0: expected {expected}, got {search.target:.3g}",
        advice="Give people more contacts, layers weight, and ages susceptibility.",
    )
