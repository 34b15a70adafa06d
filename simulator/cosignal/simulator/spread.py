"""Who infects whom on a day: by thinning, by looking at every contact, or by a list.

What this module guarantees:

* The three ways have one law. `sweep` and `edges` give the same infections, bit for
  bit; `thin`, which a run uses, draws otherwise and looks at few contacts only.
* Any number of threads gives the same infections: of two who infect somebody on one
  day, a draw decides.

Hazard of one contact of i with j: beta * transmissibility of the variant * profile
(days since infection of i) * infectivity of i * susceptibility of j * what immunity
leaves * weight of the layer * dose; the probability is 1 - exp(-hazard). Two who meet
twice on a day have two draws. Nobody is infected by somebody in hospital.

`thin`: with a bound H of the hazards of all slots of i, a slot is looked at with the
probability 1 - exp(-H), by jumps of exponential length / H, and a contact found there
infects with the probability (1 - exp(-hazard)) / (1 - exp(-H)).
"""

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit, uint64

from cosignal.simulator.contacts.attributes import DOSE_MAX, dose
from cosignal.simulator.contacts.days import DayContacts
from cosignal.simulator.contacts.edges import edges
from cosignal.simulator.contacts.slots import contacts_of, resolve_slot, slot_count
from cosignal.simulator.disease.courses import remaining
from cosignal.simulator.disease.tables import Tables
from cosignal.simulator.population.people import People
from cosignal.simulator.state import DEAD, INFECTED, SUSCEPTIBLE, State
from cosignal.simulator.streams import day_key, draw, uniform

Ids = npt.NDArray[np.int32]
Events = npt.NDArray[np.uint64]

#: Salts of the keys, so that no draw is used twice.
_SKIP, _ACCEPT, _TIE, _AGAIN = 101, 102, 103, 0xD6E8FEB86659FD93
#: Events are made room for by that many, and then by twice as many.
_ROOM: Final = 256
#: Pieces of work for each thread: enough to even out, few enough to cost nothing.
_PIECES: Final = 4


class Hazards(NamedTuple):
    """What decides transmission on a day, beside people and contacts.

    Attributes:
        day: Of the run.
        beta: Hazard of an average contact of the first variant, all else 1, summed
            over the days of infectiousness.
        weights: float64[5]. By layer.
        bounds: float64[2]. Greatest susceptibility * weight * dose: of members of a
            household, of others.
        key: uint64. Of the day.
    """

    day: int
    beta: float
    weights: npt.NDArray[np.float64]
    bounds: npt.NDArray[np.float64]
    key: np.uint64


class Transmissions(NamedTuple):
    """Infections of a day, by ascending number of the infected.

    Attributes:
        infected: int32[m].
        infectors: int32[m].
        layers: uint8[m].
    """

    infected: Ids
    infectors: Ids
    layers: npt.NDArray[np.uint8]


def hazards(
    day: int, beta: float, weights: npt.ArrayLike, state: State, stream: np.uint64
) -> Hazards:
    """Fix what decides transmission on a day.

    Args:
        day: Of the run.
        beta: See `Hazards`.
        weights: Shape (5,). Of the layers.
        state: For the greatest susceptibility.
        stream: `spread`.
    """
    by_layer = np.asarray(weights, np.float64)
    most = float(state.susceptibility.max()) * DOSE_MAX
    bounds = np.array([by_layer[0] * most, by_layer[1:].max() * most])
    return Hazards(day, beta, by_layer, bounds, np.uint64(_day_key(stream, day)))


class World(NamedTuple):
    """Everything a kernel reads: handed over whole."""

    hazards: Hazards
    contacts: DayContacts
    people: People
    state: State
    tables: Tables


class Spread:
    """Lets infectious people infect others, on some threads."""

    def __init__(self, threads: int) -> None:
        """Begin.

        Args:
            threads: 1 or more.
        """
        self._threads = threads

    def thin(self, infectious: Ids, world: World) -> Transmissions:
        """Infect, looking only at contacts that might.

        Args:
            infectious: Shape (m,), int32. Who was infected on an earlier day.
            world: Today.
        """
        pieces = self._threads * _PIECES if self._threads > 1 else 1
        cuts = np.linspace(0, len(infectious), pieces + 1).astype(np.int64).tolist()
        if self._threads == 1:
            return first_only([_thin(infectious, *world)])
        parts = [
            infectious[low:high] for low, high in zip(cuts, cuts[1:], strict=False)
        ]
        with ThreadPoolExecutor(self._threads) as pool:
            return first_only(list(pool.map(lambda part: _thin(part, *world), parts)))


def sweep(infectious: Ids, world: World) -> Transmissions:
    """Infect, looking at every contact of infectious people: the reference."""
    return first_only([_sweep(infectious, *world)])


def by_edges(infectious: Ids, world: World) -> Transmissions:
    """Infect along the list of all contacts of the day: the slowest, and the plainest.

    Same infections as `sweep`, bit for bit.
    """
    one, other, layer = edges(world.contacts, world.people)
    order = np.lexsort((layer, other, one))
    one, other, layer = one[order], other[order], layer[order]
    able = np.zeros(len(world.state.status), np.bool_)
    able[infectious] = True
    return first_only([_along(one, other, layer, able, *world)])


def first_only(parts: list[Events]) -> Transmissions:
    """Keep of each infected one infector, that of the least draw.

    Args:
        parts: Shape (m, 4) each: infected, infector, layer, draw.
    """
    events = np.concatenate(parts)
    order = np.lexsort((events[:, 3], events[:, 0]))
    infected = events[order, 0]
    is_first = np.ones(len(order), np.bool_)
    is_first[1:] = infected[1:] != infected[:-1]
    kept = events[order[is_first]]
    return Transmissions(
        kept[:, 0].astype(np.int32),
        kept[:, 1].astype(np.int32),
        kept[:, 2].astype(np.uint8),
    )


