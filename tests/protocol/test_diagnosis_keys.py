import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.protocol.diagnosis_keys import (
    DEFAULT_INFECTIOUSNESS,
    HOLD_SECONDS,
    MAX_AGE_SECONDS,
    MAX_KEYS,
    DiagnosisKey,
    Infectiousness,
    ReportType,
    check_key,
    check_upload,
    days_since_onset,
    infectiousness_of,
    releasable_at,
)
from cosignal.protocol.errors import InvalidKeyError, UsageError
from cosignal.protocol.intervals import interval_at, unix_at
from tests.strategies import DAY, NOW, TODAY, diagnosis_keys

CURRENT = interval_at(NOW)
OLDEST = interval_at(NOW - MAX_AGE_SECONDS)
SECRET = b"never show these"


def key(start: int = TODAY - DAY, period: int = DAY, number: int = 0) -> DiagnosisKey:
    return DiagnosisKey(
        SECRET[:-1] + bytes([number]),
        start,
        period,
        ReportType.CONFIRMED_TEST,
        Infectiousness.HIGH,
    )


def keys_at(*spans: tuple[int, int]) -> list[DiagnosisKey]:
    return [key(start, period, n) for n, (start, period) in enumerate(spans)]


@given(diagnosis_keys(exact_onset=True))
def test_an_ordinary_key_may_be_published(one: DiagnosisKey) -> None:
    check_key(one, NOW)


@pytest.mark.parametrize(
    "one",
    [
        key(start=CURRENT),
        key(start=CURRENT, period=1),
        key(start=OLDEST - DAY, period=DAY),
        key(start=OLDEST - 1, period=1),
        dataclasses.replace(key(), onset=-14),
        dataclasses.replace(key(), onset=14),
    ],
)
def test_a_key_on_the_edge_of_a_rule_is_valid(one: DiagnosisKey) -> None:
    check_key(one, NOW)


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (
            dataclasses.replace(key(), data=SECRET[:15]),
            "key: expected 16 bytes, got 15",
        ),
        (key(period=0), "period: expected 1 to 144 intervals, got 0"),
        (key(period=-1), "period: expected 1 to 144 intervals, got -1"),
        (key(period=145), "period: expected 1 to 144 intervals, got 145"),
        (key(start=CURRENT + 1), f"start: .* up to {CURRENT}, .* got {CURRENT + 1}"),
        (key(start=OLDEST - DAY - 1), f"end: .* {OLDEST} or later, .* {OLDEST - 1}"),
        (
            dataclasses.replace(key(), onset=15),
            "onset: expected -14 to 14 days, got 15",
        ),
        (dataclasses.replace(key(), onset=-15), "onset: .* got -15"),
    ],
)
def test_a_key_that_breaks_a_rule_is_refused_by_name(
    one: DiagnosisKey, message: str
) -> None:
    with pytest.raises(InvalidKeyError, match=message) as caught:
        check_key(one, NOW)

    assert "never" not in str(caught.value)


def test_a_key_shows_its_bytes_to_no_log() -> None:
    assert "never" not in repr(key())


def test_a_key_is_held_until_two_hours_after_it_ended() -> None:
    one = key()

    assert unix_at(TODAY) + 7200 == releasable_at(one)
    assert HOLD_SECONDS == 7200
    assert one.end_interval == TODAY


def test_fourteen_days_of_keys_are_a_valid_upload() -> None:
    check_upload(keys_at(*((TODAY - day * DAY, DAY) for day in range(14, -1, -1))), NOW)


@pytest.mark.parametrize("count", [0, MAX_KEYS + 1])
def test_an_upload_of_no_or_too_many_keys_is_refused(count: int) -> None:
    keys = keys_at(*((TODAY - i * 72, 72) for i in range(count)))

    with pytest.raises(InvalidKeyError, match=f"expected 1 to 30 .* got {count}"):
        check_upload(keys, NOW)


def test_one_bad_key_is_found_in_an_upload() -> None:
    with pytest.raises(InvalidKeyError, match="period"):
        check_upload([key(), key(TODAY, 0, 1)], NOW)


def test_three_keys_may_share_a_start() -> None:
    check_upload(keys_at((TODAY, 10), (TODAY, DAY), (TODAY, 10)), NOW)


def test_four_keys_with_one_start_are_refused() -> None:
    with pytest.raises(InvalidKeyError, match=f"at most 3 .* got 4 at {TODAY}"):
        check_upload(keys_at(*[(TODAY, 10)] * 4), NOW)


def test_keys_that_touch_do_not_overlap() -> None:
    check_upload(keys_at((TODAY, 10), (TODAY + 10, 10)), NOW)


def test_a_key_inside_the_longest_of_an_earlier_start_is_refused() -> None:
    mixed = keys_at((TODAY, 20), (TODAY, 5), (TODAY + 10, 1))

    with pytest.raises(InvalidKeyError, match="do not overlap"):
        check_upload(mixed, NOW)


def test_the_same_key_twice_in_an_upload_is_refused() -> None:
    with pytest.raises(InvalidKeyError, match="each key once"):
        check_upload([key(TODAY - DAY), key(TODAY)], NOW)


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 40)), min_size=1, max_size=6)
)
def test_an_upload_is_refused_exactly_when_a_pair_overlaps_or_four_share_a_start(
    shapes: list[tuple[int, int]],
) -> None:
    keys = keys_at(*((TODAY - 80 + start, period) for start, period in shapes))
    crossing = any(
        one.start < other.start < one.end_interval for one in keys for other in keys
    )
    starts = [one.start for one in keys]
    crowded = any(starts.count(start) > 3 for start in starts)

    try:
        check_upload(keys, NOW)
        accepted = True
    except InvalidKeyError:
        accepted = False

    assert accepted is not (crossing or crowded)


@pytest.mark.parametrize(
    ("start", "onset", "days"),
    [
        (TODAY, TODAY, 0),
        (TODAY + 143, TODAY, 0),
        (TODAY, TODAY - 1, 1),
        (TODAY, NOW, 0),
    ],
)
def test_days_since_onset_count_midnights(start: int, onset: int, days: int) -> None:
    onset = CURRENT if onset == NOW else onset

    assert days == days_since_onset(start, onset)


def test_infectiousness_follows_the_days_since_onset() -> None:
    classes = "".join(str(int(infectiousness_of(day))) for day in range(-14, 15))

    assert classes == "00000000011122222211111100000"
    assert len(DEFAULT_INFECTIOUSNESS) == 29


def test_infectiousness_of_an_unknown_or_distant_onset_is_defined() -> None:
    assert Infectiousness.STANDARD is infectiousness_of(None)
    assert Infectiousness.HIGH is infectiousness_of(None, missing=Infectiousness.HIGH)
    assert Infectiousness.NONE is infectiousness_of(15)
    assert Infectiousness.NONE is infectiousness_of(-15)


def test_a_network_may_bring_its_own_table() -> None:
    table = [Infectiousness.HIGH] * 29

    assert Infectiousness.HIGH is infectiousness_of(-14, table)
    with pytest.raises(UsageError, match="expected 29 entries, got 28"):
        infectiousness_of(0, table[1:])
