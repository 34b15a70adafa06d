"""People who met in the last days, and how near they were.

What this module guarantees:

* The same seed and day give the same people and meetings.
* Every meeting is at least two days old, so that the keys in use then may be published.
* Whoever was near is to be warned; whoever only passed by at a distance is not.

What their phones made of it is for `phones`; who is warned, phones find out alone.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

DAY_SECONDS: Final = 86_400
#: Days of the meetings, counted back from today.
MEETING_DAYS: Final = range(2, 9)
MEETINGS: Final = 90
#: One in so many passes by at a distance.
DISTANT: Final = 5
#: Seconds of a day at which people begin to meet.
WAKING_SECONDS: Final = range(7 * 3600, 22 * 3600)
MEETING_MINUTES: Final = range(20, 61)


@dataclass(frozen=True, slots=True)
class Meeting:
    """Two people within reach of each other's phones.

    Attributes:
        first: Number of one person.
        second: Number of the other.
        start: Unix seconds.
        minutes: For how long.
        near: Whether they were near, or only within reach.
    """

    first: int
    second: int
    start: int
    minutes: int
    near: bool

    def other(self, number: int) -> int:
        """Who this person met."""
        return self.second if number == self.first else self.first


@dataclass(frozen=True, slots=True)
class People:
    """Everybody in the demonstration.

    Attributes:
        numbers: From 1.
        meetings: In the order of their time.
        patient: Number of the person who will be diagnosed.
    """

    numbers: range
    meetings: tuple[Meeting, ...]
    patient: int

    def met(self, number: int) -> set[int]:
        """Who was near a person."""
        return {item.other(number) for item in self._with(number) if item.near}

    def passed(self, number: int) -> set[int]:
        """Who was within reach of a person, but never near."""
        reached = {item.other(number) for item in self._with(number)}
        return reached - self.met(number)

    def _with(self, number: int) -> list[Meeting]:
        return [item for item in self.meetings if number in (item.first, item.second)]


def gather_people(seed: int, count: int, now: int) -> People:
    """Let people meet.

    Args:
        seed: Decides who meets whom, when, and how near.
        count: How many people.
        now: Unix seconds.

    Returns:
        Everybody, with the person who met the most others as patient.
    """
    rng = random.Random(seed)  # noqa: S311 - a repeatable story, not a secret
    numbers = range(1, count + 1)
    found = sorted(_meetings(rng, numbers, now), key=lambda item: item.start)
    people = People(numbers, tuple(found), 1)
    patient = max(numbers, key=lambda number: len(people.met(number)))
    return People(numbers, people.meetings, patient)


def _meetings(
    rng: random.Random, numbers: Sequence[int], now: int
) -> Iterator[Meeting]:
    today = now // DAY_SECONDS * DAY_SECONDS
    for number in range(MEETINGS):
        first, second = rng.sample(numbers, 2)
        day = today - rng.choice(MEETING_DAYS) * DAY_SECONDS
        yield Meeting(
            first,
            second,
            day + rng.choice(WAKING_SECONDS),
            rng.choice(MEETING_MINUTES),
            near=number % DISTANT > 0,
        )
