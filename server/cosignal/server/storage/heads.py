"""Queries on tree heads: what a node stands by, and what its keys ever signed.

What this module guarantees:

* A head is replaced only when the one that the caller started from is still there.
* A second root for a size already signed is a `FatalError` in the same transaction, so
  no signature over it can follow.

Source: Sunlight's lock backend, c2sp.org/tlog-witness ("performed atomically").
"""

from dataclasses import dataclass

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from cosignal.protocol.errors import FatalError
from cosignal.server.storage.ledger_tables import heads, signed_heads

LOG = "log"
OWN = "own"


@dataclass(frozen=True, slots=True)
class Head:
    """A durable tree head.

    Attributes:
        size: Entries in the tree.
        root: Its root, 32 bytes.
        time: When it was last co-signed, or its last entry sequenced; Unix seconds.
        chain: The verifier's state at this size, from `dump_chain`.
        note: What the log signed; None where this node is the log.
    """

    size: int
    root: bytes
    time: int
    chain: bytes
    note: bytes | None


async def read_head(connection: AsyncConnection, name: str) -> Head | None:
    """The head of a name, or None before the first."""
    columns = (heads.c.size, heads.c.root, heads.c.time, heads.c.chain, heads.c.note)
    query = select(*columns).where(heads.c.name == name)
    row = (await connection.execute(query)).one_or_none()
    return row and Head(*row)


def replace_head(
    connection: Connection, name: str, old: Head | None, new: Head
) -> None:
    """Swap a head, and note that its root may now be signed.

    Args:
        connection: In a transaction.
        name: `LOG` or `OWN`.
        old: What the caller started from; None for the first head.
        new: What takes its place.

    Raises:
        FatalError: Somebody else moved the head, or another root of this size was
            signed before. Either way two writers are at work, or the file was restored.
    """
    values = {
        "size": new.size,
        "root": new.root,
        "time": new.time,
        "chain": new.chain,
        "note": new.note,
    }
    if old is None:
        first = insert(heads).values(name=name, **values).on_conflict_do_nothing()
        result = connection.execute(first)
    else:
        swap = update(heads).where(
            heads.c.name == name, heads.c.size == old.size, heads.c.root == old.root
        )
        result = connection.execute(swap.values(**values))
    if result.rowcount != 1:
        raise FatalError(
            f"head {name}: expected size {old.size if old else 0} as read before, "
            "got another",
            advice="Make sure that only one process uses this data folder, then "
            "restart the node.",
        )
    _note_signed(connection, name, new)


def _note_signed(connection: Connection, signer: str, head: Head) -> None:
    keep = insert(signed_heads).values(
        signer=signer, size=head.size, root=head.root, time=head.time
    )
    same = keep.on_conflict_do_update(
        index_elements=["signer", "size"],
        set_={"root": head.root},
        where=signed_heads.c.root == head.root,
    )
    if connection.execute(same).rowcount != 1:
        raise FatalError(
            f"head {signer}: expected the root signed before for size {head.size}, "
            "got another",
            advice="Do not sign again with this key; compare the chain with the other "
            "authorities'.",
        )
