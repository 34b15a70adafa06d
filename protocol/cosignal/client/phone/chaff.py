"""Fake uploads, at times that say nothing, so that a real one says nothing either.

What this module guarantees:

* The times are a Poisson process: how long the next one takes does not depend on when
  the last one was, nor on anything that the phone or its owner does. A restart does not
  draw again, for the next time is on the disk. A clock that is set back does; what is
  drawn later from the same process is as good.
* A time that passed while nobody called is used within `LATE_SECONDS`, and after that
  skipped; however many were missed, one upload follows at most.
* Real uploads are never asked about. Whether a fake one is put off is up to battery and
  network alone, in the same way as for a real one that waits for such a time.

A fake upload is carried on by `uploads.advance` like a real one: the same requests, of
the same sizes, at the same distances, repeated alike after failures.

What a real one at once adds is one upload beyond the process, at a moment when its
owner holds the phone. `take_slot` adds nothing: the real one takes a fake one's place.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from cosignal.client.phone.database import Database
from cosignal.client.phone.own_keys import Entropy
from cosignal.client.phone.pacing import exponential
from cosignal.client.phone.upload_jobs import State, add_job
from cosignal.protocol.errors import UsageError

SCHEMA: Final = """
CREATE TABLE chaff (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    drawn INTEGER NOT NULL,
    next_time INTEGER NOT NULL
) STRICT;
"""
DAY_SECONDS: Final = 86_400
#: More would cost people money, and authorities more than real uploads do.
MOST_PER_DAY: Final = 24.0
#: A phone that sleeps wakes an app every few hours; a time is good for so long.
LATE_SECONDS: Final = 4 * 3600
#: Waits are at most 36.8 means; a longer one comes from a clock that was wrong.
_LONGEST_MEANS: Final = 37


class Network(Enum):
    """What the phone is connected to."""

    NONE = "none"
    METERED = "metered"
    UNMETERED = "unmetered"


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the app knows about the phone at the moment.

    Attributes:
        battery: Charge, 0 to 1.
        charging: Whether it is plugged in.
        network: What it is connected to.
    """

    battery: float
    charging: bool
    network: Network

    def good(self, *, least_battery: float = 0.2, metered: bool = True) -> bool:
        """Whether an upload that can wait may begin.

        Args:
            least_battery: Charge below which it waits for the charger.
            metered: Whether a network that costs may be used; an upload takes about
                30 kB both ways.

        Returns:
            The answer for fake uploads and for real ones that took a slot.
        """
        powered = self.charging or self.battery >= least_battery
        network = self.network is Network.UNMETERED or (
            metered and self.network is Network.METERED
        )
        return powered and network


#: The app's hook: asked whenever something that can wait is due.
ConditionsNow = Callable[[], Conditions]


def check_rate(per_day: float) -> None:
    """Refuse a rate that says too much, or costs too much.

    Args:
        per_day: Fake uploads a day, on average.

    Raises:
        UsageError: It is not above 0 and up to `MOST_PER_DAY`.
    """
    if not 0 < per_day <= MOST_PER_DAY:
        raise UsageError(
            f"per_day: expected more than 0 and up to {MOST_PER_DAY}, got {per_day}",
            advice="Without fake uploads a real one shows that somebody is ill.",
        )


def plan(database: Database, now: int, entropy: Entropy, per_day: float) -> int:
    """Begin a fake upload if its time has come, and draw the time of the next one.

    `uploads.due` then lists it, once conditions are good. Call this whenever the app
    runs.

    Args:
        database: The phone's.
        now: Unix seconds.
        entropy: Gives as many random bytes as asked for.
        per_day: Fake uploads a day, on average.

    Returns:
        When to call again, Unix seconds.

    Raises:
        UsageError: `per_day` is not above 0 and up to `MOST_PER_DAY`.
    """
    with database.write():
        slot = _slot(database, now, entropy, per_day)
        if now < slot:
            return slot
        if now - slot <= LATE_SECONDS and not _is_waiting(database):
            add_job(database, now, fake=True, patient=True)
        return _draw(database, now, entropy, per_day)


def take_slot(
    database: Database, now: int, entropy: Entropy, per_day: float, before: int
) -> int | None:
    """Give the next fake upload's time to a real one.

    Args:
        database: The phone's.
        now: Unix seconds.
        entropy: Gives as many random bytes as asked for.
        per_day: Fake uploads a day, on average.
        before: When the code ends, Unix seconds; leave some time for failures.

    Returns:
        The time, for `uploads.begin`, and no fake upload comes then; None where it is
        too late for the code, or more than a day away.

    Raises:
        UsageError: `per_day` is not above 0 and up to `MOST_PER_DAY`.
    """
    with database.write():
        slot = _slot(database, now, entropy, per_day)
        if slot <= now:
            slot = _draw(database, now, entropy, per_day)
        if slot >= min(before, now + DAY_SECONDS):
            return None
        _draw(database, now, entropy, per_day, since=slot)
        return slot


def _slot(database: Database, now: int, entropy: Entropy, per_day: float) -> int:
    """The next time, drawn now where there is none that can be believed."""
    check_rate(per_day)
    longest = _LONGEST_MEANS * DAY_SECONDS / per_day
    for drawn, following in database.read("SELECT drawn, next_time FROM chaff"):
        # What was drawn later than now was drawn by a clock that was wrong.
        if drawn <= now and following - now <= longest:
            return int(following)
    return _draw(database, now, entropy, per_day)


def _draw(
    database: Database,
    now: int,
    entropy: Entropy,
    per_day: float,
    *,
    since: int | None = None,
) -> int:
    wait = round(exponential(entropy, DAY_SECONDS / per_day))
    following = (now if since is None else since) + wait
    with database.write() as connection:
        connection.execute(
            "INSERT OR REPLACE INTO chaff VALUES (1, ?, ?)", (now, following)
        )
    return following


def _is_waiting(database: Database) -> bool:
    """Whether a fake upload is still put off: a second one would make a burst."""
    return bool(
        database.read(
            "SELECT 1 FROM upload_jobs WHERE fake AND patient AND state = ?",
            State.REDEEM,
        )
    )
