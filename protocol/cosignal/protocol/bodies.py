"""A block's body: the erasable file that holds the published diagnosis keys.

What this module guarantees:

* One set of keys and one salt give one file: groups and keys stand in canonical order,
  integers in their shortest form. The order of uploads cannot be read from it.
* `commit` binds salt and keys. Once the file is deleted, nobody can tie what remains
  on the chain to a key, not even somebody who holds that key.
* The keys are one contiguous column, read in place without a copy.

Layout (docs/reference/protocol.md, "Body")::

    salt[32]  varint(groups)  group...  key[16]...
    group = varint(start - previous start)  kind[1]  onset[1]?  varint(full)
            varint(short)  period[1] * short

`kind` holds the report type in bits 0-2, the infectiousness class in bits 3-4, and in
bit 5 whether `onset` follows. `full` keys last 144 intervals; `short` ones last what
their period byte says. The key column follows the groups' order: in each group first
the full keys, sorted, then the short ones, sorted by period and then by key.

It leaves the rules about what may be published to `blocks`.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cosignal.protocol.diagnosis_keys import DiagnosisKey, Infectiousness, ReportType
from cosignal.protocol.errors import MalformedError, UsageError
from cosignal.protocol.identifiers import TEK_BYTES
from cosignal.protocol.intervals import DAY_INTERVALS
from cosignal.protocol.matching import KeyColumns

COMMIT_TAG = b"cosignal/body/v1\n"
SALT_BYTES = 32
MAX_BODY_KEYS = 1_000_000
MAX_GROUPS = 1 << 16

_ONSET_BIT = 0x20
_VARINT_MORE = 0x80
_VARINT_LIMIT = 1 << 32
_ONSET_RANGE = range(-14, 15)
_FULL = bytes([DAY_INTERVALS])
_SHORT_PERIODS = bytes(range(1, DAY_INTERVALS))

_Place = tuple[int, int, int]


class Group(NamedTuple):
    """Keys that share their start and everything else but the period.

    Attributes:
        start: First interval of each key, 10-minute units since 1970.
        report_type: How the authority knows of the infection.
        infectiousness: Class of the key's day.
        onset: Days since onset of symptoms, -14 to 14; None unless the network's
            policy publishes it.
        periods: One byte a key, in the order of the key column: 144 for every full
            key, then the shorter ones, ascending.
    """

    start: int
    report_type: ReportType
    infectiousness: Infectiousness
    onset: int | None
    periods: bytes

    @property
    def end(self) -> int:
        """First interval after the last key of the group."""
        return self.start + max(self.periods[0], self.periods[-1])


@dataclass(frozen=True, slots=True)
class Body:
    """A parsed body; `keys` is a view into the bytes it was parsed from.

    Attributes:
        salt: 32 bytes that make the commitment hiding.
        groups: In canonical order.
        keys: `count` times 16 bytes.
    """

    salt: bytes
    groups: tuple[Group, ...]
    keys: memoryview

    @property
    def count(self) -> int:
        """Number of keys, dummies included."""
        return len(self.keys) // TEK_BYTES

    def columns(self) -> KeyColumns:
        """Give the keys to the matcher without copying them.

        Returns:
            Keys, and per key its start and period; Shape (count,), int64.
        """
        starts = np.repeat(
            np.array([group.start for group in self.groups], np.int64),
            np.array([len(group.periods) for group in self.groups], np.int64),
        )
        return KeyColumns(self.keys, starts, _periods(self.groups).astype(np.int64))

    def diagnosis_keys(self) -> Iterator[DiagnosisKey]:
        """Every key as a value of its own, in file order."""
        position = 0
        for group in self.groups:
            for period in group.periods:
                yield DiagnosisKey(
                    bytes(self.keys[position : position + TEK_BYTES]),
                    group.start,
                    period,
                    group.report_type,
                    group.infectiousness,
                    group.onset,
                )
                position += TEK_BYTES

    def diagnosis_key(self, index: int) -> DiagnosisKey:
        """One key as a value of its own.

        Args:
            index: Its place in the column, from 0.

        Returns:
            The key with what is published about it.

        Raises:
            UsageError: The body has no such key.
        """
        place = index
        for group in self.groups:
            if place < len(group.periods):
                return DiagnosisKey(
                    self.key_bytes(index),
                    group.start,
                    group.periods[place],
                    group.report_type,
                    group.infectiousness,
                    group.onset,
                )
            place -= len(group.periods)
        raise UsageError(f"key {index} past the end of the body: expected an index")

    def key_bytes(self, index: int) -> bytes:
        """The 16 bytes of the key at `index` in the column."""
        return bytes(self.keys[index * TEK_BYTES : (index + 1) * TEK_BYTES])


def commit(data: bytes) -> bytes:
    """Commit to a body file.

    Args:
        data: The whole file, salt included.

    Returns:
        32 bytes, SHA-256 over the domain tag and the file.

    Source: docs/reference/protocol.md, "Body".
    """
    return hashlib.sha256(COMMIT_TAG + data).digest()


def encode_body(keys: Iterable[DiagnosisKey], salt: bytes) -> bytes:
    """Write the one canonical file for a set of keys.

    Args:
        keys: In any order; none may stand twice with the same metadata.
        salt: 32 fresh random bytes.

    Returns:
        The file's bytes.

    Raises:
        UsageError: The salt is not 32 bytes, or a key stands twice.
    """
    if len(salt) != SALT_BYTES:
        raise UsageError(f"salt: expected {SALT_BYTES} bytes, got {len(salt)}")
    full: defaultdict[_Place, list[bytes]] = defaultdict(list)
    short: defaultdict[_Place, list[tuple[int, bytes]]] = defaultdict(list)
    for key in keys:
        place = _place(key)
        if key.period == DAY_INTERVALS:
            full[place].append(key.data)
        else:
            short[place].append((key.period, key.data))
    places = sorted(full.keys() | short.keys())
    table = bytearray(salt)
    _put_varint(table, len(places))
    column = bytearray()
    previous = 0
    for place in places:
        whole, parts = sorted(full[place]), sorted(short[place])
        if _repeats(whole) or _repeats(parts):
            raise UsageError("keys: the same key stands twice in one body")
        _put_group(table, place, previous, len(whole), [period for period, _ in parts])
        column += b"".join(whole) + b"".join(data for _, data in parts)
        previous = place[0]
    return bytes(table + column)


def parse_body(data: bytes) -> Body:
    """Read a body file and check that it is in its one canonical form.

    Args:
        data: The whole file, salt included.

    Returns:
        The body; its keys are a view into `data`.

    Raises:
        MalformedError: Anything but the canonical form.

    Source: docs/reference/protocol.md, "Body".
    """
    if len(data) < SALT_BYTES:
        raise MalformedError(f"body: expected a salt of {SALT_BYTES} bytes")
    try:
        groups, position = _parse_groups(data)
    except IndexError:
        raise MalformedError("body: groups: expected more bytes, got the end") from None
    keys = memoryview(data)[position:]
    count = sum(len(group.periods) for group in groups)
    if len(keys) != count * TEK_BYTES:
        raise MalformedError(
            f"body: expected {count} keys of {TEK_BYTES} bytes and nothing else, "
            f"got {len(keys)} bytes"
        )
    if count:
        _check_order(groups, keys)
    return Body(bytes(data[:SALT_BYTES]), groups, keys)


def _place(key: DiagnosisKey) -> _Place:
    """Sort key of a group: start, kind byte, onset byte."""
    kind = key.report_type | key.infectiousness << 3
    if key.onset is None:
        return key.start, kind, 0
    return key.start, kind | _ONSET_BIT, key.onset & 0xFF


def _repeats(items: Sequence[object]) -> bool:
    return any(one == other for one, other in pairwise(items))


def _put_group(
    table: bytearray,
    place: _Place,
    previous: int,
    full: int,
    periods: list[int],
) -> None:
    start, kind, onset = place
    _put_varint(table, start - previous)
    table.append(kind)
    if kind & _ONSET_BIT:
        table.append(onset)
    _put_varint(table, full)
    _put_varint(table, len(periods))
    table += bytes(periods)


def _put_varint(out: bytearray, value: int) -> None:
    while value >= _VARINT_MORE:
        out.append(value & 0x7F | _VARINT_MORE)
        value >>= 7
    out.append(value)


def _parse_groups(data: bytes) -> tuple[tuple[Group, ...], int]:
    """Read the group table; IndexError where it runs past the end.

    Returns:
        The groups, and where the key column begins.
    """
    count, position = _varint(data, SALT_BYTES)
    if count > MAX_GROUPS:
        raise MalformedError(f"body: expected at most {MAX_GROUPS} groups, got {count}")
    groups: list[Group] = []
    start, before, room = 0, (-1, 0, 0), MAX_BODY_KEYS
    for _ in range(count):
        delta, position = _varint(data, position)
        start += delta
        kind = data[position]
        position += 1
        onset = None
        if kind & _ONSET_BIT:
            onset = _onset(data[position])
            position += 1
        full, position = _varint(data, position)
        short, position = _varint(data, position)
        place = (start, kind, 0 if onset is None else onset & 0xFF)
        room -= full + short
        if place <= before or start >= _VARINT_LIMIT or not full + short or room < 0:
            raise MalformedError(
                f"body: group {len(groups)}: expected groups in strictly ascending "
                f"order, none empty, at most {MAX_BODY_KEYS} keys in all"
            )
        periods = data[position : position + short]
        if len(periods) < short:
            raise IndexError
        position += short
        groups.append(
            Group(start, *_kind(kind), onset, _FULL * full + _check_short(periods))
        )
        before = place
    return tuple(groups), position


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """Read a LEB128 integer below 2**32 in its shortest form.

    Returns:
        The value, and the position after it.
    """
    value = data[position]
    position += 1
    if value < _VARINT_MORE:
        return value, position
    value &= 0x7F
    for shift in (7, 14, 21, 28):
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < _VARINT_MORE:
            if byte and value < _VARINT_LIMIT:
                return value, position
            break
    raise MalformedError("body: expected a shortest-form integer below 2**32")


def _kind(kind: int) -> tuple[ReportType, Infectiousness]:
    try:
        return _KINDS[kind & ~_ONSET_BIT]
    except KeyError:
        raise MalformedError(
            f"body: kind: expected a known report type and infectiousness, "
            f"got {kind:#04x}"
        ) from None


def _onset(byte: int) -> int:
    onset = byte - 256 if byte > 127 else byte  # noqa: PLR2004 - two's complement
    if onset not in _ONSET_RANGE:
        raise MalformedError(f"body: onset: expected -14 to 14 days, got {onset}")
    return onset


def _check_short(periods: bytes) -> bytes:
    """Refuse periods out of range; `_check_order` looks at their order."""
    # Deleting all good bytes is one pass in C; min and max took a third of parsing.
    if periods.translate(None, _SHORT_PERIODS):
        raise MalformedError("body: periods: expected bytes from 1 to 143")
    return periods


def _periods(groups: Sequence[Group]) -> npt.NDArray[np.uint8]:
    """Join the groups' periods: Shape (count,), uint8."""
    return np.frombuffer(b"".join([group.periods for group in groups]), np.uint8)


