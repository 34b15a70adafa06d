"""The phones of the demonstration: real ones, whose last days are played.

What this module guarantees:

* Each phone is a `cosignal.client.phone` on a file of its own, and hears of the others
  only what they broadcast.
* Everything is written before the chain is looked at; nothing here knows who is ill.
"""

import random
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from cosignal.client.phone.phone import Phone
from cosignal.client.phone.sighting_log import Heard
from cosignal.protocol.exposure.metadata import Metadata
from cosignal.protocol.policy import Policy
from cosignal.server.clock import Entropy
from cosignal.server.demo.people import DAY_SECONDS, Meeting, People

TX_POWER: Final = Metadata(tx_power=-15)
#: Attenuations of 50 and 85 dB: very near, and too far away to weigh anything.
NEAR_RSSI: Final = -65
FAR_RSSI: Final = -100
SCAN_SECONDS: Final = 240
#: Days on which whoever is going to be diagnosed had the phone on, counted back.
PATIENT_DAYS: Final = range(2, 11)
#: How far the clocks of phones are wrong, seconds.
CLOCK_ERRORS: Final = range(-400, 401)


class Phones:
    """One phone for each person, and for the patients who met nobody here."""

    def __init__(
        self, folder: Path, pinned: Policy, seed: int, entropy: Entropy
    ) -> None:
        """Keep phones in a folder.

        Args:
            folder: New.
            pinned: The network's policy.
            seed: Decides keys and clocks of the days that are played.
            entropy: For whatever the phones do later.
        """
        self._folder = folder
        self._pinned = pinned
        self._seed = seed
        self._entropy = entropy

    def open(self, number: int) -> Phone:
        """Open a phone; close it with `with`."""
        return Phone(self._path(number), self._pinned, entropy=self._entropy)

    def play(self, people: People, patients: Iterable[int], now: int) -> None:
        """Let the last days happen.

        Args:
            people: Who met whom.
            patients: Numbers of those who are going to be diagnosed.
            now: Unix seconds.
        """
        self._folder.mkdir(parents=True)
        patients = list(patients)
        with ExitStack() as stack:
            phones = {
                number: stack.enter_context(self._young(number))
                for number in {*people.numbers, *patients}
            }
            for number in patients:
                for days in reversed(PATIENT_DAYS):
                    phones[number].broadcast(TX_POWER, now - days * DAY_SECONDS)
            for meeting in people.meetings:
                self._meet(phones, meeting)

    def _young(self, number: int) -> Phone:
        """A phone in the days before; the same seed, the same keys."""
        rng = random.Random(f"{self._seed} {number}")  # noqa: S311 - repeatable
        return Phone(self._path(number), self._pinned, entropy=rng.randbytes)

    def _meet(self, phones: dict[int, Phone], meeting: Meeting) -> None:
        rssi = NEAR_RSSI if meeting.near else FAR_RSSI
        pair = meeting.first, meeting.second
        end = meeting.start + meeting.minutes * 60
        for time in range(meeting.start, end, SCAN_SECONDS):
            sent = {each: self._on_air(phones[each], each, time) for each in pair}
            for listener in pair:
                heard = [Heard(sent[meeting.other(listener)], rssi)]
                phones[listener].hear(heard, time + self._error(listener))

    def _on_air(self, phone: Phone, number: int, time: int) -> bytes:
        return phone.broadcast(TX_POWER, time + self._error(number)).payload

    def _error(self, number: int) -> int:
        rng = random.Random(f"clock {self._seed} {number}")  # noqa: S311 - repeatable
        return rng.choice(CLOCK_ERRORS)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:02}"


class QuickClock:
    """A clock that moves on when somebody sleeps, so that nobody has to wait."""

    def __init__(self, clock: Callable[[], int]) -> None:
        """Begin with the time of `clock`."""
        self._clock = clock
        self._slept = 0.0

    def __call__(self) -> int:
        """Unix seconds."""
        return self._clock() + int(self._slept)

    async def sleep(self, seconds: float) -> None:
        """Let time pass at once."""
        self._slept += seconds
