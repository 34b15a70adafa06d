"""Sync from whichever mirror tells the truth, and the newest of it.

What this module guarantees:

* A mirror that lies, stalls, lags or lacks files costs time, never trust: the next one
  is asked, and what was verified so far stays.
* A `PatientSource` is not waited for without end, and no mirror for longer than its
  budget: one that trickles is given up like one that stalls. What it gave is kept.
* A mirror that withholds news is passed over for one that has them: when the quorum's
  newest word is older than it signs without news, another mirror is asked as well.
* Mirrors that failed are asked last, until they serve again.
* Where every mirror that answers has but an old word of the quorum, it is this phone's
  clock that is doubted, and no mirror is blamed.

What may be believed is decided by `follower`; here is only whom to ask.
"""

import asyncio
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final, NoReturn

from cosignal.client.follower import Follower, Progress, Synced, silent
from cosignal.client.phone.database import ClosedError, Database
from cosignal.client.sources import MAX_FILE_BYTES, Source
from cosignal.client.store import Store
from cosignal.protocol.errors import (
    CosignalError,
    FatalError,
    SourceError,
    SplitViewError,
    StaleError,
    UnavailableError,
    UsageError,
)

#: A file of the largest size comes in this time over a slow mobile network.
PATIENCE_SECONDS: Final = 20.0
#: All bodies of two weeks come in this time over a slow mobile network.
BUDGET_SECONDS: Final = 300.0
#: Authorities sign anew every hour, news or not; an older word may hide some.
NEWS_SECONDS: Final = 2 * 3600

SCHEMA = """
CREATE TABLE mirrors (
  name TEXT PRIMARY KEY,
  failed INTEGER NOT NULL
) STRICT
"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of asking one mirror.

    Attributes:
        mirror: Its name, an address.
        synced: What was done; None where it failed.
        error: Why it failed, or what was wrong with a body; None where nothing was.
    """

    mirror: str
    synced: Synced | None = None
    error: CosignalError | None = None


@dataclass(frozen=True, slots=True)
class MirrorsSynced:
    """What came of asking one mirror after the other.

    Attributes:
        synced: The best that one of them gave.
        attempts: All that were asked, in order.
    """

    synced: Synced
    attempts: tuple[Attempt, ...]

    @property
    def evidence(self) -> tuple[bytes, ...]:
        """Files that convict whoever signed two histories; send them to authorities."""
        errors = [attempt.error for attempt in self.attempts]
        return tuple(
            error.evidence for error in errors if isinstance(error, SplitViewError)
        )


class PatientSource:
    """A source that is not waited for without end."""

    def __init__(self, source: Source, seconds: float) -> None:
        """Ask `source`, and give up on a file after so many seconds."""
        self._source = source
        self._seconds = seconds

    @property
    def name(self) -> str:
        """The source's own name."""
        return self._source.name

    async def get(self, path: str, limit: int = MAX_FILE_BYTES) -> bytes:
        """Read a file; see `Source`."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._source.get(path, limit)
        except TimeoutError:
            raise UnavailableError(
                f"{path}: expected it from {self.name} within {self._seconds:g} s, "
                "got none in time",
                advice="Try another mirror, or a better network.",
            ) from None


async def sync_from_mirrors(
    database: Database,
    store: Store,
    mirrors: Sequence[Source],
    now: int,
    *,
    regions: AbstractSet[str] | None = None,
    progress: Progress = silent,
    budget: float = BUDGET_SECONDS,
) -> MirrorsSynced:
    """Catch up with the chain from the first mirrors that serve it.

    What has expired is left for the caller to erase.

    Args:
        database: Remembers who failed.
        store: What the phone follows.
        mirrors: In the order of preference.
        now: Unix seconds.
        regions: Whose bodies to fetch; None for all.
        progress: Told about long work.
        budget: How long one mirror may take for everything, seconds.

    Returns:
        What was done, and by whom.

    Raises:
        UsageError: No mirrors.
        FatalError: The phone's own disk fails; no mirror can help.
        ClosedError: The phone was closed meanwhile.
        StaleError: The quorum's word is old wherever there is one: this phone's clock
            may be more than a day ahead.
        CosignalError: None of them served: the error of the first one asked.
    """
    if not mirrors:
        raise UsageError("mirrors: expected one or more, got none")
    attempts: list[Attempt] = []
    for mirror in _in_order(database, mirrors):
        follower = Follower(
            store, mirror, regions=regions, progress=progress, erase=False
        )
        attempt = await _try(follower, mirror.name, now, budget)
        attempts.append(attempt)
        if attempt.synced is not None and _is_enough(attempt.synced, now):
            break
    done = [attempt.synced for attempt in attempts if attempt.synced is not None]
    for attempt in attempts:
        # A word that is old for a clock that is wrong is nobody's fault.
        if done or not isinstance(attempt.error, StaleError):
            _remember(database, attempt, now)
    if not done:
        _raise_first(attempts)
    return MirrorsSynced(_best(done), tuple(attempts))


async def _try(follower: Follower, name: str, now: int, budget: float) -> Attempt:
    try:
        async with asyncio.timeout(budget):
            synced = await follower.sync(now)
    except TimeoutError:
        error = UnavailableError(
            f"sync: expected all of it from {name} within {budget:g} s, got a part",
            advice="Use another mirror, or a better network; what came is kept.",
        )
        return Attempt(name, error=error)
    except (FatalError, ClosedError):
        raise
    except CosignalError as error:
        return Attempt(name, error=error)
    return Attempt(name, synced, synced.error)


def _raise_first(attempts: Sequence[Attempt]) -> NoReturn:
    """Say why nobody served: by the first one's error, or by this phone's clock."""
    errors = [attempt.error for attempt in attempts if attempt.error is not None]
    stale = [error for error in errors if isinstance(error, StaleError)]
    others = [error for error in errors if not isinstance(error, SourceError)]
    if stale and stale == others:
        raise StaleError(
            f"{stale[0]}; so at every mirror that answered",
            advice="Correct this phone's clock, which may be more than a day ahead; if "
            "it is right, use other mirrors.",
        ) from stale[0]
    raise errors[0]


def _is_enough(synced: Synced, now: int) -> bool:
    """Whether it leaves no reason to ask somebody else."""
    return not synced.missing and now - synced.certified.fresh_time <= NEWS_SECONDS


def _best(done: Sequence[Synced]) -> Synced:
    """The newest word, with what was fetched from all of them."""
    last = max(done, key=lambda synced: synced.certified.fresh_time)
    return Synced(
        last.certified,
        sum(synced.entries for synced in done),
        sum(synced.bodies for synced in done),
        sum(synced.erased for synced in done),
        done[-1].missing,
    )


def _in_order(database: Database, mirrors: Sequence[Source]) -> list[Source]:
    """Those that never failed as they come, then those that failed longest ago."""
    rows = database.read("SELECT name, failed FROM mirrors")
    failed = {str(name): int(at) for name, at in rows}
    return sorted(mirrors, key=lambda mirror: failed.get(mirror.name, 0))


def _remember(database: Database, attempt: Attempt, now: int) -> None:
    with database.write() as connection:
        if attempt.error is None:
            connection.execute("DELETE FROM mirrors WHERE name = ?", (attempt.mirror,))
        else:
            connection.execute(
                "INSERT OR REPLACE INTO mirrors VALUES (?, ?)", (attempt.mirror, now)
            )
