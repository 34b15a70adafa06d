import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.protocol.intervals import (
    DAY_INTERVALS,
    INTERVAL_SECONDS,
    day_start,
    interval_at,
    unix_at,
)

MOMENTS = st.integers(0, 2**40)


@given(MOMENTS)
def test_every_moment_lies_in_its_interval(unix: int) -> None:
    interval = interval_at(unix)

    assert unix_at(interval) <= unix < unix_at(interval + 1)


@given(MOMENTS)
def test_a_day_starts_at_midnight_utc(interval: int) -> None:
    first = day_start(interval)

    assert unix_at(first) % 86_400 == 0
    assert first <= interval < first + DAY_INTERVALS


@pytest.mark.parametrize(
    ("unix", "interval"), [(0, 0), (599, 0), (600, 1), (1_585_785_600, 2_642_976)]
)
def test_known_moments_have_their_interval(unix: int, interval: int) -> None:
    assert interval == interval_at(unix)


def test_a_day_has_as_many_intervals_as_fit() -> None:
    assert DAY_INTERVALS * INTERVAL_SECONDS == 86_400
