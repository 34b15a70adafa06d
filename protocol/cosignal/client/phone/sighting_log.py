"""What this phone heard, for as long as it can still mean anything.

What this module guarantees:

* One scan is one change: all that was heard in it, and that it took place.
* What cannot be an identifier is left out and counted; it never costs the others.
* One broadcast that is heard again and again in a scan is kept once, at its strongest:
  it pushes nobody out.
* A crowd of made-up identifiers fills no disk: of each scan the strongest 500 are kept,
  and of each UTC day the strongest 30,000, some 35 MB in all.
* A row that is damaged is left out, alone.
* Nothing here says who was heard, until somebody publishes a key.

Source: Exposure Notification, Bluetooth Specification v1.2, "Scanning Behavior".
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from sqlite3 import Connection
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cosignal.client.phone.broadcast import PAYLOAD_BYTES
from cosignal.client.phone.database import Database
from cosignal.protocol.errors import UsageError
from cosignal.protocol.exposure.sightings import Sighting
from cosignal.protocol.identifiers import RPI_BYTES
from cosignal.protocol.intervals import (
    DAY_INTERVALS,
    INTERVAL_SECONDS,
    day_start,
    interval_at,
    unix_at,
)
from cosignal.protocol.matching import Sightings

DAY_SECONDS: Final = 86_400
#: Days before today whose sightings are kept. An encounter counts for 14 days at most;
#: one day more keeps it whole where it began the evening before.
RETENTION_DAYS: Final = 15
MAX_PER_SCAN: Final = 500
#: 80 strangers in each of a day's 360 scans, or four hours in a crowd of 500.
MAX_PER_DAY: Final = 30_000

#: Rows that are read at once for the matcher.
_ROWS_AT_ONCE: Final = 1 << 16

#: In the order of the fields of a `Sighting`.
COLUMNS: Final = "time, rssi, identifier, metadata, previous_scan"

SCHEMA = """
CREATE TABLE sightings (
  id INTEGER PRIMARY KEY,
  time INTEGER NOT NULL CHECK (time BETWEEN 0 AND 4294967295),
  rssi INTEGER NOT NULL CHECK (rssi BETWEEN -127 AND 126),
  identifier BLOB NOT NULL CHECK (length(identifier) = 16),
  metadata BLOB NOT NULL CHECK (length(metadata) = 4),
  previous_scan INTEGER CHECK (previous_scan BETWEEN 0 AND 4294967295)
) STRICT;
CREATE INDEX sightings_by_time ON sightings (time);
CREATE TABLE scans (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  last INTEGER NOT NULL CHECK (last BETWEEN 0 AND 4294967295)
) STRICT
"""


@dataclass(frozen=True, slots=True)
class Heard:
    """One advertisement of the Exposure Notification service.

    Attributes:
        payload: Its service data, 20 bytes if it is well formed.
        rssi: Received strength, dBm, from `metadata.calibrated_rssi`; None if the radio
            does not know it, and then it is not kept.
    """

    payload: bytes = field(repr=False)
    rssi: int | None


@dataclass(frozen=True, slots=True)
class Scanned:
    """What became of a scan.

    Attributes:
        kept: How many broadcasts were written down; repeats within a scan are one.
        refused: Why others were not, in the order they were heard.
    """

    kept: int
    refused: tuple[str, ...]


def keep_scan(database: Database, heard: Iterable[Heard], now: int) -> Scanned:
    """Write a scan down.

    Args:
        database: The phone's.
        heard: Everything that the radio reported, in any order.
        now: When the scan took place, Unix seconds.

    Returns:
        What was kept.
    """
    refused: list[str] = []
    with database.write() as connection:
        before = _previous_scan(database, now)
        kept = _strongest_of_each(_well_formed(heard, now, before, refused))
        if len(kept) > MAX_PER_SCAN:
            refused.append(
                f"scan: expected at most {MAX_PER_SCAN} broadcasts, got {len(kept)}; "
                "the weakest are left out"
            )
            del kept[MAX_PER_SCAN:]
        connection.executemany(
            f"INSERT INTO sightings ({COLUMNS}) VALUES (?, ?, ?, ?, ?)",  # noqa: S608
            [
                (item.time, item.rssi, item.identifier, item.encrypted_metadata, before)
                for item in kept
            ],
        )
        if surplus := _drop_weakest(connection, now):
            refused.append(
                f"day: expected at most {MAX_PER_DAY} broadcasts, got {surplus} more; "
                "the weakest are forgotten"
            )
        connection.execute("INSERT OR REPLACE INTO scans VALUES (1, ?)", (now,))
    return Scanned(len(kept), tuple(refused))


def heard_columns(database: Database) -> tuple[Sightings, npt.NDArray[np.int64]]:
    """Give everything heard to the matcher.

    Args:
        database: The phone's.

    Returns:
        The columns, and the number of each sighting's row: Shape (m,), int64.
    """
    numbers, times = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    identifiers, last = bytearray(), -1
    while rows := database.read(
        "SELECT id, time, identifier FROM sightings WHERE id > ? ORDER BY id LIMIT ?",
        last,
        _ROWS_AT_ONCE,
    ):
        numbers.append(np.array([number for number, _, _ in rows], np.int64))
        times.append(np.array([time for _, time, _ in rows], np.int64))
        identifiers += b"".join([identifier for _, _, identifier in rows])
        last = rows[-1][0]
    intervals = np.concatenate(times) // INTERVAL_SECONDS
    return Sightings(bytes(identifiers), intervals), np.concatenate(numbers)


def parse_sighting(row: Sequence[Any]) -> Sighting | None:
    """Read a row.

    Args:
        row: `COLUMNS`.

    Returns:
        The sighting; None for one that is damaged.
    """
    try:
        return Sighting(*row)
    except (UsageError, TypeError):
        return None


def erase_old_sightings(database: Database, now: int) -> int:
    """Erase whole days that are over since 15 days; say how many sightings."""
    oldest = unix_at(day_start(interval_at(now)) - RETENTION_DAYS * DAY_INTERVALS)
    with database.write() as connection:
        done = connection.execute("DELETE FROM sightings WHERE time < ?", (oldest,))
    return done.rowcount


def erase_future_sightings(database: Database, now: int) -> int:
    """Erase what a clock that was wrong dated more than a day ahead.

    Args:
        database: The phone's.
        now: Unix seconds, as a quorum has just confirmed.

    Returns:
        How many sightings.
    """
    with database.write() as connection:
        done = connection.execute(
            "DELETE FROM sightings WHERE time > ?", (now + DAY_SECONDS,)
        )
        connection.execute("DELETE FROM scans WHERE last > ?", (now + DAY_SECONDS,))
    return done.rowcount


def _strongest_of_each(sightings: Iterable[Sighting]) -> list[Sighting]:
    """Each broadcast once, the strongest first."""
    found: dict[tuple[bytes, bytes], Sighting] = {}
    for item in sightings:
        name = item.identifier, item.encrypted_metadata
        if name not in found or item.rssi > found[name].rssi:
            found[name] = item
    return sorted(found.values(), key=lambda item: -item.rssi)


def _drop_weakest(connection: Connection, now: int) -> int:
    """Keep no more than a day's share; say how many are too many."""
    start = unix_at(day_start(interval_at(now)))
    day = start, start + DAY_SECONDS
    (count,) = connection.execute(
        "SELECT count(*) FROM sightings WHERE time >= ? AND time < ?", day
    ).fetchone()
    if count <= MAX_PER_DAY:
        return 0
    connection.execute(
        "DELETE FROM sightings WHERE id IN (SELECT id FROM sightings"
        " WHERE time >= ? AND time < ? ORDER BY rssi, id DESC LIMIT ?)",
        (*day, count - MAX_PER_DAY),
    )
    return int(count - MAX_PER_DAY)


