"""Live through a phone's day: publish, sync, match, and count.

What this module guarantees:

* The phone is the real follower: it verifies every entry, co-signature and body.
* Bytes are those that its sockets moved; processor time is its thread's own, and that
  of the server is in another one.
* The day is an average one: its middle lies in the middle of an entry bundle, because
  what a bundle held before is fetched again.

What was published before the day, and the phone's first sync, are not counted.
"""

import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import thread_time

from cosignal.client.exposures import find_exposures
from cosignal.client.folders import Folder
from cosignal.client.follower import Follower
from cosignal.client.sources import HttpSource
from cosignal.client.store import Store
from cosignal.client.traffic import Account, Traffic
from cosignal.protocol.diagnosis_keys import DiagnosisKey
from cosignal.protocol.errors import FatalError
from cosignal.protocol.intervals import day_start, interval_at, unix_at
from cosignal.protocol.tiles import TILE_WIDTH
from cosignal.server.costs.file_server import served
from cosignal.server.costs.keys import draw_keys, draw_sightings
from cosignal.server.costs.practice_network import PracticeNetwork
from cosignal.server.costs.scenarios import DAY_HOURS, HOUR_SECONDS, Scenario

#: Told how many hours of the day are over.
Progress = Callable[[int], None]

# Blocks of the day before: only their records are still there to be read.
_SHORT_LIFE = 600
_BEFORE = 2 * HOUR_SECONDS


@dataclass(frozen=True, slots=True)
class DayCosts:
    """What a phone's day cost.

    Attributes:
        scenario: Of what.
        account: What went over the wire.
        syncs: How often the phone looked.
        blocks: Blocks published.
        published: Keys in them, dummies included.
        sync_seconds: Processor time to fetch, unpack, verify and keep.
        match_seconds: Processor time to look for encounters.
    """

    scenario: Scenario
    account: Account
    syncs: int
    blocks: int
    published: int
    sync_seconds: float
    match_seconds: float

    @property
    def bytes_per_key(self) -> float:
        """Bytes up and down for each key of a real person."""
        return self.account.total.bytes / self.scenario.keys


def silent(hours: int) -> None:
    """Tell nobody."""


async def live_day(
    scenario: Scenario, now: int, seed: int, progress: Progress = silent
) -> DayCosts:
    """Measure one day.

    Args:
        scenario: Of what.
        now: Unix seconds; the day that is lived through is the one it falls into.
        seed: Decides keys and salts, so that the same seed gives the same bytes.
        progress: Told about every hour.

    Returns:
        What it cost.
    """
    with tempfile.TemporaryDirectory(prefix="cosignal-costs-") as folder:
        rng = random.Random(f"{seed} {scenario}")  # noqa: S311 - keys of nobody
        day = _Day(scenario, Path(folder), now, rng)
        with served(day.network.files) as url, day.phone() as store:
            await day.sync(store, url, day.began, count=False)
            for hour in range(1, DAY_HOURS + 1):
                day.publish(hour)
                if hour % scenario.sync_hours == 0:
                    await day.sync(store, url, day.time_of(hour) + HOUR_SECONDS // 2)
                progress(hour)
    return day.costs()


@dataclass
class _Tally:
    traffic: Traffic = field(default_factory=Traffic)
    syncs: int = 0
    blocks: int = 0
    published: int = 0
    sync_seconds: float = 0.0
    match_seconds: float = 0.0


class _Day:
    """One day of a network and a phone."""

    def __init__(
        self, scenario: Scenario, folder: Path, now: int, rng: random.Random
    ) -> None:
        self._scenario, self._folder = scenario, folder
        today = day_start(interval_at(now))
        self.began = unix_at(today)
        self.network = PracticeNetwork(
            folder / "network",
            scenario.authorities,
            self.began - _BEFORE,
            rng.randbytes,
        )
        self._keys = list(draw_keys(scenario.keys, today, rng))
        self._sightings = draw_sightings(today, rng)
        self._tally = _Tally()
        self._publish_yesterday()

    def time_of(self, hour: int) -> int:
        """When an hour of the day is over, Unix seconds."""
        return self.began + hour * HOUR_SECONDS

    def phone(self) -> Store:
        """A phone that has read nothing yet."""
        return Store(Folder(self._folder / "phone"), self.network.policy)

    def publish(self, hour: int) -> None:
        """Publish what is due at an hour: a block of each authority that has keys."""
        if hour % self._scenario.block_hours:
            return
        turn = hour // self._scenario.block_hours - 1
        for authority, keys in self._batches(turn):
            now = self.time_of(hour) + authority
            self._tally.published += self.network.publish_block(authority, keys, now)
            self._tally.blocks += 1
        self.network.certify(self.time_of(hour) + self._scenario.authorities)

    async def sync(
        self, store: Store, url: str, now: int, *, count: bool = True
    ) -> None:
        """Let the phone catch up, and look for encounters."""
        traffic = self._tally.traffic if count else Traffic()
        before = thread_time()
        async with HttpSource(url, traffic=traffic) as source:
            synced = await Follower(store, source).sync(now)
        between = thread_time()
        find_exposures(store, self._sightings)
        if synced.missing:
            raise FatalError(f"bodies: expected all, got {len(synced.missing)} missing")
        if count:
            self._tally.syncs += 1
            self._tally.sync_seconds += between - before
            self._tally.match_seconds += thread_time() - between

    def costs(self) -> DayCosts:
        """What was counted."""
        tally = self._tally
        return DayCosts(
            self._scenario,
            tally.traffic.snapshot(),
            tally.syncs,
            tally.blocks,
            tally.published,
            tally.sync_seconds,
            tally.match_seconds,
        )

    def _batches(self, turn: int) -> Iterator[tuple[int, Sequence[DiagnosisKey]]]:
        """Share out the day's keys evenly; those of one turn."""
        width = self._scenario.authorities
        for authority in range(width):
            keys = self._keys[turn * width + authority :: self._scenario.blocks]
            if keys:
                yield authority, keys

    def _publish_yesterday(self) -> None:
        """Fill the first bundle so far that the day's middle comes to its middle."""
        blocks = min(self._scenario.blocks, len(self._keys))
        wanted = (TILE_WIDTH // 2 - blocks // 2) % TILE_WIDTH
        for number in range(max(wanted - self.network.size, 0)):
            self.network.publish_block(
                number % self._scenario.authorities,
                self._keys[:1],
                self.began - _BEFORE + number,
                life=_SHORT_LIFE,
            )
        self.network.certify(self.began)
