"""How Alembic reaches the database: on the connection that `Database.open` lends."""

from alembic import context

from cosignal.server.storage import ledger_tables
from cosignal.server.storage.tables import metadata

# Importing the ledger's tables puts them into the metadata.
assert ledger_tables.metadata is metadata  # noqa: S101

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata
)
context.run_migrations()
