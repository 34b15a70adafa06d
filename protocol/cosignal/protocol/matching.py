"""Published keys against what a phone heard: the local search for encounters.

What this module guarantees:

* A hit is an identifier of a published key, heard within two hours of the interval for
  which it was derived, and nothing else. Repeated keys and repeated sightings are all
  reported.
* What is skipped for speed cannot hold a hit: a key that was never in use near a
  sighting, and an identifier whose first bytes nobody heard.
* Keys and sightings are read in place.

Who met whom stays on the phone: nothing here leaves it. Weighing hits is left to the
exposure rules of the app. Speed: docs/reference/benchmarks.md, "match".

Source: docs/reference/protocol.md, "Matching".
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cosignal.protocol.errors import UsageError
from cosignal.protocol.identifiers import (
    RPI_BYTES,
    TEK_BYTES,
    identifier_cipher,
    padded_intervals,
    rolling_proximity_identifier_key,
)
from cosignal.protocol.intervals import DAY_INTERVALS

#: How far a sighting may lie from its identifier's own interval: 2 hours, in intervals.
#: Clocks of phones differ; anything later is a replay.
TOLERANCE_INTERVALS: Final = 12

_INTERVAL_LIMIT: Final = 1 << 32
#: Identifiers of this many keys (147 kB) are looked up in one numpy call. It makes
#: numpy's cost per call negligible and still fits the second-level cache.
_BATCH_KEYS: Final = 64
#: AES may write up to a block beyond what it was asked for.
_CIPHER_SLACK: Final = 16
#: The prefilter has 2**9 to 2**10 places a sighting, so that one identifier in 500 to
#: 1,000 passes by chance, but never more than 16 MB.
_PREFILTER_SPREAD: Final = 9
_PREFILTER_MIN: Final = 16
_PREFILTER_MAX: Final = 24


@dataclass(frozen=True, slots=True, eq=False)
class KeyColumns:
    """Published keys, by columns.

    Attributes:
        keys: n times 16 bytes, contiguous; a view of a body will do.
        starts: Shape (n,), int64. First interval of each key.
        periods: Shape (n,), int64 in [1, 144]. Number of intervals of each key.
    """

    keys: bytes | memoryview
    starts: npt.NDArray[np.int64]
    periods: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Sightings:
    """What a phone heard, by columns; indexed once, then matched with many blocks.

    Attributes:
        identifiers: m times 16 bytes, contiguous. They must not change any more.
        intervals: Shape (m,), int64. Interval in which each was heard.
    """

    identifiers: bytes | memoryview
    intervals: npt.NDArray[np.int64]

    @cached_property
    def distinct_intervals(self) -> npt.NDArray[np.int64]:
        """Every interval with a sighting once: Shape (<= m,), int64, ascending."""
        return np.unique(self.intervals)

    @cached_property
    def by_identifier(self) -> dict[bytes, list[tuple[int, int]]]:
        """Index and interval of each sighting of an identifier."""
        found: dict[bytes, list[tuple[int, int]]] = {}
        raw = bytes(self.identifiers)
        for index, interval in enumerate(self.intervals.tolist()):
            identifier = raw[index * RPI_BYTES : (index + 1) * RPI_BYTES]
            found.setdefault(identifier, []).append((index, interval))
        return found

    @cached_property
    def prefilter(self) -> npt.NDArray[np.bool_]:
        """Which low bits of a first word were heard: Shape (2**k,), bool."""
        bits = len(self.intervals).bit_length() + _PREFILTER_SPREAD
        bits = min(max(bits, _PREFILTER_MIN), _PREFILTER_MAX)
        table = np.zeros(1 << bits, np.bool_)
        table[_first_words(self.identifiers) & np.uint32(len(table) - 1)] = True
        return table


class Hit(NamedTuple):
    """One sighting of one published key.

    Attributes:
        key: Index into the key columns.
        sighting: Index into the sightings.
        interval: For which the identifier was derived; the sighting's own interval may
            differ by up to 12.
    """

    key: int
    sighting: int
    interval: int


def match(keys: KeyColumns, sightings: Sightings) -> list[Hit]:
    """Find every sighting of a published key.

    Args:
        keys: Published keys, as `Body.columns` gives them.
        sightings: What the phone heard.

    Returns:
        All hits, sorted by key and then by sighting.

    Raises:
        UsageError: Columns differ in length, or a start or period is out of range.

    Source: docs/reference/protocol.md, "Matching".
    """
    _check_keys(keys)
    _check_sightings(sightings)
    needed = _keys_near_sightings(keys, sightings)
    hits: list[Hit] = []
    buffer = bytearray(_BATCH_KEYS * DAY_INTERVALS * RPI_BYTES + _CIPHER_SLACK)
    for first in range(0, len(needed), _BATCH_KEYS):
        batch = needed[first : first + _BATCH_KEYS]
        ends = _derive_batch(keys, batch, buffer)
        hits += _look_up(keys, batch, ends, buffer, sightings)
    return sorted(hits)


def _keys_near_sightings(
    keys: KeyColumns, sightings: Sightings
) -> npt.NDArray[np.int64]:
    """Indexes of the keys in use within two hours of any sighting.

    A key's identifiers are valid from `start - 12` to `start + period + 11`. The first
    sighting not before that span lies in it, or none does.
    """
    heard = sightings.distinct_intervals
    if not len(heard):
        return np.empty(0, np.int64)
    place = np.searchsorted(heard, keys.starts - TOLERANCE_INTERVALS)
    following = heard[np.minimum(place, len(heard) - 1)]
    last = keys.starts + keys.periods + (TOLERANCE_INTERVALS - 1)
    return np.flatnonzero((place < len(heard)) & (following <= last))


def _derive_batch(
    keys: KeyColumns, batch: npt.NDArray[np.int64], buffer: bytearray
) -> list[int]:
    """Write the identifiers of a batch into `buffer`, key after key.

    Returns:
        Per key, how many identifiers stand in the buffer up to its last one.
    """
    teks, target = _flat(keys.keys), memoryview(buffer)
    spans = zip(
        batch.tolist(),
        keys.starts[batch].tolist(),
        keys.periods[batch].tolist(),
        strict=True,
    )
    ends: list[int] = []
    written, known_start, blocks = 0, -1, memoryview(b"")
    for index, start, period in spans:
        # Neighbours in a body mostly share their start, and so the blocks to encrypt.
        if start != known_start:
            blocks = memoryview(padded_intervals(start, DAY_INTERVALS))
            known_start = start
        tek = teks[index * TEK_BYTES : (index + 1) * TEK_BYTES]
        cipher = identifier_cipher(rolling_proximity_identifier_key(tek))
        data = blocks[: period * RPI_BYTES]
        cipher.encryptor().update_into(data, target[written * RPI_BYTES :])
        written += period
        ends.append(written)
    return ends


def _look_up(
    keys: KeyColumns,
    batch: npt.NDArray[np.int64],
    ends: Sequence[int],
    buffer: bytearray,
    sightings: Sightings,
) -> Iterator[Hit]:
    """Find the sightings of a batch's identifiers."""
    table = sightings.prefilter
    words = _first_words(buffer)[: ends[-1]]
    candidates = np.flatnonzero(table[words & np.uint32(len(table) - 1)])
    for position in candidates.tolist():
        raw = bytes(buffer[position * RPI_BYTES : (position + 1) * RPI_BYTES])
        for sighting, heard_at in sightings.by_identifier.get(raw, ()):
            row = bisect_right(ends, position)
            key = int(batch[row])
            offset = position - (ends[row - 1] if row else 0)
            interval = int(keys.starts[key]) + offset
            if abs(heard_at - interval) <= TOLERANCE_INTERVALS:
                yield Hit(key, sighting, interval)


