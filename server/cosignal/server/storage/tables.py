"""The intake's tables: what each holds, for how long, and why.

What these tables guarantee by their shape:

* No code, token or certificate is stored; only digests that need the node's secret.
* No row names both a code, or what came out of it, and a diagnosis key.
* No column holds an address, and no row of a key says when it was uploaded.

The ledger's tables are in `ledger_tables`, in the same `metadata`.
"""

from sqlalchemy import (
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
    sqlite_strict=True,
    comment="Whose file this is. Kept for ever: a node must refuse another's data.",
)

codes = Table(
    "codes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("uuid", Text, nullable=False, unique=True),
    Column("short_mac", LargeBinary, unique=True),
    Column("long_mac", LargeBinary, unique=True),
    Column("short_expires", Integer, nullable=False),
    Column("long_expires", Integer, nullable=False),
    Column("test_type", Text, nullable=False),
    Column("symptom_date", Text, nullable=False),
    Column("test_date", Text, nullable=False),
    Column("claimed", Integer, nullable=False),
    Column("nonce_mac", LargeBinary),
    sqlite_strict=True,
    comment="Issued codes as HMAC-SHA-256. Kept 14 days after the last form of the "
    "code ends, so that a clinic can ask whether it was used; then deleted. The HMAC "
    "of the nonce by which a phone may repeat its exchange goes when the code ends.",
)

wrong_attempts = Table(
    "wrong_attempts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Integer, nullable=False),
    Index("wrong_attempts_at", "at"),
    sqlite_strict=True,
    comment="When a short code was guessed wrong, nothing else. Kept for one life of "
    "a short code, because the throttle counts over that window.",
)

used_tokens = Table(
    "used_tokens",
    metadata,
    Column("token", LargeBinary, primary_key=True),
    Column("expires", Integer, nullable=False),
    Column("binding", LargeBinary),
    Index("used_tokens_expires", "expires"),
    sqlite_with_rowid=False,
    sqlite_strict=True,
    comment="Digests of verification tokens already exchanged, and of each token "
    "together with the keys it was exchanged for. Kept until the token expires by "
    "itself (one to two days), because it works for one set of keys.",
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("upload", LargeBinary, nullable=False, unique=True),
    Column("receipt", Text, nullable=False),
    Column("inserted", Integer, nullable=False),
    Column("expires", Integer, nullable=False),
    Index("uploads_expires", "expires"),
    sqlite_strict=True,
    comment="Digest of a certificate's HMAC and the answer it got; no key, no code. "
    "Kept until the certificate expires (15 min), so that a phone which lost the "
    "answer can ask again.",
)

pending_keys = Table(
    "pending_keys",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", LargeBinary, nullable=False),
    Column("start", Integer, nullable=False),
    Column("period", Integer, nullable=False),
    Column("report_type", Integer, nullable=False),
    Column("infectiousness", Integer, nullable=False),
    Column("onset", Integer),
    Column("release_at", Integer, nullable=False),
    Column("sealed_in", LargeBinary),
    sqlite_strict=True,
    comment="Keys accepted but not yet certified, each once. Without the upload they "
    "came in, and in random order among thousands (`waiting_keys`, which also knows "
    "them by heart). Deleted when their block has its quorum.",
)

# Only of sealed keys, so that an upload need not write to it.
Index(
    "pending_keys_sealed_in",
    pending_keys.c.sealed_in,
    sqlite_where=pending_keys.c.sealed_in.is_not(None),
)

chain_keys = Table(
    "chain_keys",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("expires", Integer, nullable=False),
    Index("chain_keys_expires", "expires"),
    sqlite_with_rowid=False,
    sqlite_strict=True,
    comment="Keys that are on the chain, so that the intake does not publish one "
    "twice. Deleted with the bodies that hold them.",
)
