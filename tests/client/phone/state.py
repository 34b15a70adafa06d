"""A phone's database with all tables, for tests of its modules."""

from pathlib import Path

from cosignal.client.phone.database import Database
from cosignal.client.phone.phone import SCHEMAS


def phone_database(folder: Path) -> Database:
    """The file `phone` in a folder, new or of an earlier call that was closed."""
    return Database(folder / "phone", SCHEMAS)
