"""How far the phone's own clock may be believed when something is to be erased.

A clock that jumps ahead by a year, and be it for a minute, must not erase everything a
phone remembers. What this module guarantees:

* Time that passes, or that a quorum's word confirms, is believed at once.
* A jump of more than two days, ahead or back, is not, until a sync confirms it, or
  until the clock has gone on from there for two more days, with a reading at least
  twice a day: a phone that stays offline must forget, too, and one that was set up with
  a wrong clock must come back. A few jumps one after the other are no passing of time,
  and a clock that returns clears the doubt.
* As long as there is doubt, the earliest time counts that the clock showed in it, or
  that was believed before: a clock that is set back erases nothing.

It decides about erasing only. What a phone broadcasts and writes down carries the time
of its clock, right or wrong; nobody can match what a wrong clock dated.
"""

from typing import Final, NamedTuple

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
  believed INTEGER NOT NULL CHECK (believed BETWEEN 0 AND 4294967295),
  doubted INTEGER CHECK (doubted BETWEEN 0 AND 4294967295),
  earliest INTEGER CHECK (earliest BETWEEN 0 AND 4294967295),
  passed INTEGER NOT NULL CHECK (passed >= 0)
) STRICT
"""


def time_to_erase_by(database: Database, now: int) -> int:
    """Take note of a reading, and say what time it surely is.

    Args:
        database: The phone's.
        now: The clock's reading, Unix seconds.

    Returns:
        Unix seconds, at most `now`; what is surely past where the clock is in doubt.
    """
    rows = database.read("SELECT believed, doubted, earliest, passed FROM clock")
    if not rows:
        _write(database, now)
        return now
    believed, doubted, earliest, passed = rows[0]
    if abs(now - believed) <= MAX_SILENCE:
        if now - believed >= _GRAIN or doubted is not None:
            _write(database, max(now, believed))
        return now
    return _doubt(database, now, believed, _Doubt(doubted, earliest, passed))


def confirm_time(database: Database, now: int) -> None:
    """Believe the clock: a quorum's word of the last day agrees with it."""
    _write(database, now)


class _Doubt(NamedTuple):
    """The newest reading that is not believed, the earliest, and what passed since."""

    reading: int | None = None
    earliest: int | None = None
    passed: int = 0


def _doubt(database: Database, now: int, believed: int, before: _Doubt) -> int:
    """Take note of a reading that is far from the time believed."""
    earliest = now if before.earliest is None else min(now, before.earliest)
    step = 0 if before.reading is None else now - before.reading
    if 0 <= step < STEP.start and before.reading is not None:
        return min(believed, earliest)
    passed = before.passed + step if step in STEP else 0
    if passed >= MAX_SILENCE:
        _write(database, now)
        return now
    _write(database, believed, _Doubt(now, earliest, passed))
    return min(believed, earliest)


_CLEAR: Final = _Doubt()


def _write(database: Database, believed: int, doubt: _Doubt = _CLEAR) -> None:
    with database.write() as connection:
        connection.execute(
            "INSERT OR REPLACE INTO clock VALUES (1, ?, ?, ?, ?)", (believed, *doubt)
        )
