"""Queries on the outbox: sealed blocks that no certified checkpoint holds yet."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cosignal.server.storage.ledger_tables import entries, outbox


@dataclass(frozen=True, slots=True)
class SealedBlock:
    """A block on its way to the log.

    Attributes:
        commit: 32 bytes, names it.
        record: The signed record.
        body: The body file.
        expires: When it must be gone, Unix seconds.
    """

    commit: bytes
    record: bytes
    body: bytes
    expires: int


def put_block(connection: Connection, block: SealedBlock) -> None:
    """Keep a block until it is certified."""
    connection.execute(
        insert(outbox).values(
            body=block.commit,
            record=block.record,
            data=block.body,
            expires=block.expires,
        )
    )


async def waiting_blocks(connection: AsyncConnection) -> list[SealedBlock]:
    """All blocks in the outbox, those that expire first before others."""
    columns = (outbox.c.body, outbox.c.record, outbox.c.data, outbox.c.expires)
    rows = await connection.execute(select(*columns).order_by(outbox.c.expires))
    return [SealedBlock(*row) for row in rows]


async def count_waiting(connection: AsyncConnection) -> int:
    """How many blocks are in the outbox."""
    return (
        await connection.execute(select(func.count()).select_from(outbox))
    ).scalar_one()


async def blocks_within(connection: AsyncConnection, size: int) -> list[bytes]:
    """Commitments of waiting blocks that stand among the first `size` entries."""
    query = (
        select(outbox.c.body)
        .join(entries, entries.c.body == outbox.c.body)
        .where(entries.c.position < size)
    )
    return list((await connection.execute(query)).scalars())


async def expired_blocks(connection: AsyncConnection, now: int) -> list[bytes]:
    """Commitments of waiting blocks whose bodies must be gone by now."""
    query = select(outbox.c.body).where(outbox.c.expires <= now)
    return list((await connection.execute(query)).scalars())


async def drop_block(connection: AsyncConnection, commit: bytes) -> None:
    """Forget a block; secure_delete overwrites its bytes."""
    await connection.execute(delete(outbox).where(outbox.c.body == commit))
