"""The risk score of Exposure Notification, version 1, for apps that still use it.

What this module guarantees:

* Whole numbers throughout; halves are rounded as Google's sample rounds them.
* `ExposureInformation` keeps what was measured. Minutes for people are capped where the
  API caps them, and nowhere before.

Version 1 looks at the strongest sighting of each scan and calls an unbroken row of them
an exposure. Version 2 is `windows` and `summaries`.

Source: Google's exposure-notifications-internals, KeyExposureEvaluator,
RiskScoreCalculator, ExposureInformation and ExposureSummary;
docs/reference/protocol.md, "Risk score, version 1".
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from cosignal.protocol.diagnosis_keys import DiagnosisKey, ReportType
from cosignal.protocol.errors import UsageError
from cosignal.protocol.exposure.configuration import ExposureConfiguration
from cosignal.protocol.exposure.sightings import Reading, Sighting, strongest_readings
from cosignal.protocol.exposure.windows import DAY_SECONDS, rounded_mean
from cosignal.protocol.intervals import unix_at

#: Sightings further apart than this belong to different exposures, seconds.
MAX_GAP_SECONDS: Final = 600
#: Durations are multiples of this, seconds. It is also the time between two scans.
DURATION_STEP_SECONDS: Final = 300
#: Durations that people see end here, minutes.
MAX_MINUTES: Final = 30
#: Transmission risk levels go up to this; 0 means that none is known.
MAX_TRANSMISSION_RISK_LEVEL: Final = 8

#: Score index of an attenuation: place of the first number that it exceeds.
ATTENUATION_BUCKETS: Final = (73, 63, 51, 33, 27, 15, 10)
#: Score index of an age in days: place of the first number that it reaches.
DAYS_BUCKETS: Final = (14, 12, 10, 8, 6, 4, 2)
#: Score index of minutes: place of the first number that they do not exceed.
DURATION_BUCKETS: Final = (0, 5, 10, 15, 20, 25, 30)


@dataclass(frozen=True, slots=True)
class ExposureInformation:
    """One unbroken row of sightings of one key.

    Attributes:
        date: When the key came into use, Unix seconds; version 1 dates an exposure by
            its key, not by its sightings.
        duration_seconds: Length, in steps of 5 minutes, at least one step.
        attenuation: Mean over time, dB.
        attenuation_seconds: Time below the lower of `duration_thresholds`, between
            both, and at the upper one or above.
        transmission_risk_level: 0 to 8; 0 where none is known.
        risk_score: 0 to 4,096.
    """

    date: int
    duration_seconds: int
    attenuation: int
    attenuation_seconds: tuple[int, int, int]
    transmission_risk_level: int
    risk_score: int

    @property
    def duration_minutes(self) -> int:
        """Length as people see it: 5 to 30, in steps of 5."""
        return min(self.duration_seconds // 60, MAX_MINUTES)


@dataclass(frozen=True, slots=True)
class ExposureSummary:
    """What all exposures of all keys come to.

    Attributes:
        matched_key_count: Keys with an exposure.
        days_since_last_exposure: UTC days since the latest of these keys came into use,
            0 for today; None without an exposure.
        maximum_risk_score: Highest risk score, 0 to 4,096.
        summation_risk_score: Sum of all risk scores.
        attenuation_minutes: Time below, between and above the two thresholds, over all
            exposures, full minutes, each 30 at most.
    """

    matched_key_count: int
    days_since_last_exposure: int | None
    maximum_risk_score: int
    summation_risk_score: int
    attenuation_minutes: tuple[int, int, int]


def key_exposures(
    key: DiagnosisKey,
    sightings: Iterable[Sighting],
    configuration: ExposureConfiguration,
    now: int,
    *,
    transmission_risk_level: int = 0,
) -> tuple[ExposureInformation, ...]:
    """Find the exposures to one published key.

    Revoked and recursive keys give none.

    Args:
        key: A published key.
        sightings: What the phone heard, of this key and of others, in any order.
        configuration: Gives scores and thresholds.
        now: Unix seconds.
        transmission_risk_level: 0 to 8. No key on the chain carries one.

    Returns:
        Oldest first.

    Raises:
        UsageError: The key or the level is out of range.

    Source: KeyExposureEvaluator.findExposures.
    """
    if not 0 <= transmission_risk_level <= MAX_TRANSMISSION_RISK_LEVEL:
        raise UsageError(
            "transmission_risk_level: expected 0 to "
            f"{MAX_TRANSMISSION_RISK_LEVEL}, got {transmission_risk_level}"
        )
    if key.report_type in {ReportType.RECURSIVE, ReportType.REVOKED}:
        return ()
    return tuple(
        _information(key, row, configuration, now, transmission_risk_level)
        for row in _rows(strongest_readings(key, sightings))
    )


def summarize_exposures(
    exposures_by_key: Iterable[Sequence[ExposureInformation]], now: int
) -> ExposureSummary:
    """Sum up the exposures of all keys.

    The sample ends before this step; the rules are those of ExposureSummary's
    documentation. Its caps are applied to the sums.

    Args:
        exposures_by_key: From `key_exposures`, one sequence for each key.
        now: Unix seconds.

    Returns:
        The summary.
    """
    matched = [exposures for exposures in exposures_by_key if exposures]
    flat = [exposure for exposures in matched for exposure in exposures]
    below, between, above = (
        min(sum(one.attenuation_seconds[place] for one in flat) // 60, MAX_MINUTES)
        for place in range(3)
    )
    scores = [exposure.risk_score for exposure in flat]
    return ExposureSummary(
        matched_key_count=len(matched),
        days_since_last_exposure=_days_since_last(flat, now),
        maximum_risk_score=max(scores, default=0),
        summation_risk_score=sum(scores),
        attenuation_minutes=(below, between, above),
    )


def risk_score(
    exposure: ExposureInformation, configuration: ExposureConfiguration, now: int
) -> int:
    """Multiply the scores of attenuation, age, duration and transmission risk.

    Args:
        exposure: Any; its own risk score is not looked at.
        configuration: Gives all scores and the minimum.
        now: Unix seconds.

    Returns:
        0 to 4,096; 0 below the minimum. An unknown transmission risk level scores 1.

    Source: RiskScoreCalculator.calculateRiskScore.
    """
    days = (now - exposure.date) // DAY_SECONDS
    level = exposure.transmission_risk_level
    score = (
        configuration.attenuation_scores[_attenuation_bucket(exposure.attenuation)]
        * configuration.days_scores[_days_bucket(days)]
        * configuration.duration_scores[_duration_bucket(exposure.duration_seconds)]
        * (configuration.transmission_scores[level - 1] if level else 1)
    )
    return score if score >= configuration.minimum_risk_score else 0


def bucketized_duration(seconds: int) -> int:
    """Estimate how long an exposure was from the time between its ends.

    Args:
        seconds: From the first sighting to the last.

    Returns:
        That plus 5 minutes, since a scan stands for the time to the next one, rounded
        to 5 minutes, halves down.

    Source: KeyExposureEvaluator.bucketizeDuration.

    >>> [bucketized_duration(seconds) for seconds in (0, 150, 151, 600)]
    [300, 300, 600, 900]
    """
    estimated = seconds + DURATION_STEP_SECONDS
    beyond = estimated % DURATION_STEP_SECONDS
    if beyond <= DURATION_STEP_SECONDS // 2:
        return estimated - beyond
    return estimated - beyond + DURATION_STEP_SECONDS


def _rows(found: Sequence[Reading]) -> list[list[Reading]]:
    rows: list[list[Reading]] = []
    for reading in found:
        if not rows or reading.time - rows[-1][-1].time > MAX_GAP_SECONDS:
            rows.append([])
        rows[-1].append(reading)
    return rows


def _information(
    key: DiagnosisKey,
    row: Sequence[Reading],
    configuration: ExposureConfiguration,
    now: int,
    transmission_risk_level: int,
) -> ExposureInformation:
    periods = _periods(row)
    measured = ExposureInformation(
        date=unix_at(key.start),
        duration_seconds=bucketized_duration(row[-1].time - row[0].time),
        attenuation=_weighted_attenuation(periods),
        attenuation_seconds=_time_at(periods, configuration.duration_thresholds),
        transmission_risk_level=transmission_risk_level,
        risk_score=0,
    )
    return replace(measured, risk_score=risk_score(measured, configuration, now))


Period = tuple[int, int]


def _periods(row: Sequence[Reading]) -> list[Period]:
    """Seconds and attenuation from each sighting to the next.

    The first is lengthened at its beginning and the last at its end, by half the time
    between two scans. Of sightings within one second the first stands for all.
    """
    margin = DURATION_STEP_SECONDS // 2
    first_of_second = {reading.time: reading for reading in reversed(row)}
    times = sorted(first_of_second)
    edges = [times[0] - margin, *times[1:], times[-1] + margin]
    return [
        (end - begin, first_of_second[time].attenuation)
        for time, (begin, end) in zip(times, pairwise(edges), strict=True)
    ]


def _weighted_attenuation(periods: Sequence[Period]) -> int:
    seconds = sum(duration for duration, _ in periods)
    return rounded_mean(sum(duration * value for duration, value in periods), seconds)


def _time_at(
    periods: Sequence[Period], thresholds: Sequence[int]
) -> tuple[int, int, int]:
    low, high = thresholds
    total = sum(duration for duration, _ in periods)
    below = sum(duration for duration, value in periods if value < low)
    above = sum(duration for duration, value in periods if value >= high)
    return below, total - below - above, above


def _days_since_last(exposures: Sequence[ExposureInformation], now: int) -> int | None:
    if not exposures:
        return None
    latest = max(exposure.date for exposure in exposures)
    return max(now // DAY_SECONDS - latest // DAY_SECONDS, 0)


def _attenuation_bucket(value: int) -> int:
    return sum(value <= bound for bound in ATTENUATION_BUCKETS)


def _days_bucket(days: int) -> int:
    return sum(days < bound for bound in DAYS_BUCKETS)


def _duration_bucket(seconds: int) -> int:
    return sum(seconds // 60 > bound for bound in DURATION_BUCKETS)
