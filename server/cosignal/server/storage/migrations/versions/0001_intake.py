"""The intake's tables, as they first were; `storage.tables` says what each is for."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "meta",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("value", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
        sqlite_strict=True,
    )
    op.create_table(
        "codes",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("uuid", sa.Text(), nullable=False, unique=True),
        sa.Column("short_mac", sa.LargeBinary(), unique=True),
        sa.Column("long_mac", sa.LargeBinary(), unique=True),
        sa.Column("short_expires", sa.Integer(), nullable=False),
        sa.Column("long_expires", sa.Integer(), nullable=False),
        sa.Column("test_type", sa.Text(), nullable=False),
        sa.Column("symptom_date", sa.Text(), nullable=False),
        sa.Column("test_date", sa.Text(), nullable=False),
        sa.Column("claimed", sa.Integer(), nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "wrong_attempts",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("at", sa.Integer(), nullable=False),
        sqlite_strict=True,
    )
    op.create_index("wrong_attempts_at", "wrong_attempts", ["at"])
    op.create_table(
        "used_tokens",
        sa.Column("token", sa.LargeBinary(), primary_key=True),
        sa.Column("expires", sa.Integer(), nullable=False),
        sqlite_with_rowid=False,
        sqlite_strict=True,
    )
    op.create_index("used_tokens_expires", "used_tokens", ["expires"])
    _create_key_tables()


def _create_key_tables() -> None:
    op.create_table(
        "uploads",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("upload", sa.LargeBinary(), nullable=False, unique=True),
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("inserted", sa.Integer(), nullable=False),
        sa.Column("expires", sa.Integer(), nullable=False),
        sqlite_strict=True,
    )
    op.create_index("uploads_expires", "uploads", ["expires"])
    op.create_table(
        "pending_keys",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("report_type", sa.Integer(), nullable=False),
        sa.Column("infectiousness", sa.Integer(), nullable=False),
        sa.Column("onset", sa.Integer()),
        sa.Column("release_at", sa.Integer(), nullable=False),
        sa.Column("sealed_in", sa.LargeBinary()),
        sqlite_strict=True,
    )
    op.create_index(
        "pending_keys_sealed_in",
        "pending_keys",
        ["sealed_in"],
        sqlite_where=sa.text("sealed_in IS NOT NULL"),
    )
    op.create_table(
        "chain_keys",
        sa.Column("key", sa.LargeBinary(), primary_key=True),
        sa.Column("expires", sa.Integer(), nullable=False),
        sqlite_with_rowid=False,
        sqlite_strict=True,
    )
    op.create_index("chain_keys_expires", "chain_keys", ["expires"])
