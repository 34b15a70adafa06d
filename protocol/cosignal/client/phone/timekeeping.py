"""How far the phone's own clock may be believed when something is to be erased.

A clock that jumps ahead by a year, and be it for a minute, must not erase everything a
phone remembers. What this module guarantees:

* Time that passes, or that a quorum's word confirms, is believed at once.
* A jump ahead of more than two days is not, until a sync confirms it, or until the
  clock has gone on from there for two more days, with a reading at least twice a day: a
  phone that stays offline must forget, too. A few jumps one after the other are no
  passing of time, and a clock that comes back clears the doubt.
* A clock that is set back erases nothing.

It decides about erasing only. What a phone broadcasts and writes down carries the time
of its clock, right or wrong; nobody can match what a wrong clock dated.
"""

from typing import Final

from cosignal.client.phone.database import Database

#: A longer silence is taken for a jump of the clock, seconds.
MAX_SILENCE: Final = 2 * 86_400
#: Doubted readings this far apart, seconds, show that time passes: a day needs two.
STEP: Final = range(1_800, 43_201)
#: What is noted no more often, seconds: every scan brings a reading.
_GRAIN: Final = 600

SCHEMA = """
CREATE TABLE clock (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  believed INTEGER NOT NULL,
  doubted INTEGER,
  passed INTEGER NOT NULL
)
"""


def time_to_erase_by(database: Database, now: int) -> int:
    """Take note of a reading, and say what time it surely is.

    Args:
        database: The phone's.
        now: The clock's reading, Unix seconds.

    Returns:
        Unix seconds, at most `now`; the last time believed where the clock is in doubt.
    """
    rows = database.read("SELECT believed, doubted, passed FROM clock")
    if not rows:
        _write(database, now)
        return now
    believed, doubted, passed = rows[0]
    if now - believed <= MAX_SILENCE:
        if now - believed >= _GRAIN or doubted is not None:
            _write(database, max(now, believed))
        return now
    step = now - doubted if doubted is not None else 0
    if 0 <= step < STEP.start and doubted is not None:
        return int(believed)
    passed = passed + step if step in STEP else 0
    if passed >= MAX_SILENCE:
        _write(database, now)
        return now
    _write(database, believed, now, passed)
    return int(believed)


def confirm_time(database: Database, now: int) -> None:
    """Believe the clock: a quorum's word of the last day agrees with it."""
    _write(database, now)


def _write(
    database: Database, believed: int, doubted: int | None = None, passed: int = 0
) -> None:
    with database.write() as connection:
        connection.execute(
            "INSERT OR REPLACE INTO clock VALUES (1, ?, ?, ?)",
            (believed, doubted, passed),
        )
