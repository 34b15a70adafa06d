"""The keys that this phone broadcasts from: made, rolled over, given out, erased.

What this module guarantees:

* Every interval belongs to at most one key, whatever the clock does; a key lies within
  one UTC day.
* Once a key was given out for upload, no interval after its stated end is broadcast
  with it: today's key ends with the interval that is on air, and another one follows.
* A key is on the disk before anything derived from it is broadcast.

Keys are erased 15 days after their end, when no authority publishes them any more.

Source: Exposure Notification, Cryptography Specification v1.2, "Temporary Exposure
Key"; docs/reference/protocol.md, "Diagnosis keys".
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from cosignal.client.phone.database import Database
from cosignal.protocol.diagnosis_keys import (
    MAX_AGE_SECONDS,
    MAX_KEYS,
    DiagnosisKey,
    Infectiousness,
    ReportType,
)
from cosignal.protocol.identifiers import TEK_BYTES
from cosignal.protocol.intervals import (
    DAY_INTERVALS,
    Interval,
    day_start,
    interval_at,
)

SCHEMA = """
CREATE TABLE own_keys (
  start INTEGER PRIMARY KEY CHECK (start BETWEEN 0 AND 4294967295),
  period INTEGER NOT NULL CHECK (period BETWEEN 1 AND 144),
  tek BLOB NOT NULL CHECK (length(tek) = 16),
  upload INTEGER NOT NULL DEFAULT 0
) STRICT
"""

Entropy = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class OwnKey:
    """One of this phone's keys.

    Attributes:
        start: First interval in which it is broadcast.
        period: Number of intervals, 1 to 144.
        tek: 16 secret bytes, until they are published.
    """

    start: Interval
    period: int
    tek: bytes = field(repr=False)

    @property
    def end(self) -> Interval:
        """First interval in which it is not broadcast any more."""
        return Interval(self.start + self.period)


def key_for(database: Database, interval: int, entropy: Entropy) -> OwnKey:
    """Find the key of an interval, or make it.

    Args:
        database: The phone's.
        interval: Now, 10-minute units since 1970.
        entropy: Gives as many random bytes as asked for.

    Returns:
        The key that covers the interval; it is on the disk.
    """
    found = _select(database, "WHERE start <= ? AND start + period > ?", interval)
    if found:
        return found[0]
    first, end = _gap(database, interval)
    key = OwnKey(first, end - first, entropy(TEK_BYTES))
    with database.write() as connection:
        connection.execute(
            "INSERT INTO own_keys (start, period, tek) VALUES (?, ?, ?)",
            (key.start, key.period, key.tek),
        )
    return key


def give_out(database: Database, since: int, now: int) -> list[DiagnosisKey]:
    """End today's key, and list the keys that a person may publish.

    Keys that an upload has are left out. Call it and `hand_over` inside the change that
    writes the upload down, so that neither is there without the other.

    Args:
        database: The phone's.
        since: Keys that ended before this interval are not given out.
        now: Unix seconds.

    Returns:
        At most 30 keys, newest first; report type and infectiousness are for the
        authority to set.
    """
    current = interval_at(now)
    oldest = max(since, interval_at(now - MAX_AGE_SECONDS))
    with database.write() as connection:
        connection.execute(
            "UPDATE own_keys SET period = ? + 1 - start"
            " WHERE start <= ? AND start + period > ? + 1",
            (current, current, current),
        )
        keys = _select(
            database,
            "WHERE start <= ? AND start + period > ? AND NOT upload"
            " ORDER BY start DESC LIMIT ?",
            current,
            oldest,
            MAX_KEYS,
        )
    return [
        DiagnosisKey(
            key.tek, key.start, key.period, _ANY_REPORT, Infectiousness.STANDARD
        )
        for key in keys
    ]


def hand_over(database: Database, keys: Iterable[DiagnosisKey], upload: int) -> None:
    """Let an upload have keys.

    Args:
        database: The phone's.
        keys: From `give_out`.
        upload: The upload's number.
    """
    with database.write() as connection:
        connection.executemany(
            "UPDATE own_keys SET upload = ? WHERE start = ?",
            [(upload, key.start) for key in keys],
        )


def take_back(database: Database, upload: int) -> None:
    """Let the keys of an upload that failed be given out again."""
    with database.write() as connection:
        connection.execute("UPDATE own_keys SET upload = 0 WHERE upload = ?", (upload,))


def erase_old_keys(database: Database, now: int) -> int:
    """Erase the keys that no authority publishes any more; say how many."""
    oldest = interval_at(now - MAX_AGE_SECONDS)
    with database.write() as connection:
        done = connection.execute(
            "DELETE FROM own_keys WHERE start + period < ?", (oldest,)
        )
    return done.rowcount


def erase_future_keys(database: Database, now: int) -> int:
    """Erase the keys that a wrong clock made for more than a day ahead.

    Nobody recognises what was broadcast from them, and no authority publishes them.

    Args:
        database: The phone's.
        now: Unix seconds, as a quorum has just confirmed.

    Returns:
        How many keys.
    """
    newest = interval_at(now) + DAY_INTERVALS
    with database.write() as connection:
        done = connection.execute("DELETE FROM own_keys WHERE start > ?", (newest,))
    return done.rowcount


#: What stands in an upload says nothing: the authority knows the report.
_ANY_REPORT: Final = ReportType.CONFIRMED_TEST


def _gap(database: Database, interval: int) -> tuple[Interval, Interval]:
    """The longest time around an interval, within its day, that has no key yet."""
    first = day_start(interval)
    last = first + DAY_INTERVALS
    for key in _select(
        database, "WHERE start < ? AND start + period > ?", last, int(first)
    ):
        if key.end <= interval:
            first = max(first, key.end)
        else:
            last = min(last, key.start)
    return first, Interval(last)


def _select(database: Database, clause: str, *values: int) -> list[OwnKey]:
    marks = clause.count("?")
    rows = database.read(
        f"SELECT start, period, tek FROM own_keys {clause}",  # noqa: S608 - from here
        *(values if len(values) == marks else values * marks),
    )
    return [OwnKey(Interval(start), period, tek) for start, period, tek in rows]
