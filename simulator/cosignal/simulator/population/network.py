"""Connections of a user's own: who may meet whom, and how often.

What this module guarantees:

* Each connection is listed for both ends, so that both find it.
* A connection to oneself, to somebody unknown, or listed twice is refused by row.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from cosignal.protocol.errors import UsageError
from cosignal.simulator.parameters.behaviour import LAYERS
from cosignal.simulator.population.columns import (
    Floats,
    Names,
    Table,
    alike,
    first_where,
    one_of,
)
from cosignal.simulator.population.people import COMMUNITY, People, frozen

Ids = npt.NDArray[np.int64]

#: Layers a network may add to; households are given with the people.
NETWORK_LAYERS: Final = LAYERS[1:]


def connect(people: People, persons: Names, *networks: Table) -> People:
    """Add networks.

    Args:
        people: Without one.
        persons: Shape (n,). The user's name of each.
        *networks: Columns `person_a`, `person_b`; `layer` (school, work, care or
            community; community if the column is missing); `rate` (probability that
            the two meet on a day, at school and work on a working day; 1 if the column
            is missing).

    Raises:
        UsageError: Something is wrong; it names row and column.
    """
    parts = [_links(network, persons) for network in networks]
    one, other, layer, rate = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    _refuse_repeats(networks, one, other, layer, len(persons))
    ends = np.concatenate([one, other])
    order = np.lexsort((np.concatenate([other, one]), ends))
    counts = np.bincount(ends, minlength=len(persons))
    connected = people._replace(
        network_start=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        network_others=np.concatenate([other, one])[order].astype(np.int32),
        network_layer=np.tile(layer, 2)[order].astype(np.uint8),
        network_rate=np.tile(rate, 2)[order].astype(np.float32),
    )
    return frozen(connected)


def _links(network: Table, persons: Names) -> tuple[Ids, Ids, Ids, Floats]:
    """Both ends, layer and rate of each row."""
    layer = layers_of(network)
    one = _numbers_of(network, "person_a", persons)
    other = _numbers_of(network, "person_b", persons)
    first_where(
        one == other,
        lambda row: UsageError(
            f"{network.at(row)}: expected two different people, got one twice",
            advice="Leave the row out.",
        ),
    )
    rate = np.ones(len(one))
    if network.has("rate"):
        rate = network.numbers("rate", 0.0, 1.0, whole=False)
    return one, other, layer, rate


def layers_of(network: Table) -> Ids:
    """Number of the layer of each row.

    Raises:
        UsageError: A layer is unknown.
    """
    network.need("person_a", "person_b")
    if not network.has("layer"):
        return np.full(len(network.columns["person_a"]), COMMUNITY, np.int64)
    names = network.texts("layer")
    first_where(
        ~np.isin(names, NETWORK_LAYERS),
        lambda row: UsageError(
            f"{network.at(row)}: expected 'layer' {one_of(NETWORK_LAYERS)}, "
            f"got {str(names[row])!r}",
            advice="Households are given by the column 'household' of the people.",
        ),
    )
    found = np.zeros(len(names), np.int64)
    for number, name in enumerate(LAYERS):
        found[names == name] = number
    return found


def _numbers_of(network: Table, column: str, persons: Names) -> Ids:
    """Our numbers of the people in a column."""
    names, known = alike(network.ids(column), persons)
    order = np.argsort(known)
    at = np.searchsorted(known, names, sorter=order)
    found = order[np.minimum(at, len(known) - 1)]
    first_where(
        known[found] != names,
        lambda row: UsageError(
            f"{network.at(row)}: expected {column!r} to be one of the people, "
            f"got {str(names[row])!r}",
            advice="Add the person to the people, or leave the connection out.",
        ),
    )
    return found.astype(np.int64)


def _refuse_repeats(
    networks: Sequence[Table], one: Ids, other: Ids, layer: Ids, agents: int
) -> None:
    low, high = np.minimum(one, other), np.maximum(one, other)
    joint = (low * agents + high) * len(LAYERS) + layer
    _, first = np.unique(joint, return_index=True)
    repeated = np.ones(len(joint), bool)
    repeated[first] = False
    first_where(
        repeated,
        lambda row: UsageError(
            f"{_row(networks, row)}: expected each pair once in a layer, got it again",
            advice="Leave the row out; a higher 'rate' makes them meet more often.",
        ),
    )


def _row(networks: Sequence[Table], row: int) -> str:
    """Name a row of all tables, one after the other."""
    for network in networks:
        length = len(network.columns["person_a"])
        if row < length:
            return network.at(row)
        row -= length
    raise IndexError(row)
