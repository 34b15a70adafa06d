"""DP-3T, the low-cost and the unlinkable design, for comparison with what we run.

What this module guarantees:

* The bytes are those of the designers' reference implementation.

*Low-cost.* A day's key is the hash of the one before; whoever learns one knows all
later ones. It gives 96 identifiers (EphIDs), which the phone uses in a random order.
*Unlinkable.* Every epoch of 15 minutes has a seed of its own; what is published is a
`cuckoo` filter of what others heard, bound to the epoch.

Cosignal does not broadcast these; docs/explanation/identifier-schemes.md says why.

Source: DP-3T White Paper, sections 2.1 and 2.2; reference_implementation at fa2aafc.
"""

import hmac
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from cosignal.protocol.errors import MalformedError, UsageError

#: Length of a day's key, and of an epoch's seed, bytes.
KEY_BYTES: Final = 32
#: Length of an ephemeral identifier, bytes.
EPHID_BYTES: Final = 16
#: How long one identifier is broadcast, seconds.
EPOCH_SECONDS: Final = 900
DAY_SECONDS: Final = 86_400
EPOCHS_PER_DAY: Final = DAY_SECONDS // EPOCH_SECONDS
#: The low-cost server publishes every two hours, and phones note sightings as exactly.
BATCH_SECONDS: Final = 7_200
#: Phones forget after this; a key that claims more days is refused, or it would cost
#: every phone the work of as many days as it likes.
MAX_DAYS: Final = 21

_RELEASE: Final = struct.Struct(">I")
_DAY_KEY: Final = struct.Struct(f">{KEY_BYTES}sI")
_INDEX_LIMIT: Final = 1 << 32


@dataclass(frozen=True, slots=True, order=True)
class DayKey:
    """A published low-cost key: its day's, and by hashing that of each later day.

    Attributes:
        data: 32 bytes.
        day: First day, counted since 1970.
    """

    data: bytes = field(repr=False)
    day: int


@dataclass(frozen=True, slots=True)
class DayKeyBatch:
    """What a low-cost server publishes every two hours.

    Attributes:
        release: Unix seconds, a multiple of 7,200. Later sightings do not count: from
            then on everybody can broadcast these identifiers.
        keys: Ascending.
    """

    release: int
    keys: tuple[DayKey, ...]

    def encode(self) -> bytes:
        """Write the file: release[4] and for each key data[32] day[4], big-endian."""
        rows = [_DAY_KEY.pack(key.data, key.day) for key in self.keys]
        return _RELEASE.pack(self.release) + b"".join(rows)

    def identifiers(self) -> Iterator[tuple[int, int, bytes]]:
        """Derive what was broadcast: number of the key, day, identifiers of that day.

        The last day is the one that the release ends.
        """
        last = (self.release - 1) // DAY_SECONDS
        for number, key in enumerate(self.keys):
            data = key.data
            for day in range(key.day, last + 1):
                yield number, day, day_identifiers(data)
                data = next_day_key(data)


def next_day_key(key: bytes) -> bytes:
    """Derive the next day's key (low-cost).

    Args:
        key: 32 bytes, today's.

    Returns:
        32 bytes.

    Raises:
        UsageError: `key` is not 32 bytes.

    >>> next_day_key(bytes(32)).hex()[:16]
    '66687aadf862bd77'
    """
    _check_length("key", key, KEY_BYTES)
    return sha256(key).digest()


def day_identifiers(key: bytes) -> bytes:
    """Derive a day's identifiers, not yet in the order of use (low-cost).

    Args:
        key: 32 bytes, the day's.

    Returns:
        96 times 16 bytes; `draws.shuffled` gives the order in which a phone uses
            them.

    Raises:
        UsageError: `key` is not 32 bytes.

    >>> day_identifiers(bytes(32))[:16].hex()
    'eb0958c011492732c59e3ed2a5eef01d'
    """
    _check_length("key", key, KEY_BYTES)
    stream = hmac.digest(key, b"broadcast key", "sha256")
    cipher = Cipher(algorithms.AES(stream), modes.CTR(bytes(16)))
    return cipher.encryptor().update(bytes(EPHID_BYTES * EPOCHS_PER_DAY))


