"""Queries that only the sealer needs: which pending keys go into the next block."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, update

from cosignal.protocol.diagnosis_keys import DiagnosisKey, Infectiousness, ReportType
from cosignal.server.storage.tables import chain_keys, pending_keys

# SQLite takes 32,766 parameters a statement.
_CHUNK = 8_000
_REPORTS = {int(item): item for item in ReportType}
_CLASSES = {int(item): item for item in Infectiousness}


@dataclass(frozen=True, slots=True)
class Releasable:
    """Keys that may be published now and are in no block yet.

    Attributes:
        keys: Those that are not on the chain, in the order of their bytes.
        published: Those that another authority has published meanwhile, 16 bytes each.
    """

    keys: list[DiagnosisKey]
    published: list[bytes]


def releasable_keys(connection: Connection, now: int, limit: int) -> Releasable:
    """Find the keys for the next block.

    Args:
        connection: Any.
        now: Unix seconds.
        limit: Most keys.

    Returns:
        The keys.
    """
    columns = pending_keys.c
    query = (
        select(
            columns.key,
            columns.start,
            columns.period,
            columns.report_type,
            columns.infectiousness,
            columns.onset,
            chain_keys.c.key,
        )
        .outerjoin(chain_keys, chain_keys.c.key == columns.key)
        .where(columns.release_at <= now, columns.sealed_in.is_(None))
        .order_by(columns.key)
        .limit(limit)
    )
    found = Releasable([], [])
    # Unpacked at once: a block's worth of named fields would cost more than sealing.
    rows = connection.execute(query)
    for key, start, period, report, infectiousness, onset, known in rows:
        if known is not None:
            found.published.append(key)
            continue
        classes = _REPORTS[report], _CLASSES[infectiousness]
        found.keys.append(DiagnosisKey(key, start, period, *classes, onset))
    return found


def seal_releasable(
    connection: Connection, now: int, last: bytes, commit: bytes
) -> None:
    """Put all releasable keys into a block, in the transaction that found them.

    Args:
        connection: In a write transaction, in which no other key came in meanwhile.
        now: As given to `releasable_keys`.
        last: The last key that it found.
        commit: The block's commitment.
    """
    columns = pending_keys.c
    connection.execute(
        update(pending_keys)
        .where(
            columns.release_at <= now, columns.sealed_in.is_(None), columns.key <= last
        )
        .values(sealed_in=commit)
    )


def drop_keys(connection: Connection, keys: Iterable[bytes]) -> None:
    """Delete pending keys that will never be published."""
    for part in _chunks(list(keys)):
        connection.execute(delete(pending_keys).where(pending_keys.c.key.in_(part)))


def _chunks(items: list[bytes]) -> Iterable[list[bytes]]:
    return (items[i : i + _CHUNK] for i in range(0, len(items), _CHUNK))
