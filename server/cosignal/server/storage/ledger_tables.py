"""The ledger's tables: what each holds, for how long, and why.

What these tables guarantee by their shape:

* An index, a record and a block's commitment stand in the log once.
* No signer has two roots for one size: `signed_heads` cannot hold the second.
* Nothing here names a person or an upload; the keys in `outbox` are those of a sealed
  block, in the order in which everybody will read them.
"""

from sqlalchemy import Column, Index, Integer, LargeBinary, Table, Text

from cosignal.server.storage.tables import metadata

__all__ = [
    "entries",
    "heads",
    "metadata",
    "outbox",
    "signed_heads",
    "tree_nodes",
]

entries = Table(
    "entries",
    metadata,
    Column("position", Integer, primary_key=True),
    Column("leaf", LargeBinary, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("record", LargeBinary, nullable=False, unique=True),
    Column("body", LargeBinary, unique=True),
    Column("expires", Integer),
    Column("erased", Integer, nullable=False, server_default="0"),
    Index("entries_expires", "erased", "expires"),
    sqlite_strict=True,
    comment="The log's entries with leaf hash, SHA-256 of the record and, for a block, "
    "its commitment and when its body is erased. Kept for ever: headers are the "
    "history that everybody can prove.",
)

tree_nodes = Table(
    "tree_nodes",
    metadata,
    Column("level", Integer, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("hash", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
    sqlite_strict=True,
    comment="Hashes of full tiles: `level` 1 and up of the tiled tree. Kept for ever; "
    "computed from `entries`, so that a proof reads a few rows of any tree.",
)

heads = Table(
    "heads",
    metadata,
    Column("name", Text, primary_key=True),
    Column("size", Integer, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("time", Integer, nullable=False),
    Column("chain", LargeBinary, nullable=False),
    Column("note", LargeBinary),
    sqlite_with_rowid=False,
    sqlite_strict=True,
    comment="One row `log` for the tree this node sequences, one row `own` for the "
    "tree it stands by. Replaced only by compare-and-swap on size and root. `time` is "
    "when `own` was last co-signed; `note` is what the log signed.",
)

signed_heads = Table(
    "signed_heads",
    metadata,
    Column("signer", Text, primary_key=True),
    Column("size", Integer, primary_key=True),
    Column("root", LargeBinary, nullable=False),
    Column("time", Integer, nullable=False),
    sqlite_with_rowid=False,
    sqlite_strict=True,
    comment="Every tree head that this node's log key (`log`) or cosigner key (`own`) "
    "may have signed, and when first. Kept for ever, as the record that no size has "
    "two roots.",
)

outbox = Table(
    "outbox",
    metadata,
    Column("body", LargeBinary, primary_key=True),
    Column("record", LargeBinary, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("expires", Integer, nullable=False),
    sqlite_strict=True,
    comment="Sealed blocks with their bodies, until a certified checkpoint of this "
    "node's own tree holds them; then, or when the body expires, deleted.",
)