@njit(cache=True)
def _day_key(stream, day):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - numba
    return day_key(stream, day)


@njit(inline="always")
def _strength(i, hazards, state, tables):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Hazard of somebody's contacts, all else 1; 0 if not infectious, or away."""
    since = hazards.day - state.infected_day[i]
    if since < 1 or since >= tables.profile.size or state.status[i] == DEAD:
        return 0.0
    ward = state.hospital_day[i]
    if ward >= 0 and ward <= hazards.day and hazards.day < state.end_day[i]:
        return 0.0
    relative = tables.relative[state.variant[i]]
    return hazards.beta * relative * tables.profile[since] * state.infectivity[i]


@njit(inline="always")
def _openness(j, variant, hazards, state, tables):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """How susceptible somebody is today; 0 if infected or dead."""
    status = state.status[j]
    if status == INFECTED or status == DEAD:  # noqa: PLR1714 - numba is quicker so
        return 0.0
    if status == SUSCEPTIBLE and state.vaccinated_day[j] < 0:
        return float(state.susceptibility[j])
    left = remaining(j, variant, hazards.day, state, tables)
    return float(state.susceptibility[j]) * left


@njit(inline="always")
def _hazard(i, j, layer, strength, world_hazards, contacts, state, tables):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Hazard of one contact; 0 if one of them stays at home and it is elsewhere."""
    if layer > 0 and (state.isolation[i] | state.isolation[j]) & np.uint32(1):
        return 0.0
    openness = _openness(j, state.variant[i], world_hazards, state, tables)
    if openness == 0.0:
        return 0.0
    weight = world_hazards.weights[layer]
    return strength * openness * weight * dose(i, j, layer, contacts)


@njit(inline="always")
def _appended(events, count, j, i, layer, rank):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    if count == len(events):
        longer = np.empty((2 * count, 4), np.uint64)
        longer[:count] = events
        events = longer
    events[count, 0] = j
    events[count, 1] = i
    events[count, 2] = layer
    events[count, 3] = rank
    return events


@njit(nogil=True, cache=True)
def _thin(infectious, hazards, contacts, people, state, tables):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    events = np.empty((_ROOM, 4), np.uint64)
    count = 0
    skip, accept = hazards.key + uint64(_SKIP), hazards.key + uint64(_ACCEPT)
    for i in infectious:
        strength = _strength(i, hazards, state, tables)
        if strength == 0.0:
            continue
        home = people.household[i]
        members = people.household_start[home + 1] - people.household_start[home] - 1
        slots = slot_count(i, people)
        if state.isolation[i] & np.uint32(1):
            slots = members
        jump = 0
        for part in range(2):
            bound = strength * hazards.bounds[part]
            slot = -1 if part == 0 else members - 1
            end = members if part == 0 else slots
            if bound == 0.0:
                continue
            while True:
                length = -math.log(1.0 - uniform(skip, i, jump)) / bound
                jump += 1
                if length >= end - slot - 1:
                    break
                slot += 1 + int(length)
                j, layer = resolve_slot(i, slot, contacts, people)
                if j < 0:
                    continue
                hazard = _hazard(
                    i, j, layer, strength, hazards, contacts, state, tables
                )
                chance = uniform(accept, i, slot) * -math.expm1(-bound)
                if hazard > 0.0 and chance < -math.expm1(-hazard):
                    rank = draw(hazards.key + uint64(_TIE), i, slot)
                    events = _appended(events, count, j, i, layer, rank)
                    count += 1
    return events[:count]


@njit(inline="always")
def _infects(i, j, layer, time, hazard, key):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Whether the contact infects; its draw's rank among others."""
    salted = key + uint64(layer + 1) * uint64(_AGAIN) + uint64(time)
    chance = uniform(salted, i, j)
    return chance < -math.expm1(-hazard), draw(
        salted + uint64(_TIE) << uint64(20), i, j
    )


@njit(nogil=True, cache=True)
def _sweep(infectious, hazards, contacts, people, state, tables):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    events = np.empty((_ROOM, 4), np.uint64)
    count = 0
    for i in infectious:
        strength = _strength(i, hazards, state, tables)
        if strength == 0.0:
            continue
        most = slot_count(i, people)
        others, layers = np.empty(most, np.int32), np.empty(most, np.uint8)
        met = contacts_of(i, contacts, people, others, layers)
        for at in range(met):
            j, layer = others[at], layers[at]
            hazard = _hazard(i, j, layer, strength, hazards, contacts, state, tables)
            time = 0
            for before in range(at):
                time += others[before] == j and layers[before] == layer
            infects, rank = _infects(i, j, layer, time, hazard, hazards.key)
            if infects:
                events = _appended(events, count, j, i, layer, rank)
                count += 1
    return events[:count]


@njit(nogil=True, cache=True)
def _along(one, other, layers, able, hazards, contacts, people, state, tables):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    events = np.empty((_ROOM, 4), np.uint64)
    count = time = 0
    for at in range(len(one)):
        layer = layers[at]
        again = at > 0 and one[at] == one[at - 1] and other[at] == other[at - 1]
        time = time + 1 if again and layer == layers[at - 1] else 0
        for turn in range(2):
            i, j = (one[at], other[at]) if turn == 0 else (other[at], one[at])
            if not able[i]:
                continue
            strength = _strength(i, hazards, state, tables)
            hazard = _hazard(i, j, layer, strength, hazards, contacts, state, tables)
            infects, rank = _infects(i, j, layer, time, hazard, hazards.key)
            if infects:
                events = _appended(events, count, j, i, layer, rank)
                count += 1
    return events[:count]
