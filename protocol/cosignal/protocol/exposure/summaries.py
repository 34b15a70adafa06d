"""Daily summaries: what all windows of a day weigh together, and when to warn.

What this module guarantees:

* Scores are whole numbers: weights are hundredths, so a duration is counted in
  hundredths of a weighted second and a score, which has two weights more, in
  millionths. Two phones with the same windows get the same sums, in whatever order they
  add. Properties give seconds as floating point numbers, for people.
* A day's total adds nothing to its report types and leaves nothing out.

Days are UTC days, numbered since 1970-01-01; a window counts on the day it began.

Source: Google's exposure-notifications-internals, DailySummaryUtils and
DailySummariesConfig; docs/reference/protocol.md, "Daily summaries".
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cosignal.protocol.diagnosis_keys import ReportType
from cosignal.protocol.exposure.configuration import WEIGHT_ONE, ExposureConfiguration
from cosignal.protocol.exposure.windows import (
    DAY_SECONDS,
    ExposureWindow,
    ScanInstance,
)

#: Parts of a weighted second in which durations are counted.
DURATION_UNIT: Final = WEIGHT_ONE
#: Parts of a weighted second in which scores are counted.
SCORE_UNIT: Final = WEIGHT_ONE**3


@dataclass(frozen=True, slots=True)
class SummaryData:
    """What some windows weigh together.

    Attributes:
        score_sum_millionths: Sum of their scores, millionths of a weighted second.
        maximum_score_millionths: Highest of their scores, in the same unit.
        weighted_duration_hundredths: Sum of their durations, weighted by attenuation
            only, hundredths of a weighted second.
    """

    score_sum_millionths: int = 0
    maximum_score_millionths: int = 0
    weighted_duration_hundredths: int = 0

    @property
    def score_sum(self) -> float:
        """Sum of scores, weighted seconds."""
        return self.score_sum_millionths / SCORE_UNIT

    @property
    def maximum_score(self) -> float:
        """Highest score, weighted seconds."""
        return self.maximum_score_millionths / SCORE_UNIT

    @property
    def weighted_duration_sum(self) -> float:
        """Sum of durations weighted by attenuation only, weighted seconds."""
        return self.weighted_duration_hundredths / DURATION_UNIT


@dataclass(frozen=True, slots=True)
class DailySummary:
    """What the windows of one day weigh.

    Attributes:
        day: Days since 1970-01-01, UTC.
        by_report_type: One for each `ReportType`, in the order of its number.
        total: All of them together.
    """

    day: int
    by_report_type: tuple[SummaryData, ...]
    total: SummaryData

    def of(self, report_type: ReportType) -> SummaryData:
        """Look up what one report type adds."""
        return self.by_report_type[report_type]


def weighted_duration(
    window: ExposureWindow, configuration: ExposureConfiguration
) -> int:
    """Add up the time of a window, each scan weighted by its typical attenuation.

    Args:
        window: Any.
        configuration: Gives thresholds and weights of attenuation.

    Returns:
        Hundredths of a weighted second.

    Source: DailySummaryUtils.calculateWindowWeightedDuration.
    """
    return sum(
        scan.seconds_since_last_scan
        * configuration.attenuation_weights[attenuation_bucket(scan, configuration)]
        for scan in window.scans
    )


def window_score(window: ExposureWindow, configuration: ExposureConfiguration) -> int:
    """Weigh a window.

    Args:
        window: Any.
        configuration: Gives all weights.

    Returns:
        Millionths of a weighted second. 0 for a class or type without weight.

    Source: DailySummaryUtils.calculateWindowScore.
    """
    return (
        weighted_duration(window, configuration)
        * configuration.report_type_weights[window.report_type]
        * configuration.infectiousness_weights[window.infectiousness]
    )


def is_recent(day: int, configuration: ExposureConfiguration, now: int) -> bool:
    """Tell whether a day is not too long ago to count.

    Args:
        day: Days since 1970-01-01.
        configuration: Gives `days_since_exposure`.
        now: Unix seconds.

    Returns:
        True for a day to come, and for every day where the configuration has no limit.
    """
    most = configuration.days_since_exposure
    return most == 0 or now // DAY_SECONDS - day <= most


def attenuation_bucket(scan: ScanInstance, configuration: ExposureConfiguration) -> int:
    """Tell how near a scan was.

    Args:
        scan: Of any window.
        configuration: Gives the thresholds; one that is reached counts as nearer.

    Returns:
        0 for immediate, 1 for near, 2 for medium, 3 for other.
    """
    thresholds = configuration.attenuation_thresholds
    return sum(scan.typical_attenuation > threshold for threshold in thresholds)


def daily_summaries(
    windows: Iterable[ExposureWindow], configuration: ExposureConfiguration, now: int
) -> tuple[DailySummary, ...]:
    """Sum up windows by the day on which they began.

    Dropped are windows that are not returnable, that began more days ago than
    `days_since_exposure`, or whose sender's power is known too badly; then those with a
    score below `minimum_window_score`. The last rule leaves the day in the answer, with
    nothing in it, and a minimum of 0 keeps windows of score 0, whose duration counts:
    so does Google's sample. It knows no rule about calibration; by default ours drops
    nothing.

    Args:
        windows: Of all keys, in any order.
        configuration: Gives all weights and limits.
        now: Unix seconds. Windows that begin later are kept.

    Returns:
        One summary for each day, oldest first.

    Source: DailySummaryUtils.getDailySummaries.
    """
    days: dict[int, list[ExposureWindow]] = {}
    for window in windows:
        if _counts(window, configuration, now):
            days.setdefault(window.day, []).append(window)
    return tuple(
        _summary(day, of_day, configuration) for day, of_day in sorted(days.items())
    )


def counted_windows(
    windows: Iterable[ExposureWindow], configuration: ExposureConfiguration, now: int
) -> tuple[ExposureWindow, ...]:
    """Choose the windows of which the sums are made, to tell a person the reasons.

    Args:
        windows: Of all keys.
        configuration: Gives all weights and limits.
        now: Unix seconds.

    Returns:
        Those that no rule of `daily_summaries` drops, in their order.
    """
    return tuple(
        window
        for window in windows
        if _counts(window, configuration, now) and _is_enough(window, configuration)
    )


def alert_days(
    summaries: Iterable[DailySummary], configuration: ExposureConfiguration
) -> tuple[int, ...]:
    """Choose the days of which a person is warned.

    Args:
        summaries: From `daily_summaries`.
        configuration: Gives `alert_day_score`; a day that reaches it counts.

    Returns:
        Days since 1970-01-01, in the order of the summaries.
    """
    least = configuration.alert_day_score * SCORE_UNIT
    return tuple(
        summary.day
        for summary in summaries
        if summary.total.score_sum_millionths >= least
    )


def _counts(
    window: ExposureWindow, configuration: ExposureConfiguration, now: int
) -> bool:
    return (
        window.is_returnable
        and is_recent(window.day, configuration, now)
        and window.calibration_confidence >= configuration.calibration_confidence
    )


def _is_enough(window: ExposureWindow, configuration: ExposureConfiguration) -> bool:
    least = configuration.minimum_window_score * SCORE_UNIT
    return window_score(window, configuration) >= least


def _summary(
    day: int, windows: list[ExposureWindow], configuration: ExposureConfiguration
) -> DailySummary:
    kept = [window for window in windows if _is_enough(window, configuration)]
    return DailySummary(
        day,
        tuple(
            _data([one for one in kept if one.report_type == kind], configuration)
            for kind in ReportType
        ),
        _data(kept, configuration),
    )


def _data(
    windows: list[ExposureWindow], configuration: ExposureConfiguration
) -> SummaryData:
    scores = [window_score(window, configuration) for window in windows]
    durations = [weighted_duration(window, configuration) for window in windows]
    return SummaryData(sum(scores), max(scores, default=0), sum(durations))