def _well_formed(
    heard: Iterable[Heard], now: int, before: int | None, refused: list[str]
) -> Iterator[Sighting]:
    for item in heard:
        problem = _problem(item)
        if problem:
            refused.append(problem)
            continue
        identifier, metadata = item.payload[:RPI_BYTES], item.payload[RPI_BYTES:]
        try:
            yield Sighting(now, int(item.rssi or 0), identifier, metadata, before)
        except UsageError as error:
            refused.append(str(error))


def _problem(item: Heard) -> str:
    """What no radio reports, but an app's mistake may; it must not cost the others."""
    payload: object = item.payload
    rssi: object = item.rssi
    if not isinstance(payload, bytes):
        return f"payload: expected {PAYLOAD_BYTES} bytes, got {type(payload).__name__}"
    if len(payload) != PAYLOAD_BYTES:
        return f"payload: expected {PAYLOAD_BYTES} bytes, got {len(payload)}"
    if not isinstance(rssi, int):
        return f"rssi: expected whole dBm, got {type(rssi).__name__}"
    return ""


def _previous_scan(database: Database, now: int) -> int | None:
    """When the scan before took place; None when a clock was set back since."""
    rows = database.read("SELECT last FROM scans")
    return int(rows[0][0]) if rows and rows[0][0] <= now else None
