"""The path that is always there: hashlib, AES of a library, and numpy.

What this module guarantees:

* An identifier that does not pass the prefilter was not heard.

Most of its time goes into calls: two hash states and one cipher for each key.
Source: docs/reference/protocol.md, "Matching".
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cosignal.protocol.identifiers import (
    RPI_BYTES,
    TEK_BYTES,
    identifier_cipher,
    padded_intervals,
    rolling_proximity_identifier_key,
)
from cosignal.protocol.intervals import DAY_INTERVALS
from cosignal.protocol.matching.columns import (
    TOLERANCE_INTERVALS,
    Hit,
    KeyColumns,
    Sightings,
    first_words,
    flat,
)

#: Identifiers of this many keys (147 kB) are looked up in one numpy call. It makes
#: numpy's cost per call negligible and still fits the second-level cache.
_BATCH_KEYS: Final = 64
#: AES may write up to a block beyond what it was asked for.
_CIPHER_SLACK: Final = 16


class _Heard(NamedTuple):
    """What is looked up, see `Sightings`."""

    prefilter: npt.NDArray[np.bool_]
    by_identifier: dict[bytes, list[tuple[int, int]]]


def prepare(
    keys: KeyColumns, sightings: Sightings
) -> Callable[[npt.NDArray[np.int64]], list[Hit]]:
    """Make ready to search.

    Args:
        keys: Checked columns, at least one key.
        sightings: Checked columns, at least one sighting.

    Returns:
        See `paths.Search`.
    """
    heard = _Heard(sightings.prefilter, sightings.by_identifier)
    return partial(_search, flat(keys.keys), heard)


def _search(
    teks: memoryview, heard: _Heard, needed: npt.NDArray[np.int64]
) -> list[Hit]:
    hits: list[Hit] = []
    buffer = bytearray(_BATCH_KEYS * DAY_INTERVALS * RPI_BYTES + _CIPHER_SLACK)
    for begin in range(0, len(needed), _BATCH_KEYS):
        batch: list[list[int]] = needed[begin : begin + _BATCH_KEYS].tolist()
        ends = _derive_batch(teks, batch, buffer)
        hits += _look_up(batch, ends, buffer, heard)
    return hits


def _derive_batch(
    teks: memoryview, batch: Sequence[Sequence[int]], buffer: bytearray
) -> list[int]:
    """Write the identifiers of a batch into `buffer`, key after key.

    Returns:
        Per key, how many identifiers stand in the buffer up to its last one.
    """
    target = memoryview(buffer)
    ends: list[int] = []
    written, known, blocks = 0, (-1, -1), b""
    for key, first, count in batch:
        # Neighbours in a body mostly share their span, and so the blocks to encrypt.
        if (first, count) != known:
            blocks = padded_intervals(first, count)
            known = (first, count)
        tek = teks[key * TEK_BYTES : (key + 1) * TEK_BYTES]
        cipher = identifier_cipher(rolling_proximity_identifier_key(tek))
        cipher.encryptor().update_into(blocks, target[written * RPI_BYTES :])
        written += count
        ends.append(written)
    return ends


def _look_up(
    batch: Sequence[Sequence[int]],
    ends: Sequence[int],
    buffer: bytearray,
    heard: _Heard,
) -> Iterator[Hit]:
    """Find the sightings of a batch's identifiers."""
    table = heard.prefilter
    words = first_words(buffer)[: ends[-1]]
    candidates = np.flatnonzero(table[words & np.uint32(len(table) - 1)])
    for position in candidates.tolist():
        raw = bytes(buffer[position * RPI_BYTES : (position + 1) * RPI_BYTES])
        for sighting, heard_at in heard.by_identifier.get(raw, ()):
            row = bisect_right(ends, position)
            key, first, _ = batch[row]
            interval = first + position - (ends[row - 1] if row else 0)
            if abs(heard_at - interval) <= TOLERANCE_INTERVALS:
                yield Hit(key, sighting, interval)
