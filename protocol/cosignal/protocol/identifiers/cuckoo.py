"""A cuckoo filter: a set of hashes, published small, that never misses a member.

What this module guarantees:

* No false negatives. An item has two buckets, and either one gives the other:
  `other = (mix(fingerprint) - bucket) mod buckets`, which is its own inverse for every
  number of buckets. (An exclusive or is so only for powers of two, which would cost up
  to twice the bytes; with any other number it loses members.)
* One set of items and one salt give one file: items are placed in the order of their
  hashes, fingerprints stand in ascending order in each bucket.
* Who does not know the salt cannot choose items that overfill a bucket. Where a place
  is missing all the same, the table grows; nothing is dropped.

Layout::

    bits[1]  buckets[4, big-endian]  salt[16]  fingerprint * 4 * buckets  zero bits

A fingerprint takes `bits` bits, most significant first; an empty slot is zero. With
SHA-256(salt || item) read as 64-bit big-endian words w0, w1, ..., the fingerprint is
`1 + w1 mod (2**bits - 1)` and the first bucket `w0 mod buckets`; `mix` is the finalizer
of SplitMix64.

Source: Fan, Andersen, Kaminsky, Mitzenmacher, "Cuckoo Filter: Practically Better Than
Bloom", CoNEXT 2014; docs/explanation/identifier-schemes.md.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import ceil, expm1, log1p
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cosignal.protocol.errors import MalformedError, UsageError

#: Fingerprints in a bucket.
SLOTS: Final = 4
#: Length of the salt, bytes.
SALT_BYTES: Final = 16
#: Length of a fingerprint unless asked otherwise, bits: 2**-42 false positives a
#: look-up, as the DP-3T reference implementation has it.
FINGERPRINT_BITS: Final = 45
MIN_FINGERPRINT_BITS: Final = 8
MAX_FINGERPRINT_BITS: Final = 56
MAX_BUCKETS: Final = 1 << 24
#: Share of the slots that is filled, unless a place is missing and the table grows.
LOAD: Final = 0.95

_HEADER: Final = struct.Struct(f">BI{SALT_BYTES}s")
_WORD_BITS: Final = 64
#: Slots that are packed at once; a multiple of 8, so that chunks end on whole bytes.
_CHUNK: Final = 1 << 16
#: At 95 % load an item moves some dozen others at most; this many mean a bad table.
_MAX_MOVES: Final = 2_000
_GROWTH: Final = 50  # each by a fiftieth
_STEP: Final = 6_364_136_223_846_793_005  # Knuth's MMIX generator: which slot gives way
_MASK: Final = (1 << _WORD_BITS) - 1

_Words = npt.NDArray[np.uint64]
_Indexes = npt.NDArray[np.int64]


class _Places(NamedTuple):
    """Where items belong: all Shape (n,).

    Attributes:
        fingerprints: uint64.
        first: int64. One of the two buckets.
        sums: int64. First plus second bucket, modulo the number of buckets.
    """

    fingerprints: _Words
    first: _Indexes
    sums: _Indexes


@dataclass(frozen=True, slots=True, eq=False)
class CuckooFilter:
    """A set of items that answers whether it holds one.

    Attributes:
        fingerprint_bits: Length of a fingerprint.
        salt: 16 bytes, hashed before every item.
        table: Shape (buckets, 4), uint64. Fingerprints, ascending in each row; 0 is an
            empty slot.
    """

    fingerprint_bits: int
    salt: bytes
    table: _Words

    @property
    def count(self) -> int:
        """Number of items."""
        return int(np.count_nonzero(self.table))

    @property
    def false_positive_rate(self) -> float:
        """Chance that an item which is not in the set is found all the same."""
        compared = 2 * self.count / len(self.table)
        return -expm1(compared * log1p(-1 / (2**self.fingerprint_bits - 1)))

    def contains(self, items: Sequence[bytes]) -> npt.NDArray[np.bool_]:
        """Look for items.

        Args:
            items: Bytes of any length.

        Returns:
            Shape (n,), bool. True for every member, and for others as rarely as
            `false_positive_rate` says.
        """
        digests = [sha256(self.salt + item).digest() for item in items]
        places = _places(digests, self.fingerprint_bits, len(self.table))
        second = (places.sums - places.first) % len(self.table)
        wanted = places.fingerprints[:, None]
        found = (self.table[places.first] == wanted) | (self.table[second] == wanted)
        answer: npt.NDArray[np.bool_] = found.any(axis=1)
        return answer

    def encode(self) -> bytes:
        """Write the file."""
        header = _HEADER.pack(self.fingerprint_bits, len(self.table), self.salt)
        return header + b"".join(_packed(self.table.ravel(), self.fingerprint_bits))


def build_filter(
    items: Iterable[bytes], salt: bytes, fingerprint_bits: int = FINGERPRINT_BITS
) -> CuckooFilter:
    """Put a set of items into a filter.

    Args:
        items: Bytes of any length, in any order; repeated ones count once.
        salt: 16 fresh random bytes, unknown to whoever chose the items.
        fingerprint_bits: 8 to 56. Each bit more halves the false positives.

    Returns:
        The filter; 95 % full, or a little less.

    Raises:
        UsageError: The salt or the number of bits is out of range, or the items are
            too many.
    """
    if len(salt) != SALT_BYTES:
        raise UsageError(f"salt: expected {SALT_BYTES} bytes, got {len(salt)}")
    _check_bits(fingerprint_bits, UsageError)
    digests = sorted({sha256(salt + item).digest() for item in items})
    buckets = max(1, ceil(len(digests) / (SLOTS * LOAD)))
    while buckets <= MAX_BUCKETS:
        places = _places(digests, fingerprint_bits, buckets)
        if (rows := _allocate(places, buckets)) is not None:
            return CuckooFilter(fingerprint_bits, salt, _table(places, rows))
        buckets += buckets // _GROWTH + 1
    raise UsageError(
        f"items: expected to fit into {MAX_BUCKETS} buckets, got {len(digests)}",
        advice="Publish several filters.",
    )


def parse_filter(data: bytes) -> CuckooFilter:
    """Read a filter and check that it is in its one canonical form.

    Args:
        data: The whole file.

    Returns:
        The filter.

    Raises:
        MalformedError: Anything but the canonical form.
    """
    if len(data) < _HEADER.size:
        raise MalformedError(
            f"filter: expected a header of {_HEADER.size} bytes, got {len(data)}"
        )
    bits, buckets, salt = _HEADER.unpack_from(data)
    _check_bits(bits, MalformedError)
    if not 1 <= buckets <= MAX_BUCKETS:
        raise MalformedError(
            f"filter: buckets: expected 1 to {MAX_BUCKETS}, got {buckets}"
        )
    expected = _HEADER.size + -(-buckets * SLOTS * bits // 8)
    if len(data) != expected:
        raise MalformedError(f"filter: expected {expected} bytes, got {len(data)}")
    if data[-1] & ((1 << -(buckets * SLOTS * bits) % 8) - 1):
        raise MalformedError("filter: expected zero bits after the last fingerprint")
    slots = np.concatenate(list(_unpacked(data[_HEADER.size :], buckets, bits)))
    table = slots.reshape(buckets, SLOTS)
    if (table[:, 1:] < table[:, :-1]).any():
        raise MalformedError("filter: expected ascending fingerprints in each bucket")
    return CuckooFilter(bits, salt, table)


def _check_bits(bits: int, error: type[UsageError | MalformedError]) -> None:
    if not MIN_FINGERPRINT_BITS <= bits <= MAX_FINGERPRINT_BITS:
        raise error(
            f"fingerprint_bits: expected {MIN_FINGERPRINT_BITS} to "
            f"{MAX_FINGERPRINT_BITS}, got {bits}"
        )


def _places(digests: Sequence[bytes], bits: int, buckets: int) -> _Places:
    words = np.frombuffer(b"".join(digests), ">u8").reshape(-1, 4).astype(np.uint64)
    fingerprints = words[:, 1] % np.uint64((1 << bits) - 1) + np.uint64(1)
    first, sums = (
        (values % np.uint64(buckets)).astype(np.int64)
        for values in (words[:, 0], _mixed(fingerprints))
    )
    return _Places(fingerprints, first, sums)


def _mixed(values: _Words) -> _Words:
    """Finalizer of SplitMix64: every bit of the input moves every bit of the output."""
    values = (values ^ values >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ values >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return values ^ values >> np.uint64(31)


def _allocate(places: _Places, buckets: int) -> list[list[int]] | None:
    """Find a bucket for every item by moving others to their second one.

    Returns:
        The items of each bucket; None if one finds no place.
    """
    rows: list[list[int]] = [[] for _ in range(buckets)]
    first, sums = places.first.tolist(), places.sums.tolist()
    state = 1
    for item, bucket in enumerate(first):
        homeless, place = item, bucket
        for _ in range(_MAX_MOVES):
            if len(rows[place]) == SLOTS:
                place = (sums[homeless] - place) % buckets
            row = rows[place]
            if len(row) < SLOTS:
                row.append(homeless)
                break
            state = (state * _STEP + 1) & _MASK
            slot = state >> _WORD_BITS - 2
            homeless, row[slot] = row[slot], homeless
        else:
            return None
    return rows


def _table(places: _Places, rows: Sequence[Sequence[int]]) -> _Words:
    table = np.zeros((len(rows), SLOTS), np.uint64)
    fingerprints = places.fingerprints.tolist()
    for bucket, row in enumerate(rows):
        for slot, item in enumerate(row):
            table[bucket, slot] = fingerprints[item]
    return np.sort(table, axis=1)


def _packed(slots: _Words, bits: int) -> Iterator[bytes]:
    """Write the low `bits` bits of each slot one after the other."""
    for first in range(0, len(slots), _CHUNK):
        octets = slots[first : first + _CHUNK].astype(">u8").view(np.uint8)
        spread = np.unpackbits(octets.reshape(-1, 8), axis=1)
        yield np.packbits(spread[:, _WORD_BITS - bits :]).tobytes()


def _unpacked(data: bytes, buckets: int, bits: int) -> Iterator[_Words]:
    """Undo `_packed`."""
    octets = np.frombuffer(data, np.uint8)
    count = buckets * SLOTS
    for first in range(0, count, _CHUNK):
        size = min(_CHUNK, count - first)
        chunk = octets[first * bits // 8 :][: -(-size * bits // 8)]
        spread = np.zeros((size, _WORD_BITS), np.uint8)
        spread[:, _WORD_BITS - bits :] = np.unpackbits(
            chunk, count=size * bits
        ).reshape(size, bits)
        yield np.packbits(spread).view(">u8").astype(np.uint64)
