"""Many small outbreaks, each among people of whom nobody else has been infected.

They show what no formula gives: what early cases are like, how many of those whom a
case would infect somebody else has infected already - who infected the case, and all
those near by who were infected with it -, and how soon those are infected that are.

What this module guarantees:

* An outbreak is what a run does without interventions, from one first case on: the same
  contacts, infectivities and hazards, day by day, in the same law.
* An outbreak knows nothing of the others; it follows from the key and its number.

An attempt is a pair of people of whom the one would have infected the other, had that
one been susceptible, on the day on which it would have happened first; in the
community, where two hardly meet again, each contact counts by itself. An attempt is
given less weight the more people the outbreak has infected: had people no households,
places and regions, it would find a susceptible one with just this probability.
"""

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import uint64

from cosignal.simulator.compiled import inlined, kernel
from cosignal.simulator.contacts.attributes import DOSE_MAX, dose
from cosignal.simulator.contacts.days import (
    DAYS_OF_WEEK,
    DayContacts,
    day_contacts,
    moved,
)
from cosignal.simulator.contacts.slots import resolve_slot, slot_count, stub_slots
from cosignal.simulator.disease.courses import first_course
from cosignal.simulator.disease.tables import Tables, layer_weights
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.population.people import People
from cosignal.simulator.state import NEVER
from cosignal.simulator.streams import day_key, stream_key, uniform

Ids = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]

#: Salts of the keys, so that no draw is used twice.
_SKIP, _ACCEPT, _TIE, _CONTACTS = 201, 202, 203, 204
#: Generations that infect, at most.
DEPTH: Final = 4
#: Cases of a generation that can be looked at.
_ENOUGH: Final = 100


class Setting(NamedTuple):
    """What decides who infects whom.

    Attributes:
        depth: Generations that infect, 0 being that of the first case, are 0 to
            `depth`.
        beta: See `transmissibility`.
        weights: float64[5]. Of the layers.
        susceptibility: float64[9]. By decade of age.
        bounds: float64[2]. Greatest susceptibility * weight * dose: of members of a
            household, of others.
        week: Seven `DayContacts`.
        size: How many people there are for outbreaks: see `effective`.
        people: `People`.
        tables: `Tables`.
        key: uint64. Of all draws.
    """

    depth: int
    beta: float
    weights: Floats
    susceptibility: Floats
    bounds: Floats
    week: tuple[DayContacts, ...]
    size: float
    people: People
    tables: Tables
    key: np.uint64


class Cases(NamedTuple):
    """Room for m cases, t attempts, and n people.

    Attributes:
        row: int32[n]. Of the last time that somebody was infected; -1 for never.
        person: int32[m].
        infector: int32[m]. Row; -1 of a first case.
        generation: int32[m].
        day: int32[m]. Of the outbreak.
        infectivity: float64[m].
        ward: int64[m]. Days until hospital.
        tie: float64[m]. Of two who infect somebody on one day the lesser draw decides.
        attempt: int32[m]. The last one of a case within household, place and network.
        slot: int32[t]. Of an attempt.
        earlier: int32[t]. The attempt of the case before; -1 for none.
        attempts: float64[DEPTH + 1]. Their weights, by generation.
        used: int64[2]. Rows of cases, and of attempts.
    """

    row: Ids
    person: Ids
    infector: Ids
    generation: Ids
    day: Ids
    infectivity: Floats
    ward: npt.NDArray[np.int64]
    tie: Floats
    attempt: Ids
    slot: Ids
    earlier: Ids
    attempts: Floats
    used: npt.NDArray[np.int64]


class Outbreak(NamedTuple):
    """One of them.

    Attributes:
        start: Row of its first case.
        key: uint64. Of its draws.
    """

    start: int
    key: np.uint64


class Today(NamedTuple):
    """A day of an outbreak.

    Attributes:
        day: Of the outbreak.
        yesterday: Cases up to the day before.
        contacts: `DayContacts`.
        key: uint64. Of the day's draws.
    """

    day: int
    yesterday: int
    contacts: DayContacts
    key: np.uint64


