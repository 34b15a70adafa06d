from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.protocol.diagnosis_keys import ReportType
from cosignal.protocol.errors import UsageError
from cosignal.protocol.exposure.configuration import (
    ExposureConfiguration,
    parse_configuration,
)
from cosignal.protocol.exposure.scores import (
    ExposureInformation,
    ExposureSummary,
    bucketized_duration,
    key_exposures,
    risk_score,
    summarize_exposures,
)
from tests.protocol import naive_exposure
from tests.protocol.sample_exposures import (
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

EIGHT = tuple(range(1, 9))
#: Every score is its place, from 1 to 8, so that a score tells which one was taken.
PLACES = replace(
    DEFAULT,
    minimum_risk_score=0,
    attenuation_scores=EIGHT,
    days_scores=EIGHT,
    duration_scores=EIGHT,
    transmission_scores=EIGHT,
)
NOW = MIDNIGHT + 3 * 86_400
EXPOSURE = ExposureInformation(
    date=MIDNIGHT,
    duration_seconds=300,
    attenuation=80,
    attenuation_seconds=(0, 0, 300),
    transmission_risk_level=0,
    risk_score=0,
)


def only(name: str) -> ExposureConfiguration:
    """One of the four scores tells its place, and the others are 1."""
    lines = {
        f"{kind}-scores": "1 1 1 1 1 1 1 1"
        for kind in ("attenuation", "days", "duration", "transmission")
    }
    lines |= {"minimum-risk-score": "0", name: "1 2 3 4 5 6 7 8"}
    text = [line.partition(" ") for line in DEFAULT.text().splitlines()]
    return parse_configuration(
        "".join(f"{key} {lines.get(key, value)}\n" for key, _, value in text)
    )


def test_an_exposure_worked_by_hand() -> None:
    sightings = [
        heard(NOON, rssi=-70),
        # Weaker ones in the same scan change nothing.
        heard(NOON + 3, rssi=-90),
        heard(NOON + 300, rssi=-60),
        heard(NOON + 900, rssi=-84),
    ]

    (found,) = key_exposures(KEY, sightings, PLACES, NOW, transmission_risk_level=3)

    # 900 s and 300 more are 20 minutes. 60 dB for 150 + 300 s, 50 dB for 600 s, and
    # 74 dB for 150 s: (450 * 60 + 600 * 50 + 150 * 74) / 1200 = 68100 / 1200 = 56.75.
    # Thresholds 50 and 74: nothing below 50, 450 + 600 between, 150 at 74 or above.
    # 57 dB is the third place (63 >= 57 > 51), 3 days the seventh (2 to 3), 20 minutes
    # the fifth, level 3 the third: 3 * 7 * 5 * 3 = 315.
    assert (
        ExposureInformation(
            date=MIDNIGHT,
            duration_seconds=1200,
            attenuation=57,
            attenuation_seconds=(0, 1050, 150),
            transmission_risk_level=3,
            risk_score=315,
        )
        == found
    )


@pytest.mark.parametrize(("gap", "exposures"), [(600, 1), (601, 2)])
def test_exactly_ten_minutes_do_not_end_an_exposure(gap: int, exposures: int) -> None:
    sightings = [heard(NOON), heard(NOON + gap)]

    assert exposures == len(key_exposures(KEY, sightings, PLACES, NOW))


@pytest.mark.parametrize(
    ("seconds", "duration"),
    [
        (0, 300),
        (150, 300),
        (151, 600),
        (300, 600),
        (450, 600),
        (451, 900),
        (600, 900),
        (1800, 2100),
    ],
)
def test_durations_are_rounded_to_five_minutes_halves_down(
    seconds: int, duration: int
) -> None:
    assert duration == bucketized_duration(seconds)


@given(st.integers(0, 100_000))
def test_a_duration_is_the_nearest_of_all_multiples(seconds: int) -> None:
    multiples = range(0, 110_000, 300)

    # The first of two that are equally near is the lower one.
    nearest = min(multiples, key=lambda multiple: abs(multiple - seconds - 300))

    assert nearest == bucketized_duration(seconds)


def test_one_sighting_is_an_exposure_of_five_minutes() -> None:
    (found,) = key_exposures(KEY, [heard(NOON)], PLACES, NOW)

    assert (
        found.duration_seconds,
        found.attenuation,
        found.attenuation_seconds,
    ) == (300, 60, (0, 300, 0))


def test_a_half_decibel_is_rounded_up() -> None:
    sightings = [heard(NOON, rssi=-70), heard(NOON + 300, rssi=-71)]

    # (150 + 300) * 60 + 150 * 61 = 36150, and 36150 / 600 = 60.25; with the second as
    # long as the first it is 60.5.
    (quarter,) = key_exposures(KEY, sightings, PLACES, NOW)
    (half,) = key_exposures(KEY, [*sightings, heard(NOON + 600, rssi=-71)], PLACES, NOW)

    assert quarter.attenuation == 60
    assert half.attenuation == 61


def test_of_sightings_within_one_second_the_first_identifier_stands_for_all() -> None:
    early = heard(NOON, rssi=-90, interval=KEY.start + 71)

    (found,) = key_exposures(KEY, [heard(NOON, rssi=-70), early], PLACES, NOW)

    assert found.attenuation == 80


@pytest.mark.parametrize("report_type", [ReportType.REVOKED, ReportType.RECURSIVE])
def test_revoked_and_recursive_keys_give_no_exposure(report_type: ReportType) -> None:
    key = diagnosis_key(report_type=report_type)

    assert key_exposures(key, [heard(NOON)], PLACES, NOW) == ()


@pytest.mark.parametrize(
    ("attenuation", "place"),
    [
        (147, 1), (74, 1), (73, 2), (64, 2), (63, 3), (52, 3), (51, 4), (34, 4),
        (33, 5), (28, 5), (27, 6), (16, 6), (15, 7), (11, 7), (10, 8), (0, 8),
    ],
)  # fmt: skip
def test_each_attenuation_has_its_score(attenuation: int, place: int) -> None:
    exposure = replace(EXPOSURE, attenuation=attenuation)

    assert place == risk_score(exposure, only("attenuation-scores"), NOW)


@pytest.mark.parametrize(
    ("days", "place"),
    [
        (20, 1), (14, 1), (13, 2), (12, 2), (11, 3), (10, 3), (9, 4), (8, 4),
        (7, 5), (6, 5), (5, 6), (4, 6), (3, 7), (2, 7), (1, 8), (0, 8), (-3, 8),
    ],
)  # fmt: skip
def test_each_age_has_its_score(days: int, place: int) -> None:
    configuration = only("days-scores")

    assert place == risk_score(EXPOSURE, configuration, MIDNIGHT + 86_400 * days)
    # The last second of the day.
    later = MIDNIGHT + 86_400 * days + 86_399
    assert place == risk_score(EXPOSURE, configuration, later)


@pytest.mark.parametrize(
    ("minutes", "place"),
    [(0, 1), (5, 2), (10, 3), (15, 4), (20, 5), (25, 6), (30, 7), (35, 8), (600, 8)],
)
def test_each_duration_has_its_score(minutes: int, place: int) -> None:
    exposure = replace(EXPOSURE, duration_seconds=60 * minutes)

    assert place == risk_score(exposure, only("duration-scores"), NOW)


@pytest.mark.parametrize("level", range(1, 9))
def test_each_transmission_risk_level_has_its_score(level: int) -> None:
    exposure = replace(EXPOSURE, transmission_risk_level=level)

    assert level == risk_score(exposure, only("transmission-scores"), NOW)


def test_an_unknown_transmission_risk_level_scores_one() -> None:
    eights = replace(only("transmission-scores"), transmission_scores=(8,) * 8)

    assert risk_score(EXPOSURE, eights, NOW) == 1


@pytest.mark.parametrize(("least", "score"), [(64, 64), (65, 0)])
def test_a_score_below_the_minimum_is_nothing(least: int, score: int) -> None:
    # 4 * 4 * 4 * 1.
    assert score == risk_score(
        EXPOSURE, replace(DEFAULT, minimum_risk_score=least), NOW
    )


def test_the_highest_score_is_4096() -> None:
    eights = replace(
        DEFAULT,
        attenuation_scores=(8,) * 8,
        days_scores=(8,) * 8,
        duration_scores=(8,) * 8,
        transmission_scores=(8,) * 8,
    )

    assert risk_score(replace(EXPOSURE, transmission_risk_level=1), eights, NOW) == 4096


@pytest.mark.parametrize("level", [-1, 9])
def test_a_transmission_risk_level_out_of_range_is_refused(level: int) -> None:
    with pytest.raises(UsageError, match=f"expected 0 to 8, got {level}"):
        key_exposures(KEY, [], PLACES, NOW, transmission_risk_level=level)


def test_people_see_thirty_minutes_at_most() -> None:
    (found,) = key_exposures(KEY, steadily(NOON, 12), PLACES, NOW)

    assert found.duration_seconds == 3600
    assert found.duration_minutes == 30
    assert EXPOSURE.duration_minutes == 5


def test_a_summary_worked_by_hand() -> None:
    first = replace(EXPOSURE, attenuation_seconds=(119, 1000, 1700), risk_score=100)
    second = replace(first, attenuation_seconds=(0, 859, 1700), risk_score=0)
    earlier = replace(first, date=MIDNIGHT - 86_400, risk_score=315)

    summary = summarize_exposures([(first, second), (), (earlier,)], NOW)

    assert (
        ExposureSummary(
            matched_key_count=2,
            days_since_last_exposure=3,
            maximum_risk_score=315,
            summation_risk_score=415,
            # 119 + 0 + 119 = 238 s, 1000 + 859 + 1000 = 2859 s = 47 minutes,
            # 5100 s = 85 minutes.
            attenuation_minutes=(3, 30, 30),
        )
        == summary
    )


def test_a_summary_of_nothing_is_nothing() -> None:
    assert ExposureSummary(0, None, 0, 0, (0, 0, 0)) == summarize_exposures(
        [(), ()], NOW
    )


@pytest.mark.parametrize(
    ("start", "now", "days"),
    [
        (MIDNIGHT, MIDNIGHT + 86_399, 0),
        (MIDNIGHT, MIDNIGHT + 86_400, 1),
        # A key of the afternoon is of yesterday in the morning.
        (NOON, MIDNIGHT + 86_400, 1),
        # A clock behind the key's.
        (MIDNIGHT, MIDNIGHT - 1, 0),
    ],
)
def test_days_since_the_last_exposure_are_days_of_the_calendar(
    start: int, now: int, days: int
) -> None:
    exposure = replace(EXPOSURE, date=start)

    assert days == summarize_exposures([(exposure,)], now).days_since_last_exposure


@given(encounters(), configurations(), st.integers(0, 8), st.integers(-2, 20))
def test_exposures_are_those_of_a_second_implementation(
    encounter: Encounter, configuration: ExposureConfiguration, level: int, days: int
) -> None:
    now = MIDNIGHT + days * 86_400 + 5
    key, sightings = encounter.key, encounter.sightings

    found = key_exposures(
        key, sightings, configuration, now, transmission_risk_level=level
    )

    assert naive_exposure.exposures(key, sightings, configuration, now, level) == [
        (
            one.date,
            one.duration_seconds,
            one.attenuation,
            one.attenuation_seconds,
            one.risk_score,
        )
        for one in found
    ]


@given(encounters(), st.randoms(use_true_random=False))
def test_the_order_of_sightings_changes_no_exposure(
    encounter: Encounter, rng: Random
) -> None:
    shuffled = list(encounter.sightings)
    rng.shuffle(shuffled)

    expected = key_exposures(encounter.key, encounter.sightings, PLACES, NOW)

    assert expected == key_exposures(encounter.key, shuffled, PLACES, NOW)


@given(encounters())
def test_all_time_of_an_exposure_is_on_one_side_of_the_thresholds(
    encounter: Encounter,
) -> None:
    for found in key_exposures(encounter.key, encounter.sightings, PLACES, NOW):
        # Up to the rounding of the duration to five minutes.
        assert abs(sum(found.attenuation_seconds) - found.duration_seconds) <= 150
        assert min(found.attenuation_seconds) >= 0
        assert 1 <= found.risk_score <= 4096
