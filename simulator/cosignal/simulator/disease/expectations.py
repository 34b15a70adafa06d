"""How many people cases are expected to infect, were all whom they meet susceptible.

What this module guarantees:

* The expected number is exact for given contacts: the individual infectiousness, which
  differs from case to case, is integrated out.
* Whom somebody may meet again and again, in household, place or network, is counted
  once, with the hazards of all days together; others are counted at each contact.

Hazards are given for beta = 1: weight of the layer * susceptibility * the sum over
days of profile * dose.
"""

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cosignal.simulator.compiled import inlined, kernel
from cosignal.simulator.contacts.attributes import dose
from cosignal.simulator.contacts.days import DAYS_OF_WEEK, day_contacts
from cosignal.simulator.contacts.slots import resolve_slot, slot_count, stub_slots
from cosignal.simulator.disease.tables import Tables, layer_weights
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.population.people import People

Ids = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Starts = npt.NDArray[np.int64]

#: Days with less of the greatest day's infectiousness are left out.
_NEGLIGIBLE: Final = 1e-2


class Exposure(NamedTuple):
    """Hazards of those whom m cases meet, over a whole infection.

    Attributes:
        again_start: int64[m + 1]. First of each case in `again`.
        again: float64[...]. Of each slot of household, place and network.
        once_start: int64[m + 1].
        once: float64[...]. Of each contact in the community.
        used: int64[m]. How many of `once` each case has.
    """

    again_start: Starts
    again: Floats
    once_start: Starts
    once: Floats
    used: Starts


class Expectation:
    """Expected infections by cases, as a function of beta."""

    def __init__(
        self, cases: Ids, parameters: Parameters, people: People, tables: Tables
    ) -> None:
        """Find out whom cases meet while they are infectious.

        A seventh of them begins on each weekday.

        Args:
            cases: Shape (m,), int32. Who.
            parameters: Contacts and susceptibility.
            people: Who is there.
            tables: The disease as numbers.
        """
        self._people, self._tables = people, tables
        parts = [cases[weekday::DAYS_OF_WEEK] for weekday in range(DAYS_OF_WEEK)]
        self._parts = [
            (part, _exposure(part, first_day, parameters, people, tables))
            for first_day, part in enumerate(parts)
        ]
        self._cases = len(cases)

    def mean(self, beta: float) -> float:
        """By one case.

        Args:
            beta: See `transmissibility`.
        """
        total = sum(
            expect(beta, part, exposure, self._people, self._tables)
            for part, exposure in self._parts
        )
        return float(total) / self._cases


def _exposure(
    cases: Ids, first_day: int, parameters: Parameters, people: People, tables: Tables
) -> Exposure:
    profile = tables.profile.astype(np.float64)
    profile[profile < _NEGLIGIBLE * profile.max()] = 0
    profile /= profile.sum()
    days = np.flatnonzero(profile)
    exposure = _no_exposure(cases, people, len(days))
    weights = layer_weights(parameters)
    susceptibility = np.array(parameters.disease.susceptibility)
    for since in days.tolist():
        day = day_contacts(people, parameters, first_day + since)
        expose(cases, profile[since], weights, susceptibility, day, people, exposure)
    return exposure


def _no_exposure(cases: Ids, people: People, days: int) -> Exposure:
    """Room for the hazards of some cases' contacts on so many days."""
    slots, stubs = np.empty(len(cases), np.int64), np.empty(len(cases), np.int64)
    count_slots(cases, people, slots, stubs)
    again_start, once_start = _starts(slots - stubs), _starts(stubs * days)
    return Exposure(
        again_start,
        np.zeros(again_start[-1]),
        once_start,
        np.zeros(once_start[-1]),
        np.zeros(len(cases), np.int64),
    )


def _starts(counts: npt.NDArray[np.int64]) -> Starts:
    return np.concatenate([[0], np.cumsum(counts)])


@kernel
def count_slots(cases, people, slots, stubs):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """Fill in how many slots cases have, and how many of these are stubs."""
    for row in range(len(cases)):
        slots[row] = slot_count(cases[row], people)
        first, end = stub_slots(cases[row], people)
        stubs[row] = end - first


@kernel
def expose(cases, share, weights, susceptibility, day, people, exposure):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, PLR0917
    """Add one day's contacts to the hazards.

    Args:
        cases: int32[m].
        share: Of their infectiousness on that day.
        weights: float64[5]. Of the layers.
        susceptibility: float64[9]. By decade of age.
        day: `DayContacts`.
        people: `People`.
        exposure: `Exposure`, changed in place.
    """
    for row in range(len(cases)):
        i = cases[row]
        first, end = stub_slots(i, people)
        for slot in range(slot_count(i, people)):
            j, layer = resolve_slot(i, slot, day, people)
            if j < 0:
                continue
            hazard = share * weights[layer] * dose(i, j, layer, day)
            hazard *= susceptibility[min(people.age[j] // 10, 8)]
            if first <= slot < end:
                exposure.once[exposure.once_start[row] + exposure.used[row]] = hazard
                exposure.used[row] += 1
            else:
                at = slot if slot < first else slot - (end - first)
                exposure.again[exposure.again_start[row] + at] += hazard


@inlined
def _escape(hazard, symptomatic, asymptomatic, dispersion):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Probability of no infection, over all infectiousnesses of a case."""
    if hazard == 0.0:
        return 1.0
    part = hazard / dispersion
    with_symptoms = math.exp(-dispersion * math.log1p(part))
    without = math.exp(-dispersion * math.log1p(asymptomatic * part))
    return symptomatic * with_symptoms + (1.0 - symptomatic) * without


@kernel
def expect(beta, cases, exposure, people, tables):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """Expected number of people infected by all of the cases.

    Args:
        beta: See `transmissibility`.
        cases: int32[m].
        exposure: `Exposure` of the cases.
        people: `People`.
        tables: `Tables`.
    """
    total = 0.0
    rest, k = tables.asymptomatic, tables.dispersion
    for row in range(len(cases)):
        share = tables.severity[0, min(people.age[cases[row]] // 10, 8), 0]
        for at in range(exposure.again_start[row], exposure.again_start[row + 1]):
            total += 1.0 - _escape(beta * exposure.again[at], share, rest, k)
        begin = exposure.once_start[row]
        for at in range(begin, begin + exposure.used[row]):
            total += 1.0 - _escape(beta * exposure.once[at], share, rest, k)
    return total
