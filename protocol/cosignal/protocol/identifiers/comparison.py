"""Every scheme in one experiment: bytes, what an outsider links, how long replays work.

What this module guarantees:

* Figures are found by running the scheme; the same entropy gives the same figures.
* A scheme that finds another encounter than the planted ones, or ties two people
  together, is an error and not a figure.

How long the work takes is left to whoever has a clock.

Source: docs/explanation/identifier-schemes.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final

from cosignal.protocol.errors import UsageError, VerificationError
from cosignal.protocol.identifiers.schemes import (
    Entropy,
    Phone,
    Scheme,
    Sighting,
    linked_groups,
    replay_seconds,
)

MAX_PEOPLE: Final = 200
#: Unix seconds; a midnight of no importance.
START: Final = 1_763_942_400
#: What a phone hears in two weeks among few people.
LOG_SIGHTINGS: Final = 2_000
#: Encounters of a diary lie so many epochs apart, in one person's days after another's.
_STRIDE: Final = 7


@dataclass(frozen=True, slots=True)
class Experiment:
    """One scheme's people, their phones and the file about the infected.

    Attributes:
        scheme: Which.
        infected: Phones of those whose days are published.
        healthy: As many phones of others.
        published: The file that everybody downloads.
    """

    scheme: Scheme
    infected: tuple[Phone, ...]
    healthy: tuple[Phone, ...]
    published: bytes

    def diary(self) -> list[Sighting]:
        """What an ordinary phone heard: one sighting of each infected, then others."""
        met = [
            phone.sighting(_STRIDE * number % len(phone.identifiers))
            for number, phone in enumerate(self.infected)
        ]
        others = chain.from_iterable(phone.sightings() for phone in self.healthy)
        return met + list(islice(others, LOG_SIGHTINGS - len(met)))


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the experiment shows.

    Attributes:
        published_bytes: Length of the file.
        days: Of infected people, all together.
        linked: Most identifiers that an outsider, who recorded every broadcast, ties
            to one person.
        linked_seconds: How long those were broadcast.
        pieces: Into how many unconnected pieces a person falls, on average.
        replay_seconds: For how long a recorded identifier can be replayed; None for as
            long as somebody likes.
    """

    published_bytes: int
    days: int
    linked: int
    linked_seconds: int
    pieces: float
    replay_seconds: int | None

    @property
    def bytes_per_day(self) -> float:
        """Bytes of the file for each day of each infected person."""
        return self.published_bytes / self.days


def prepare(scheme: Scheme, people: int, days: int, entropy: Entropy) -> Experiment:
    """Let infected and healthy people live through some days, and publish.

    Args:
        scheme: Which.
        people: Infected people, 1 to 200; as many others stay healthy.
        days: 1 to 14.
        entropy: Gives as many random bytes as it is asked for.

    Returns:
        The experiment.

    Raises:
        UsageError: People or days are out of range.
    """
    if not 1 <= people <= MAX_PEOPLE:
        raise UsageError(f"people: expected 1 to {MAX_PEOPLE}, got {people}")
    phones = [scheme.derive(START, days, entropy) for _ in range(2 * people)]
    infected = tuple(phones[:people])
    published = scheme.publish(infected, entropy)
    return Experiment(scheme, infected, tuple(phones[people:]), published)


def compare(experiment: Experiment) -> Comparison:
    """Find what an outsider gains who recorded every broadcast.

    Args:
        experiment: From `prepare`.

    Returns:
        The figures.

    Raises:
        VerificationError: The scheme does not do what it is for.
    """
    scheme, infected = experiment.scheme, experiment.infected
    owners, recorded = _record(infected + experiment.healthy)
    hits = scheme.match(experiment.published, recorded)
    groups = linked_groups(hits)
    sick = {number for number, owner in enumerate(owners) if owner < len(infected)}
    if {hit.sighting for hit in hits} != sick:
        raise VerificationError(f"{scheme.name}: expected to find exactly the infected")
    if any(len({owners[number] for number in group}) > 1 for group in groups):
        raise VerificationError(f"{scheme.name}: expected groups of one person each")
    return Comparison(
        published_bytes=len(experiment.published),
        days=sum(phone.days for phone in infected),
        linked=len(groups[0]),
        linked_seconds=len(groups[0]) * infected[0].epoch_seconds,
        pieces=len(groups) / len(infected),
        replay_seconds=replay_seconds(scheme, experiment.published, infected[0]),
    )


def _record(phones: Sequence[Phone]) -> tuple[list[int], list[Sighting]]:
    """Every broadcast of some phones, and whose it is."""
    rows = [
        (owner, sighting)
        for owner, phone in enumerate(phones)
        for sighting in phone.sightings()
    ]
    return [owner for owner, _ in rows], [sighting for _, sighting in rows]
