"""Connections of a user's own: who may meet whom, and how often.

What this module guarantees:

* Each connection is listed for both ends, so that both find it.
* A connection to oneself, to somebody unknown, or listed twice is refused by row.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from cosignal.protocol.errors import UsageError
from cosignal.simulator.parameters.behaviour import LAYERS
from cosignal.simulator.population.columns import (
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


def connect(people: People, persons: Names, network: Table) -> People:
    """Add a network.

    Args:
        people: Without one.
        persons: Shape (n,). The user's name of each.
        network: Columns `person_a`, `person_b`; `layer` (school, work, care or
            community; community if the column is missing); `rate` (probability that
            the two meet on a day, at school and work on a working day; 1 if the column
            is missing).

    Raises:
        UsageError: Something is wrong; it names row and column.
    """
    network.need("person_a", "person_b")
    one = _numbers_of(network, "person_a", persons)
    other = _numbers_of(network, "person_b", persons)
    layer = layers_of(network)
    rate = np.ones(len(one))
    if network.has("rate"):
        rate = network.numbers("rate", 0.0, 1.0, whole=False)
    _refuse_loops_and_repeats(network, one, other, layer, len(persons))
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


def layers_of(network: Table) -> Ids:
    """Number of the layer of each row.

    Raises:
        UsageError: A layer is unknown.
    """
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


def _refuse_loops_and_repeats(
    network: Table, one: Ids, other: Ids, layer: Ids, agents: int
) -> None:
    first_where(
        one == other,
        lambda row: UsageError(
            f"{network.at(row)}: expected two different people, got one twice",
            advice="Leave the row out.",
        ),
    )
    low, high = np.minimum(one, other), np.maximum(one, other)
    joint = (low * agents + high) * len(LAYERS) + layer
    _, first = np.unique(joint, return_index=True)
    repeated = np.ones(len(joint), bool)
    repeated[first] = False
    first_where(
        repeated,
        lambda row: UsageError(
            f"{network.at(row)}: expected each pair once in a layer, got it again",
            advice="Leave the row out; a higher 'rate' makes them meet more often.",
        ),
    )
