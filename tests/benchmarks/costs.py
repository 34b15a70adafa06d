"""What a day of the chain costs a phone."""

import asyncio

from cosignal.client.traffic import Kind
from cosignal.server.costs.day import live_day
from cosignal.server.costs.scenarios import Scenario
from tests.benchmarks.figures import note
from tests.strategies import NOW

#: Four authorities, each with a block every hour; the phone looks every four hours.
SCENARIO = Scenario(authorities=4, block_hours=1, sync_hours=4, keys=50_000)
SEED = 1


def bytes_per_day() -> float:
    """Bytes of TCP, both ways, that the real client moves to follow one day."""
    day = asyncio.run(live_day(SCENARIO, NOW, SEED))
    for kind in (Kind.BODIES, Kind.ENTRIES, Kind.CHECKPOINT):
        found = day.account.of_kind(kind)
        note(f"{kind}: {found.requests} requests, {found.bytes} bytes")
    return day.account.total.bytes
