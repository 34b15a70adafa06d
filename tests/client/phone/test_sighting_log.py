import hashlib
from pathlib import Path
from typing import Any

import pytest

from cosignal.client.phone.database import Database
from cosignal.client.phone.sighting_log import (
    MAX_PER_SCAN,
    SCHEMA,
    Heard,
    erase_old_sightings,
    heard_columns,
    keep_scan,
)
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
    assert numbers == [1, 2]


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
