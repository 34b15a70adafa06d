from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.client.phone.database import Database
from cosignal.client.phone.own_keys import (
    SCHEMA,
    OwnKey,
    erase_future_keys,
    erase_old_keys,
    give_out,
    hand_over,
    key_for,
    take_back,
)
from cosignal.protocol.diagnosis_keys import MAX_KEYS, check_upload
from cosignal.protocol.intervals import day_start, interval_at, unix_at
from tests.strategies import DAY, NOW, TODAY, counted_entropy


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "phone", [SCHEMA])


def keys(database: Database, *intervals: int) -> list[OwnKey]:
    entropy = counted_entropy(str(intervals))
    return [key_for(database, interval, entropy) for interval in intervals]


def test_a_key_lasts_a_utc_day(database: Database) -> None:
    first, last, following = keys(database, TODAY + 3, TODAY + 143, TODAY + 144)

    assert (first.start, first.period) == (TODAY, 144)
    assert first == last
    assert (following.start, following.period) == (TODAY + 144, 144)
    assert following.tek != first.tek


def test_a_key_is_there_after_a_restart(tmp_path: Path) -> None:
    database = Database(tmp_path / "phone", [SCHEMA])
    (key,) = keys(database, TODAY)
    database.close()

    (again,) = keys(Database(tmp_path / "phone", [SCHEMA]), TODAY + 9)

    assert key == again


def test_giving_out_ends_todays_key_with_the_interval_on_air(
    database: Database,
) -> None:
    today = interval_at(NOW)
    keys(database, today - DAY, today)

    given_out = give_out(database, 0, NOW)

    assert [(key.start, key.period) for key in given_out] == [
        (day_start(today), today + 1 - day_start(today)),
        (day_start(today - DAY), 144),
    ]
    check_upload(given_out, NOW)
    (same, fresh) = keys(database, today, today + 1)
    assert same.tek == given_out[0].data
    assert (fresh.start, fresh.end) == (today + 1, day_start(today) + DAY)
    assert fresh.tek not in {key.data for key in given_out}


def test_a_key_is_given_out_once(database: Database) -> None:
    keys(database, interval_at(NOW) - DAY, interval_at(NOW))
    first = give_out(database, 0, NOW)
    hand_over(database, first, 1)
    later = NOW + 86400
    keys(database, interval_at(later))

    again = give_out(database, 0, later)

    # What was broadcast of today's second key, and of tomorrow's.
    assert [key.start for key in again] == [day_start(interval_at(later))]


def test_keys_of_an_upload_that_failed_are_given_out_again(database: Database) -> None:
    keys(database, interval_at(NOW) - DAY, interval_at(NOW))
    first = give_out(database, 0, NOW)
    hand_over(database, first, 1)
    assert give_out(database, 0, NOW) == []

    take_back(database, 1)

    assert give_out(database, 0, NOW) == first


def test_only_keys_since_the_infectious_days_are_given_out(database: Database) -> None:
    today = interval_at(NOW)
    keys(database, *(today - days * DAY for days in range(12)))

    given_out = give_out(database, today - 3 * DAY, NOW)

    assert [(today - key.start) // DAY for key in given_out] == [0, 1, 2, 3]


def test_what_is_given_out_may_always_be_uploaded(database: Database) -> None:
    today = interval_at(NOW)
    keys(database, *(today - days * DAY for days in range(25)))
    # A clock was wrong for a while.
    keys(database, today + 400 * DAY)

    given_out = give_out(database, 0, NOW)

    check_upload(given_out, NOW)
    assert 15 <= len(given_out) <= 16


def test_a_phone_reset_often_gives_out_its_newest_keys(database: Database) -> None:
    for minute in range(0, 700, 20):
        keys(database, interval_at(NOW) - 70 + minute // 10)
        with database.write() as connection:
            connection.execute(
                "UPDATE own_keys SET period = 1 WHERE start + period > ?",
                (interval_at(NOW) - 70 + minute // 10,),
            )

    given_out = give_out(database, 0, NOW)

    assert len(given_out) == MAX_KEYS
    assert given_out == sorted(given_out, key=lambda key: -key.start)


def test_old_keys_are_erased(database: Database) -> None:
    today = interval_at(NOW)
    keys(database, *(today - days * DAY for days in (0, 14, 15, 17, 30)))

    assert erase_old_keys(database, NOW) == 2
    assert len(database.read("SELECT * FROM own_keys")) == 3


def test_no_key_shows_in_a_repr(database: Database) -> None:
    (key,) = keys(database, TODAY)

    assert key.tek.hex() not in repr(key)
    assert repr(key.tek) not in repr(key)


@given(
    st.lists(
        st.tuples(st.integers(TODAY - 400, TODAY + 400), st.booleans()), max_size=25
    )
)
def test_every_interval_has_one_key_whatever_the_clock_does(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[int, bool]]
) -> None:
    database = Database(tmp_path_factory.mktemp("keys") / "phone", [SCHEMA])
    entropy = counted_entropy()
    used: dict[int, bytes] = {}
    published: dict[bytes, int] = {}
    for interval, publishes in history:
        key = key_for(database, interval, entropy)
        assert key.start <= interval < key.end
        assert day_start(key.start) == day_start(key.end - 1)
        assert used.setdefault(interval, key.tek) == key.tek
        # Nothing is broadcast with a key after the end that was published.
        assert interval < published.get(key.tek, interval + 1)
        if publishes:
            # Whoever set the clock back loses what was broadcast beyond this interval.
            used = {at: tek for at, tek in used.items() if at <= interval}
            for item in give_out(database, 0, unix_at(interval)):
                published[item.data] = item.end_interval
    rows = database.read("SELECT start, start + period FROM own_keys ORDER BY start")
    for (_, end), (start, _) in pairwise(rows):
        assert end <= start


def test_keys_that_a_wrong_clock_made_ahead_are_erased(database: Database) -> None:
    today = interval_at(NOW)
    made = keys(database, today, today + DAY, today + 3 * DAY, today + 400 * DAY)

    assert erase_future_keys(database, NOW) == 2
    assert keys(database, today, today + DAY) == made[:2]
