"""A phone's whole state: one SQLite file that one process holds.

What this module guarantees:

* A change is on the disk when `write` ends, or not made at all; so a phone that dies
  anywhere goes on from a state that it once had.
* What is erased is overwritten with zeros, not only forgotten; from the journal it goes
  with `scrub`, and when the file is opened.
* One process at a time holds the file; a file that is damaged, or no phone's, is
  refused before anything in it is changed. Only rows of tables that are expendable are
  given up where a value in them cannot be.
* Once it is closed, every call says so.

What a crash leaves behind: the file and its journal `-wal`. The next one to open the
file replays what was committed and drops the rest.

The tables belong to the modules beside this one, each with its own `SCHEMA`.
"""

import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
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
_CHUNK: Final = 1 << 16
#: What the system could not do; the rest is damage.
_NO_ROOM: Final = frozenset(
    (
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_NOMEM,
    )
)
_IN_USE: Final = frozenset((sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED))
#: What `quick_check` says of one value; all else is about the file's structure.
_BAD_VALUE: Final = re.compile(r"(?:.* value|CHECK constraint failed) in (\w+)(\.\w+)?")


class ClosedError(RefusedError):
    """The phone is closed, or deleted."""


class Database:
    """The open file.

    Attributes:
        path: Where it is.
        given_up: Expendable tables that were emptied because a value was damaged.
    """

    def __init__(
        self, path: Path, schemas: Sequence[str], *, expendable: Sequence[str] = ()
    ) -> None:
        """Open the file, or make it.

        Args:
            path: The file; its folder must exist.
            schemas: Tables of all modules; used when the file is new.
            expendable: Tables whose rows come again, or mean little: emptied where one
                is damaged, rather than refuse the file.

        Raises:
            RefusedError: Another process holds it, or it is another version's, or no
                phone's.
            FatalError: It is damaged, or cannot be opened.
        """
        self.path = path
        self.given_up: tuple[str, ...] = ()
        self._writing = False
        self._closed = False
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
                self._check(expendable)
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

    def _check(self, expendable: Sequence[str]) -> None:
        damage = self._damage()
        found = [_BAD_VALUE.fullmatch(text) for text in damage]
        tables = {match[1] for match in found if match}
        if damage and all(found) and tables <= set(expendable):
            with self.write() as connection:
                for name in sorted(tables):
                    connection.execute(f'DELETE FROM "{name}"')  # noqa: S608 - our own
            self.given_up = tuple(sorted(tables))
            damage = self._damage()
        if damage:
            raise sqlite3.DatabaseError("quick_check found damage")
        # A disk that is full must keep nobody from opening it.
        with suppress(sqlite3.OperationalError):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _damage(self) -> list[str]:
        rows = self._connection.execute("PRAGMA quick_check").fetchall()
        return [str(text) for (text,) in rows if text != "ok"]

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Change something; all of it or nothing, durably.

        A `write` inside another one is part of it.

        Yields:
            The connection, in a transaction.

        Raises:
            FatalError: The disk is full, or the file is damaged.
            UsageError: It is of another thread, or a value does not fit.
            ClosedError: It is closed.
        """
        if self._writing:
            yield self._connection
            return
        with self._explained():
            try:
                self._writing = True
                if self._connection.in_transaction:
                    # An interrupt came while another change was being taken back.
                    self._connection.execute("ROLLBACK")
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # A disk that is full may have rolled back already.
                if not self._closed and self._connection.in_transaction:
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
            ClosedError: It is closed.
        """
        with self._explained():
            return self._connection.execute(query, values).fetchall()

    def scrub(self) -> None:
        """Empty the journal, which still holds what was erased from the file.

        Call it outside of `write`.

        Raises:
            FatalError: The disk is full, or the file is damaged.
            ClosedError: It is closed.
        """
        self.read("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Let other processes in."""
        self._closed = True
        self._connection.close()

    def destroy(self) -> None:
        """Overwrite everything, then remove the file and its companions.

        On a disk that has no room for the change, the files are overwritten in place
        instead, as far as the system lets; they are removed in any case. A crash in
        between leaves a file whose tables are empty or that is no phone's any more, or
        none; call it again, or remove the file. What memory keeps of pages that were
        written earlier, as flash does, is out of reach.

        Raises:
            FatalError: A file cannot be removed.
            ClosedError: It is closed.
        """
        try:
            self._erase_all()
        except FatalError:
            with self._explained():
                self._overwrite_files()
        self.close()
        with _explained(self.path):
            for path in self._files():
                path.unlink(missing_ok=True)
            folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _erase_all(self) -> None:
        with self.write() as connection:
            for name in _tables(connection):
                connection.execute(f'DELETE FROM "{name}"')  # noqa: S608 - our own
        # The journal still holds what the pages held before.
        self.scrub()

    def _overwrite_files(self) -> None:
        # Opened first: SQLite may remove the journal, as it is, when it closes.
        found = [path for path in self._files() if path.exists()]
        handles = [os.open(path, os.O_RDWR | os.O_CLOEXEC) for path in found]
        self.close()
        for handle in handles:
            try:
                with suppress(OSError):
                    _overwrite(handle)
                os.ftruncate(handle, 0)
                os.fsync(handle)
            finally:
                os.close(handle)

    def _files(self) -> list[Path]:
        return [Path(f"{self.path}{ending}") for ending in (*_COMPANIONS, "")]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        self._check_open()
        try:
            with _explained(self.path):
                yield
        except UsageError:
            # Perhaps it was closed meanwhile, by what was done inside.
            self._check_open()
            raise

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError(
                "phone: expected an open one, got one that is closed",
                advice="Open it again, unless it was deleted.",
            )


def _overwrite(handle: int) -> None:
    size = os.fstat(handle).st_size
    for start in range(0, size, _CHUNK):
        os.pwrite(handle, bytes(min(_CHUNK, size - start)), start)
    os.fsync(handle)


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
            f"phone: expected to be used by one thread, and given values that fit, "
            f"got: {error}"
        ) from error
    except sqlite3.DatabaseError as error:
        raise _say(path, error) from error
    except UnicodeDecodeError as error:
        raise _damaged(path, "a text that is none") from error
    except OSError as error:
        raise FatalError(
            f"phone: expected {path} to open, got: {error.strerror}",
            advice="The folder must exist, and this user must be able to write there.",
        ) from error


def _say(path: Path, error: sqlite3.DatabaseError) -> FatalError | RefusedError:
    # What has no code does not come from the system.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    if code in _IN_USE:
        return RefusedError(
            f"phone: expected {path} to be free, got one in use",
            advice="End the other process that uses it.",
        )
    if code in _NO_ROOM:
        return FatalError(
            f"phone: expected {path} to take changes, got: {error}",
            advice="Make room on the disk or check the file's rights; nothing is lost.",
        )
    return _damaged(path, str(error))


def _damaged(path: Path, found: str) -> FatalError:
    return FatalError(
        f"phone: expected {path} to be whole, got: {found}",
        advice="Restore it, or delete it; the chain is then downloaded again, but "
        "this phone's keys and sightings are gone.",
    )
