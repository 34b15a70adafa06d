"""How much one contact transmits, so that the reproduction number is the given one.

R0 is here the mean number of people whom a typical early case infects while everybody
else is susceptible: the dominant eigenvalue of the next-generation operator over the
people themselves, with all in which they differ (age, household, place, number of
contacts in the community, susceptibility), found by power iteration on a sample.

* A first sample is drawn at random. Each of its people has the contacts of the days
  after an infection, as in a run; the expected number of infections of each contact
  person follows from beta, exactly: 1 - E exp(-infectivity * hazard), the hazard summed
  over all contacts of the pair, so that a household saturates.
* The next sample is drawn from the contact people in proportion to these
  expectations, and so on: after some generations it is made of typical early cases.
* Who infected somebody is not infected back. Two who were infected by the same person,
  in one household or place, do not infect each other either, with the probability that
  they were: a case in a household finds some already infected.
* Beta is such that the mean of a generation is R0; the mean over the later generations
  counts.

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
from cosignal.simulator.contacts.days import DAYS_OF_WEEK, day_contacts
from cosignal.simulator.disease.generations import (
    NOWHERE,
    Exposure,
    Sample,
    expect,
    expose,
    no_exposure,
)
from cosignal.simulator.disease.tables import Tables, infectiousness
from cosignal.simulator.parameters.disease import DiseaseParameters
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.population.people import People
from cosignal.simulator.streams import stream_key, uniforms

Floats = npt.NDArray[np.float64]

#: People of a sample; generations until it is typical; generations that count.
_SAMPLE: Final = 1200
_SETTLING: Final = 2
_COUNTING: Final = 7
_PRECISION: Final = 1e-4
_BETA_MAX: Final = 1e4
#: Days with less of the greatest day's infectiousness are left out.
_NEGLIGIBLE: Final = 1e-2
#: Of the logarithms; where it is less, more beta hardly infects more people.
_LEAST_SLOPE: Final = 0.05

#: What was asked last, of whom, and the answer: an experiment asks again and again.
#: People are known by all their arrays, which nobody writes to, and are not kept alive.
_Whom = list[weakref.ref[npt.NDArray[Any]]]
_SOLVED: Final[deque[tuple[tuple[object, ...], _Whom, float]]] = deque(maxlen=16)


def reproduction_of_growth(growth_rate: float, disease: DiseaseParameters) -> float:
    """Reproduction number that makes cases grow exponentially at a rate.

    Euler and Lotka: 1 = R * sum of profile(k) * exp(-rate * k).

    Args:
        growth_rate: 1/day.
        disease: Its generation time.

    >>> round(reproduction_of_growth(0.2, DiseaseParameters()), 2)
    2.77
    """
    profile = infectiousness(disease)
    days = np.arange(len(profile))
    return float(1 / (profile @ np.exp(-growth_rate * days)))


def reproduction_number(disease: DiseaseParameters) -> float:
    """The one that is asked for: `r0`, or that of `growth_rate`."""
    if disease.growth_rate is None:
        return disease.r0
    return reproduction_of_growth(disease.growth_rate, disease)


def layer_weights(parameters: Parameters) -> Floats:
    """Shape (5,). Transmission of a contact of each layer, relative."""
    contacts = parameters.contacts
    return np.array(
        [
            contacts.household_weight,
            contacts.school_weight,
            contacts.work_weight,
            contacts.care_weight,
            contacts.community_weight,
        ]
    )


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
    target = reproduction_number(parameters.disease)
    if target == 0:
        return 0.0
    quiet = replace(parameters, contacts=replace(parameters.contacts, holidays=()))
    key = stream_key(parameters.seed, "disease.generations")
    sample = _first(people, key)
    before = no_exposure(sample.ids, people, 0)
    found: list[float] = []
    beta = 0.1
    for generation in range(_SETTLING + _COUNTING):
        exposure = _exposure(sample, generation, quiet, people, tables)
        step = Generation(sample, exposure, before, people, tables)
        beta = step.solve(target, beta)
        found.append(beta)
        offset = float(uniforms(key, np.array([generation]), 1)[0])
        sample, before = step.next_sample(offset), exposure
    return float(np.mean(found[_SETTLING:]))


def _first(people: People, key: np.uint64) -> Sample:
    """People at random."""
    numbers = uniforms(key, np.arange(_SAMPLE), 0)
    ids = (numbers * len(people.age)).astype(np.int32)
    nobody = np.full(_SAMPLE, -1, np.int32)
    nowhere = np.full(_SAMPLE, NOWHERE, np.uint8)
    rows = np.zeros(_SAMPLE, np.int64)
    return Sample(ids, nobody, nobody, nowhere, rows, np.zeros(_SAMPLE))


def _exposure(
    sample: Sample,
    generation: int,
    parameters: Parameters,
    people: People,
    tables: Tables,
) -> Exposure:
    """Whom the cases of a sample meet while they are infectious.

    Generations begin on one weekday after the other, and share no day: a day on which
    somebody was infected is none on which they infect.
    """
    profile = tables.profile.astype(np.float64)
    profile[profile < _NEGLIGIBLE * profile.max()] = 0
    profile /= profile.sum()
    days = np.flatnonzero(profile)
    first_day = generation * (len(profile) // DAYS_OF_WEEK * DAYS_OF_WEEK + 8)
    exposure = no_exposure(sample.ids, people, len(days))
    weights = layer_weights(parameters)
    susceptibility = np.array(parameters.disease.susceptibility)
    for since in days.tolist():
        day = day_contacts(people, parameters, first_day + since)
        share = profile[since]
        expose(sample.ids, share, weights, susceptibility, day, people, exposure)
    return exposure


class Generation:
    """One generation, of which beta is asked, and the next one."""

    def __init__(
        self,
        sample: Sample,
        exposure: Exposure,
        before: Exposure,
        people: People,
        tables: Tables,
    ) -> None:
        """Take the cases, and whom they meet."""
        self._sample, self._exposure = sample, exposure
        self._all = (sample, exposure, before, people, tables)
        self._people = people
        self._expected = tuple(
            np.zeros_like(hazard)
            for hazard in (exposure.home, exposure.place, exposure.loose)
        )

    def mean(self, beta: float) -> float:
        """Expected infections by one case."""
        total: float = expect(beta, *self._all, *self._expected)
        return total / len(self._sample.ids)

    def solve(self, target: float, guess: float) -> float:
        """Find the beta with which a case infects as many as `target`.

        By secants of logarithms, between which the relation is nearly a line.

        Raises:
            UsageError: There is none.
        """
        if self.mean(guess) <= 0:
            raise UsageError(
                f"disease.r0: expected 0 where nobody can infect anybody, "
                f"got {target:.3g}",
                advice="Give people contacts, layers weight, and ages susceptibility.",
            )
        old, slope, beta = guess, 1.0, guess
        old_gap = gap = math.log(self.mean(beta) / target)
        while abs(gap) > _PRECISION:
            if beta != old and gap != old_gap:
                slope = (gap - old_gap) / math.log(beta / old)
            old, old_gap = beta, gap
            beta *= math.exp(-gap / max(slope, _LEAST_SLOPE))
            if beta > _BETA_MAX:
                raise UsageError(
                    f"disease.r0: expected at most {self.mean(_BETA_MAX):.3g} with "
                    f"these contacts, got {target:.3g}",
                    advice="Give people more contacts, or layers more weight.",
                )
            gap = math.log(self.mean(beta) / target)
        return beta

    def next_sample(self, offset: float) -> Sample:
        """Draw the next generation's cases, in proportion to what is expected.

        With the beta that was last tried.

        Args:
            offset: 0 to 1. Moves the evenly spaced draws.
        """
        cumulative = np.cumsum(np.concatenate(self._expected))
        points = (np.arange(_SAMPLE) + offset) / _SAMPLE * cumulative[-1]
        found = np.minimum(np.searchsorted(cumulative, points), len(cumulative) - 1)
        return self._chosen(found)

    def _chosen(self, found: npt.NDArray[np.int64]) -> Sample:
        """People by places in the expectations: home, then place, then loose."""
        sample, exposure, people = self._sample, self._exposure, self._people
        at_home, at_place = len(exposure.home), len(exposure.place)
        part = np.digitize(found, [at_home, at_home + at_place])
        at = found - np.array([0, at_home, at_home + at_place])[part]
        starts = (exposure.home_start, exposure.place_start, exposure.loose_start)
        hazards = (exposure.home, exposure.place, exposure.loose)
        rows, hazard = np.empty_like(at), np.empty(len(at))
        for number in range(3):
            here = part == number
            rows[here] = np.searchsorted(starts[number], at[here], side="right") - 1
            hazard[here] = hazards[number][at[here]]
        infectors = sample.ids[rows]
        ids, layers = np.empty(len(at), np.int32), np.zeros(len(at), np.uint8)
        here = part == 0
        first = people.household_start[people.household[infectors[here]]]
        ids[here] = first + at[here] - exposure.home_start[rows[here]]
        here = part == 1
        place = people.place[infectors[here]]
        inside = at[here] - exposure.place_start[rows[here]]
        ids[here] = people.place_members[people.place_start[place] + inside]
        layers[here] = people.place_kind[place]
        here = part == 2  # noqa: PLR2004 - home, place, loose
        ids[here] = exposure.loose_ids[at[here]]
        layers[here] = exposure.loose_layers[at[here]]
        return Sample(ids, infectors, sample.infectors[rows], layers, rows, hazard)
