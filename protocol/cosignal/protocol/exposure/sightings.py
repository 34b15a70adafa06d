"""Which sightings of a published key count, and what its metadata adds to them.

What this module guarantees:

* The rules are applied in the order of Exposure Notification, because it matters:
  first the two hours around the identifier's own interval, then the replay cut, then
  the metadata. A sighting with implausible metadata still starts the 20 minutes.
* The order in which sightings come, and sightings of other keys among them, change
  nothing. Sightings of one second are told apart by their content.
* No identifier and no metadata stands in a `repr`.

Source: Google's exposure-notifications-internals, ExposureMatchingTracer and
SightingRecordWithMetadata; docs/reference/protocol.md, "Exposure windows".
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from cosignal.protocol.diagnosis_keys import DiagnosisKey
from cosignal.protocol.errors import UsageError
from cosignal.protocol.exposure.metadata import (
    MAX_RSSI,
    MIN_RSSI,
    RSSI_NOT_AVAILABLE,
    Metadata,
    attenuation,
    parse_metadata,
)
from cosignal.protocol.identifiers import (
    METADATA_BYTES,
    RPI_BYTES,
    associated_encrypted_metadata_key,
    decrypt_metadata,
    rolling_proximity_identifiers,
)
from cosignal.protocol.intervals import INTERVAL_SECONDS, interval_at
from cosignal.protocol.matching import TOLERANCE_INTERVALS

#: Honest phones broadcast one identifier for 20 minutes at most, seconds.
REPLAY_SECONDS: Final = 2 * INTERVAL_SECONDS
#: Sightings at most this far apart belong to one scan, seconds: 1.5 times the longest
#: scan of 4 + 13 seconds.
SAME_SCAN_SECONDS: Final = 25.5
#: A scan stands for at most this many minutes since the one before.
MAX_MINUTES_SINCE_LAST_SCAN: Final = 5
#: Seconds that a scan stands for when nobody knows the one before.
UNKNOWN_SECONDS_SINCE_LAST_SCAN: Final = 120

_TIME_LIMIT: Final = INTERVAL_SECONDS << 32


@dataclass(frozen=True, slots=True)
class Sighting:
    """One broadcast, as a phone heard it.

    Attributes:
        time: When, Unix seconds.
        rssi: How strong, dBm, -127 to 126; `metadata.calibrated_rssi` gives it.
        identifier: 16 bytes, as heard.
        encrypted_metadata: 4 bytes, as heard.
        previous_scan: When the phone's last scan before this one ended, whether it
            heard anybody or not, Unix seconds. None, or 0 as in Google's store, where
            nobody knows, for instance after a restart. One after `time`, which a clock
            set back leaves behind, counts as unknown.

    Raises:
        UsageError: A field is out of range or of another length.
    """

    time: int
    rssi: int
    identifier: bytes = field(repr=False)
    encrypted_metadata: bytes = field(repr=False)
    previous_scan: int | None = None

    def __post_init__(self) -> None:
        """Refuse what no radio hears."""
        _check_time("time", self.time)
        _check_time("previous_scan", self.previous_scan or 0)
        _check_rssi(self.rssi)
        _check_length("identifier", self.identifier, RPI_BYTES)
        _check_length("encrypted_metadata", self.encrypted_metadata, METADATA_BYTES)

    @property
    def seconds_since_last_scan(self) -> int:
        """Time that a scan which begins here stands for, whole minutes in seconds.

        Minutes of the clock are subtracted, not seconds: 12:00:59 and 12:01:00 are a
        minute apart, two scans within one minute none. So does Google's sample; it
        would count a previous scan after `time` as negative, which this does not.
        """
        if not self.previous_scan or self.previous_scan > self.time:
            return UNKNOWN_SECONDS_SINCE_LAST_SCAN
        minutes = self.time // 60 - self.previous_scan // 60
        return 60 * min(minutes, MAX_MINUTES_SINCE_LAST_SCAN)


@dataclass(frozen=True, slots=True)
class Reading:
    """A sighting of a published key that counts.

    Attributes:
        interval: For which the identifier was derived, 10-minute units since 1970.
        sighting: What was heard.
        metadata: Decrypted.
    """

    interval: int
    sighting: Sighting
    metadata: Metadata

    @property
    def time(self) -> int:
        """When it was heard, Unix seconds."""
        return self.sighting.time

    @property
    def attenuation(self) -> int:
        """How much of the signal was lost, dB."""
        return attenuation(self.metadata.tx_power, self.sighting.rssi)


def replay_cut(sightings: Sequence[Sighting]) -> tuple[Sighting, ...]:
    """Drop what was heard later than 20 minutes after an identifier was first heard.

    Args:
        sightings: Of one identifier, in any order; those within two hours of its
            interval only.

    Returns:
        The rest, oldest first. One exactly 20 minutes after the first stays.

    Raises:
        UsageError: Sightings of several identifiers.

    Source: ExposureMatchingTracer.getValidSightingsForRpi.
    """
    if len({sighting.identifier for sighting in sightings}) > 1:
        raise UsageError("sightings: expected one identifier, got several")
    ordered = sorted(sightings, key=_place)
    return tuple(
        sighting
        for sighting in ordered
        if sighting.time - ordered[0].time <= REPLAY_SECONDS
    )


def readings(key: DiagnosisKey, sightings: Iterable[Sighting]) -> tuple[Reading, ...]:
    """Find every sighting of a key that counts, as windows need them.

    Args:
        key: A published key.
        sightings: What the phone heard, of this key and of others.

    Returns:
        Oldest first; those of one second by interval, then by content.

    Raises:
        UsageError: The key is not 16 bytes, or its start or period out of range.

    Source: ExposureMatchingTracer.fetchValidSightings.
    """
    return _read(key, _heard(key, sightings))


def strongest_readings(
    key: DiagnosisKey, sightings: Iterable[Sighting]
) -> tuple[Reading, ...]:
    """Find the strongest sighting of every scan and identifier, as version 1 needs.

    The choice comes before the metadata is read. A sighting whose metadata is not
    plausible, when it is the strongest, therefore takes its whole scan with it; so does
    Google's sample.

    Args:
        key: A published key.
        sightings: What the phone heard, of this key and of others.

    Returns:
        Oldest first. Two identifiers heard in one scan leave one reading each.

    Raises:
        UsageError: The key is not 16 bytes, or its start or period out of range.

    Source: ExposureMatchingTracer.getValidSightingsForRpi, `aggregateSightings`.
    """
    heard = _heard(key, sightings)
    return _read(key, ((interval, _strongest(cut)) for interval, cut in heard))


Heard = tuple[int, Sequence[Sighting]]


def _heard(key: DiagnosisKey, sightings: Iterable[Sighting]) -> Iterator[Heard]:
    """Interval and sightings of each identifier of a key that was heard in time."""
    raw = rolling_proximity_identifiers(key.data, key.start, key.period)
    found: dict[bytes, list[Sighting]] = {
        raw[place : place + RPI_BYTES]: [] for place in range(0, len(raw), RPI_BYTES)
    }
    for sighting in sightings:
        if sighting.identifier in found:
            found[sighting.identifier].append(sighting)
    for interval, heard in enumerate(found.values(), key.start):
        yield interval, replay_cut([one for one in heard if _is_near(one, interval)])


def _is_near(sighting: Sighting, interval: int) -> bool:
    return abs(interval_at(sighting.time) - interval) <= TOLERANCE_INTERVALS


def _read(key: DiagnosisKey, heard: Iterable[Heard]) -> tuple[Reading, ...]:
    aemk = associated_encrypted_metadata_key(key.data)
    read = [
        Reading(interval, sighting, _decrypted(aemk, sighting))
        for interval, sightings in heard
        for sighting in sightings
    ]
    plausible = [reading for reading in read if reading.metadata.is_plausible]
    # Sorting is stable, so that readings of one second stay in the order of intervals.
    return tuple(sorted(plausible, key=lambda reading: reading.time))


def _decrypted(aemk: bytes, sighting: Sighting) -> Metadata:
    return parse_metadata(
        decrypt_metadata(aemk, sighting.identifier, sighting.encrypted_metadata)
    )


def _strongest(ordered: Sequence[Sighting]) -> list[Sighting]:
    """The first of the strongest sightings of every scan."""
    scans = [[sighting] for sighting in ordered[:1]]
    for before, sighting in pairwise(ordered):
        if sighting.time - before.time > SAME_SCAN_SECONDS:
            scans.append([])
        scans[-1].append(sighting)
    return [max(scan, key=lambda sighting: sighting.rssi) for scan in scans]


def _place(sighting: Sighting) -> tuple[int, int, int, bytes]:
    previous = sighting.previous_scan or 0
    return sighting.time, sighting.rssi, previous, sighting.encrypted_metadata


def _check_time(name: str, value: int) -> None:
    if not 0 <= value < _TIME_LIMIT:
        raise UsageError(
            f"{name}: expected 0 to {_TIME_LIMIT - 1} Unix seconds, got {value}"
        )


def _check_rssi(rssi: int) -> None:
    if rssi == RSSI_NOT_AVAILABLE:
        raise UsageError(
            f"rssi: expected {MIN_RSSI} to {MAX_RSSI} dBm, got {rssi}",
            advice="127 means that the radio knows no strength: keep no such sighting.",
        )
    if not MIN_RSSI <= rssi <= MAX_RSSI:
        raise UsageError(
            f"rssi: expected {MIN_RSSI} to {MAX_RSSI} dBm, got {rssi}",
            advice="Pass what the radio reports through calibrated_rssi.",
        )


def _check_length(name: str, value: bytes, expected: int) -> None:
    if len(value) != expected:
        raise UsageError(f"{name}: expected {expected} bytes, got {len(value)}")
