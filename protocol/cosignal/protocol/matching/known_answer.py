"""A small search whose answer is known, for paths that a compiler made.

What this module guarantees:

* A path that passes has derived first and last identifiers of short and long keys, and
  told sightings at the edge of the tolerance from those beyond.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np

from cosignal.protocol.identifiers import (
    RPI_BYTES,
    TEK_BYTES,
    rolling_proximity_identifiers,
)
from cosignal.protocol.matching.columns import (
    TOLERANCE_INTERVALS,
    Hit,
    KeyColumns,
    Prepare,
    Sightings,
)
from cosignal.protocol.matching.spans import needed_identifiers

#: Start and period of each key: more than one run of lanes, and one not filled.
_SPANS: Final = (
    (2_642_976, 144),
    (2_642_977, 1),
    (0, 17),
    (2_642_976, 143),
    ((1 << 32) - 144, 144),
    (2_643_000, 16),
)


def finds_known_hits(prepare: Prepare) -> bool:
    """Let a path search once.

    Args:
        prepare: Of the path.

    Returns:
        Whether it found all hits that there are, and no other.
    """
    planted = list(_planted())
    identifiers = b"".join(identifier for identifier, _, _ in planted)
    intervals = np.array([interval for _, interval, _ in planted], np.int64)
    sightings = Sightings(identifiers, intervals)
    expected = [
        Hit(key, sighting, interval - late)
        for sighting, (_, interval, (key, late)) in enumerate(planted)
        if abs(late) <= TOLERANCE_INTERVALS
    ]
    keys = _keys()
    found = prepare(keys, sightings)(needed_identifiers(keys, sightings))
    return sorted(found) == expected


def _keys() -> KeyColumns:
    starts, periods = np.array(_SPANS, np.int64).T
    return KeyColumns(b"".join(map(_tek, range(len(_SPANS)))), starts, periods)


def _tek(key: int) -> bytes:
    return bytes((31 * key + 97 * n) % 256 for n in range(TEK_BYTES))


def _planted() -> Iterator[tuple[bytes, int, tuple[int, int]]]:
    """Identifier, when it was heard, its key and how late that was."""
    edge = TOLERANCE_INTERVALS
    for key, (start, period) in enumerate(_SPANS):
        joined = rolling_proximity_identifiers(_tek(key), start, period)
        for offset in sorted({0, period // 2, period - 1}):
            identifier = joined[RPI_BYTES * offset :][:RPI_BYTES]
            for late in (-edge - 1, -edge, 0, 0, edge, edge + 1):
                yield identifier, start + offset + late, (key, late)
