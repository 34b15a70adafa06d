"""People who met, and what their phones remember of it.

What this module guarantees:

* Keys, identifiers and sightings are those of the real protocol; two phones that were
  near each other each heard what the other broadcast in that interval.
* The same seed and day give the same people and meetings.
* Every meeting is at least two days old, so that the keys in use then may be published.

Who is warned is not decided here: `exposures` finds out from the chain alone.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from cosignal.protocol.diagnosis_keys import DiagnosisKey, Infectiousness, ReportType
from cosignal.protocol.identifiers import (
    TEK_BYTES,
    rolling_proximity_identifier,
    rolling_proximity_identifier_key,
)
from cosignal.protocol.intervals import DAY_INTERVALS, day_start, interval_at
from cosignal.protocol.matching import Sightings

#: Days of keys that a phone keeps here: 1 is yesterday.
KEY_DAYS = range(1, 11)
#: Days of the meetings, counted back from today.
MEETING_DAYS = range(2, 9)
#: Keys older than this may be published: a key is held for two hours after its end.
PUBLISHABLE_DAYS = range(2, 11)
MEETINGS = 90
#: Ten-minute intervals of a day in which people meet, and for how many at a time.
WAKING_INTERVALS = range(7 * 6, 22 * 6)
MEETING_INTERVALS = range(1, 7)


@dataclass(frozen=True, slots=True)
class Meeting:
    """Two people near each other.

    Attributes:
        first: Number of one phone.
        second: Number of the other.
        start: First interval, 10-minute units since 1970.
        intervals: For how many intervals.
    """

    first: int
    second: int
    start: int
    intervals: int

    def other(self, number: int) -> int:
        """Who the person with this phone met."""
        return self.second if number == self.first else self.first


@dataclass(slots=True)
class Phone:
    """One person's phone.

    Attributes:
        number: From 1.
        keys: Daily key by its first interval.
        heard: Identifier and interval of each sighting.
    """

    number: int
    keys: dict[int, bytes]
    heard: list[tuple[bytes, int]] = field(default_factory=list)

    def identifier(self, interval: int) -> bytes:
        """What this phone broadcasts in an interval."""
        key = rolling_proximity_identifier_key(self.keys[day_start(interval)])
        return rolling_proximity_identifier(key, interval)

    def sightings(self) -> Sightings:
        """What this phone heard, for the matcher."""
        return Sightings(
            b"".join(identifier for identifier, _ in self.heard),
            np.array([interval for _, interval in self.heard], np.int64),
        )

    def diagnosis_keys(self, now: int) -> list[DiagnosisKey]:
        """Keys to upload after a positive test; types are the authority's to set."""
        today = day_start(interval_at(now))
        starts = [today - days * DAY_INTERVALS for days in PUBLISHABLE_DAYS]
        return [
            DiagnosisKey(
                self.keys[start],
                start,
                DAY_INTERVALS,
                ReportType.CONFIRMED_TEST,
                Infectiousness.STANDARD,
            )
            for start in starts
        ]


@dataclass(frozen=True, slots=True)
class People:
    """Everybody in the demonstration.

    Attributes:
        phones: By number, from 1.
        meetings: In the order of their time.
        patient: Number of the person who will be diagnosed.
    """

    phones: dict[int, Phone]
    meetings: tuple[Meeting, ...]
    patient: int

    def met(self, number: int) -> set[int]:
        """Numbers of the phones that were near one phone."""
        near = (item for item in self.meetings if number in (item.first, item.second))
        return {item.other(number) for item in near}


def gather_people(seed: int, count: int, now: int) -> People:
    """Let people meet.

    Args:
        seed: Decides who meets whom and when, and all keys.
        count: How many people.
        now: Unix seconds.

    Returns:
        Phones that heard each other, and the person with the most contacts as patient.
    """
    rng = random.Random(seed)  # noqa: S311 - a repeatable story, not a secret
    today = day_start(interval_at(now))
    phones = {number: make_phone(number, rng, today) for number in range(1, count + 1)}
    meetings = sorted(_meetings(rng, list(phones), today), key=lambda item: item.start)
    for meeting in meetings:
        _exchange(phones, meeting, rng)
    people = People(phones, tuple(meetings), 1)
    patient = max(phones, key=lambda number: len(people.met(number)))
    return People(phones, people.meetings, patient)


def make_phone(number: int, rng: random.Random, today: int) -> Phone:
    """Make a phone with keys of its own and without memories."""
    starts = [today - days * DAY_INTERVALS for days in KEY_DAYS]
    return Phone(number, {start: rng.randbytes(TEK_BYTES) for start in starts})


def _meetings(
    rng: random.Random, numbers: Sequence[int], today: int
) -> Iterator[Meeting]:
    for _ in range(MEETINGS):
        first, second = rng.sample(numbers, 2)
        day = today - rng.choice(MEETING_DAYS) * DAY_INTERVALS
        start = day + rng.choice(WAKING_INTERVALS)
        yield Meeting(first, second, start, rng.choice(MEETING_INTERVALS))


def _exchange(phones: dict[int, Phone], meeting: Meeting, rng: random.Random) -> None:
    """Let both phones hear each other, each by its own clock."""
    for listener, speaker in (
        (phones[meeting.first], phones[meeting.second]),
        (phones[meeting.second], phones[meeting.first]),
    ):
        for interval in range(meeting.start, meeting.start + meeting.intervals):
            clock_error = rng.choice((-1, 0, 0, 0, 1))
            heard_at = interval + clock_error
            listener.heard.append((speaker.identifier(interval), heard_at))
