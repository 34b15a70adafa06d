"""What the phone has spent on the network, day by day.

What this module guarantees:

* What is booked is what the sockets moved, by kind of file; see `traffic`. It is
  booked once, however much goes on at the same time.
* Booking never takes the place of the error that ended what was counted.
* Days and sums only: not when, not from whom, not which file.

Source: docs/reference/benchmarks.md, "client".
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

import aiohttp

from cosignal.client.phone.database import Database
from cosignal.client.sources import new_session
from cosignal.client.traffic import Account, Amount, Kind, Traffic, total
from cosignal.protocol.errors import CosignalError

DAY_SECONDS: Final = 86_400
#: Days that are kept.
RETENTION_DAYS: Final = 31

SCHEMA = """
CREATE TABLE bandwidth (
  day INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (
    kind IN ('checkpoint', 'entries', 'bodies', 'other', 'uploads', 'connecting')
  ),
  requests INTEGER NOT NULL CHECK (requests >= 0),
  sent INTEGER NOT NULL CHECK (sent >= 0),
  received INTEGER NOT NULL CHECK (received >= 0),
  PRIMARY KEY (day, kind)
) STRICT
"""


@dataclass(frozen=True, slots=True)
class DayTraffic:
    """What one day took.

    Attributes:
        day: Days since 1970-01-01, UTC.
        amounts: By kind of file.
    """

    day: int
    amounts: dict[Kind, Amount]

    @property
    def total(self) -> Amount:
        """All kinds together; connections are no requests."""
        return total(self.amounts)


class Meter:
    """Counts what this process spends, and books it."""

    def __init__(self, database: Database) -> None:
        """Book in `database`."""
        self._database = database
        self._traffic = Traffic()
        #: What is on the disk of all that the sockets moved so far.
        self._booked = Account({})

    def session(self) -> aiohttp.ClientSession:
        """Make a session whose traffic is counted; its caller closes it."""
        return new_session(traffic=self._traffic)

    @contextmanager
    def booked(self, now: int) -> Iterator[None]:
        """Book what was spent by the end of it, whether it led to anything or not.

        Args:
            now: Unix seconds.
        """
        try:
            yield
        except BaseException:
            # What cannot be booked now is booked with the next.
            with suppress(CosignalError):
                self._book(now)
            raise
        self._book(now)

    def _book(self, now: int) -> None:
        spent = self._traffic.snapshot()
        book(self._database, spent.since(self._booked), now)
        self._booked = spent


def book(database: Database, spent: Account, now: int) -> None:
    """Add what was spent to today, and forget what is older than a month.

    Args:
        database: The phone's.
        spent: Since the last time.
        now: Unix seconds.
    """
    day = now // DAY_SECONDS
    with database.write() as connection:
        for kind in Kind:
            item = spent.of_kind(kind)
            if item != Amount():
                connection.execute(
                    "INSERT INTO bandwidth VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
                    " SET requests = requests + excluded.requests,"
                    " sent = sent + excluded.sent,"
                    " received = received + excluded.received",
                    (day, kind, item.requests, item.sent, item.received),
                )
        connection.execute(
            "DELETE FROM bandwidth WHERE day < ?", (day - RETENTION_DAYS,)
        )


def days(database: Database) -> list[DayTraffic]:
    """What was spent, the newest day first."""
    found: dict[int, dict[Kind, Amount]] = {}
    for day, kind, *amount in database.read(
        "SELECT day, kind, requests, sent, received FROM bandwidth ORDER BY day DESC"
    ):
        found.setdefault(day, {})[Kind(kind)] = Amount(*amount)
    return [DayTraffic(day, amounts) for day, amounts in found.items()]
