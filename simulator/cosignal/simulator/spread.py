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

Most of what is looked at does not infect, and a look at another person is what takes
time. So the draw comes first, and is held against what the hazard is at most: by the
layer of the slot before it is known whom it holds, then by the dose before anything
else is asked of the other one. What fails there would fail in the end: 1 - exp(-x) is
at most x, and `_ROUNDING` is more than the error of all these numbers.
"""

import math
from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import int64, uint64

from cosignal.simulator.compiled import inlined, kernel
from cosignal.simulator.contacts.attributes import DOSE_MAX, dose
from cosignal.simulator.contacts.days import DayContacts
from cosignal.simulator.contacts.edges import edges
from cosignal.simulator.contacts.slots import (
    contacts_of,
    most_slots,
    resolve_slot,
    slot_count,
    slot_layer,
)
from cosignal.simulator.disease.immunity import remaining
from cosignal.simulator.disease.tables import Tables
from cosignal.simulator.population.people import People
from cosignal.simulator.state import DEAD, INFECTED, SUSCEPTIBLE, State
from cosignal.simulator.streams import day_key, draw, uniform
from cosignal.simulator.threads import share

Ids = npt.NDArray[np.int32]
Events = npt.NDArray[np.uint64]

#: Salts of the keys, so that no draw is used twice.
_SKIP, _ACCEPT, _TIE, _AGAIN = 101, 102, 103, 0xD6E8FEB86659FD93
#: A number is surely greater than another one if it is so by this factor.
_ROUNDING: Final = 1.0 + 1e-9
#: Room for events, at first; doubled where it does not do.
_ROOM: Final = 1024
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
        ceilings: float64[5]. Greatest susceptibility * weight, by layer.
    """

    day: int
    beta: float
    weights: npt.NDArray[np.float64]
    bounds: npt.NDArray[np.float64]
    key: np.uint64
    ceilings: npt.NDArray[np.float64]


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
    most = float(state.susceptibility.max())
    bounds = np.array([by_layer[0], by_layer[1:].max()]) * (most * DOSE_MAX)
    key = np.uint64(_day_key(stream, day))
    return Hazards(day, beta, by_layer, bounds, key, by_layer * most)


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
        if self._threads == 1:
            return first_only([_filled(_thin, infectious, world)])
        parts = np.array_split(infectious, self._threads * _PIECES)
        return first_only(
            share(lambda part: _filled(_thin, part, world), parts, self._threads)
        )


def sweep(infectious: Ids, world: World) -> Transmissions:
    """Infect, looking at every contact of infectious people: the reference."""
    most = most_slots(world.people)
    others, layers = np.empty(most, np.int32), np.empty(most, np.uint8)
    return first_only([_filled(_sweep, infectious, world, others, layers)])


def by_edges(infectious: Ids, world: World) -> Transmissions:
    """Infect along the list of all contacts of the day: the slowest, and the plainest.

    Same infections as `sweep`, bit for bit.
    """
    one, other, layer = edges(world.contacts, world.people)
    order = np.lexsort((layer, other, one))
    pairs = np.stack([one[order], other[order], layer[order].astype(np.int32)], axis=1)
    able = np.zeros(len(world.state.status), np.bool_)
    able[infectious] = True
    return first_only([_filled(_along, pairs, world, able)])


def _filled(
    loop: Callable[..., tuple[int, int]],
    rows: npt.NDArray[np.int32],
    world: World,
    *more: npt.NDArray[np.generic],
) -> Events:
    """Run a loop over rows, with more room where it stops for want of it."""
    events = np.empty((_ROOM, 4), np.uint64)
    row = count = 0
    while row < len(rows):
        row, count = loop(rows, row, count, events, world, *more)
        if row < len(rows):
            events = np.concatenate([events, np.empty_like(events)])
    return events[:count]


def first_only(parts: list[Events]) -> Transmissions:
    """Keep of each infected one infector, that of the least draw.

    Args:
        parts: Shape (m, 4) each: infected, infector, layer, draw.
    """
    events = np.concatenate(parts)
    order = np.argsort(events[:, 0].astype(np.int32))
    kept = order[: _least(events, order)]
    return Transmissions(
        events[kept, 0].astype(np.int32),
        events[kept, 1].astype(np.int32),
        events[kept, 2].astype(np.uint8),
    )


@kernel
def _least(events, order):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - numba
    """Move one event of each infected to the front of an order by infected.

    Returns:
        How many they are.
    """
    count = 0
    for place in range(len(order)):
        this, last = order[place], order[max(count - 1, 0)]
        if count == 0 or events[this, 0] != events[last, 0]:
            order[count] = this
            count += 1
        elif events[this, 3] < events[last, 3]:
            order[count - 1] = this
    return count


@kernel
def _day_key(stream, day):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - numba
    return day_key(stream, day)


@inlined
def _strength(i, world):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - numba
    """Hazard of somebody's contacts, all else 1; 0 if not infectious, or away."""
    day = world.hazards.day
    since = day - world.state.infected_day[i]
    strength = 0.0
    if 1 <= since < world.tables.profile.size and world.state.status[i] != DEAD:
        ward = world.state.hospital_day[i]
        if ward < 0 or day < ward or day >= world.state.end_day[i]:
            relative = world.tables.relative[world.state.variant[i]]
            strength = world.hazards.beta * relative * world.tables.profile[since]
            strength *= world.state.infectivity[i]
    return strength


