"""One small interface for schemes of identifiers, and what an outsider makes of them.

What this module guarantees:

* `linked_groups` and `replay_seconds` find their answers by using a scheme, as an
  outsider would who recorded every broadcast; nobody writes them down by hand.

The four schemes behind the interface are in `candidates`.

Source: docs/explanation/identifier-schemes.md.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from cosignal.protocol.errors import UsageError

Entropy = Callable[[int], bytes]

DAY_SECONDS: Final = 86_400
#: Longest stretch of days in a comparison: what phones remember.
MAX_DAYS: Final = 14
IDENTIFIER_BYTES: Final = 16

_REPLAY_STEP: Final = 300
_TIME_LIMIT: Final = 1 << 32


class Sighting(NamedTuple):
    """An identifier that somebody heard.

    Attributes:
        identifier: 16 bytes.
        time: Unix seconds.
    """

    identifier: bytes
    time: int


class Hit(NamedTuple):
    """A sighting of somebody infected.

    Attributes:
        sighting: Index into what was heard.
        source: Number of the published key or report that gave it away; None where
            what is published says no more than "one of them".
    """

    sighting: int
    source: int | None


@dataclass(frozen=True, slots=True)
class Phone:
    """What one phone holds and broadcasts over some whole days.

    Attributes:
        start: Unix seconds, a midnight UTC.
        epoch_seconds: How long each identifier is broadcast.
        secrets: What the identifiers come from, oldest first; equal parts of the time.
        identifiers: One of 16 bytes for each epoch, in the order of broadcast.
    """

    start: int
    epoch_seconds: int
    secrets: tuple[bytes, ...] = field(repr=False)
    identifiers: tuple[bytes, ...]

    @property
    def end(self) -> int:
        """Unix seconds at which the last identifier ends."""
        return self.start + self.epoch_seconds * len(self.identifiers)

    @property
    def days(self) -> int:
        """Number of whole days."""
        return (self.end - self.start) // DAY_SECONDS

    def sighting(self, epoch: int) -> Sighting:
        """What somebody hears who listens at the beginning of an epoch.

        Args:
            epoch: Counted from 0.

        Returns:
            Its identifier and first second.
        """
        time = self.start + epoch * self.epoch_seconds
        return Sighting(self.identifiers[epoch], time)

    def sightings(self) -> Iterator[Sighting]:
        """What somebody hears who listens at the beginning of every epoch."""
        return map(self.sighting, range(len(self.identifiers)))


@dataclass(frozen=True, slots=True)
class Work:
    """What a phone computes to compare what is published with what it heard.

    Attributes:
        hashes_per_day: Blocks of SHA-256 for each day of each infected person.
        ciphers_per_day: Blocks of AES for the same.
        signatures_per_day: Ed25519 signatures to verify for the same.
        hashes_per_sighting: Blocks of SHA-256 for each thing heard.
    """

    hashes_per_day: int
    ciphers_per_day: int = 0
    signatures_per_day: int = 0
    hashes_per_sighting: int = 0


class Scheme(Protocol):
    """A way to broadcast, to publish, and to find out that one was near."""

    @property
    def name(self) -> str:
        """Short, unique, for tables and options."""

    @property
    def work(self) -> Work:
        """What comparing costs; counted by tests/protocol/naive_schemes.py."""

    def derive(self, start: int, days: int, entropy: Entropy) -> Phone:
        """Let a phone live through some days.

        Args:
            start: Unix seconds, a midnight UTC.
            days: 1 to 14.
            entropy: Gives as many random bytes as it is asked for.

        Returns:
            The phone.

        Raises:
            UsageError: Start or days are out of range.
        """

    def publish(self, people: Sequence[Phone], entropy: Entropy) -> bytes:
        """Write the bytes that everybody downloads about some infected people.

        Args:
            people: Their phones, which `derive` made.
            entropy: Gives as many random bytes as it is asked for.

        Returns:
            A file in which the order of people cannot be read.

        Raises:
            UsageError: A phone of another scheme, or one twice.
        """

    def match(self, published: bytes, heard: Sequence[Sighting]) -> list[Hit]:
        """Find sightings of infected people, as every phone does by itself.

        Args:
            published: From `publish`.
            heard: In any order.

        Returns:
            Hits, in order of the sightings.

        Raises:
            MalformedError: `published` is not in the scheme's format.
            SignatureInvalidError: A report in it is not by its own key.
            UsageError: A sighting's identifier is not 16 bytes.
        """


def linked_groups(hits: Sequence[Hit]) -> list[list[int]]:
    """Group an outsider's sightings by person, as far as what is published tells.

    Args:
        hits: Of one who recorded identifiers in many places.

    Returns:
        Indexes of the sightings known to be of one person, the largest group first. A
        person may stand behind several groups.
    """
    groups: defaultdict[object, list[int]] = defaultdict(list)
    for hit in hits:
        alone = ("alone", hit.sighting)
        groups[alone if hit.source is None else hit.source].append(hit.sighting)
    return sorted(groups.values(), key=lambda group: (-len(group), group))


def replay_seconds(scheme: Scheme, published: bytes, phone: Phone) -> int | None:
    """Find for how long a recorded identifier fools who hears it later.

    Args:
        scheme: Of the phone.
        published: A file about the phone's owner.
        phone: Its first identifier is replayed.

    Returns:
        Seconds from the beginning of the identifier's own epoch, in steps of five
        minutes; None if it still counts a day after the phone's last one.
    """
    first = phone.identifiers[0]
    times = range(phone.start, phone.end + DAY_SECONDS, _REPLAY_STEP)
    hits = scheme.match(published, [Sighting(first, time) for time in times])
    accepted = {hit.sighting for hit in hits}
    refused = (index for index in range(len(times)) if index not in accepted)
    step = next(refused, None)
    return None if step is None else step * _REPLAY_STEP


def check_days(start: int, days: int) -> None:
    """Refuse days that a phone cannot live through.

    Args:
        start: Unix seconds, a midnight UTC.
        days: 1 to 14.

    Raises:
        UsageError: Out of range.
    """
    if not 1 <= days <= MAX_DAYS:
        raise UsageError(f"days: expected 1 to {MAX_DAYS}, got {days}")
    if start % DAY_SECONDS or not 0 <= start < _TIME_LIMIT - MAX_DAYS * DAY_SECONDS:
        raise UsageError(
            f"start: expected Unix seconds of a midnight, below 2**32, got {start}"
        )


def check_sightings(heard: Sequence[Sighting]) -> None:
    """Refuse sightings that no scheme could have broadcast.

    Args:
        heard: In any order.

    Raises:
        UsageError: An identifier is not 16 bytes, or a time out of range.
    """
    for number, (identifier, time) in enumerate(heard):
        if len(identifier) != IDENTIFIER_BYTES:
            raise UsageError(
                f"sighting {number}: expected {IDENTIFIER_BYTES} bytes, "
                f"got {len(identifier)}"
            )
        if not 0 <= time < _TIME_LIMIT:
            raise UsageError(
                f"sighting {number}: expected Unix seconds below 2**32, got {time}"
            )


def check_people(people: Sequence[Phone], per_day: int, size: int) -> None:
    """Refuse phones of another scheme, and one that stands twice.

    Args:
        people: To be published.
        per_day: Secrets that the scheme uses a day; 0 where one does for all days.
        size: Their length, bytes.

    Raises:
        UsageError: Another number or length of secrets, or the same ones again.
    """
    for number, phone in enumerate(people):
        expected = per_day * phone.days or 1
        sizes = {len(secret) for secret in phone.secrets}
        if len(phone.secrets) != expected or sizes != {size}:
            raise UsageError(
                f"phone {number}: expected {expected} secrets of {size} bytes, "
                f"got {len(phone.secrets)} of {sorted(sizes)}",
                advice="Publish phones with the scheme that derived them.",
            )
    if len({phone.secrets for phone in people}) < len(people):
        raise UsageError("people: expected each phone once, got one twice")


def draw(entropy: Entropy, size: int) -> bytes:
    """Take random bytes from the caller.

    Args:
        entropy: Gives as many as it is asked for.
        size: How many.

    Returns:
        `size` bytes.

    Raises:
        UsageError: It gave another number.
    """
    drawn = entropy(size)
    if len(drawn) != size:
        raise UsageError(f"entropy: expected {size} bytes, got {len(drawn)}")
    return drawn