def _flat(data: bytes | bytearray | memoryview) -> memoryview:
    return memoryview(data).cast("B")


def _first_words(identifiers: bytes | bytearray | memoryview) -> npt.NDArray[np.uint32]:
    """First four bytes of each identifier: Shape (m,), uint32, a view."""
    return np.frombuffer(identifiers, "<u4")[:: RPI_BYTES // 4]


def _check_keys(keys: KeyColumns) -> None:
    count = _flat(keys.keys).nbytes / TEK_BYTES
    if not count == len(keys.starts) == len(keys.periods):
        raise UsageError(
            "key columns: expected one start and one period for each 16-byte key, "
            f"got {len(keys.starts)} and {len(keys.periods)} for {count:g} keys"
        )
    if not ((keys.periods >= 1) & (keys.periods <= DAY_INTERVALS)).all():
        raise UsageError(f"periods: expected 1 to {DAY_INTERVALS}, got another")
    highest = _INTERVAL_LIMIT - DAY_INTERVALS
    if not ((keys.starts >= 0) & (keys.starts <= highest)).all():
        raise UsageError(f"starts: expected 0 to {highest}, got another")


def _check_sightings(sightings: Sightings) -> None:
    count = _flat(sightings.identifiers).nbytes / RPI_BYTES
    if count != len(sightings.intervals):
        raise UsageError(
            "sightings: expected one interval for each 16-byte identifier, "
            f"got {len(sightings.intervals)} for {count:g}"
        )
