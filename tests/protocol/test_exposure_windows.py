from collections import Counter
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.protocol.diagnosis_keys import Infectiousness, ReportType
from cosignal.protocol.errors import UsageError
from cosignal.protocol.exposure.configuration import ExposureConfiguration
from cosignal.protocol.exposure.windows import (
    ExposureWindow,
    ScanInstance,
    exposure_windows,
    shuffle,
    with_report_type,
)
from tests.protocol import naive_exposure
from tests.protocol.sample_exposures import (
    DAY,
    DEFAULT,
    KEY,
    MIDNIGHT,
    NOON,
    Encounter,
    configurations,
    diagnosis_key,
    encounters,
    heard,
    steadily,
)
from tests.strategies import counted_entropy


def window(number: int = 0) -> ExposureWindow:
    return ExposureWindow(
        time=NOON + number,
        scans=(ScanInstance(60, 60, 120),),
        report_type=ReportType.CONFIRMED_TEST,
        infectiousness=Infectiousness.STANDARD,
        calibration_confidence=0,
    )


def test_a_meeting_worked_by_hand() -> None:
    sightings = [
        # First scan, nothing known before it: -10 - -70 = 60 and -10 - -73 = 63.
        heard(NOON, rssi=-70, confidence=2),
        heard(NOON + 4, rssi=-73, confidence=1),
        # Second scan, 5 minutes of the clock after the first ended: -10 - -65 = 55.
        heard(NOON + 300, rssi=-65, previous=NOON + 4),
        # Exactly half an hour after the window began: the next window.
        heard(NOON + 1800, rssi=-90, previous=NOON + 1680),
    ]

    found = exposure_windows(KEY, sightings, DEFAULT)

    expected = (
        ExposureWindow(
            time=NOON,
            # (60 + 63) / 2 = 61.5, rounded up.
            scans=(ScanInstance(62, 60, 120), ScanInstance(55, 55, 300)),
            report_type=ReportType.CONFIRMED_TEST,
            infectiousness=Infectiousness.STANDARD,
            calibration_confidence=2,
        ),
        ExposureWindow(
            time=NOON + 1800,
            scans=(ScanInstance(80, 80, 120),),
            report_type=ReportType.CONFIRMED_TEST,
            infectiousness=Infectiousness.STANDARD,
            calibration_confidence=0,
        ),
    )
    assert expected == found


@pytest.mark.parametrize(("gap", "windows"), [(1799, 1), (1800, 2)])
def test_half_an_hour_starts_a_window_and_a_second_less_does_not(
    gap: int, windows: int
) -> None:
    found = exposure_windows(KEY, [heard(NOON), heard(NOON + gap)], DEFAULT)

    assert windows == len(found)


@pytest.mark.parametrize(("gap", "scans"), [(25, 1), (26, 2)])
def test_sightings_25_seconds_apart_are_one_scan_and_26_are_two(
    gap: int, scans: int
) -> None:
    (found,) = exposure_windows(KEY, [heard(NOON), heard(NOON + gap)], DEFAULT)

    assert scans == len(found.scans)


def test_a_scan_stands_for_the_time_before_its_first_sighting() -> None:
    sightings = [
        heard(NOON, previous=NOON - 240),
        heard(NOON + 2, previous=NOON - 60),
    ]

    (found,) = exposure_windows(KEY, sightings, DEFAULT)

    assert (ScanInstance(60, 60, 240),) == found.scans


def test_a_scan_that_the_half_hour_cuts_counts_in_both_windows() -> None:
    sightings = [
        heard(NOON),
        heard(NOON + 1795, previous=NOON + 1500),
        heard(NOON + 1803, previous=NOON + 1500),
    ]

    first, second = exposure_windows(KEY, sightings, DEFAULT)

    # 12:29 - 12:25 is 4 minutes, 12:30 - 12:25 is 5.
    assert ScanInstance(60, 60, 240) == first.scans[-1]
    assert (ScanInstance(60, 60, 300),) == second.scans


def test_an_unbroken_row_of_sightings_is_one_scan_however_long() -> None:
    sightings = [heard(NOON + 20 * number) for number in range(30)]

    (found,) = exposure_windows(KEY, sightings, DEFAULT)

    assert len(found.scans) == 1


def test_sightings_of_one_second_are_one_scan() -> None:
    sightings = [heard(NOON, rssi=-70), heard(NOON, rssi=-71), heard(NOON, rssi=-70)]

    (found,) = exposure_windows(KEY, sightings, DEFAULT)

    # (60 + 61 + 60) / 3 = 60.3.
    assert (ScanInstance(60, 60, 120),) == found.scans


def test_a_clock_that_jumps_back_gives_no_negative_time() -> None:
    sightings = [
        heard(NOON, previous=NOON + 3600),
        heard(NOON - 3600, previous=NOON),
        heard(NOON + 60, previous=NOON),
    ]

    found = exposure_windows(KEY, sightings, DEFAULT)

    assert [one.time for one in found] == [NOON - 3600, NOON]
    assert [scan.seconds_since_last_scan for one in found for scan in one.scans] == [
        120,
        120,
        60,
    ]


def test_a_window_counts_on_the_day_on_which_it_began() -> None:
    last_second = MIDNIGHT + 86_399
    sightings = [heard(last_second), heard(last_second + 300, interval=KEY.start + 143)]

    (found,) = exposure_windows(KEY, sightings, DEFAULT)

    assert found.day == DAY
    assert replace(found, time=last_second + 1).day == DAY + 1
    assert len(found.scans) == 2


def test_a_key_that_nobody_heard_gives_no_window() -> None:
    assert exposure_windows(KEY, [], DEFAULT) == ()


