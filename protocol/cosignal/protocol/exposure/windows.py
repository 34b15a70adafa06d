"""Exposure windows: at most half an hour near one published key, scan by scan.

What this module guarantees:

* A window says when, how long, how strong, and what the authority published; it holds
  neither key nor identifier.
* Windows of one key cannot be told from those of another once they are shuffled. Show a
  person the day of a window, not its second: the second would tell who it was.
* A revoked key gives windows like any other, so that what was found can be kept and
  revised; `is_returnable` says that they must not be shown or summed up.

Source: Google's exposure-notifications-internals, KeyExposureEvaluator and
ExposureWindowUtils; docs/reference/protocol.md, "Exposure windows".
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from cosignal.protocol.diagnosis_keys import (
    MAX_ONSET_DAYS,
    DiagnosisKey,
    Infectiousness,
    ReportType,
)
from cosignal.protocol.draws import shuffled
from cosignal.protocol.exposure.configuration import ExposureConfiguration
from cosignal.protocol.exposure.sightings import (
    SAME_SCAN_SECONDS,
    Reading,
    Sighting,
    readings,
    strongest_readings,
)

DAY_SECONDS: Final = 86400
#: A sighting this long after a window began starts the next one, seconds.
MAX_WINDOW_SECONDS: Final = 1800

#: Report types that may be shown to a person.
RETURNABLE: Final = frozenset(
    {
        ReportType.CONFIRMED_TEST,
        ReportType.CONFIRMED_CLINICAL_DIAGNOSIS,
        ReportType.SELF_REPORT,
        ReportType.RECURSIVE,
    }
)


@dataclass(frozen=True, slots=True, order=True)
class ScanInstance:
    """What one scan of a few seconds heard of a key.

    Attributes:
        typical_attenuation: Mean of its sightings, dB, halves rounded up.
        minimum_attenuation: Lowest of its sightings, dB.
        seconds_since_last_scan: Time that it stands for, 0 to 300.
    """

    typical_attenuation: int
    minimum_attenuation: int
    seconds_since_last_scan: int


@dataclass(frozen=True, slots=True, order=True)
class ExposureWindow:
    """Sightings of one key within half an hour.

    Attributes:
        time: First sighting, Unix seconds.
        scans: Oldest first; at least one.
        report_type: How the authority knows of the infection; never unknown.
        infectiousness: Class of the key's day.
        calibration_confidence: How well the sender's power is known, 0 to 3, as the
            first sighting says.
    """

    time: int
    scans: tuple[ScanInstance, ...]
    report_type: ReportType
    infectiousness: Infectiousness
    calibration_confidence: int

    @property
    def day(self) -> int:
        """UTC day on which it began, days since 1970-01-01."""
        return self.time // DAY_SECONDS

    @property
    def is_returnable(self) -> bool:
        """Whether it may be shown or summed up: not if its key was revoked."""
        return self.report_type in RETURNABLE


def exposure_windows(
    key: DiagnosisKey,
    sightings: Iterable[Sighting],
    configuration: ExposureConfiguration,
) -> tuple[ExposureWindow, ...]:
    """Find the windows in which a phone was near the owner of a published key.

    A key of type `RECURSIVE` gives none: that type is reserved.

    Three rules are Google's to the letter, though they look odd. A scan that a window's
    end cuts in two counts in both, each time with its full seconds. A gap within half
    an hour does not end a window. And a key of which every strongest sighting is
    implausible gives no window, even if weaker ones are plausible (see
    `strongest_readings`).

    Args:
        key: A published key.
        sightings: What the phone heard, of this key and of others, in any order.
        configuration: How report type and infectiousness are told.

    Returns:
        Oldest first; `shuffle` them together with those of other keys.

    Raises:
        UsageError: The key is not 16 bytes, or its start or period out of range.

    Source: KeyExposureEvaluator.findExposureWindows.
    """
    heard = tuple(sightings)
    if key.report_type == ReportType.RECURSIVE or not strongest_readings(key, heard):
        return ()
    return tuple(
        ExposureWindow(
            time=window[0].time,
            scans=tuple(map(_scan, _scans(window))),
            report_type=report_type_of(key, configuration),
            infectiousness=infectiousness_of(key, configuration),
            calibration_confidence=window[0].metadata.calibration_confidence,
        )
        for window in _windows(readings(key, heard))
    )


def report_type_of(
    key: DiagnosisKey, configuration: ExposureConfiguration
) -> ReportType:
    """Tell what a key's report type counts as.

    Args:
        key: A published key.
        configuration: Says what an unknown type counts as.

    Returns:
        Its report type, never `UNKNOWN`.

    Source: ExposureWindowUtils.getReportType.
    """
    if key.report_type == ReportType.UNKNOWN:
        return configuration.report_type_when_missing
    return key.report_type


def infectiousness_of(
    key: DiagnosisKey, configuration: ExposureConfiguration
) -> Infectiousness:
    """Tell how infectious the owner of a key was on its day.

    Args:
        key: A published key, with its class or with days since onset of symptoms.
        configuration: Gives the class of each day since onset.

    Returns:
        By days since onset where they are published; the configuration's answer for
        missing ones where they are beyond 14; else the class that is published.

    Source: ExposureWindowUtils.getInfectiousness.
    """
    if key.onset is None:
        return key.infectiousness
    if abs(key.onset) > MAX_ONSET_DAYS:
        return configuration.infectiousness_when_missing
    return configuration.infectiousness_by_onset[key.onset + MAX_ONSET_DAYS]


def with_report_type(
    windows: Iterable[ExposureWindow], report_type: ReportType
) -> tuple[ExposureWindow, ...]:
    """Apply a revision of a key to its windows; nothing else of them changes.

    Args:
        windows: Of one key.
        report_type: As revised; see `revisions`.

    Returns:
        The windows in their order.

    Source: ExposureMatchingTracer.storeValidReportTransition.
    """
    return tuple(replace(window, report_type=report_type) for window in windows)


def shuffle(
    windows: Sequence[ExposureWindow], entropy: Callable[[int], bytes]
) -> tuple[ExposureWindow, ...]:
    """Forget which windows belong to one key; every order is equally likely.

    Args:
        windows: Of all keys.
        entropy: Gives as many random bytes as asked for.

    Returns:
        The same windows.

    Raises:
        UsageError: The source of entropy does not give random bytes.
    """
    return tuple(shuffled(windows, entropy))


def _windows(found: Sequence[Reading]) -> list[list[Reading]]:
    windows: list[list[Reading]] = []
    for reading in found:
        if not windows or reading.time - windows[-1][0].time >= MAX_WINDOW_SECONDS:
            windows.append([])
        windows[-1].append(reading)
    return windows


def _scans(window: Sequence[Reading]) -> list[list[Reading]]:
    scans: list[list[Reading]] = []
    for reading in window:
        if not scans or reading.time - scans[-1][-1].time > SAME_SCAN_SECONDS:
            scans.append([])
        scans[-1].append(reading)
    return scans


def _scan(scan: Sequence[Reading]) -> ScanInstance:
    attenuations = [reading.attenuation for reading in scan]
    return ScanInstance(
        typical_attenuation=rounded_mean(sum(attenuations), len(attenuations)),
        minimum_attenuation=min(attenuations),
        seconds_since_last_scan=scan[0].sighting.seconds_since_last_scan,
    )


def rounded_mean(total: int, count: int) -> int:
    """Divide, and round halves up, without a floating point number.

    Args:
        total: 0 or more.
        count: 1 or more.

    Returns:
        What Java's `Math.round` gives for the quotient.

    >>> rounded_mean(121, 2)
    61
    """
    return (2 * total + count) // (2 * count)
