"""What goes into matching and what comes out, by columns.

What this module guarantees:

* Keys and identifiers are read in place: a view of a file's bytes will do, at any
  address, read-only or not.
* What is looked up for every identifier is made once a phone's sightings, and serves
  any number of blocks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cosignal.protocol.errors import UsageError
from cosignal.protocol.identifiers import RPI_BYTES, TEK_BYTES
from cosignal.protocol.intervals import DAY_INTERVALS

#: How far a sighting may lie from its identifier's own interval: 2 hours, in intervals.
#: Clocks of phones differ; anything later is a replay.
TOLERANCE_INTERVALS: Final = 12

_INTERVAL_LIMIT: Final = 1 << 32
#: The prefilter has 2**9 to 2**10 places a sighting, so that one identifier in 500 to
#: 1,000 passes by chance, but never more than 16 MB.
_PREFILTER_SPREAD: Final = 9
_PREFILTER_MIN: Final = 16
_PREFILTER_MAX: Final = 24
#: The compiled paths' filter sets two bits of one word for each sighting, and has one
#: to two words a sighting, up to 8 MB: one identifier in 1,000 passes by chance, and
#: what a phone hears in 14 days stays in the first two levels of cache.
_FILTER_MAX: Final = 20
_BIT: Final = 63
_SECOND_BIT: Final = 6
_WORD: Final = 12


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
        table[first_words(self.identifiers) & np.uint32(len(table) - 1)] = True
        return table

    @cached_property
    def rows(self) -> npt.NDArray[np.int64]:
        """Sightings in the order of their first half: Shape (m, 4), int64.

        First and second half of the identifier, both little-endian, interval, index.
        Sightings with the same first half keep their order.
        """
        halves = self._halves()
        rows = np.column_stack(
            (halves, self.intervals.astype(np.int64), np.arange(len(halves)))
        )
        return np.ascontiguousarray(rows[np.argsort(rows[:, 0], kind="stable")])

    @cached_property
    def bit_filter(self) -> npt.NDArray[np.int64]:
        """Two bits for each first half that was heard: Shape (2**k,), int64.

        Of a half, bits 0 to 5 name one bit, 6 to 11 the other, and those from 12 on
        the word.
        """
        words = 1 << min(len(self.intervals).bit_length(), _FILTER_MAX)
        table = np.zeros(words, np.int64)
        half = self._halves()[:, 0]
        bits = np.int64(1) << (half & _BIT) | np.int64(1) << (
            half >> _SECOND_BIT & _BIT
        )
        np.bitwise_or.at(table, half >> _WORD & (words - 1), bits)
        return table

    def _halves(self) -> npt.NDArray[np.int64]:
        """Both halves of each identifier: Shape (m, 2), int64."""
        return np.frombuffer(self.identifiers, "<i8").reshape(-1, 2).astype(np.int64)


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


Search = Callable[[npt.NDArray[np.int64]], list[Hit]]
"""Finds the hits of some rows of `needed_identifiers`, in any order."""
Prepare = Callable[[KeyColumns, Sightings], Search]
"""Indexes sightings, if nobody did before, so that threads need not."""


def first_words(identifiers: bytes | bytearray | memoryview) -> npt.NDArray[np.uint32]:
    """First four bytes of each identifier: Shape (m,), uint32, a view."""
    return np.frombuffer(identifiers, "<u4")[:: RPI_BYTES // 4]


def flat(data: bytes | bytearray | memoryview) -> memoryview:
    """The bytes of a contiguous buffer of any shape."""
    return memoryview(data).cast("B")


def check_keys(keys: KeyColumns) -> None:
    """Refuse columns that do not fit.

    Args:
        keys: What a caller brought.

    Raises:
        UsageError: Columns differ in length, or a start or period is out of range.
    """
    count = flat(keys.keys).nbytes / TEK_BYTES
    if not count == len(keys.starts) == len(keys.periods):
        raise UsageError(
            "key columns: expected one start and one period for each 16-byte key, "
            f"got {len(keys.starts)} and {len(keys.periods)} for {count:g} keys"
        )
    if not ((keys.periods >= 1) & (keys.periods <= DAY_INTERVALS)).all():
        raise UsageError(f"periods: expected 1 to {DAY_INTERVALS}, got another")
    if not ((keys.starts >= 0) & (keys.starts <= _INTERVAL_LIMIT - keys.periods)).all():
        raise UsageError("starts: expected 0 to 2**32 less the period, got another")


def check_sightings(sightings: Sightings) -> None:
    """Refuse columns that do not fit.

    Args:
        sightings: What a caller brought.

    Raises:
        UsageError: There is not one interval for each identifier.
    """
    count = flat(sightings.identifiers).nbytes / RPI_BYTES
    if count != len(sightings.intervals):
        raise UsageError(
            "sightings: expected one interval for each 16-byte identifier, "
            f"got {len(sightings.intervals)} for {count:g}"
        )
