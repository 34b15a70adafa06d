"""What a phone's encounters mean by one configuration; computed, never stored.

What this module guarantees:

* The same encounters, configuration and time give the same result on every phone.
* A revoked block exposes nobody, and a key counts as its issuer last said.
* Windows come shuffled: nobody can tell which of them belong to one key.

Source: `cosignal.protocol.exposure`; docs/reference/protocol.md, "Daily summaries".
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from cosignal.client.phone.encounters import Encounter
from cosignal.client.store import Block
from cosignal.protocol.diagnosis_keys import ReportType
from cosignal.protocol.exposure.configuration import ExposureConfiguration
from cosignal.protocol.exposure.revisions import key_state
from cosignal.protocol.exposure.sightings import Sighting
from cosignal.protocol.exposure.summaries import (
    DailySummary,
    alert_days,
    counted_windows,
    daily_summaries,
)
from cosignal.protocol.exposure.windows import (
    ExposureWindow,
    exposure_windows,
    shuffle,
)

#: Immediate, near, medium and other.
DISTANCES: Final = 4


@dataclass(frozen=True, slots=True)
class KeyWindows:
    """Windows of one key that counts.

    Attributes:
        block: Where the key was published first.
        windows: Oldest first; at least one.
        counted: Those that the day's sums are made of.
    """

    block: Block
    windows: tuple[ExposureWindow, ...]
    counted: tuple[ExposureWindow, ...]


@dataclass(frozen=True, slots=True)
class DayFacts:
    """What an alert about a day tells a person.

    Attributes:
        day: Days since 1970-01-01, UTC.
        score: Sum of the windows' scores, weighted seconds.
        seconds: Time near, by distance: immediate, near, medium, other.
        report_types: How authorities know, each once.
        blocks: Where the keys were published, in chain order, each once.
    """

    day: int
    score: float
    seconds: tuple[int, ...]
    report_types: tuple[ReportType, ...]
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Assessment:
    """What all encounters mean together.

    Attributes:
        keys: Windows by key; for this phone only.
        summaries: One for each day with an encounter that counts.
        alert_days: Days that the configuration raises an alert for.
        configuration: By which it was computed.
    """

    keys: tuple[KeyWindows, ...]
    summaries: tuple[DailySummary, ...]
    alert_days: tuple[int, ...]
    configuration: ExposureConfiguration

    def windows(self, entropy: Callable[[int], bytes]) -> tuple[ExposureWindow, ...]:
        """All windows that may be shown, in random order."""
        found = chain.from_iterable(key.windows for key in self.keys)
        return shuffle([window for window in found if window.is_returnable], entropy)

    def facts_of(self, day: int) -> DayFacts:
        """Put together what an alert about a day tells."""
        parts = [
            (key, window)
            for key in self.keys
            for window in key.counted
            if window.day == day
        ]
        windows = [window for _, window in parts]
        scores = {item.day: item.total.score_sum for item in self.summaries}
        return DayFacts(
            day,
            scores.get(day, 0.0),
            _seconds(windows, self.configuration),
            tuple(sorted({window.report_type for window in windows})),
            tuple(dict.fromkeys(key.block for key, _ in parts)),
        )


def assess(
    encounters: Sequence[Encounter],
    is_revoked: Callable[[Block], bool],
    configuration: ExposureConfiguration,
    now: int,
) -> Assessment:
    """Weigh everything that a phone encountered.

    Args:
        encounters: In chain order.
        is_revoked: Whether a block was withdrawn by its issuer.
        configuration: By which to weigh.
        now: Unix seconds.

    Returns:
        Windows, summaries, and the days of which the person is to be warned.
    """
    by_key: dict[bytes, list[Encounter]] = {}
    for item in encounters:
        if not is_revoked(item.block):
            by_key.setdefault(item.key.data, []).append(item)
    keys = tuple(
        found
        for items in by_key.values()
        if (found := _key_windows(items, configuration, now)).windows
    )
    windows = chain.from_iterable(key.windows for key in keys)
    summaries = daily_summaries(windows, configuration, now)
    return Assessment(
        keys, summaries, alert_days(summaries, configuration), configuration
    )


def _key_windows(
    items: Sequence[Encounter], configuration: ExposureConfiguration, now: int
) -> KeyWindows:
    """Windows of one key, from all places on the chain where it stands."""
    occurrences = ((item.block.record.issuer, item.key) for item in items)
    state = key_state(occurrences, configuration)
    windows = exposure_windows(state.key, _heard(items), configuration) if state else ()
    counted = counted_windows(windows, configuration, now)
    return KeyWindows(items[0].block, windows, counted)


def _heard(items: Iterable[Encounter]) -> Iterable[Sighting]:
    return dict.fromkeys(chain.from_iterable(item.sightings for item in items))


def _seconds(
    windows: Iterable[ExposureWindow], configuration: ExposureConfiguration
) -> tuple[int, ...]:
    """Time of all scans, by distance."""
    seconds = [0] * DISTANCES
    for scan in chain.from_iterable(window.scans for window in windows):
        distance = sum(
            scan.typical_attenuation > threshold
            for threshold in configuration.attenuation_thresholds
        )
        seconds[distance] += scan.seconds_since_last_scan
    return tuple(seconds)
