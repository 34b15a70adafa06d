"""A phone's whole state: one SQLite file that one process holds.

What this module guarantees:

* A change is on the disk when `write` ends, or not made at all; so a phone that dies
  anywhere goes on from a state that it once had.
* What is erased is overwritten with zeros, not only forgotten.
* One process at a time holds the file; a file that is damaged, or no phone's, is
  refused before anything in it is changed.

What a crash leaves behind: the file and its journal `-wal`. The next one to open the
file replays what was committed and drops the rest.

The tables belong to the modules beside this one, each with its own `SCHEMA`.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from cosignal.protocol.errors import FatalError, RefusedError, UsageError

#: Marks the file as a phone's: "CsPh".
APPLICATION_ID: Final = 0x43735068
VERSION: Final = 1

_MAGIC: Final = b"SQLite format 3\0"
_BUSY_SECONDS: Final = 1.0
#: Beside the file: the journal, and what SQLite makes of it.
_COMPANIONS: Final = ("-wal", "-shm", "-journal")


class Database:
    """The open file.

    Attributes:
        path: Where it is.
    """

    def __init__(self, path: Path, schemas: Sequence[str]) -> None:
        """Open the file, or make it.

        Args:
            path: The file; its folder must exist.
            schemas: Tables of all modules; used when the file is new.

        Raises:
            RefusedError: Another process holds it, or it is another version's, or no
                phone's.
            FatalError: It is damaged, or cannot be opened.
        """
        self.path = path
        self._writing = False
        # Only the phone's owner may read it: what it holds says who met whom.
        with _explained(path):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            _check_magic(path)
        self._connection = sqlite3.connect(
            path, timeout=_BUSY_SECONDS, isolation_level=None
        )
        try:
            with _explained(path):
                self._prepare(schemas)
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, schemas: Sequence[str]) -> None:
        # Exclusive: SQLite then needs no shared memory, and lets nobody else in.
        self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        (kind,) = self._connection.execute("PRAGMA application_id").fetchone()
        (tables,) = self._connection.execute(
            "SELECT count(*) FROM sqlite_schema"
        ).fetchone()
        if (kind or tables) and kind != APPLICATION_ID:
            raise _no_phone(self.path)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("PRAGMA secure_delete = ON")
        self._connection.execute("PRAGMA foreign_keys = ON")
        with self.write() as connection:
            if not kind:
                _create(connection, schemas)
            (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version != VERSION:
            raise RefusedError(
                f"phone: expected state of version {VERSION}, got {version}",
                advice="Use the app version that wrote it, or delete the file.",
            )
        (found,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError("quick_check found damage")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Change something; all of it or nothing, durably.

        A `write` inside another one is part of it.

        Yields:
            The connection, in a transaction.

        Raises:
            FatalError: The disk is full, or the file is damaged.
            UsageError: It is closed, of another thread, or a value does not fit.
        """
        if self._writing:
            yield self._connection
            return
        with _explained(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            self._writing = True
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # A disk that is full may have rolled back already.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            finally:
                self._writing = False

    def read(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of a query.

        Args:
            query: SQL.
            values: Its parameters.

        Returns:
            All rows.

        Raises:
            FatalError: The file is damaged.
        """
        with _explained(self.path):
            return self._connection.execute(query, values).fetchall()

    def close(self) -> None:
        """Let other processes in."""
        self._connection.close()

    def destroy(self) -> None:
        """Overwrite everything, then remove the file and its companions.

        A crash in between leaves a file whose tables are empty, or gone, and whose old
        pages hold zeros.
        """
        with self.write() as connection:
            for name in _tables(connection):
                connection.execute(f'DELETE FROM "{name}"')  # noqa: S608 - our own
        with _explained(self.path):
            # The journal still holds what the pages held before.
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.close()
        for companion in ("", *_COMPANIONS):
            Path(f"{self.path}{companion}").unlink(missing_ok=True)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _check_magic(path: Path) -> None:
    """Refuse what SQLite itself would take for an empty file, and overwrite."""
    with path.open("rb") as file:
        start = file.read(len(_MAGIC))
    if start and start != _MAGIC:
        raise _no_phone(path)


def _no_phone(path: Path) -> RefusedError:
    return RefusedError(
        f"phone: expected {path} to be a phone's state, got another file",
        advice="Name a new file, or the one that this phone made.",
    )


def _create(connection: sqlite3.Connection, schemas: Sequence[str]) -> None:
    for schema in schemas:
        for statement in filter(str.strip, schema.split(";")):
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _tables(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute(
        "SELECT name FROM sqlite_schema"
        " WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    )
    return [name for (name,) in rows]


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system say into what a person can do."""
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.IntegrityError) as error:
        raise UsageError(
            f"phone: expected to be open, used by one thread, and given values that "
            f"fit, got: {error}"
        ) from error
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise RefusedError(
                f"phone: expected {path} to be free, got one in use",
                advice="End the other process that uses it.",
            ) from error
        raise FatalError(
            f"phone: expected {path} to take changes, got: {error}",
            advice="Make room on the disk or check the file's rights; nothing is lost.",
        ) from error
    except sqlite3.DatabaseError as error:
        raise FatalError(
            f"phone: expected {path} to be whole, got: {error}",
            advice="Restore it, or delete it; the chain is then downloaded again, but "
            "this phone's keys and sightings are gone.",
        ) from error
    except OSError as error:
        raise FatalError(
            f"phone: expected {path} to open, got: {error.strerror}",
            advice="The folder must exist, and this user must be able to write there.",
        ) from error
