"""Who meets whom: a pure function of the day and two numbers.

What this module guarantees:

* `resolve_slot` finds the other one of a contact in a few steps, without a list of
  contacts; j is among i's contacts as often as i among j's, in the same layers.
* Nobody meets themselves. Two who meet in two layers meet twice.

A person has a fixed number of slots: the other members of the household, those of the
place, the stubs of the community, the connections of an own network, in this order. A
slot may hold no contact on a day.
"""

import numpy as np
from numba import int64, uint64

from cosignal.simulator.compiled import inlined, kernel
from cosignal.simulator.contacts.pairing import partner, shuffled, unshuffled
from cosignal.simulator.population.people import (
    COMMUNITY,
    HOUSEHOLD,
    MIXING_BANDS,
    POOLS,
    STUB_PLACE_BITS,
)
from cosignal.simulator.streams import mix, uniform

_PLACE_MASK = (1 << STUB_PLACE_BITS) - 1
_POOL_SALT = 0xE7037ED1A0B428DB
_LAYER_SALT = 0x8EBC6AF09C88C6E3
_NONE = -1


@inlined
def _happens(i, j, layer, share, key):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Whether a pair meets, with a probability; the same for both."""
    if share >= 1.0:
        return True
    if share <= 0.0:
        return False
    salted = key + uint64(layer + 1) * uint64(_LAYER_SALT)
    if i < j:
        return uniform(salted, i, j) < share
    return uniform(salted, j, i) < share


@inlined
def slot_count(i, people):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - numba
    """How many slots somebody has, on every day.

    Args:
        i: Who.
        people: `People`.
    """
    home = people.household[i]
    count = int64(people.household_start[home + 1] - people.household_start[home]) - 1
    place = people.place[i]
    if place >= 0:
        count += people.place_start[place + 1] - people.place_start[place] - 1
    count += int64(people.stub_start[i + 1]) - int64(people.stub_start[i])
    if people.network_start.size > 1:
        count += people.network_start[i + 1] - people.network_start[i]
    return count


@inlined
def slot_layer(i, slot, people):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - numba
    """In which layer a slot is, without a look at whom it holds.

    Args:
        i: Who.
        slot: 0 to `slot_count` - 1.
        people: `People`.

    Returns:
        int64, as `resolve_slot` says.
    """
    home = people.household[i]
    rest = slot + 1
    rest -= int64(people.household_start[home + 1] - people.household_start[home])
    if rest < 0:
        return int64(HOUSEHOLD)
    place = people.place[i]
    if place >= 0:
        others = people.place_start[place + 1] - people.place_start[place] - 1
        if rest < others:
            return int64(people.place_kind[place])
        rest -= others
    rest -= int64(people.stub_start[i + 1]) - int64(people.stub_start[i])
    if rest < 0:
        return int64(COMMUNITY)
    return int64(people.network_layer[people.network_start[i] + rest])


@inlined
def resolve_slot(i, slot, day, people):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """Whom a slot holds on a day.

    Args:
        i: Who.
        slot: 0 to `slot_count` - 1.
        day: `DayContacts`.
        people: `People`.

    Returns:
        The other one, -1 for nobody; the layer. Both int64.
    """
    home = people.household[i]
    first = int64(people.household_start[home])
    others = int64(people.household_start[home + 1]) - first - 1
    if slot < others:
        j = first + slot
        if j >= i:
            j += 1
        if _happens(i, j, HOUSEHOLD, day.keep[HOUSEHOLD], day.key):
            return j, int64(HOUSEHOLD)
        return int64(_NONE), int64(HOUSEHOLD)
    rest = slot - others
    place = people.place[i]
    if place >= 0:
        first = people.place_start[place]
        others = people.place_start[place + 1] - first - 1
        if rest < others:
            return _place_slot(i, first + rest, place, day, people)
        rest -= others
    first = int64(people.stub_start[i])
    others = int64(people.stub_start[i + 1]) - first
    if rest < others:
        return _stub_slot(i, people.stubs[first + rest], day, people)
    return _network_slot(i, rest - others, day, people)


@inlined
def _place_slot(i, where, place, day, people):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    layer = int64(people.place_kind[place])
    j = int64(people.place_members[where])
    if j >= i:
        j = int64(people.place_members[where + 1])
    share = people.place_rate[place] * day.keep[layer]
    if _happens(i, j, layer, share, day.key):
        return j, layer
    return int64(_NONE), layer


@inlined
def _stub_slot(i, stub, day, people):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    layer = int64(COMMUNITY)
    share = day.stub_share
    if share <= 0.0:
        return int64(_NONE), layer
    at = uint64(stub) & uint64(_PLACE_MASK)
    mine = min(int64(people.age[i]) // 10, MIXING_BANDS - 1)
    theirs = (int64(stub) >> STUB_PLACE_BITS) & (MIXING_BANDS - 1)
    region = int64(people.region[i])
    if int64(stub) >> (STUB_PLACE_BITS + 3):
        region = people.region_start.size - 1
    lists = region * POOLS
    low, high = min(mine, theirs), max(mine, theirs)
    key = mix(day.key + uint64(lists + low * MIXING_BANDS + high) * uint64(_POOL_SALT))
    start = people.pool_start[lists + theirs * MIXING_BANDS + mine]
    end = people.pool_start[lists + theirs * MIXING_BANDS + mine + 1]
    if mine == theirs:
        other = partner(at, end - start, key)
        pair = min(at, other)
    elif mine < theirs:
        other = shuffled(at, end - start, key)
        pair = at
    else:
        other = unshuffled(at, end - start, key)
        pair = other
    if share < 1.0 and uniform(key, pair, 1) >= share:
        return int64(_NONE), layer
    j = int64(people.pool_owners[start + int64(other)])
    if j == i:
        return int64(_NONE), layer
    return j, layer


@inlined
def _network_slot(i, rest, day, people):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    where = people.network_start[i] + rest
    j = int64(people.network_others[where])
    layer = int64(people.network_layer[where])
    share = people.network_rate[where] * day.keep[layer]
    if _happens(i, j, layer, share, day.key):
        return j, layer
    return int64(_NONE), layer


@inlined
def stub_slots(i, people):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - numba
    """Which slots hold somebody else on each day: those of the community.

    Args:
        i: Who.
        people: `People`.

    Returns:
        The first of them, and the first one after them. Both int64.
    """
    home, place = people.household[i], people.place[i]
    first = int64(people.household_start[home + 1] - people.household_start[home]) - 1
    if place >= 0:
        first += people.place_start[place + 1] - people.place_start[place] - 1
    end = first + int64(people.stub_start[i + 1]) - int64(people.stub_start[i])
    return first, end


@kernel
def contacts_of(i, day, people, out_ids, out_layers):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """All contacts of somebody on a day.

    Args:
        i: Who.
        day: `DayContacts`.
        people: `People`.
        out_ids: int32, of `slot_count` elements at least; filled with the others.
        out_layers: uint8, of the same length; filled with the layers.

    Returns:
        How many there are.
    """
    count = 0
    for slot in range(slot_count(i, people)):
        j, layer = resolve_slot(i, slot, day, people)
        if j >= 0:
            out_ids[count] = j
            out_layers[count] = layer
            count += 1
    return count


@kernel
def most_slots(people):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - numba
    """The greatest `slot_count`: how long the buffers of `contacts_of` must be."""
    most = np.int64(0)
    for i in range(people.age.size):
        most = max(most, slot_count(i, people))
    return most
