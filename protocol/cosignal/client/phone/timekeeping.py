"""How far the phone's own clock may be believed when something is to be erased.

A clock that jumps ahead by a year, and be it for a minute, must not erase everything a
phone remembers. What this module guarantees:

* Time that passes, or that a quorum's word confirms, is believed at once.
* A jump ahead of more than two days is not, until a sync confirms it, or until the
  clock has gone on from there for two more days: a phone that stays offline must
  forget, too.
* A clock that is set back erases nothing.

It decides about erasing only. What a phone broadcasts and writes down carries the time
of its clock, right or wrong; nobody can match what a wrong clock dated.
"""

from typing import Final

from cosignal.client.phone.database import Database

#: A longer silence is taken for a jump of the clock, seconds.
MAX_SILENCE: Final = 2 * 86400

SCHEMA = """
CREATE TABLE clock (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  believed INTEGER NOT NULL,
  doubted INTEGER
)
"""


def time_to_erase_by(database: Database, now: int) -> int:
    """Take note of a reading, and say what time it surely is.

    Args:
        database: The phone's.
        now: The clock's reading, Unix seconds.

    Returns:
        Unix seconds, at most `now` where the clock is in doubt.
    """
    rows = database.read("SELECT believed, doubted FROM clock")
    if not rows:
        _write(database, now, None)
        return now
    ((believed, doubted),) = rows
    if now <= believed:
        return now
    if now - believed <= MAX_SILENCE or _has_gone_on(doubted, now):
        _write(database, now, None)
        return now
    if doubted is None or now < doubted:
        _write(database, believed, now)
    return int(believed)


def confirm_time(database: Database, now: int) -> None:
    """Believe the clock: a quorum's word of the last day agrees with it."""
    _write(database, now, None)


def _has_gone_on(doubted: int | None, now: int) -> bool:
    return doubted is not None and doubted + MAX_SILENCE <= now


def _write(database: Database, believed: int, doubted: int | None) -> None:
    with database.write() as connection:
        connection.execute(
            "INSERT OR REPLACE INTO clock VALUES (1, ?, ?)", (believed, doubted)
        )
