from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.protocol.diagnosis_keys import Infectiousness, ReportType
from cosignal.protocol.exposure.configuration import ExposureConfiguration
from cosignal.protocol.exposure.summaries import (
    DailySummary,
    SummaryData,
    alert_days,
    counted_windows,
    daily_summaries,
    weighted_duration,
    window_score,
)
from cosignal.protocol.exposure.windows import (
    RETURNABLE,
    ExposureWindow,
    ScanInstance,
    exposure_windows,
)
from tests.protocol import naive_exposure
from tests.protocol.sample_exposures import (
    DAY,
    DEFAULT,
    KEY,
    MIDNIGHT,
    NOON,
    PLAIN,
    Encounter,
    configurations,
    encounters,
    heard,
    steadily,
)

NOW = MIDNIGHT + 86_400


def window(
    *scans: tuple[int, int],
    time: int = NOON,
    report_type: ReportType = ReportType.CONFIRMED_TEST,
    infectiousness: Infectiousness = Infectiousness.STANDARD,
    confidence: int = 0,
) -> ExposureWindow:
    """Scans are typical attenuation and seconds."""
    instances = tuple(ScanInstance(loss, loss, seconds) for loss, seconds in scans)
    return ExposureWindow(time, instances, report_type, infectiousness, confidence)


def windows() -> st.SearchStrategy[ExposureWindow]:
    """Any windows of three days, also of types that do not count."""
    scan = st.tuples(st.integers(0, 147), st.sampled_from([0, 60, 120, 300]))
    return st.builds(
        lambda scans, **rest: window(*scans, **rest),
        st.lists(scan, min_size=1, max_size=4),
        time=st.integers(MIDNIGHT - 86_400, MIDNIGHT + 2 * 86_400),
        report_type=st.sampled_from(ReportType),
        infectiousness=st.sampled_from(Infectiousness),
        confidence=st.integers(0, 3),
    )


def score_sum(
    found: tuple[ExposureWindow, ...], configuration: ExposureConfiguration
) -> int:
    return sum(
        summary.total.score_sum_millionths
        for summary in daily_summaries(found, configuration, NOW)
    )


def test_a_day_worked_by_hand() -> None:
    configuration = replace(
        DEFAULT,
        attenuation_thresholds=(55, 63, 70),
        attenuation_weights=(150, 100, 50, 10),
        infectiousness_weights=(0, 100, 125),
        report_type_weights=(0, 100, 80, 60, 0, 0),
    )
    tested = window((55, 300), (56, 120), (70, 60), (71, 180))
    clinical = window(
        (63, 300),
        report_type=ReportType.CONFIRMED_CLINICAL_DIAGNOSIS,
        infectiousness=Infectiousness.HIGH,
    )
    clinical_again = replace(clinical, scans=(ScanInstance(60, 50, 120),))

    (summary,) = daily_summaries([tested, clinical, clinical_again], configuration, NOW)

    # 300 * 1.5 + 120 * 1 + 60 * 0.5 + 180 * 0.1 = 450 + 120 + 30 + 18 = 618.
    assert SummaryData(618_000_000, 618_000_000, 61_800) == summary.of(
        ReportType.CONFIRMED_TEST
    )
    # 300 * 1 * 0.8 * 1.25 = 300 and 120 * 1 * 0.8 * 1.25 = 120.
    assert SummaryData(420_000_000, 300_000_000, 42_000) == summary.of(
        ReportType.CONFIRMED_CLINICAL_DIAGNOSIS
    )
    assert SummaryData(1_038_000_000, 618_000_000, 103_800) == summary.total
    assert (
        summary.total.score_sum,
        summary.total.maximum_score,
        summary.total.weighted_duration_sum,
    ) == (1038.0, 618.0, 1038.0)
    assert SummaryData() == summary.of(ReportType.SELF_REPORT)
    assert summary.day == DAY


@pytest.mark.parametrize(
    ("attenuation", "hundredths"),
    [
        (0, 6000 * 2),
        (55, 6000 * 2),
        (56, 6000),
        (63, 6000),
        (64, 600),
        (70, 600),
        (71, 60),
        (147, 60),
    ],
)
def test_thresholds_belong_to_the_nearer_side(
    attenuation: int, hundredths: int
) -> None:
    configuration = replace(DEFAULT, attenuation_weights=(200, 100, 10, 1))

    assert hundredths == weighted_duration(window((attenuation, 60)), configuration)


def test_typical_attenuation_decides_and_not_the_lowest() -> None:
    scan = ScanInstance(
        typical_attenuation=71, minimum_attenuation=10, seconds_since_last_scan=300
    )

    assert weighted_duration(replace(window((0, 0)), scans=(scan,)), DEFAULT) == 0


