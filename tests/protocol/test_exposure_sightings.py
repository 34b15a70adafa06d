from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.protocol.errors import UsageError
from cosignal.protocol.exposure.metadata import Metadata
from cosignal.protocol.exposure.sightings import (
    Reading,
    Sighting,
    readings,
    replay_cut,
    strongest_readings,
)
from cosignal.protocol.intervals import unix_at
from tests.protocol.sample_exposures import (
    KEY,
    NOON,
    TODAY,
    Encounter,
    diagnosis_key,
    encounters,
    heard,
    identifier_of,
)

INTERVAL = TODAY + 72


def times(found: tuple[Reading, ...]) -> list[int]:
    return [reading.time - NOON for reading in found]


def late(seconds: int, *, rssi: int = -70, tx_power: int = -10) -> Sighting:
    """The identifier of noon, heard some seconds after noon."""
    return heard(NOON + seconds, rssi=rssi, tx_power=tx_power, interval=INTERVAL)


def test_a_sighting_of_the_key_is_read() -> None:
    (reading,) = readings(KEY, [heard(NOON, rssi=-71, tx_power=-9, confidence=2)])

    assert reading.interval == INTERVAL
    assert reading.time == NOON
    assert Metadata(-9, 2) == reading.metadata
    # -9 minus -71.
    assert reading.attenuation == 62


def test_sightings_of_another_key_and_outside_its_period_are_passed_over() -> None:
    stranger = heard(NOON, key=diagnosis_key(data=bytes(16)))
    short = diagnosis_key(period=72)

    assert readings(KEY, [stranger]) == ()
    assert readings(short, [heard(NOON)]) == ()
    assert len(readings(short, [heard(NOON - 1)])) == 1


@pytest.mark.parametrize(
    ("time", "counts"),
    [
        # 12 intervals before the identifier's own, its first second and the one before.
        (unix_at(INTERVAL - 12), True),
        (unix_at(INTERVAL - 12) - 1, False),
        # 12 intervals after, its last second and the one after.
        (unix_at(INTERVAL + 13) - 1, True),
        (unix_at(INTERVAL + 13), False),
    ],
)
def test_two_hours_early_or_late_count_and_a_second_more_does_not(
    time: int, *, counts: bool
) -> None:
    assert counts == bool(readings(KEY, [heard(time, interval=INTERVAL)]))


def test_the_last_identifier_of_a_key_counts_two_hours_after_its_end() -> None:
    last = TODAY + 143

    assert readings(KEY, [heard(unix_at(last + 13) - 1, interval=last)])


def test_exactly_20_minutes_after_the_first_is_no_replay_and_a_second_more_is() -> None:
    found = readings(KEY, [late(1201), late(1200), late(0), late(600)])

    assert times(found) == [0, 600, 1200]


def test_the_20_minutes_begin_with_the_first_sighting_within_two_hours() -> None:
    too_early = heard(unix_at(INTERVAL - 12) - 1, interval=INTERVAL)

    assert times(readings(KEY, [too_early, late(0), late(1200)])) == [0, 1200]


def test_the_20_minutes_begin_even_with_implausible_metadata() -> None:
    found = readings(KEY, [late(0, tx_power=21), late(1200), late(1201)])

    assert times(found) == [1200]


def test_every_identifier_has_its_own_20_minutes() -> None:
    next_one = heard(NOON + 1500, interval=INTERVAL + 1)

    assert times(readings(KEY, [late(0), late(1500), next_one])) == [0, 1500]


def test_replay_cut_refuses_several_identifiers() -> None:
    with pytest.raises(UsageError, match="expected one identifier, got several"):
        replay_cut([heard(NOON), heard(NOON + 600)])


def test_replay_cut_of_nothing_is_nothing() -> None:
    assert replay_cut([]) == ()


@given(encounters())
def test_a_cut_never_spans_more_than_20_minutes_and_keeps_all_before(
    encounter: Encounter,
) -> None:
    by_identifier: dict[bytes, list[Sighting]] = {}
    for sighting in encounter.sightings:
        by_identifier.setdefault(sighting.identifier, []).append(sighting)

    for group in by_identifier.values():
        first = min(sighting.time for sighting in group)
        kept = replay_cut(group)

        assert sorted(kept, key=hash) == sorted(
            (one for one in group if one.time <= first + 1200), key=hash
        )


@pytest.mark.parametrize("tx_power", [-51, 21])
def test_implausible_power_is_dropped_and_nothing_else(tx_power: int) -> None:
    found = readings(KEY, [heard(NOON, tx_power=tx_power), heard(NOON + 1)])

    assert times(found) == [1]


