"""Queries about verification codes and tokens, and the count of wrong guesses."""

from dataclasses import dataclass

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from cosignal.server.storage.tables import codes, used_tokens, wrong_attempts

#: How long a code's row outlives the code, seconds: a clinic may ask about its use for
#: 14 days.
CODE_ROW_SECONDS = 14 * 86_400
#: How long an ended short code is still recognised, seconds. Recognised codes do not
#: count as guesses, so there must be few of them; and the numbers are needed again.
SHORT_CODE_ROW_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class CodeRow:
    """An issued code without its characters.

    Attributes:
        uuid: The clinic's handle on it.
        short_mac: HMAC of the short form, 32 bytes; None if there is none.
        long_mac: HMAC of the long form, 32 bytes; None if there is none.
        short_expires: End of the short form, Unix seconds.
        long_expires: End of the long form, Unix seconds.
        test_type: `confirmed`, `likely`, `negative` or `user-report`.
        symptom_date: `YYYY-MM-DD`, or empty.
        test_date: `YYYY-MM-DD`, or empty.
        claimed: Whether somebody exchanged it.
        nonce_mac: HMAC of the nonce that came with the exchange, 32 bytes; None if
            none came.
    """

    uuid: str
    short_mac: bytes | None
    long_mac: bytes | None
    short_expires: int
    long_expires: int
    test_type: str
    symptom_date: str
    test_date: str
    claimed: bool = False
    nonce_mac: bytes | None = None

    @property
    def dates(self) -> tuple[str, str]:
        """First day of symptoms and day of the test, `YYYY-MM-DD` or empty."""
        return self.symptom_date, self.test_date

    @property
    def ends(self) -> int:
        """When the last form of the code ends, Unix seconds."""
        return max(self.short_expires, self.long_expires)


async def insert_code(connection: AsyncConnection, row: CodeRow) -> None:
    """Keep a new code.

    Args:
        connection: In a write transaction.
        row: A code for which `has_code` finds nothing.
    """
    values = {name: getattr(row, name) for name in CodeRow.__slots__}
    values["claimed"] = int(row.claimed)
    await connection.execute(insert(codes).values(values))


async def has_code(connection: AsyncConnection, row: CodeRow) -> str:
    """Say what of a new code is taken.

    Args:
        connection: Any.
        row: The code.

    Returns:
        `uuid`, `code`, or nothing.
    """
    query = select(codes.c.uuid).where(
        or_(
            codes.c.uuid == row.uuid,
            codes.c.short_mac == row.short_mac,
            codes.c.long_mac == row.long_mac,
        )
    )
    taken = (await connection.execute(query)).scalars().all()
    if not taken:
        return ""
    return "uuid" if row.uuid in taken else "code"


async def find_code(
    connection: AsyncConnection, mac: bytes, *, long: bool
) -> tuple[int, CodeRow] | None:
    """Look a code up by the HMAC of one of its forms.

    Args:
        connection: Any.
        mac: 32 bytes.
        long: Which form.

    Returns:
        Its row id and row, or None.
    """
    column = codes.c.long_mac if long else codes.c.short_mac
    row = (await connection.execute(select(codes).where(column == mac))).first()
    if row is None:
        return None
    values = {name: getattr(row, name) for name in CodeRow.__slots__}
    return row.id, CodeRow(**{**values, "claimed": bool(row.claimed)})


async def claim_code(
    connection: AsyncConnection, row_id: int, nonce_mac: bytes | None
) -> None:
    """Mark a code as used, in all its forms.

    Args:
        connection: In a write transaction.
        row_id: From `find_code`.
        nonce_mac: Of the phone that may ask again; None for none.
    """
    values = {"claimed": 1, "nonce_mac": nonce_mac}
    await connection.execute(update(codes).where(codes.c.id == row_id).values(values))


async def wrong_attempts_since(
    connection: AsyncConnection, since: int
) -> tuple[int, int]:
    """Count wrong guesses of short codes.

    Args:
        connection: Any.
        since: Unix seconds; later guesses count.

    Returns:
        How many, and the time of the oldest of them (0 for none).
    """
    query = select(func.count(), func.coalesce(func.min(wrong_attempts.c.at), 0)).where(
        wrong_attempts.c.at > since
    )
    row = (await connection.execute(query)).one()
    return row[0], row[1]


async def add_wrong_attempt(connection: AsyncConnection, at: int, since: int) -> None:
    """Remember a wrong guess, and forget those that no longer count.

    Args:
        connection: In a write transaction.
        at: When it was, Unix seconds.
        since: Guesses up to this time are forgotten.
    """
    await connection.execute(delete(wrong_attempts).where(wrong_attempts.c.at <= since))
    await connection.execute(insert(wrong_attempts).values(at=at))


async def use_token(
    connection: AsyncConnection, token: bytes, binding: bytes, expires: int
) -> bool:
    """Mark a token as used for one set of keys.

    Args:
        connection: In a write transaction.
        token: Digest of the token's id.
        binding: Digest of the token's id and the key set's HMAC.
        expires: When it may be forgotten, Unix seconds.

    Returns:
        Whether it was not used before, or for the same keys.
    """
    query = upsert(used_tokens).values(token=token, binding=binding, expires=expires)
    await connection.execute(query.on_conflict_do_nothing())
    kept = select(used_tokens.c.binding).where(used_tokens.c.token == token)
    found: bytes | None = (await connection.execute(kept)).scalar_one()
    return found == binding


async def forget_codes(connection: AsyncConnection, now: int, window: int) -> None:
    """Delete what is no longer needed: codes, tokens, wrong guesses.

    Args:
        connection: In a write transaction.
        now: Unix seconds.
        window: How long wrong guesses count, seconds.
    """
    old = now - CODE_ROW_SECONDS
    await connection.execute(
        delete(codes).where(codes.c.long_expires <= old, codes.c.short_expires <= old)
    )
    await connection.execute(
        update(codes)
        .where(codes.c.short_expires <= now - SHORT_CODE_ROW_SECONDS)
        .where(codes.c.short_mac.is_not(None))
        .values(short_mac=None)
    )
    await connection.execute(
        update(codes)
        .where(codes.c.short_expires <= now, codes.c.long_expires <= now)
        .where(codes.c.nonce_mac.is_not(None))
        .values(nonce_mac=None)
    )
    await connection.execute(delete(used_tokens).where(used_tokens.c.expires <= now))
    await connection.execute(
        delete(wrong_attempts).where(wrong_attempts.c.at <= now - window)
    )