def seed_identifier(seed: bytes) -> bytes:
    """Derive the identifier of one epoch (unlinkable).

    Args:
        seed: 32 random bytes, drawn for this epoch.

    Returns:
        16 bytes.

    Raises:
        UsageError: `seed` is not 32 bytes.

    >>> seed_identifier(bytes(32)).hex()
    '66687aadf862bd776c8fc18b8e9f8e20'
    """
    _check_length("seed", seed, KEY_BYTES)
    return sha256(seed).digest()[:EPHID_BYTES]


def hashed_observation(identifier: bytes, epoch: int) -> bytes:
    """Bind what was heard to when it was heard (unlinkable).

    A phone keeps nothing else, so that what it holds cannot be replayed.

    Args:
        identifier: 16 bytes.
        epoch: In which it was heard, from `epoch_at`.

    Returns:
        32 bytes.

    Raises:
        UsageError: Another length, or an epoch beyond 32 bits.
    """
    _check_length("identifier", identifier, EPHID_BYTES)
    if not 0 <= epoch < _INDEX_LIMIT:
        raise UsageError(f"epoch: expected 0 to 2**32 - 1, got {epoch}")
    return sha256(identifier + epoch.to_bytes(4, "big")).digest()


def epoch_at(unix: int) -> int:
    """Number of the 15 minutes since 1970 that hold a moment in Unix seconds.

    >>> epoch_at(1_586_502_900)
    1762781
    """
    return unix // EPOCH_SECONDS


def parse_day_keys(data: bytes) -> DayKeyBatch:
    """Read a batch of published low-cost keys.

    Args:
        data: The whole file.

    Returns:
        The batch.

    Raises:
        MalformedError: Another form, keys out of order, or one that claims a day after
            the release or more than 21 days.
    """
    rows = len(data) - _RELEASE.size
    if rows < 0 or rows % _DAY_KEY.size:
        raise MalformedError(
            f"day keys: expected {_RELEASE.size} bytes and {_DAY_KEY.size} for each "
            f"key, got {len(data)}"
        )
    (release,) = _RELEASE.unpack_from(data)
    keys = tuple(DayKey(*row) for row in _DAY_KEY.iter_unpack(data[_RELEASE.size :]))
    _check_release(release, MalformedError)
    _check_days(release, keys, MalformedError)
    if any(one >= other for one, other in pairwise(keys)):
        raise MalformedError("day keys: expected strictly ascending keys")
    return DayKeyBatch(release, keys)


def publish_day_keys(keys: Iterable[DayKey], release: int) -> DayKeyBatch:
    """Make a batch of low-cost keys.

    Args:
        keys: In any order, each once.
        release: Unix seconds, a multiple of 7,200.

    Returns:
        The batch; its order tells nothing about the order of uploads.

    Raises:
        UsageError: What `parse_day_keys` would refuse.
    """
    found = tuple(sorted(keys))
    _check_release(release, UsageError)
    _check_days(release, found, UsageError)
    for key in found:
        _check_length("key", key.data, KEY_BYTES)
    if any(one == other for one, other in pairwise(found)):
        raise UsageError("keys: expected each key once, got one twice")
    return DayKeyBatch(release, found)


def _check_release(release: int, error: type[UsageError | MalformedError]) -> None:
    if not 0 < release < _INDEX_LIMIT or release % BATCH_SECONDS:
        raise error(
            f"release: expected a positive multiple of {BATCH_SECONDS} seconds below "
            f"2**32, got {release}"
        )


def _check_days(
    release: int, keys: Sequence[DayKey], error: type[UsageError | MalformedError]
) -> None:
    last = (release - 1) // DAY_SECONDS
    for number, key in enumerate(keys):
        if not max(0, last - MAX_DAYS + 1) <= key.day <= last:
            raise error(
                f"key {number}: day: expected one of the {MAX_DAYS} days up to {last}, "
                f"got {key.day}"
            )


def _check_length(name: str, value: bytes, expected: int) -> None:
    if len(value) != expected:
        raise UsageError(f"{name}: expected {expected} bytes, got {len(value)}")
