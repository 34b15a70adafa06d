"""Queries on the log's entries and the hashes of its tree.

What this module guarantees:

* Entries are only ever appended, in order; one that stands already is compared.
* `tree_nodes` grows in the transaction that appends what it is computed from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection, Select, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from cosignal.protocol.chain import VerifiedEntry
from cosignal.protocol.errors import ChainRuleError, FatalError
from cosignal.protocol.merkle import root
from cosignal.protocol.records import BlockRecord
from cosignal.protocol.tiles import TILE_WIDTH
from cosignal.server.storage.ledger_tables import entries, tree_nodes


@dataclass(frozen=True, slots=True)
class BodyPlace:
    """Where a body belongs and how long it lives.

    Attributes:
        index: Its record's position in the log.
        commit: 32 bytes.
        expires: Unix seconds.
        erased: Whether this node has erased it.
    """

    index: int
    commit: bytes
    expires: int
    erased: bool


async def count_entries(connection: AsyncConnection) -> int:
    """How many entries this node holds."""
    last = (await connection.execute(select(func.max(entries.c.position)))).scalar_one()
    return 0 if last is None else int(last) + 1


def append_entries(
    connection: Connection,
    held: int,
    verified: Sequence[VerifiedEntry],
    data: Sequence[bytes],
) -> None:
    """Append verified entries, skipping those that stand already.

    Args:
        connection: In a transaction.
        held: How many entries stand.
        verified: In order, without a gap after what stands.
        data: The bytes of each.

    Raises:
        FatalError: Another entry stands at one of the positions.
        ChainRuleError: A record or a body stands in the log already.
    """
    overlap = [entry for entry in verified if entry.index < held]
    if overlap:
        first = overlap[0].index
        leaves = _hashes(connection, 0, first, first + len(overlap))
        if [entry.leaf for entry in overlap] != leaves:
            raise FatalError(
                f"entry {first} or later: expected what this node stored before, got "
                "another history",
                advice="Stop the node and compare it with others by `cosignal fsck`.",
            )
    rows = [
        _row(entry, bytes_)
        for entry, bytes_ in zip(verified, data, strict=True)
        if entry.index >= held
    ]
    if not rows:
        return
    try:
        connection.execute(insert(entries), rows)
    except IntegrityError as error:
        raise ChainRuleError(
            "expected this record and its body to stand in the log once, here or later",
            index=held,
        ) from error
    _complete_tiles(connection, held, held + len(rows))


async def read_entries(
    connection: AsyncConnection, start: int, stop: int
) -> list[bytes]:
    """The bytes of entries `start` up to `stop`; fewer where the log ends."""
    query = select(entries.c.data).where(
        entries.c.position >= start, entries.c.position < stop
    )
    rows = await connection.execute(query.order_by(entries.c.position))
    return list(rows.scalars())


async def read_hashes(
    connection: AsyncConnection, level: int, start: int, stop: int
) -> list[bytes]:
    """Hashes of the tiled tree.

    Args:
        connection: Any.
        level: 0 for leaf hashes; each higher one covers 256 of the one below.
        start: First position in the level.
        stop: Position after the last.

    Returns:
        32 bytes each; fewer where the tree ends.
    """
    query = _select_hashes(level, start, stop)
    return list((await connection.execute(query)).scalars())


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a record, or another one about the same body, stands in the log.

    Attributes:
        index: Position.
        leaf: Leaf hash, 32 bytes.
        same: Whether it is the very same record.
    """

    index: int
    leaf: bytes
    same: bool


def find_record(
    connection: Connection, record: bytes, commit: bytes | None
) -> Standing | None:
    """Look for a record, and for another one that commits to the same body.

    Args:
        connection: Any.
        record: The signed record.
        commit: The body it commits to, if any.

    Returns:
        Where one of them stands; None when neither does.
    """
    digest = sha256(record).digest()
    columns = entries.c
    query = select(columns.position, columns.leaf, columns.record).where(
        or_(columns.record == digest, columns.body == commit)
        if commit
        else columns.record == digest
    )
    row = connection.execute(query).first()
    return row and Standing(row.position, row.leaf, row.record == digest)


async def find_body(connection: AsyncConnection, commit: bytes) -> BodyPlace | None:
    """What the log says of a body, or None when no record commits to it."""
    row = (
        await connection.execute(_places().where(entries.c.body == commit))
    ).one_or_none()
    return row and BodyPlace(row[0], row[1], row[2], bool(row[3]))


async def bodies_between(
    connection: AsyncConnection, start: int, stop: int
) -> list[BodyPlace]:
    """The bodies of entries `start` up to `stop`."""
    query = _places().where(entries.c.position >= start, entries.c.position < stop)
    rows = await connection.execute(query.order_by(entries.c.position))
    return [BodyPlace(row[0], row[1], row[2], bool(row[3])) for row in rows]


async def expired_bodies(connection: AsyncConnection, now: int) -> list[BodyPlace]:
    """The bodies that should be gone by now and are not."""
    query = _places().where(entries.c.erased == 0, entries.c.expires <= now)
    rows = await connection.execute(query)
    return [BodyPlace(row[0], row[1], row[2], bool(row[3])) for row in rows]


async def living_bodies(connection: AsyncConnection) -> set[bytes]:
    """Commitments of all bodies that should be in the public folder."""
    query = select(entries.c.body).where(
        entries.c.body.is_not(None), entries.c.erased == 0
    )
    return {commit for commit in (await connection.execute(query)).scalars() if commit}


async def mark_erased(connection: AsyncConnection, places: Sequence[BodyPlace]) -> None:
    """Note that bodies are gone."""
    for place in places:
        query = update(entries).where(entries.c.position == place.index)
        await connection.execute(query.values(erased=1))


def _places() -> Select[int, bytes, int, int]:
    columns = (entries.c.position, entries.c.body, entries.c.expires, entries.c.erased)
    return select(*columns).where(entries.c.body.is_not(None))


def _select_hashes(level: int, start: int, stop: int) -> Select[bytes]:
    if level == 0:
        position, column = entries.c.position, entries.c.leaf
        query = select(column)
    else:
        position, column = tree_nodes.c.position, tree_nodes.c.hash
        query = select(column).where(tree_nodes.c.level == level)
    return query.where(position >= start, position < stop).order_by(position)


def _hashes(connection: Connection, level: int, start: int, stop: int) -> list[bytes]:
    return list(connection.execute(_select_hashes(level, start, stop)).scalars())


def _row(entry: VerifiedEntry, data: bytes) -> dict[str, object]:
    block = entry.record if isinstance(entry.record, BlockRecord) else None
    return {
        "position": entry.index,
        "leaf": entry.leaf,
        "data": data,
        "record": sha256(entry.record_bytes).digest(),
        "body": block and block.commit,
        "expires": block and block.expires,
    }


def _complete_tiles(connection: Connection, old: int, new: int) -> None:
    """Hash each tile that became full into the level above."""
    level = 0
    while old // TILE_WIDTH != new // TILE_WIDTH:
        old, new = old // TILE_WIDTH, new // TILE_WIDTH
        level += 1
        rows = []
        for position in range(old, new):
            first = position * TILE_WIDTH
            hashes = _hashes(connection, level - 1, first, first + TILE_WIDTH)
            rows.append({"level": level, "position": position, "hash": root(hashes)})
        connection.execute(insert(tree_nodes), rows)
