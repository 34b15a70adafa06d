"""Which published keys this phone heard, block by block.

What this module guarantees:

* Each block is matched once; what was found, and that it was looked for, is written in
  one change. A phone that dies in between looks again.
* A block whose body was not to be had is looked at when it comes.
* A phone that listens and tidies meanwhile loses nothing: sightings that were erased
  are left out.
* Nothing leaves the phone.

What was found is kept by `heard_keys`; what it means is for `assessment`.
"""

import asyncio
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Final

import numpy as np
import numpy.typing as npt

from cosignal.client.follower import Progress, silent
from cosignal.client.phone.database import Database
from cosignal.client.phone.heard_keys import (
    MAX_OCCURRENCES,
    Finding,
    keep,
    unmatched,
)
from cosignal.client.phone.sighting_log import heard_columns
from cosignal.client.store import Block, Store
from cosignal.protocol.bodies import Body, parse_body
from cosignal.protocol.identifiers import RPI_BYTES
from cosignal.protocol.matching import Hit, KeyColumns, Sightings, match

#: Blocks that are matched in one change: few enough to lose little, many enough that
#: the disk is not what takes the time.
BLOCKS_AT_ONCE: Final = 64

#: Finds hits as `matching.match` does; the app may bring one with threads.
Matcher = Callable[[KeyColumns, Sightings], list[Hit]]
_Rows = npt.NDArray[np.int64]


async def find_encounters(
    database: Database,
    store: Store,
    matcher: Matcher = match,
    progress: Progress = silent,
) -> int:
    """Match every block that was not matched before.

    The matching itself is done in a thread, so that a phone goes on broadcasting.

    Args:
        database: The phone's; used by the caller's thread only.
        store: What it follows.
        matcher: How to match.
        progress: Told about it.

    Returns:
        How many keys were matched against what this phone heard.
    """
    waiting = unmatched(database, store)
    if not waiting:
        return 0
    sightings, rows = heard_columns(database)
    count = 0
    for first in range(0, len(waiting), BLOCKS_AT_ONCE):
        part = waiting[first : first + BLOCKS_AT_ONCE]
        bodies = [
            (block, parse_body(data))
            for block in part
            if (data := store.body(block)) is not None
        ]
        found = await asyncio.to_thread(_search, matcher, bodies, sightings, rows)
        with database.write() as connection:
            for block, findings in found:
                keep(connection, block, findings)
        count += sum(body.count for _, body in bodies)
        progress("matching", first + len(part), len(waiting))
    return count


def _search(
    matcher: Matcher,
    bodies: Sequence[tuple[Block, Body]],
    sightings: Sightings,
    rows: _Rows,
) -> list[tuple[Block, list[Finding]]]:
    return [
        (block, _findings(body, matcher(body.columns(), sightings), sightings, rows))
        for block, body in bodies
    ]


def _findings(
    body: Body, hits: Sequence[Hit], sightings: Sightings, rows: _Rows
) -> list[Finding]:
    """Put together the hits of each key, of all its places in the body."""
    places: dict[bytes, list[int]] = {}
    heard: dict[bytes, set[int]] = {}
    for index, group in groupby(hits, key=lambda hit: hit.key):
        data = body.key_bytes(index)
        places.setdefault(data, []).append(index)
        heard.setdefault(data, set()).update(hit.sighting for hit in group)
    raw = memoryview(sightings.identifiers)
    return [
        Finding(
            tuple(map(body.diagnosis_key, indices[:MAX_OCCURRENCES])),
            tuple(
                (int(rows[one]), bytes(raw[one * RPI_BYTES : (one + 1) * RPI_BYTES]))
                for one in sorted(heard[data])
            ),
        )
        for data, indices in places.items()
    ]
