from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.client.phone.database import Database
from cosignal.client.phone.timekeeping import (
    MAX_SILENCE,
    SCHEMA,
    confirm_time,
    time_to_erase_by,
)
from tests.strategies import NOW

DAY = 86400
YEAR = 365 * DAY


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "phone", [SCHEMA])


def readings(database: Database, *times: int) -> list[int]:
    return [time_to_erase_by(database, now) for now in times]


def test_time_that_passes_is_believed(database: Database) -> None:
    times = [NOW, NOW + 600, NOW + DAY, NOW + 2 * DAY]

    assert times == readings(database, *times)


def test_a_jump_ahead_erases_nothing_yet(database: Database) -> None:
    assert readings(database, NOW, NOW + YEAR) == [NOW, NOW]


def test_a_jump_that_was_a_mistake_is_forgotten(database: Database) -> None:
    assert readings(database, NOW, NOW + YEAR, NOW + 60) == [NOW, NOW, NOW + 60]


def test_a_sync_confirms_a_jump(database: Database) -> None:
    readings(database, NOW, NOW + 30 * DAY)
    confirm_time(database, NOW + 30 * DAY)

    assert readings(database, NOW + 30 * DAY + 1) == [NOW + 30 * DAY + 1]


def test_a_phone_that_stays_offline_forgets_two_days_later(database: Database) -> None:
    later = NOW + 30 * DAY
    hours = range(0, 49 * 3600, 6 * 3600)
    found = readings(database, NOW, *(later + passed for passed in hours))

    assert found[:-1] == [NOW] * len(hours)
    assert found[-1] == later + MAX_SILENCE


def test_a_few_jumps_are_no_passing_of_time(database: Database) -> None:
    later = NOW + YEAR

    assert (
        readings(database, NOW, later, later + 2 * DAY + 3600, later + 5 * DAY)
        == [NOW] * 4
    )


def test_a_clock_that_comes_back_clears_the_doubt(database: Database) -> None:
    later = NOW + YEAR
    steps = [later + passed for passed in range(0, 47 * 3600, 6 * 3600)]
    readings(database, NOW, *steps, NOW + 60)

    assert readings(database, steps[-1] + 21_600, steps[-1] + 43_200) == [NOW + 60] * 2


def test_many_readings_in_a_moment_do_not_pass_time(database: Database) -> None:
    readings(database, NOW)

    assert {NOW} == set(readings(database, *range(NOW + YEAR, NOW + YEAR + 900, 10)))


def test_a_clock_that_is_set_back_erases_nothing(database: Database) -> None:
    assert readings(database, NOW, 0, NOW + 5) == [NOW, 0, NOW + 5]


def test_a_phone_set_up_with_a_wrong_clock_erases_nothing_by_the_next_jump(
    database: Database,
) -> None:
    days = [NOW + passed * DAY for passed in range(5)]
    readings(database, NOW + 2 * YEAR, *days)

    assert readings(database, NOW + YEAR, NOW + YEAR + 60) == [NOW, NOW]


def test_a_past_reading_that_goes_on_is_believed_two_days_later(
    database: Database,
) -> None:
    readings(database, NOW + 2 * YEAR, *range(NOW, NOW + 49 * 3600, 6 * 3600))
    later = NOW + 49 * 3600

    assert readings(database, later, later + YEAR) == [later, later]


def test_a_clock_that_was_set_back_for_a_moment_clears_the_doubt(
    database: Database,
) -> None:
    assert readings(database, NOW, NOW - YEAR, NOW + DAY, NOW + YEAR) == [
        NOW,
        NOW - YEAR,
        NOW + DAY,
        NOW + DAY,
    ]


@given(st.lists(st.integers(0, 2 * NOW), min_size=1, max_size=20))
def test_no_time_is_believed_that_no_clock_showed(
    tmp_path_factory: pytest.TempPathFactory, times: list[int]
) -> None:
    database = Database(tmp_path_factory.mktemp("clock") / "phone", [SCHEMA])
    found = readings(database, *times)

    for index, believed in enumerate(found):
        assert believed <= times[index]
        assert believed in times[: index + 1]
