"""Published keys that this phone heard: where they stand, and by which sightings.

What this module guarantees:

* That a block was looked at is written in one change with what was found in it.
* A key is kept once, with all its sightings, however often it was published; of each
  authority's publications of it the first 16 are kept. Another authority's copies push
  none of them out.
* A key's 16 bytes go when the last block that holds it expires. Its hash and what was
  said of it stay until its last sighting is erased, so that "as it was first published"
  and "revoked" outlive the blocks that said so: a later copy changes neither.
* What is damaged is left out, alone.

The hash tells nothing that the sightings beside it do not tell: whoever kept the
published keys can find them by either, and both are erased together.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from sqlite3 import Connection
from typing import Any, Final

import msgspec

from cosignal.client.phone.database import Database
from cosignal.client.phone.sighting_log import COLUMNS, parse_sighting
from cosignal.client.store import Block, Store
from cosignal.protocol.diagnosis_keys import DiagnosisKey, Infectiousness, ReportType
from cosignal.protocol.exposure.sightings import Sighting

#: Publications of one key by one authority that are kept: a key is revised once.
MAX_OCCURRENCES: Final = 16

_TAG: Final = b"cosignal/heard-key/v1\n"

SCHEMA: Final = """
CREATE TABLE matched_blocks (
  shard TEXT NOT NULL,
  block INTEGER NOT NULL CHECK (block >= 0),
  PRIMARY KEY (shard, block)
) STRICT, WITHOUT ROWID;
CREATE TABLE heard_keys (
  id INTEGER PRIMARY KEY,
  mark BLOB NOT NULL UNIQUE CHECK (length(mark) = 32),
  tek BLOB CHECK (length(tek) = 16)
) STRICT;
CREATE TABLE occurrences (
  id INTEGER PRIMARY KEY,
  key INTEGER NOT NULL REFERENCES heard_keys ON DELETE CASCADE,
  shard TEXT NOT NULL,
  block INTEGER NOT NULL CHECK (block >= 0),
  issuer TEXT NOT NULL,
  region TEXT NOT NULL,
  commitment BLOB NOT NULL CHECK (length(commitment) = 32),
  start INTEGER NOT NULL CHECK (start BETWEEN 0 AND 4294967295),
  period INTEGER NOT NULL CHECK (period BETWEEN 1 AND 144),
  report_type INTEGER NOT NULL CHECK (report_type BETWEEN 0 AND 5),
  infectiousness INTEGER NOT NULL CHECK (infectiousness BETWEEN 0 AND 2),
  onset INTEGER CHECK (onset BETWEEN -14 AND 14)
) STRICT;
CREATE INDEX occurrences_by_key ON occurrences (key, issuer);
CREATE INDEX occurrences_by_block ON occurrences (shard, block);
CREATE TABLE key_sightings (
  key INTEGER NOT NULL REFERENCES heard_keys ON DELETE CASCADE,
  sighting INTEGER NOT NULL REFERENCES sightings ON DELETE CASCADE,
  PRIMARY KEY (key, sighting)
) STRICT, WITHOUT ROWID;
CREATE INDEX key_sightings_by_sighting ON key_sightings (sighting)
"""


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A block on the chain.

    Attributes:
        shard: Where it stands.
        index: Its entry there.
        issuer: Authority that published it.
        region: Where its keys matter.
        commit: Its commitment, 32 bytes.
    """

    shard: str
    index: int
    issuer: str
    region: str
    commit: bytes


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A key as one block publishes it.

    Attributes:
        order: Greater for what stands later on the chain.
        place: The block.
        key: With what is said of it there.
    """

    order: tuple[int, int]
    place: Place
    key: DiagnosisKey


@dataclass(frozen=True, slots=True)
class HeardKey:
    """A published key, and when it was heard.

    Attributes:
        occurrences: In chain order, those of revoked and of expired blocks included.
        sightings: Oldest first.
    """

    occurrences: tuple[Occurrence, ...]
    sightings: tuple[Sighting, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """A key of one block that was heard.

    Attributes:
        keys: As the block publishes it, maybe more than once.
        sightings: Row and identifier of each of its sightings.
    """

    keys: tuple[DiagnosisKey, ...]
    sightings: tuple[tuple[int, bytes], ...]


def place_of(block: Block) -> Place:
    """Where a block stands, and whose it is."""
    record = block.record
    return Place(block.shard, block.index, record.issuer, record.region, record.commit)


def keep(connection: Connection, block: Block, findings: Iterable[Finding]) -> None:
    """Write down that a block was looked at, and what was found.

    Sightings that were erased since are left out.

    Args:
        connection: In a change.
        block: The block.
        findings: What of it was heard, each key once.
    """
    connection.execute(
        "INSERT OR IGNORE INTO matched_blocks VALUES (?, ?)", (block.shard, block.index)
    )
    for finding in findings:
        number = _keep_key(connection, finding.keys[0].data)
        connection.executemany(
            "INSERT OR IGNORE INTO key_sightings"
            " SELECT ?, id FROM sightings WHERE id = ? AND identifier = ?",
            [(number, *sighting) for sighting in finding.sightings],
        )
        _keep_occurrences(connection, number, place_of(block), finding.keys)


def heard_keys(database: Database, store: Store) -> list[HeardKey]:
    """List the keys heard that still stand in a block.

    Args:
        database: The phone's.
        store: What it follows.

    Returns:
        By their first occurrence, in chain order; without this phone's own.
    """
    shards = {shard: rank for rank, shard in enumerate(store.state.shards)}
    rows = database.read(
        "SELECT key, shard, block, issuer, region, commitment, tek, start, period,"
        " report_type, infectiousness, onset"
        " FROM occurrences JOIN heard_keys ON heard_keys.id = key WHERE tek IS NOT NULL"
        " AND tek NOT IN (SELECT tek FROM own_keys) ORDER BY key, occurrences.id"
    )
    sightings = _sightings(database)
    found = []
    for number, group in groupby(rows, key=itemgetter(0)):
        parsed = [_occurrence(row, shards) for _, *row in group]
        there = sorted(filter(None, parsed), key=lambda item: item.order)
        if there and number in sightings:
            found.append(HeardKey(tuple(there), tuple(sightings[number])))
    return sorted(found, key=lambda item: item.occurrences[0].order)


def unmatched(database: Database, store: Store) -> list[Block]:
    """Blocks that were not looked at and whose body is there."""
    known = set(database.read("SELECT shard, block FROM matched_blocks"))
    return [
        item
        for item in store.blocks
        if (item.shard, item.index) not in known and store.has_body(item)
    ]


def forget_expired(database: Database, store: Store) -> None:
    """Forget which expired blocks were looked at, and what rests on nothing any more.

    Args:
        database: The phone's.
        store: What it follows.
    """
    live = {(block.shard, block.index) for block in store.blocks}
    rows = database.read("SELECT shard, block FROM matched_blocks")
    with database.write() as connection:
        connection.executemany(
            "DELETE FROM matched_blocks WHERE shard = ? AND block = ?",
            [place for place in rows if place not in live],
        )
        # Their sightings are gone by their own age; there is nothing left to weigh.
        connection.execute(
            "DELETE FROM heard_keys WHERE id NOT IN (SELECT key FROM key_sightings)"
        )
        connection.execute(
            "UPDATE heard_keys SET tek = NULL WHERE tek IS NOT NULL AND id NOT IN"
            " (SELECT key FROM occurrences JOIN matched_blocks USING (shard, block))"
        )


def _keep_key(connection: Connection, data: bytes) -> int:
    rows = connection.execute(
        "INSERT INTO heard_keys (mark, tek) VALUES (?, ?)"
        " ON CONFLICT (mark) DO UPDATE SET tek = excluded.tek RETURNING id",
        (sha256(_TAG + data).digest(), data),
    )
    return int(rows.fetchall()[0][0])


def _keep_occurrences(
    connection: Connection, number: int, place: Place, keys: Iterable[DiagnosisKey]
) -> None:
    connection.executemany(
        "INSERT INTO occurrences (key, shard, block, issuer, region, commitment, start,"
        " period, report_type, infectiousness, onset)"
        " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 WHERE"
        " (SELECT count(*) FROM occurrences WHERE key = ?1 AND issuer = ?4) < ?12",
        [
            (
                number,
                *(place.shard, place.index, place.issuer, place.region, place.commit),
                *(key.start, key.period, key.report_type, key.infectiousness),
                key.onset,
                MAX_OCCURRENCES,
            )
            for key in keys
        ],
    )


def _sightings(database: Database) -> dict[int, list[Sighting]]:
    """All sightings of each key, oldest first."""
    rows = database.read(
        f"SELECT key, {COLUMNS} FROM key_sightings"  # noqa: S608 - our own columns
        " JOIN sightings ON id = sighting ORDER BY key, time, id"
    )
    found: dict[int, list[Sighting]] = {}
    for number, *row in rows:
        if (sighting := parse_sighting(row)) is not None:
            found.setdefault(number, []).append(sighting)
    return found


def _occurrence(row: Sequence[Any], shards: dict[str, int]) -> Occurrence | None:
    """Read a row; None for one that is damaged."""
    shard, index, issuer, region, commit, tek, start, period, *about = row
    report_type, infectiousness, onset = about
    try:
        key = DiagnosisKey(
            tek,
            start,
            period,
            ReportType(report_type),
            Infectiousness(infectiousness),
            onset,
        )
        order = shards[shard], index
    except (ValueError, KeyError):
        return None
    return Occurrence(order, Place(shard, index, issuer, region, commit), key)