@pytest.mark.parametrize("bit", range(32))
def test_a_flipped_bit_of_metadata_is_no_error(bit: int) -> None:
    honest = heard(NOON, tx_power=-10)
    flipped = bytearray(honest.encrypted_metadata)
    flipped[bit // 8] ^= 1 << bit % 8
    forged = Sighting(NOON, -70, honest.identifier, bytes(flipped))

    found = readings(KEY, [forged])

    # -10 is 0xF6. The two highest bits of the second byte, when flipped, give 0x76 =
    # 118 and 0xB6 = -74: dropped. All other flips stay within bounds or change only
    # version, confidence and reserved bits.
    assert (bit in {14, 15}) == (found == ())


def test_readings_of_one_second_are_ordered_by_interval_and_then_by_strength() -> None:
    early = heard(NOON, interval=INTERVAL - 1, rssi=-60)
    weak, strong = heard(NOON, rssi=-80), heard(NOON, rssi=-70)

    found = readings(KEY, [strong, weak, early])

    assert [early, weak, strong] == [reading.sighting for reading in found]


@given(encounters(), st.randoms(use_true_random=False))
def test_the_order_of_sightings_changes_nothing(
    encounter: Encounter, rng: Random
) -> None:
    shuffled = list(encounter.sightings)
    rng.shuffle(shuffled)

    expected = readings(encounter.key, encounter.sightings)
    strongest = strongest_readings(encounter.key, encounter.sightings)

    assert expected == readings(encounter.key, shuffled)
    assert strongest == strongest_readings(encounter.key, shuffled)


def test_the_strongest_sighting_of_each_scan_is_taken() -> None:
    # 0, 25 and 50 are one scan, since each is within 25.5 s of the one before.
    found = strongest_readings(
        KEY,
        [late(0, rssi=-80), late(25, rssi=-60), late(50, rssi=-70), late(76, rssi=-90)],
    )

    assert times(found) == [25, 76]


def test_the_first_of_equally_strong_sightings_is_taken() -> None:
    assert times(strongest_readings(KEY, [late(1), late(0)])) == [0]


def test_two_identifiers_in_one_scan_leave_a_reading_each() -> None:
    found = strongest_readings(KEY, [late(599), heard(NOON + 600)])

    assert times(found) == [599, 600]


def test_an_implausible_strongest_sighting_takes_its_scan_with_it() -> None:
    forged = [late(0), late(1, rssi=-60, tx_power=21), late(300)]

    assert times(strongest_readings(KEY, forged)) == [300]
    assert times(readings(KEY, forged)) == [0, 300]


@pytest.mark.parametrize(
    ("previous", "seconds"),
    [
        (None, 120),
        (0, 120),
        # The same minute of the clock, though 59 seconds lie between.
        (NOON, 0),
        # One second, but another minute.
        (NOON - 1, 60),
        (NOON - 240, 240),
        (NOON - 241, 300),
        (NOON - 300, 300),
        (NOON - 86_400, 300),
        # A clock that was set back.
        (NOON + 60, 120),
    ],
)
def test_seconds_since_the_last_scan_are_minutes_of_the_clock(
    previous: int | None, seconds: int
) -> None:
    assert seconds == heard(NOON + 59, previous=previous).seconds_since_last_scan


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"time": -1}, "time: expected 0 to .* Unix seconds, got -1"),
        ({"time": 600 << 32}, "time: expected 0 to 2576980377599 Unix seconds"),
        ({"previous_scan": -1}, "previous_scan: expected 0 to .*, got -1"),
        ({"rssi": -128}, "rssi: expected -127 to 126 dBm, got -128"),
        ({"rssi": 127}, "rssi: expected -127 to 126 dBm, got 127"),
        ({"identifier": bytes(15)}, "identifier: expected 16 bytes, got 15"),
        (
            {"encrypted_metadata": bytes(5)},
            "encrypted_metadata: expected 4 bytes, got 5",
        ),
    ],
)
def test_what_no_radio_hears_is_refused(wrong: dict[str, object], message: str) -> None:
    honest: dict[str, object] = {
        "time": NOON,
        "rssi": -70,
        "identifier": bytes(16),
        "encrypted_metadata": bytes(4),
    }

    with pytest.raises(UsageError, match=message):
        Sighting(**(honest | wrong))  # type: ignore[arg-type]


def test_a_strength_that_is_not_available_has_advice() -> None:
    with pytest.raises(UsageError) as caught:
        Sighting(NOON, 127, bytes(16), bytes(4))

    assert "keep no such sighting" in caught.value.advice


def test_a_positive_strength_is_accepted() -> None:
    (reading,) = readings(KEY, [heard(NOON, rssi=5, tx_power=-10)])

    assert reading.attenuation == 0


def test_nothing_that_was_heard_stands_in_a_repr() -> None:
    sighting = heard(NOON)
    (reading,) = readings(KEY, [sighting])
    secrets = [identifier_of(KEY.data, INTERVAL), sighting.encrypted_metadata]

    for shown in (repr(sighting), repr(reading)):
        assert [s for s in secrets if s.hex() in shown or repr(s) in shown] == []