def test_a_stronger_forgery_in_every_scan_hides_a_key_as_in_the_sample() -> None:
    forged = [heard(NOON), heard(NOON + 1, rssi=-60, tx_power=21)]

    assert exposure_windows(KEY, forged, DEFAULT) == ()
    # One scan without a forgery is enough, and then nothing is hidden.
    (found,) = exposure_windows(KEY, [*forged, heard(NOON + 300)], DEFAULT)
    assert len(found.scans) == 2


@pytest.mark.parametrize(
    ("published", "counted"),
    [
        (ReportType.UNKNOWN, ReportType.SELF_REPORT),
        (ReportType.CONFIRMED_TEST, ReportType.CONFIRMED_TEST),
        (
            ReportType.CONFIRMED_CLINICAL_DIAGNOSIS,
            ReportType.CONFIRMED_CLINICAL_DIAGNOSIS,
        ),
        (ReportType.SELF_REPORT, ReportType.SELF_REPORT),
        (ReportType.REVOKED, ReportType.REVOKED),
    ],
)
def test_an_unknown_report_type_counts_as_the_configuration_says(
    published: ReportType, counted: ReportType
) -> None:
    configuration = replace(DEFAULT, report_type_when_missing=ReportType.SELF_REPORT)
    key = diagnosis_key(report_type=published)

    (found,) = exposure_windows(key, [heard(NOON)], configuration)

    assert counted == found.report_type
    assert (counted is not ReportType.REVOKED) == found.is_returnable


def test_a_recursive_key_gives_no_window() -> None:
    key = diagnosis_key(report_type=ReportType.RECURSIVE)

    assert exposure_windows(key, [heard(NOON)], DEFAULT) == ()


@pytest.mark.parametrize(
    ("onset", "infectiousness"),
    [
        (None, Infectiousness.HIGH),
        (-14, Infectiousness.HIGH),
        (-13, Infectiousness.NONE),
        (0, Infectiousness.STANDARD),
        (14, Infectiousness.HIGH),
        (-15, Infectiousness.STANDARD),
        (15, Infectiousness.STANDARD),
    ],
)
def test_days_since_onset_give_the_class_where_they_are_published(
    onset: int | None, infectiousness: Infectiousness
) -> None:
    table = [Infectiousness.NONE] * 29
    table[0], table[14], table[28] = (
        Infectiousness.HIGH,
        Infectiousness.STANDARD,
        Infectiousness.HIGH,
    )
    configuration = replace(
        DEFAULT,
        infectiousness_by_onset=tuple(table),
        infectiousness_when_missing=Infectiousness.STANDARD,
    )
    key = diagnosis_key(onset=onset, infectiousness=Infectiousness.HIGH)

    (found,) = exposure_windows(key, [heard(NOON)], configuration)

    assert infectiousness == found.infectiousness


def test_a_revision_changes_the_report_type_of_all_windows_only() -> None:
    before = exposure_windows(KEY, steadily(NOON, 8), DEFAULT)

    after = with_report_type(before, ReportType.REVOKED)

    assert len(after) == 2
    assert {ReportType.REVOKED} == {one.report_type for one in after}
    assert before == with_report_type(after, ReportType.CONFIRMED_TEST)


@given(encounters(), configurations())
def test_windows_are_those_of_a_second_implementation(
    encounter: Encounter, configuration: ExposureConfiguration
) -> None:
    found = exposure_windows(encounter.key, encounter.sightings, configuration)

    expected = naive_exposure.windows(encounter.key, encounter.sightings, configuration)
    assert expected == [
        {
            "time": one.time,
            "confidence": one.calibration_confidence,
            "type": one.report_type,
            "class": one.infectiousness,
            "scans": scans["scans"],
        }
        for one, scans in zip(found, expected, strict=True)
    ]
    assert [
        [
            (naive_exposure.typical(scan), min(scan["all"]), scan["seconds"])
            for scan in one["scans"]
        ]
        for one in expected
    ] == [
        [
            (
                scan.typical_attenuation,
                scan.minimum_attenuation,
                scan.seconds_since_last_scan,
            )
            for scan in one.scans
        ]
        for one in found
    ]


@given(encounters(), st.randoms(use_true_random=False))
def test_the_order_of_sightings_changes_no_window(
    encounter: Encounter, rng: Random
) -> None:
    shuffled = list(encounter.sightings)
    rng.shuffle(shuffled)

    expected = exposure_windows(encounter.key, encounter.sightings, DEFAULT)

    assert expected == exposure_windows(encounter.key, shuffled, DEFAULT)


@given(encounters())
def test_no_window_is_longer_than_half_an_hour_or_empty(encounter: Encounter) -> None:
    found = exposure_windows(encounter.key, encounter.sightings, DEFAULT)

    for one in found:
        assert one.scans
        assert all(0 <= scan.seconds_since_last_scan <= 300 for scan in one.scans)
        assert all(
            0 <= scan.minimum_attenuation <= scan.typical_attenuation
            for scan in one.scans
        )
    starts = [one.time for one in found]
    assert all(b - a >= 1800 for a, b in pairwise(starts))


@given(st.lists(st.integers(0, 50).map(window), max_size=20), st.text(max_size=4))
def test_a_shuffle_keeps_every_window(windows: list[ExposureWindow], seed: str) -> None:
    shuffled = shuffle(windows, counted_entropy(seed))

    assert Counter(windows) == Counter(shuffled)


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(UsageError, match="tek: expected 16 bytes, got 15"):
        exposure_windows(diagnosis_key(data=bytes(15)), [heard(NOON)], DEFAULT)
