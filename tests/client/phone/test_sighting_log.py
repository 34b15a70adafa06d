import hashlib
from pathlib import Path
from typing import Any

import pytest

from cosignal.client.phone.database import Database
from cosignal.client.phone.sighting_log import (
    MAX_PER_DAY,
    MAX_PER_SCAN,
    SCHEMA,
    Heard,
    erase_future_sightings,
    erase_old_sightings,
    heard_columns,
    keep_scan,
    parse_sighting,
)
from cosignal.protocol.errors import UsageError
from cosignal.protocol.intervals import day_start, interval_at, unix_at
from tests.strategies import NOW


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "phone", [SCHEMA])


def heard(name: object, rssi: int | None = -60) -> Heard:
    return Heard(hashlib.sha256(str(name).encode()).digest()[:20], rssi)


def rows(database: Database) -> list[tuple[Any, ...]]:
    return database.read("SELECT time, rssi, previous_scan FROM sightings ORDER BY id")


def test_a_scan_is_kept_with_the_time_of_the_one_before(database: Database) -> None:
    first = keep_scan(database, [heard("a", -50), heard("b", -70)], NOW)
    keep_scan(database, [], NOW + 240)
    keep_scan(database, [heard("a", -55)], NOW + 480)

    assert (first.kept, first.refused) == (2, ())
    assert rows(database) == [
        (NOW, -50, None),
        (NOW, -70, None),
        (NOW + 480, -55, NOW + 240),
    ]


def test_a_malformed_broadcast_costs_nobody_else(database: Database) -> None:
    done = keep_scan(
        database,
        [
            heard("a"),
            Heard(b"short", -60),
            Heard(bytes(21), -60),
            heard("b", 127),
            heard("c", -200),
            Heard("x" * 20, -60),  # type: ignore[arg-type]
            heard("e", None),
            heard("f", -60.5),  # type: ignore[arg-type]
            heard("d"),
        ],
        NOW,
    )

    assert done.kept == 2
    assert [problem.partition(":")[0] for problem in done.refused] == [
        "payload",
        "payload",
        "rssi",
        "rssi",
        "payload",
        "rssi",
        "rssi",
    ]
    assert "got 5" in done.refused[0]


def test_a_crowd_of_identifiers_leaves_the_strongest(database: Database) -> None:
    crowd = [heard(number, -100 + number % 50) for number in range(2 * MAX_PER_SCAN)]

    done = keep_scan(database, crowd, NOW)

    assert done.kept == MAX_PER_SCAN
    assert "got 1000" in done.refused[0]
    assert min(rssi for _, rssi, _ in rows(database)) == -75


def test_one_broadcast_that_is_repeated_pushes_nobody_out(database: Database) -> None:
    loud = [heard("loud", -40 - number % 3) for number in range(MAX_PER_SCAN)]

    done = keep_scan(database, [*loud, heard("quiet", -70)], NOW)

    assert (done.kept, done.refused) == (2, ())
    assert rows(database) == [(NOW, -40, None), (NOW, -70, None)]


def test_a_crowd_of_a_whole_day_leaves_the_strongest(database: Database) -> None:
    with database.write() as connection:
        keep_scan(database, [heard("near", -50), heard("far", -99)], NOW)
        connection.executemany(
            "INSERT INTO sightings (time, rssi, identifier, metadata)"
            " VALUES (?, -80, ?, x'00000000')",
            [(NOW + 1, number.to_bytes(16)) for number in range(MAX_PER_DAY - 2)],
        )
        done = keep_scan(database, [heard("late", -60)], NOW + 240)
        next_day = keep_scan(database, [heard("tomorrow", -99)], NOW + 86400)

    assert done.refused == (
        "day: expected at most 30000 broadcasts, got 1 more; the weakest are forgotten",
    )
    assert next_day.refused == ()
    strengths = {rssi for time, rssi, _ in rows(database) if time < NOW + 86400}
    assert strengths == {-50, -60, -80}


def test_what_a_wrong_clock_dated_ahead_is_erased(database: Database) -> None:
    for ahead in (0, 86400, 86401, 400 * 86400):
        keep_scan(database, [heard(ahead)], NOW + ahead)

    assert erase_future_sightings(database, NOW) == 2
    assert [time for time, *_ in rows(database)] == [NOW, NOW + 86400]
    assert database.read("SELECT * FROM scans") == []


@pytest.mark.parametrize(
    "row",
    [
        (NOW, 200, bytes(16), bytes(4), None),
        (NOW, -60, bytes(15), bytes(4), None),
        (-1, -60, bytes(16), bytes(4), None),
        (NOW, None, bytes(16), bytes(4), None),
    ],
)
def test_a_damaged_row_is_no_sighting(row: tuple[object, ...]) -> None:
    assert parse_sighting(row) is None


def test_the_file_takes_no_sighting_that_is_none(database: Database) -> None:
    with pytest.raises(UsageError, match="CHECK"), database.write() as connection:
        connection.execute(
            "INSERT INTO sightings VALUES (1, ?, 200, ?, ?, NULL)",
            (NOW, bytes(16), bytes(4)),
        )


def test_a_clock_that_is_set_back_leaves_the_scan_before_unknown(
    database: Database,
) -> None:
    keep_scan(database, [heard("a")], NOW)
    keep_scan(database, [heard("b")], NOW - 3600)

    assert rows(database)[1] == (NOW - 3600, -60, None)


def test_the_matcher_gets_everything_in_columns(database: Database) -> None:
    keep_scan(database, [heard("a"), heard("b")], NOW)

    columns, numbers = heard_columns(database)

    identifiers = heard("a").payload[:16] + heard("b").payload[:16]
    assert identifiers == columns.identifiers
    assert [interval_at(NOW)] * 2 == columns.intervals.tolist()
    assert numbers.tolist() == [1, 2]


def test_whole_days_are_erased_after_fifteen(database: Database) -> None:
    midnight = unix_at(day_start(interval_at(NOW)))
    oldest_kept = midnight - 15 * 86400
    keep_scan(database, [heard("a")], oldest_kept - 1)
    keep_scan(database, [heard("b")], oldest_kept)

    assert erase_old_sightings(database, NOW) == 1
    assert [time for time, *_ in rows(database)] == [oldest_kept]


def test_what_was_heard_shows_in_no_repr() -> None:
    assert heard("a").payload.hex()[:8] not in repr(heard("a"))
    assert repr(heard("a").payload)[2:10] not in repr(heard("a"))
