"""What a phone's encounters mean by one configuration; computed, never stored.

What this module guarantees:

* The same encounters, configuration and time give the same result on every phone.
* A revoked block exposes nobody, and a key counts as its issuer last said.
* Windows come shuffled: nobody can tell which of them belong to one key.

Source: `cosignal.protocol.exposure`; docs/reference/protocol.md, "Daily summaries".
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain

from cosignal.client.phone.heard_keys import HeardKey, Place
from cosignal.protocol.diagnosis_keys import ReportType
from cosignal.protocol.exposure.configuration import ExposureConfiguration
from cosignal.protocol.exposure.revisions import key_state
from cosignal.protocol.exposure.summaries import (
    DailySummary,
    alert_days,
    attenuation_bucket,
    counted_windows,
    daily_summaries,
)
from cosignal.protocol.exposure.windows import (
    ExposureWindow,
    exposure_windows,
    shuffle,
)


@dataclass(frozen=True, slots=True)
class KeyWindows:
    """Windows of one key that counts.

    Attributes:
        place: Where the key was published first.
        order: Of that place on the chain.
        windows: Oldest first; at least one.
        counted: Those that the day's sums are made of.
    """

    place: Place
    order: tuple[int, int]
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
    seconds: tuple[int, int, int, int]
    report_types: tuple[ReportType, ...]
    blocks: tuple[Place, ...]


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
            tuple(dict.fromkeys(key.place for key, _ in parts)),
        )


def assess(
    heard: Iterable[HeardKey],
    is_revoked: Callable[[Place], bool],
    configuration: ExposureConfiguration,
    now: int,
) -> Assessment:
    """Weigh everything that a phone heard.

    Args:
        heard: All keys.
        is_revoked: Whether a block was withdrawn by its issuer.
        configuration: By which to weigh.
        now: Unix seconds.

    Returns:
        Windows, summaries, and the days of which the person is to be warned.
    """
    found = [_key_windows(key, is_revoked, configuration, now) for key in heard]
    keys = sorted(filter(None, found), key=lambda key: key.order)
    windows = chain.from_iterable(key.windows for key in keys)
    summaries = daily_summaries(windows, configuration, now)
    return Assessment(
        tuple(keys), summaries, alert_days(summaries, configuration), configuration
    )


def _key_windows(
    heard: HeardKey,
    is_revoked: Callable[[Place], bool],
    configuration: ExposureConfiguration,
    now: int,
) -> KeyWindows | None:
    """Windows of one key, from all places on the chain where it stands."""
    there = [item for item in heard.occurrences if not is_revoked(item.place)]
    state = key_state(((item.place.issuer, item.key) for item in there), configuration)
    if state is None:
        return None
    windows = exposure_windows(state.key, heard.sightings, configuration)
    # A reserved type is as if it were not there, even as the first.
    first = next(one for one in there if one.key.report_type != ReportType.RECURSIVE)
    counted = counted_windows(windows, configuration, now)
    return KeyWindows(first.place, first.order, windows, counted) if windows else None


def _seconds(
    windows: Iterable[ExposureWindow], configuration: ExposureConfiguration
) -> tuple[int, int, int, int]:
    """Time of all scans, by distance: immediate, near, medium, other."""
    seconds = [0, 0, 0, 0]
    for scan in chain.from_iterable(window.scans for window in windows):
        distance = attenuation_bucket(scan, configuration)
        seconds[distance] += scan.seconds_since_last_scan
    immediate, near, medium, other = seconds
    return immediate, near, medium, other
