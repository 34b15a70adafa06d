"""Room for what lets a phone ask again that lost an answer."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; codes and tokens used before stay used, for everybody."""
    op.add_column("codes", sa.Column("nonce_mac", sa.LargeBinary()))
    op.add_column("used_tokens", sa.Column("binding", sa.LargeBinary()))
