"""Generations of early cases, as expectations on a sample of people.

What this module guarantees:

* The expected number of infections of each contact person is exact for given contacts:
  the individual infectiousness, which differs from case to case, is integrated out.
* Who infected somebody, and who infected that one, cannot be infected any more; of
  those who live or work with both, some have been infected already by the same person,
  with the probability that follows.

Hazards are given for beta = 1: weight of the layer * susceptibility * the sum over
days of profile * dose.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cosignal.simulator.compiled import inlined, kernel
from cosignal.simulator.contacts.attributes import dose
from cosignal.simulator.contacts.slots import resolve_slot, slot_count
from cosignal.simulator.population.people import COMMUNITY, HOUSEHOLD, People

Ids = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Starts = npt.NDArray[np.int64]

#: Instead of a layer, for people of the first sample.
NOWHERE = 255


class Sample(NamedTuple):
    """m cases of one generation.

    Attributes:
        ids: int32[m].
        infectors: int32[m]. -1 in the first sample.
        grandparents: int32[m]. Who infected the infectors.
        layers: uint8[m]. Where infected.
        rows: int64[m]. Row of the infector in the sample before.
        hazards: float64[m]. Of the infector's contacts with them.
    """

    ids: Ids
    infectors: Ids
    grandparents: Ids
    layers: npt.NDArray[np.uint8]
    rows: Starts
    hazards: Floats


class Exposure(NamedTuple):
    """Hazards of those whom a sample's cases meet, over a whole infection.

    Attributes:
        home_start: int64[m + 1]. First of each case in `home`.
        home: float64[...]. Of each member of the household, 0 for the case.
        place_start: int64[m + 1].
        place: float64[...]. Of each member of the place.
        loose_start: int64[m + 1].
        loose_ids: int32[...]. Others met, once for each contact; -1 for nobody.
        loose: float64[...].
        loose_layers: uint8[...].
        used: int64[m]. How many of `loose` each case has.
    """

    home_start: Starts
    home: Floats
    place_start: Starts
    place: Floats
    loose_start: Starts
    loose_ids: Ids
    loose: Floats
    loose_layers: npt.NDArray[np.uint8]
    used: Starts


def no_exposure(ids: Ids, people: People, days: int) -> Exposure:
    """Room for the hazards of some cases' contacts on so many days."""
    home = people.household[ids]
    members = people.household_start[home + 1] - people.household_start[home]
    place = people.place[ids]
    colleagues = np.where(
        place >= 0, people.place_start[place + 1] - people.place_start[place], 0
    )
    loose = people.stub_start[ids + 1] - people.stub_start[ids]
    if len(people.network_start) > 1:
        loose = loose + people.network_start[ids + 1] - people.network_start[ids]
    starts = [_starts(counts) for counts in (members, colleagues, loose * days)]
    room = int(starts[2][-1])
    return Exposure(
        starts[0],
        np.zeros(starts[0][-1]),
        starts[1],
        np.zeros(starts[1][-1]),
        starts[2],
        np.full(room, -1, np.int32),
        np.zeros(room),
        np.zeros(room, np.uint8),
        np.zeros(len(ids), np.int64),
    )


def _starts(counts: npt.NDArray[np.integer]) -> Starts:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])