def _check_order(groups: Sequence[Group], keys: memoryview) -> None:
    """Refuse periods or keys out of order, for all groups at once.

    Keys are compared by their first eight bytes; only neighbours that these do not
    order are looked at again, so 100,000 keys take a fraction of a millisecond.
    """
    periods = _periods(groups)
    ranks = periods * (periods != DAY_INTERVALS)  # full keys stand first in their group
    words = np.frombuffer(keys, ">u8")[::2].astype(np.uint64)
    inside = np.ones(len(ranks) - 1, np.bool_)
    inside[[end - 1 for end in accumulate(len(g.periods) for g in groups[:-1])]] = False
    if (inside & (ranks[1:] < ranks[:-1])).any():
        raise MalformedError("body: periods: expected ascending order in each group")
    same_run = inside & (ranks[1:] == ranks[:-1])
    suspects = np.flatnonzero(same_run & (words[1:] <= words[:-1])) + 1
    for index in suspects.tolist():
        middle = index * TEK_BYTES
        before = bytes(keys[middle - TEK_BYTES : middle])
        if before >= bytes(keys[middle : middle + TEK_BYTES]):
            raise MalformedError(f"body: key {index}: expected ascending keys")


_KINDS = {
    report_type | infectiousness << 3: (report_type, infectiousness)
    for report_type in ReportType
    for infectiousness in Infectiousness
}
