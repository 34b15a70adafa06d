"""Which published keys this phone heard, block by block.

What this module guarantees:

* Each block is matched once; what was found, and that it was looked for, is written in
  one change. A phone that dies in between looks again.
* A block whose body was not to be had is looked at when it comes.
* Encounters are forgotten with their block, and with the sightings they consist of.
* A phone that heard itself, from a wall or a relay, met nobody.
* Nothing leaves the phone.

What an encounter means is for `alerts`.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import numpy as np

from cosignal.client.follower import Progress, silent
from cosignal.client.phone.database import Database
from cosignal.client.phone.sighting_log import COLUMNS, heard_columns
from cosignal.client.store import Block, Store
from cosignal.protocol.bodies import Body, parse_body
from cosignal.protocol.diagnosis_keys import DiagnosisKey, Infectiousness, ReportType
from cosignal.protocol.exposure.sightings import Sighting
from cosignal.protocol.identifiers import TEK_BYTES
from cosignal.protocol.matching import Hit, KeyColumns, Sightings, match

#: Blocks that are matched in one change: few enough to lose little, many enough that
#: the disk is not what takes the time.
BLOCKS_AT_ONCE: Final = 64

SCHEMA = """
CREATE TABLE matched_blocks (
  shard TEXT NOT NULL,
  block INTEGER NOT NULL,
  PRIMARY KEY (shard, block)
);
CREATE TABLE encounters (
  id INTEGER PRIMARY KEY,
  shard TEXT NOT NULL,
  block INTEGER NOT NULL,
  tek BLOB NOT NULL CHECK (length(tek) = 16),
  start INTEGER NOT NULL,
  period INTEGER NOT NULL,
  report_type INTEGER NOT NULL,
  infectiousness INTEGER NOT NULL,
  onset INTEGER,
  FOREIGN KEY (shard, block) REFERENCES matched_blocks ON DELETE CASCADE
);
CREATE INDEX encounters_by_block ON encounters (shard, block);
CREATE TABLE encounter_sightings (
  encounter INTEGER NOT NULL REFERENCES encounters ON DELETE CASCADE,
  sighting INTEGER NOT NULL REFERENCES sightings ON DELETE CASCADE,
  PRIMARY KEY (encounter, sighting)
);
CREATE INDEX encounter_sightings_by_sighting ON encounter_sightings (sighting)
"""

NOTHING: Final = Sightings(b"", np.empty(0, np.int64))

#: Finds hits as `matching.match` does; the app may bring one with threads.
Matcher = Callable[[KeyColumns, Sightings], list[Hit]]


@dataclass(frozen=True, slots=True)
class Encounter:
    """A published key, where it stands, and when it was heard.

    Attributes:
        block: Where it stands.
        key: With what was published about it.
        sightings: All of them, oldest first.
    """

    block: Block
    key: DiagnosisKey
    sightings: tuple[Sighting, ...]


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
    waiting = _unmatched(database, store)
    sightings, rows = heard_columns(database) if waiting else (NOTHING, [])
    count = 0
    for first in range(0, len(waiting), BLOCKS_AT_ONCE):
        part = waiting[first : first + BLOCKS_AT_ONCE]
        bodies = [
            (block, parse_body(data))
            for block in part
            if (data := store.body(block)) is not None
        ]
        found = await asyncio.to_thread(_match_all, matcher, bodies, sightings)
        with database.write():
            for (block, body), hits in zip(bodies, found, strict=True):
                _keep(database, block, body, hits, rows)
                count += body.count
        progress("matching", first + len(part), len(waiting))
    return count


def encounters(database: Database, store: Store) -> list[Encounter]:
    """List the keys heard, in chain order, revoked ones included.

    Args:
        database: The phone's.
        store: What it follows.

    Returns:
        Encounters of blocks that have not expired.
    """
    blocks = {(block.shard, block.index): block for block in store.blocks}
    rows = database.read(
        "SELECT id, shard, block, tek, start, period, report_type, infectiousness,"
        " onset FROM encounters WHERE tek NOT IN (SELECT tek FROM own_keys)"
        " ORDER BY id"
    )
    found = [
        Encounter(blocks[shard, block], _key(key), _sightings(database, number))
        for number, shard, block, *key in rows
        if (shard, block) in blocks
    ]
    order = {place: rank for rank, place in enumerate(blocks)}
    return sorted(found, key=lambda item: order[item.block.shard, item.block.index])


def forget_expired(database: Database, store: Store) -> None:
    """Forget what was found in blocks that have expired."""
    live = {(block.shard, block.index) for block in store.blocks}
    rows = database.read("SELECT shard, block FROM matched_blocks")
    with database.write() as connection:
        connection.executemany(
            "DELETE FROM matched_blocks WHERE shard = ? AND block = ?",
            [place for place in rows if place not in live],
        )
        # Their sightings are gone by their own age; there is nothing left to weigh.
        connection.execute(
            "DELETE FROM encounters"
            " WHERE id NOT IN (SELECT encounter FROM encounter_sightings)"
        )


def _unmatched(database: Database, store: Store) -> list[Block]:
    rows = database.read("SELECT shard, block FROM matched_blocks")
    known = {(shard, block) for shard, block in rows}
    return [item for item in store.blocks if (item.shard, item.index) not in known]


def _match_all(
    matcher: Matcher, bodies: Sequence[tuple[Block, Body]], sightings: Sightings
) -> list[list[Hit]]:
    return [matcher(body.columns(), sightings) for _, body in bodies]


def _keep(
    database: Database, block: Block, body: Body, hits: list[Hit], rows: list[int]
) -> None:
    with database.write() as connection:
        place = (block.shard, block.index)
        connection.execute("INSERT INTO matched_blocks VALUES (?, ?)", place)
        for index, group in groupby(hits, key=lambda hit: hit.key):
            about = body.group_of(index)
            added = connection.execute(
                "INSERT INTO encounters (shard, block, tek, start, period, report_type,"
                " infectiousness, onset) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *place,
                    bytes(body.keys[index * TEK_BYTES : (index + 1) * TEK_BYTES]),
                    about.start,
                    body.columns().periods[index].item(),
                    about.report_type,
                    about.infectiousness,
                    about.onset,
                ),
            )
            connection.executemany(
                "INSERT OR IGNORE INTO encounter_sightings VALUES (?, ?)",
                [(added.lastrowid, rows[hit.sighting]) for hit in group],
            )


def _sightings(database: Database, encounter: int) -> tuple[Sighting, ...]:
    rows = database.read(
        f"SELECT {COLUMNS} FROM sightings JOIN encounter_sightings"  # noqa: S608
        " ON sighting = id WHERE encounter = ? ORDER BY time, id",
        encounter,
    )
    return tuple(Sighting(*row) for row in rows)


def _key(row: Sequence[Any]) -> DiagnosisKey:
    tek, start, period, report_type, infectiousness, onset = row
    return DiagnosisKey(
        tek,
        start,
        period,
        ReportType(report_type),
        Infectiousness(infectiousness),
        onset,
    )