def test_a_score_has_no_rounding() -> None:
    configuration = replace(
        DEFAULT,
        attenuation_weights=(150, 111, 50, 0),
        report_type_weights=(0, 33, 0, 0, 0, 0),
        infectiousness_weights=(0, 7, 0),
    )

    # 60 * 1.11 * 0.33 * 0.07 = 1.538460 exactly.
    assert window_score(window((60, 60)), configuration) == 1_538_460


@pytest.mark.parametrize(("least", "kept"), [(120, True), (121, False)])
def test_a_window_that_reaches_the_minimum_counts(least: int, *, kept: bool) -> None:
    configuration = replace(PLAIN, minimum_window_score=least)

    (summary,) = daily_summaries([window((60, 120))], configuration, NOW)

    assert kept == (summary.total != SummaryData())


def test_a_day_whose_windows_are_all_too_small_is_a_day_with_nothing() -> None:
    configuration = replace(PLAIN, minimum_window_score=121)
    nothing = (SummaryData(),) * 6

    found = daily_summaries([window((60, 120))], configuration, NOW)

    assert (DailySummary(DAY, nothing, SummaryData()),) == found


def test_a_window_without_weight_adds_its_duration_as_in_the_sample() -> None:
    harmless = window((60, 120), infectiousness=Infectiousness.NONE)

    (summary,) = daily_summaries([harmless], DEFAULT, NOW)

    assert SummaryData(0, 0, 12_000) == summary.total


@pytest.mark.parametrize("report_type", [ReportType.UNKNOWN, ReportType.REVOKED])
def test_revoked_and_unknown_windows_are_never_summed_up(
    report_type: ReportType,
) -> None:
    assert (
        daily_summaries([window((60, 120), report_type=report_type)], PLAIN, NOW) == ()
    )


@pytest.mark.parametrize(
    ("limit", "days_ago", "kept"),
    [(3, 3, True), (3, 4, False), (0, 100, True), (14, 14, True), (1, -1, True)],
)
def test_days_are_dropped_beyond_days_since_exposure(
    limit: int, days_ago: int, *, kept: bool
) -> None:
    configuration = replace(PLAIN, days_since_exposure=limit)
    # The first second of the day is as old as its last one.
    now = MIDNIGHT + days_ago * 86_400

    found = daily_summaries(
        [window((60, 60), time=MIDNIGHT + 86_399)], configuration, now
    )

    assert kept == bool(found)


@pytest.mark.parametrize(("confidence", "kept"), [(1, False), (2, True), (3, True)])
def test_windows_of_a_lower_calibration_confidence_are_dropped(
    confidence: int, *, kept: bool
) -> None:
    configuration = replace(PLAIN, calibration_confidence=2)

    found = daily_summaries(
        [window((60, 60), confidence=confidence)], configuration, NOW
    )

    assert kept == bool(found)


def test_midnight_divides_days() -> None:
    before, after = window((60, 60), time=NOW - 1), window((60, 120), time=NOW)

    found = daily_summaries([after, before], PLAIN, NOW)

    assert [(summary.day, summary.total.score_sum) for summary in found] == [
        (DAY, 60.0),
        (DAY + 1, 120.0),
    ]


@pytest.mark.parametrize(
    ("seconds", "alert"), [((300, 300, 299), False), ((300, 300, 300), True)]
)
def test_a_day_that_reaches_the_alert_score_raises_an_alert(
    seconds: tuple[int, ...], *, alert: bool
) -> None:
    meetings = [window((60, length)) for length in seconds]

    summaries = daily_summaries(meetings, DEFAULT, NOW)

    assert alert == (alert_days(summaries, DEFAULT) == (DAY,))


def test_two_days_below_the_alert_score_raise_none_together() -> None:
    days = [window((60, 600)), window((60, 600), time=NOON + 86_400)]

    assert alert_days(daily_summaries(days, DEFAULT, NOW), DEFAULT) == ()


@given(encounters(), configurations())
def test_summaries_are_those_of_floating_point_within_a_billionth(
    encounter: Encounter, configuration: ExposureConfiguration
) -> None:
    found = exposure_windows(encounter.key, encounter.sightings, configuration)
    again = naive_exposure.windows(encounter.key, encounter.sightings, configuration)

    summaries = daily_summaries(found, configuration, NOW)
    expected = naive_exposure.summaries(again, configuration, NOW)

    assert sorted(expected) == [summary.day for summary in summaries]
    for summary in summaries:
        for row, data in zip(
            expected[summary.day],
            (*summary.by_report_type, summary.total),
            strict=True,
        ):
            values = [data.score_sum, data.maximum_score, data.weighted_duration_sum]
            assert pytest.approx(row, rel=1e-12, abs=1e-9) == values