@kernel
def expose(ids, share, weights, susceptibility, day, people, exposure):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, PLR0917
    """Add one day's contacts to the hazards.

    Args:
        ids: int32[m]. The cases.
        share: Of their infectiousness on that day.
        weights: float64[5]. Of the layers.
        susceptibility: float64[9]. By decade of age.
        day: `DayContacts`.
        people: `People`.
        exposure: `Exposure`, changed in place.
    """
    for row in range(len(ids)):
        i = ids[row]
        home = people.household[i]
        first = people.household_start[home]
        members = people.household_start[home + 1] - first - 1
        place = people.place[i]
        colleagues = 0
        if place >= 0:
            colleagues = people.place_start[place + 1] - people.place_start[place] - 1
        for slot in range(slot_count(i, people)):
            j, layer = resolve_slot(i, slot, day, people)
            if j < 0:
                continue
            hazard = share * weights[layer] * dose(i, j, layer, day)
            hazard *= susceptibility[min(people.age[j] // 10, 8)]
            if slot < members:
                exposure.home[exposure.home_start[row] + j - first] += hazard
            elif slot < members + colleagues:
                at = slot - members
                if people.place_members[people.place_start[place] + at] >= i:
                    at += 1
                exposure.place[exposure.place_start[row] + at] += hazard
            else:
                at = exposure.loose_start[row] + exposure.used[row]
                exposure.loose_ids[at] = j
                exposure.loose[at] = hazard
                exposure.loose_layers[at] = layer
                exposure.used[row] += 1


@inlined
def _escape(hazard, symptomatic, asymptomatic, dispersion):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Probability of no infection, over all infectiousnesses of a case."""
    if hazard == 0.0:
        return 1.0
    part = hazard / dispersion
    with_symptoms = math.exp(-dispersion * math.log1p(part))
    without = math.exp(-dispersion * math.log1p(asymptomatic * part))
    return symptomatic * with_symptoms + (1.0 - symptomatic) * without


@inlined
def _symptomatic(i, people, tables):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - numba
    return tables.severity[0, min(people.age[i] // 10, 8), 0]


@inlined
def _spared(shared, own, source, tables, people):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Probability that a source, which infected one, did not infect another one.

    Both depend on how infectious the source is, and so on each other.
    """
    share = _symptomatic(source, people, tables)
    rest, k = tables.asymptomatic, tables.dispersion
    none = _escape(shared, share, rest, k)
    one = _escape(own, share, rest, k)
    neither = _escape(shared + own, share, rest, k)
    infected = 1.0 - one
    return (none - neither) / infected if infected > 0.0 else 1.0


@kernel
def expect(beta, sample, exposure, before, people, tables, home, place, loose):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, PLR0917
    """Expected infections of each contact person.

    Args:
        beta: See `transmissibility`.
        sample: `Sample`.
        exposure: `Exposure` of the sample.
        before: `Exposure` of the sample before.
        people: `People`.
        tables: `Tables`.
        home: float64[...], filled. Of `exposure.home`.
        place: float64[...], filled. Of `exposure.place`.
        loose: float64[...], filled. Of `exposure.loose`.

    Returns:
        Their sum.
    """
    total = 0.0
    rest, k = tables.asymptomatic, tables.dispersion
    for row in range(len(sample.ids)):
        i, source, old = (
            sample.ids[row],
            sample.infectors[row],
            sample.grandparents[row],
        )
        share = _symptomatic(i, people, tables)
        own = beta * sample.hazards[row]
        first = people.household_start[people.household[i]]
        begin = exposure.home_start[row]
        for at in range(begin, exposure.home_start[row + 1]):
            j = first + at - begin
            chance = 1.0 - _escape(beta * exposure.home[at], share, rest, k)
            if j == source or j == old:  # noqa: PLR1714, SIM109 - numba is quicker so
                chance = 0.0
            elif sample.layers[row] == HOUSEHOLD and chance > 0.0:
                shared = before.home[before.home_start[sample.rows[row]] + at - begin]
                chance *= _spared(beta * shared, own, source, tables, people)
            home[at] = chance
            total += chance
        begin = exposure.place_start[row]
        same = HOUSEHOLD < sample.layers[row] < COMMUNITY
        same = same and people.place[source] == people.place[i]
        for at in range(begin, exposure.place_start[row + 1]):
            j = people.place_members[people.place_start[people.place[i]] + at - begin]
            chance = 1.0 - _escape(beta * exposure.place[at], share, rest, k)
            if j == source or j == old:  # noqa: PLR1714, SIM109 - numba is quicker so
                chance = 0.0
            elif same and chance > 0.0:
                shared = before.place[before.place_start[sample.rows[row]] + at - begin]
                chance *= _spared(beta * shared, own, source, tables, people)
            place[at] = chance
            total += chance
        begin = exposure.loose_start[row]
        for at in range(begin, begin + exposure.used[row]):
            chance = 1.0 - _escape(beta * exposure.loose[at], share, rest, k)
            if exposure.loose_ids[at] == source:
                chance = 0.0
            loose[at] = chance
            total += chance
    return total