class Found(NamedTuple):
    """What small outbreaks show of the cases of a generation.

    Attributes:
        ids: int32[m]. Who they are; somebody may be among them several times.
        success: Infections for each attempt of theirs.
        intervals: float64[l]. Shares of these infections by days since infection.
    """

    ids: Ids
    success: float
    intervals: Floats


def setting(
    parameters: Parameters, people: People, tables: Tables, depth: int, beta: float
) -> Setting:
    """Put together what decides who infects whom."""
    weights = layer_weights(parameters)
    susceptibility = np.array(parameters.disease.susceptibility)
    most = susceptibility.max() * DOSE_MAX
    return Setting(
        depth,
        beta,
        weights,
        susceptibility,
        np.array([weights[0] * most, weights[1:].max() * most]),
        tuple(day_contacts(people, parameters, day) for day in range(DAYS_OF_WEEK)),
        effective(parameters, people),
        people,
        tables,
        stream_key(parameters.seed, "disease.small_outbreaks"),
    )


def effective(parameters: Parameters, people: People) -> float:
    """How many people of one susceptibility get used up as these do; 0 if none can.

    Infections find somebody, and so somebody again, in proportion to susceptibility.
    """
    decades = np.bincount(np.minimum(people.age // 10, 8), minlength=9)
    susceptibility = np.array(parameters.disease.susceptibility)
    squares = float(decades @ susceptibility**2)
    return float(decades @ susceptibility) ** 2 / squares if squares else 0.0


def watch(first: Ids, room: int, chosen: Setting) -> Found:
    """Let outbreaks go on for some generations, and look at the last but one.

    That one's cases live among infectious people as typical cases do, and those whom
    they infect compete with them.

    Args:
        first: Shape (m,), int32. The first case of each.
        room: How many cases there may be in all, about.
        chosen: The setting.
    """
    cases = _room(room, len(chosen.people.age))
    outbreaks(first, chosen, cases)
    count = int(cases.used[0])
    generation = cases.generation[:count]
    sizes = np.bincount(generation, minlength=DEPTH + 1)
    shown = max(chosen.depth - 1, 1)
    while shown and sizes[shown] < _ENOUGH:
        shown -= 1
    attempts = cases.attempts[shown]
    caused = np.flatnonzero(generation == shown + 1)
    since = cases.day[caused] - cases.day[cases.infector[caused]]
    intervals = chosen.tables.profile.astype(np.float64)
    if len(caused):
        intervals = np.bincount(since, minlength=len(intervals)) / len(caused)
    return Found(
        cases.person[:count][generation == shown],
        len(caused) / attempts if attempts else 1.0,
        intervals,
    )


def _room(cases: int, people: int) -> Cases:
    def whole() -> Ids:
        return np.empty(cases, np.int32)

    return Cases(
        np.full(people, -1, np.int32),
        whole(),
        whole(),
        whole(),
        whole(),
        np.empty(cases),
        np.empty(cases, np.int64),
        np.empty(cases),
        whole(),
        np.empty(2 * cases, np.int32),
        np.empty(2 * cases, np.int32),
        np.zeros(DEPTH + 1),
        np.zeros(2, np.int64),
    )


@kernel
def outbreaks(first, chosen, cases):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """Let outbreaks run, one after the other.

    None begins once half of the room is taken, so that hardly any has to stop for want
    of it.

    Args:
        first: int32[m]. Their first cases.
        chosen: `Setting`.
        cases: `Cases`, filled.
    """
    for number in range(len(first)):
        if cases.used[0] <= len(cases.person) // 2:
            _outbreak(first[number], number, chosen, cases)


@kernel
def _outbreak(i, number, chosen, cases):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    start = cases.used[0]
    outbreak = Outbreak(start, day_key(chosen.key, number))
    day = number % DAYS_OF_WEEK
    _infect(i, -1, day, 0.0, outbreak, chosen, cases)
    oldest = start
    while oldest < cases.used[0]:
        day += 1
        key = day_key(outbreak.key, day)
        week, yesterday = chosen.week[day % DAYS_OF_WEEK], cases.used[0]
        today = Today(day, yesterday, moved(week, day, key + uint64(_CONTACTS)), key)
        for row in range(oldest, yesterday):
            strength = _strength(row, day, chosen, cases)
            if strength > 0.0:
                _meet(row, strength, today, outbreak, chosen, cases)
        while oldest < cases.used[0] and _is_over(oldest, day, chosen, cases):
            oldest += 1


@inlined
def _is_over(row, day, chosen, cases):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Whether a case infects nobody after a day."""
    lasting = chosen.tables.profile.size
    late = day - cases.day[row] >= lasting - 1
    return late or cases.generation[row] > chosen.depth


@inlined
def _strength(row, day, chosen, cases):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Hazard of a case's contacts, all else 1."""
    since = day - cases.day[row]
    strength = 0.0
    if cases.generation[row] <= chosen.depth and since < chosen.tables.profile.size:
        ward = cases.ward[row]
        if ward == NEVER or since < ward:
            share = chosen.tables.profile[since]
            strength = chosen.beta * share * cases.infectivity[row]
    return strength


@inlined
def _meet(row, strength, today, outbreak, chosen, cases):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917
    """Let a case infect others on a day, by thinning, as in `spread`."""
    people, i = chosen.people, cases.person[row]
    home = people.household[i]
    members = people.household_start[home + 1] - people.household_start[home] - 1
    jump = 0
    for part in range(2):
        slot = -1 if part == 0 else members - 1
        end = members if part == 0 else slot_count(i, people)
        bound = strength * chosen.bounds[part]
        while bound > 0.0:
            number = uniform(today.key + uint64(_SKIP), i, jump)
            length = -math.log(1.0 - number) / bound
            jump += 1
            if length >= end - slot - 1:
                break
            slot += 1 + int(length)
            j, layer = resolve_slot(i, slot, today.contacts, people)
            if j < 0:
                continue
            hazard = strength * chosen.weights[layer]
            hazard *= dose(i, j, layer, today.contacts)
            hazard *= chosen.susceptibility[min(people.age[j] // 10, 8)]
            chance = uniform(today.key + uint64(_ACCEPT), i, slot)
            if chance * -math.expm1(-bound) < -math.expm1(-hazard):
                _attempt(row, slot, j, today, outbreak, chosen, cases)


@inlined
def _attempt(row, slot, j, today, outbreak, chosen, cases):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917
    """Infect somebody unless they have been, or this is not the first attempt."""
    count = cases.used[0]
    if count < len(cases.person) and _is_new(row, slot, chosen, cases):
        left = max(1.0 - (count - outbreak.start - 1) / chosen.size, 0.0)
        cases.attempts[cases.generation[row]] += left
        tie = uniform(today.key + uint64(_TIE), cases.person[row], slot)
        before = cases.row[j]
        if before < outbreak.start:
            _infect(j, row, today.day, tie, outbreak, chosen, cases)
        elif before >= today.yesterday and tie < cases.tie[before]:
            cases.infector[before] = row
            cases.generation[before] = cases.generation[row] + 1
            cases.tie[before] = tie


@inlined
def _is_new(row, slot, chosen, cases):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Whether an attempt is the first one; if so, put it down, if there is room."""
    first, end = stub_slots(cases.person[row], chosen.people)
    if first <= slot < end:
        return True
    at, used = cases.attempt[row], cases.used[1]
    while at >= 0 and cases.slot[at] != slot:
        at = cases.earlier[at]
    if at >= 0 or used == len(cases.slot):
        return False
    cases.slot[used] = slot
    cases.earlier[used] = cases.attempt[row]
    cases.attempt[row] = used
    cases.used[1] = used + 1
    return True


@inlined
def _infect(i, infector, day, tie, outbreak, chosen, cases):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917
    """Put a case down in the next row."""
    row = cases.used[0]
    cases.used[0] = row + 1
    cases.row[i] = row
    cases.person[row] = i
    cases.infector[row] = infector
    cases.generation[row] = 0 if infector < 0 else cases.generation[infector] + 1
    cases.day[row] = day
    infectivity, ward = first_course(i, outbreak.key, chosen.people.age, chosen.tables)
    cases.infectivity[row] = infectivity
    cases.ward[row] = ward
    cases.tie[row] = tie
    cases.attempt[row] = -1
