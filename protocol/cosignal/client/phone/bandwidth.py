"""What the phone has spent on the network, day by day.

What this module guarantees:

* What is booked is what the sockets moved, by kind of file; see `traffic`.
* Days and sums only: not when, not from whom, not which file.

Source: docs/reference/benchmarks.md, "client".
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp

from cosignal.client.phone.database import Database
from cosignal.client.sources import new_session
from cosignal.client.traffic import Account, Amount, Kind, Traffic

DAY_SECONDS: Final = 86_400
#: Days that are kept.
RETENTION_DAYS: Final = 31

SCHEMA = """
CREATE TABLE bandwidth (
  day INTEGER NOT NULL,
  kind TEXT NOT NULL,
  requests INTEGER NOT NULL,
  sent INTEGER NOT NULL,
  received INTEGER NOT NULL,
  PRIMARY KEY (day, kind)
)
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
        spent = sum(self.amounts.values(), Amount())
        opened = self.amounts.get(Kind.CONNECTING, Amount()).requests
        return Amount(spent.requests - opened, spent.sent, spent.received)


class Meter:
    """Counts what this process spends, and books it."""

    def __init__(self, database: Database) -> None:
        """Book in `database`."""
        self._database = database
        self._traffic = Traffic()

    def session(self) -> aiohttp.ClientSession:
        """Make a session whose traffic is counted; its caller closes it."""
        return new_session(traffic=self._traffic)

    @contextmanager
    def booked(self, now: int) -> Iterator[None]:
        """Book what is spent meanwhile, whether it led to anything or not.

        Args:
            now: Unix seconds.
        """
        before = self._traffic.snapshot()
        try:
            yield
        finally:
            book(self._database, self._traffic.snapshot().since(before), now)


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
