"""Queries about keys on their way to the chain, and about keys that are on it.

The intake inserts; the sealer takes, marks and forgets. No row says which keys came
in one upload.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from cosignal.protocol.diagnosis_keys import DiagnosisKey
from cosignal.server.storage.bulk import insert_rows, select_known
from cosignal.server.storage.tables import chain_keys, pending_keys, uploads

_answers = select(
    uploads.c.upload, uploads.c.receipt, uploads.c.inserted, uploads.c.expires
).subquery()


@dataclass(frozen=True, slots=True)
class Answer:
    """What an upload was answered.

    Attributes:
        receipt: The signed note, text.
        inserted: How many keys were stored.
        expires: When the answer may be forgotten, Unix seconds.
    """

    receipt: str
    inserted: int
    expires: int


async def keys_on_chain(
    connection: AsyncConnection, keys: Collection[bytes]
) -> set[bytes]:
    """Which of these keys are on the chain.

    Args:
        connection: Any.
        keys: 16 bytes each.

    Returns:
        Those that are.
    """
    rows = await select_known(connection, chain_keys, "key", sorted(keys))
    return {row[0] for row in rows}


async def find_answers(
    connection: AsyncConnection, digests: Collection[bytes]
) -> dict[bytes, Answer]:
    """The answers that these uploads got earlier.

    Args:
        connection: Any.
        digests: Of uploads, 32 bytes each.

    Returns:
        Answers by digest; nothing for new uploads.
    """
    rows = await select_known(connection, _answers, "upload", list(digests))
    return {digest: Answer(*values) for digest, *values in rows}


async def insert_uploads(
    connection: AsyncConnection,
    answers: Sequence[tuple[bytes, Answer]],
    keys: Sequence[tuple[DiagnosisKey, int]],
    places: Sequence[int] = (),
) -> None:
    """Store the keys and answers of many uploads.

    Args:
        connection: In a write transaction.
        answers: Digest and answer of each upload.
        keys: New keys of all uploads, each with its release time in Unix seconds.
        places: A row id for each key, from `WaitingKeys.place`; none for any.
    """
    await insert_rows(
        connection,
        uploads,
        [
            (None, digest, answer.receipt, answer.inserted, answer.expires)
            for digest, answer in answers
        ],
    )
    ids: Sequence[int | None] = places or [None] * len(keys)
    await insert_rows(
        connection,
        pending_keys,
        [
            (
                place,
                key.data,
                key.start,
                key.period,
                key.report_type,
                key.infectiousness,
                key.onset,
                release_at,
                None,
            )
            for place, (key, release_at) in zip(ids, keys, strict=True)
        ],
    )


async def forget_uploads(connection: AsyncConnection, now: int) -> None:
    """Delete answers whose certificate has expired.

    Args:
        connection: In a write transaction.
        now: Unix seconds.
    """
    await connection.execute(delete(uploads).where(uploads.c.expires <= now))


async def mark_certified(connection: AsyncConnection, commit: bytes) -> int:
    """Forget the keys of a block that has its quorum; they are on the chain now.

    Args:
        connection: In a write transaction.
        commit: The block's commitment.

    Returns:
        How many rows were deleted.
    """
    result = await connection.execute(
        delete(pending_keys).where(pending_keys.c.sealed_in == commit)
    )
    return result.rowcount


async def unseal(connection: AsyncConnection, commit: bytes) -> int:
    """Give the keys of a block that came to nothing back to the next one.

    Args:
        connection: In a write transaction.
        commit: The block's commitment.

    Returns:
        How many keys were given back.
    """
    result = await connection.execute(
        update(pending_keys)
        .where(pending_keys.c.sealed_in == commit)
        .values(sealed_in=None)
    )
    return result.rowcount


async def remember_keys(
    connection: AsyncConnection, keys: Iterable[bytes], expires: int
) -> None:
    """Note that keys are on the chain, so that no upload puts them there again.

    Args:
        connection: In a write transaction.
        keys: 16 bytes each; some may be noted already.
        expires: When they are erased, Unix seconds.
    """
    rows = [{"key": key, "expires": expires} for key in keys]
    if rows:
        query = upsert(chain_keys)
        query = query.on_conflict_do_update(
            index_elements=["key"],
            set_={"expires": func.max(chain_keys.c.expires, query.excluded.expires)},
        )
        await connection.execute(query, rows)


async def forget_keys(connection: AsyncConnection, now: int) -> int:
    """Delete the keys of erased bodies.

    Args:
        connection: In a write transaction; call `Database.scrub` after it.
        now: Unix seconds.

    Returns:
        How many rows were deleted.
    """
    result = await connection.execute(
        delete(chain_keys).where(chain_keys.c.expires <= now)
    )
    return result.rowcount