@given(st.lists(windows(), max_size=8), configurations(), st.randoms())
def test_the_order_of_windows_changes_nothing(
    found: list[ExposureWindow], configuration: ExposureConfiguration, rng: Random
) -> None:
    expected = daily_summaries(found, configuration, NOW)

    rng.shuffle(found)

    assert expected == daily_summaries(found, configuration, NOW)


@given(st.lists(windows(), max_size=8), configurations())
def test_a_day_is_the_sum_of_its_windows_and_never_negative(
    found: list[ExposureWindow], configuration: ExposureConfiguration
) -> None:
    for summary in daily_summaries(found, configuration, NOW):
        parts, total = summary.by_report_type, summary.total

        assert total.score_sum_millionths == sum(p.score_sum_millionths for p in parts)
        assert total.weighted_duration_hundredths == sum(
            part.weighted_duration_hundredths for part in parts
        )
        assert total.maximum_score_millionths == max(
            part.maximum_score_millionths for part in parts
        )
        assert 0 <= total.maximum_score_millionths <= total.score_sum_millionths
        assert {0} == {
            part.weighted_duration_hundredths
            for kind, part in zip(ReportType, parts, strict=True)
            if kind not in RETURNABLE
        }


@given(
    st.lists(windows(), max_size=8), st.lists(windows(), max_size=8), configurations()
)
def test_summaries_are_additive_over_disjoint_days(
    one: list[ExposureWindow],
    other: list[ExposureWindow],
    configuration: ExposureConfiguration,
) -> None:
    early = [found for found in one if found.day <= DAY]
    later = [found for found in other if found.day > DAY]

    together = daily_summaries([*later, *early], configuration, NOW)

    assert together == (
        *daily_summaries(early, configuration, NOW),
        *daily_summaries(later, configuration, NOW),
    )


@given(st.lists(windows(), max_size=8), windows(), configurations())
def test_one_more_window_never_lowers_a_sum(
    found: list[ExposureWindow],
    more: ExposureWindow,
    configuration: ExposureConfiguration,
) -> None:
    before = score_sum(tuple(found), configuration)

    assert before <= score_sum((*found, more), configuration)


@given(encounters(), configurations(), st.sampled_from([26, 300, 900, 1800]))
def test_one_more_scan_never_lowers_a_sum(
    encounter: Encounter, configuration: ExposureConfiguration, gap: int
) -> None:
    configuration = replace(configuration, calibration_confidence=0)
    end = max((s.time for s in encounter.sightings), default=NOON) + gap
    interval = encounter.key.start + encounter.key.period - 1
    more = heard(end, previous=end - 180, interval=interval, key=encounter.key)

    before = exposure_windows(encounter.key, encounter.sightings, configuration)
    after = exposure_windows(encounter.key, [*encounter.sightings, more], configuration)

    assert score_sum(before, configuration) <= score_sum(after, configuration)


def test_the_longer_a_meeting_the_higher_its_score() -> None:
    scores = [
        score_sum(exposure_windows(KEY, steadily(NOON, scans), PLAIN), PLAIN)
        for scans in range(1, 30)
    ]

    assert all(shorter < longer for shorter, longer in pairwise(scores))
    # 120 s for the first scan and 300 for each of 28 others.
    assert scores[-1] == (120 + 28 * 300) * 10**6


@given(windows(), configurations())
def test_a_score_is_the_product_of_its_weights(
    found: ExposureWindow, configuration: ExposureConfiguration
) -> None:
    immediate, near, medium = configuration.attenuation_thresholds
    seconds = Fraction(0)
    for scan in found.scans:
        place = (
            (scan.typical_attenuation > immediate)
            + (scan.typical_attenuation > near)
            + (scan.typical_attenuation > medium)
        )
        weight = Fraction(configuration.attenuation_weights[place], 100)
        seconds += scan.seconds_since_last_scan * weight

    expected = (
        seconds
        * Fraction(configuration.report_type_weights[found.report_type], 100)
        * Fraction(configuration.infectiousness_weights[found.infectiousness], 100)
    )

    assert expected == Fraction(window_score(found, configuration), 10**6)


@given(st.lists(windows(), max_size=8), configurations())
def test_the_windows_that_count_make_all_sums(
    found: list[ExposureWindow], configuration: ExposureConfiguration
) -> None:
    kept = counted_windows(found, configuration, NOW)

    expected = sum(window_score(one, configuration) for one in kept)
    nothing = replace(configuration, minimum_window_score=0)

    assert expected == score_sum(tuple(found), configuration)
    assert [one for one in found if one in kept] == list(kept)
    assert daily_summaries(kept, nothing, NOW) == tuple(
        summary
        for summary in daily_summaries(found, configuration, NOW)
        if summary.day in {one.day for one in kept}
    )
