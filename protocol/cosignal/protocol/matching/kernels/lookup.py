"""Was this identifier heard, and near its time?

What this module guarantees:

* Every sighting of an identifier is found, in the order in which it was heard.
* Hits are counted beyond the room for them, so that none is lost unseen.

Numbers are all signed, 64 bits: mixed signs would become floating point.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from cosignal.protocol.matching.columns import TOLERANCE_INTERVALS
from cosignal.protocol.matching.kernels.compiling import part

_Numbers = npt.NDArray[np.int64]
Heard = tuple[_Numbers, _Numbers]
"""`bit_filter` and `rows` of the sightings."""

# See `Sightings.bit_filter` and `Sightings.rows`.
_BIT: Final = 63
_SECOND_BIT: Final = 6
_WORD: Final = 12


@part
def look_up(
    identifiers: _Numbers, span: _Numbers, heard: Heard, hits: _Numbers, found: int
) -> int:
    """Note the sightings of one key's identifiers.

    Args:
        identifiers: Shape (at least the span's count, 2), int64.
        span: Key, first interval, number of intervals.
        heard: The sightings.
        hits: Shape (room, 3), int64; key, sighting and interval are written.
        found: Hits that were found before.

    Returns:
        Hits found so far; those beyond the room are not written.
    """
    bit_filter, rows = heard
    for n in range(span[2]):
        half = identifiers[n, 0]
        word = bit_filter[(half >> _WORD) & (len(bit_filter) - 1)]
        both = (word >> (half & _BIT)) & (word >> ((half >> _SECOND_BIT) & _BIT))
        if both & 1:
            place = (span[0], span[1] + n)
            found = _note(identifiers[n], place, rows, hits, found)
    return found


@part
def _note(
    identifier: _Numbers,
    place: tuple[int, int],
    rows: _Numbers,
    hits: _Numbers,
    found: int,
) -> int:
    """Note the sightings of one identifier, of this key and interval."""
    key, interval = place
    at = _first_place(rows, identifier[0])
    while at < len(rows) and rows[at, 0] == identifier[0]:
        late = rows[at, 2] - interval
        near = -TOLERANCE_INTERVALS <= late <= TOLERANCE_INTERVALS
        if near and rows[at, 1] == identifier[1]:
            if found < len(hits):
                hits[found, 0], hits[found, 1] = key, rows[at, 3]
                hits[found, 2] = interval
            found += 1
        at += 1
    return found


@part
def _first_place(rows: _Numbers, half: int) -> int:
    """Find the first row that is not before `half`."""
    low, high = 0, len(rows)
    while low < high:
        middle = (low + high) // 2
        if rows[middle, 0] < half:
            low = middle + 1
        else:
            high = middle
    return low
