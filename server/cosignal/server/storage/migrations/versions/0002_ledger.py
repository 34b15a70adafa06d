"""The ledger's tables, as they first were; `storage.ledger_tables` says what for."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "entries",
        sa.Column("position", sa.Integer(), primary_key=True),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False, unique=True),
        sa.Column("body", sa.LargeBinary(), unique=True),
        sa.Column("expires", sa.Integer()),
        sa.Column("erased", sa.Integer(), nullable=False, server_default="0"),
        sqlite_strict=True,
    )
    op.create_index("entries_expires", "entries", ["erased", "expires"])
    op.create_table(
        "tree_nodes",
        sa.Column("level", sa.Integer(), primary_key=True),
        sa.Column("position", sa.Integer(), primary_key=True),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sqlite_with_rowid=False,
        sqlite_strict=True,
    )
    op.create_table(
        "heads",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("time", sa.Integer(), nullable=False),
        sa.Column("chain", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.LargeBinary()),
        sqlite_with_rowid=False,
        sqlite_strict=True,
    )
    _create_signing_tables()


def _create_signing_tables() -> None:
    op.create_table(
        "signed_heads",
        sa.Column("signer", sa.Text(), primary_key=True),
        sa.Column("size", sa.Integer(), primary_key=True),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("time", sa.Integer(), nullable=False),
        sqlite_with_rowid=False,
        sqlite_strict=True,
    )
    op.create_table(
        "outbox",
        sa.Column("body", sa.LargeBinary(), primary_key=True),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("expires", sa.Integer(), nullable=False),
        sqlite_strict=True,
    )