@inlined
def _openness(j, variant, world):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """How susceptible somebody is today; 0 if infected or dead."""
    status = world.state.status[j]
    openness = 0.0
    if status != INFECTED and status != DEAD:  # noqa: PLR1714 - two quick comparisons
        openness = float(world.state.susceptibility[j])
        if status != SUSCEPTIBLE or world.state.vaccinated_day[j] >= 0:
            openness *= remaining(
                j, variant, world.hazards.day, world.state, world.tables
            )
    return openness


@inlined
def _hazard(i, j, layer, strength, world):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Hazard of one contact; 0 if one of them stays at home and it is elsewhere."""
    hazard = 0.0
    away = (world.state.isolation[i] | world.state.isolation[j]) & np.uint32(1)
    if layer == 0 or not away:
        openness = _openness(j, world.state.variant[i], world)
        if openness > 0.0:
            weight = world.hazards.weights[layer]
            hazard = strength * openness * weight * dose(i, j, layer, world.contacts)
    return hazard


@inlined
def _note(events, count, event):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Put infected, infector, layer and draw down, if there is room; count anyway."""
    if count < len(events):
        for column in range(4):
            events[count, column] = event[column]
    return count + 1


@kernel
def _thin(infectious, start, count, events, world):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Rows from `start` on; where it stops, and how many events there are."""
    for row in range(start, len(infectious)):
        i = infectious[row]
        strength = _strength(i, world)
        if strength == 0.0:
            continue
        before = count
        count = _thin_one(i, strength, count, events, world)
        if count > len(events):
            return row, before
    return len(infectious), count


@inlined
def _thin_one(i, strength, count, events, world):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    people, key = world.people, world.hazards.key
    home = people.household[i]
    members = people.household_start[home + 1] - people.household_start[home] - 1
    slots = slot_count(i, people)
    if world.state.isolation[i] & np.uint32(1):
        slots = members
    jump = 0
    for part in range(2):
        slot = -1 if part == 0 else members - 1
        end = members if part == 0 else slots
        bound = strength * world.hazards.bounds[part]
        looked_at = -math.expm1(-bound)
        while bound > 0.0:
            luck = uniform(key + uint64(_SKIP), i, jump)
            jump += 1
            slot += 1 + _jump(luck, bound, end - slot - 1)
            if slot >= end:
                break
            draw_here = looked_at * uniform(key + uint64(_ACCEPT), i, slot)
            j, layer = _infected(i, slot, strength, draw_here, world)
            if j >= 0:
                rank = draw(key + uint64(_TIE), i, slot)
                count = _note(
                    events, count, (uint64(j), uint64(i), uint64(layer), rank)
                )
    return count


@inlined
def _jump(luck, bound, left):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - numba
    """How many slots to pass over, of those left; all of them at most.

    -log(1 - x) is at least x: mostly, one look at the draw says that it is too far.
    """
    if luck > left * bound * _ROUNDING:
        return left
    return int(min(-math.log(1.0 - luck) / bound, float(left)))


@inlined
def _infected(i, slot, strength, luck, world):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Whom i infects in a slot, if the probability is more than a draw; -1 for nobody.

    Returns:
        The other one, and the layer.
    """
    layer = slot_layer(i, slot, world.people)
    ceiling = strength * world.hazards.ceilings[layer]
    if luck <= ceiling * DOSE_MAX * _ROUNDING:
        j, layer = resolve_slot(i, slot, world.contacts, world.people)
        if j >= 0:
            most = ceiling * dose(i, j, layer, world.contacts)
            if luck <= most * _ROUNDING:
                hazard = _hazard(i, j, layer, strength, world)
                if luck < -math.expm1(-hazard):
                    return j, layer
    return int64(-1), layer


@inlined
def _try(i, j, layer, time, count, events, world):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917
    """Let i infect j in the contact of a number among those of the two that day."""
    strength = _strength(i, world)
    if strength > 0.0:
        hazard = _hazard(i, j, layer, strength, world)
        salt = (uint64(layer + 1) + uint64(time) * uint64(16)) * uint64(_AGAIN)
        key = world.hazards.key + salt
        if uniform(key, i, j) < -math.expm1(-hazard):
            rank = draw(key + uint64(_TIE), i, j)
            count = _note(events, count, (uint64(j), uint64(i), uint64(layer), rank))
    return count


@kernel
def _sweep(infectious, start, count, events, world, others, layers):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917
    for row in range(start, len(infectious)):
        i = infectious[row]
        met = contacts_of(i, world.contacts, world.people, others, layers)
        before = count
        for at in range(met):
            time = 0
            for earlier in range(at):
                same = others[earlier] == others[at] and layers[earlier] == layers[at]
                time += 1 if same else 0
            layer = int64(layers[at])
            count = _try(i, others[at], layer, time, count, events, world)
        if count > len(events):
            return row, before
    return len(infectious), count


@kernel
def _along(pairs, start, count, events, world, able):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917
    for row in range(start, len(pairs)):
        one, other, layer = pairs[row, 0], pairs[row, 1], int64(pairs[row, 2])
        time = 0
        while row > time and _equal(pairs, row, row - time - 1):
            time += 1
        before = count
        if able[one]:
            count = _try(one, other, layer, time, count, events, world)
        if able[other]:
            count = _try(other, one, layer, time, count, events, world)
        if count > len(events):
            return row, before
    return len(pairs), count


@inlined
def _equal(pairs, row, other):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - numba
    same = pairs[row, 0] == pairs[other, 0] and pairs[row, 1] == pairs[other, 1]
    return same and pairs[row, 2] == pairs[other, 2]
