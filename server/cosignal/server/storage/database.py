"""Keep a node's rows in one SQLite file, with one writer.

What this module guarantees:

* `Database.write` returns only after the transaction is on the disk (WAL,
  ``synchronous=FULL``), and runs one transaction at a time.
* A transaction that began is finished even when its caller is cancelled, so no
  caller can leave one half done.
* What a row held is overwritten when it is deleted (``secure_delete``), and `scrub`
  empties the write-ahead log, so erased bytes are in no file of the database.
* A file of another network or node, or of a newer Cosignal, is refused.

It leaves the tables to `tables` and the queries to one module for each area.

Source: https://www.sqlite.org/wal.html, https://www.sqlite.org/pragma.html
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any, TypeVar, cast

import aiosqlite
from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

from cosignal.protocol.errors import RefusedError
from cosignal.server.storage.tables import meta

MIGRATIONS = Path(__file__).parent / "migrations"
READERS = 4
BUSY_SECONDS = 10
SCRUB_MILLISECONDS = 200
#: Most memory that one connection uses for pages, KiB. The keys of the chain are in the
#: order of their bytes, so each new one changes another page.
CACHE_KIBIBYTES = 65_536
#: Pages of 4 KiB in the write-ahead log before they are copied into the file. A page
#: that many commits change meanwhile is copied once.
LOG_PAGES = 10_000

T = TypeVar("T")
Job = Callable[[AsyncConnection], Awaitable[T]]


class Database:
    """One node's SQLite file: many readers, one writer."""

    def __init__(
        self, reader: AsyncEngine, writer: AsyncEngine, direct: tuple[Engine, Engine]
    ) -> None:
        """Wrap engines on one file; use `open` instead.

        Args:
            reader: For `read`.
            writer: For `write`.
            direct: For `read_at_once` and `write_at_once`.
        """
        self._reader = reader
        self._writer = writer
        self._direct_reader, self._direct_writer = direct
        self._turn = asyncio.Lock()
        self._running: set[asyncio.Task[Any]] = set()

    @classmethod
    async def open(
        cls, path: Path, *, network: str, node: str, create: bool = True
    ) -> "Database":
        """Open the file and bring its tables up to date.

        Args:
            path: The SQLite file.
            network: Name of the network whose data it may hold.
            node: Name of the authority whose data it may hold.
            create: Whether a missing file is made.

        Returns:
            A database ready for use.

        Raises:
            RefusedError: The file is missing and `create` is false, belongs to
                another network or node, or was written by a newer Cosignal.
        """
        if not create and not await asyncio.to_thread(path.exists):
            raise RefusedError(
                f"database: expected a file at {path}, got none",
                advice="Start the node once with `cosignal serve` to make it.",
            )
        database = cls(
            _engine(path, "BEGIN", READERS),
            _engine(path, "BEGIN IMMEDIATE", 1),
            (_direct_engine(path, "BEGIN"), _direct_engine(path, "BEGIN IMMEDIATE")),
        )
        try:
            await database._prepare(network, node)
        except BaseException:
            await database.close()
            raise
        return database

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection that sees one consistent state of the file.

        A cancellation waits for the statement in progress: cut in two, it would leave
        a read transaction behind that nobody ends, and `scrub` would wait in vain.
        """
        connection = self._reader.connect()
        try:
            await finished(connection.start())
            yield cast("AsyncConnection", _WholeStatements(connection))
        finally:
            if connection.sync_connection is not None:
                await finished(connection.close())

    async def write(self, job: Job[T]) -> T:
        """Run one transaction and wait until it is on the disk.

        Args:
            job: Gets the connection; what it returns is returned after the commit.
                When it raises, nothing is kept.

        Returns:
            What the job returned.
        """
        # A cancelled request must not cut a transaction in two: the task goes on
        # to its commit or rollback, and only the waiting ends.
        return await self._to_its_end(self._transaction(job))

    async def read_at_once(self, job: Callable[[Connection], T]) -> T:
        """Read with a job that runs in one thread from its begin to its end.

        Args:
            job: Gets a connection that sees one consistent state of the file.

        Returns:
            What the job returned.
        """

        def run() -> T:
            with self._direct_reader.connect() as connection:
                return job(connection)

        return await finished(asyncio.to_thread(run))

    async def write_at_once(self, job: Callable[[Connection], T]) -> T:
        """Run one transaction like `write`, in one thread from its begin to its end.

        Every statement of `write` hands over between threads three times. On the way
        of a block to its quorum that would take longer than the disk does.

        Args:
            job: Gets the connection; it waits for nothing but the database.

        Returns:
            What the job returned.
        """

        def run() -> T:
            with self._direct_writer.begin() as connection:
                return job(connection)

        async def transaction() -> T:
            async with self._turn:
                return await asyncio.to_thread(run)

        return await self._to_its_end(transaction())

    async def scrub(self) -> bool:
        """Empty the write-ahead log, so that deleted rows are in no file.

        Call it after the transaction that erased something. A crash before it
        leaves old pages in the log; the next `open` scrubs again.

        Returns:
            Whether the log is empty now; a long read can delay it.
        """
        async with self._turn, self._writer.connect() as connection:
            raw = (await connection.get_raw_connection()).driver_connection
            assert isinstance(raw, aiosqlite.Connection)  # noqa: S101 - for the type
            # Writers wait for this turn, so it must not last as long as a long read.
            await raw.execute(f"PRAGMA busy_timeout={SCRUB_MILLISECONDS}")
            try:
                async with raw.execute("PRAGMA wal_checkpoint(TRUNCATE)") as cursor:
                    row = await cursor.fetchone()
            finally:
                await raw.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
        return row is not None and row[0] == 0

    async def close(self) -> None:
        """Finish running transactions and close the file."""
        while self._running:
            await asyncio.wait(self._running)
        await self._reader.dispose()
        await self._writer.dispose()
        self._direct_reader.dispose()
        self._direct_writer.dispose()

    async def _to_its_end(self, transaction: Coroutine[Any, Any, T]) -> T:
        task = asyncio.create_task(transaction)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _transaction(self, job: Job[T]) -> T:
        # The lock keeps waiting writers in the order they came; SQLite's own lock
        # would let them starve.
        async with self._turn, self._writer.begin() as connection:
            return await job(connection)

    async def _prepare(self, network: str, node: str) -> None:
        try:
            async with self._writer.begin() as connection:
                await connection.run_sync(_migrate)
                await _claim(connection, network, node)
        except CommandError as error:
            raise RefusedError(
                "database: expected tables that this version knows, got newer ones",
                advice="Run the newer Cosignal that last used this folder.",
            ) from error
        await self.scrub()


class _WholeStatements:
    """A connection on which no statement is interrupted."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever it has
        value = getattr(self._connection, name)
        if not iscoroutinefunction(value):
            return value
        return lambda *args, **options: finished(value(*args, **options))


async def finished(work: Coroutine[Any, Any, T]) -> T:
    """Wait for something to end, even when this task is cancelled meanwhile.

    Args:
        work: What must not be cut in two.

    Returns:
        What it returned.

    Raises:
        asyncio.CancelledError: This task was cancelled; the work has ended by now.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # Nobody is left to hear of it.
        raise cancelled
    return task.result()


def _engine(path: Path, begin: str, size: int) -> AsyncEngine:
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{path}",
        # The driver must not begin transactions by itself: `begin` says how.
        connect_args={"isolation_level": None, "timeout": BUSY_SECONDS},
        pool_size=size,
        max_overflow=0,
        hide_parameters=True,  # an error message must never show a key
    )
    _listen(engine.sync_engine, begin)
    return engine


def _direct_engine(path: Path, begin: str) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        connect_args={
            "isolation_level": None,
            "timeout": BUSY_SECONDS,
            # Each job runs in one thread, but not always in the same one.
            "check_same_thread": False,
        },
        poolclass=QueuePool,
        pool_size=1,
        hide_parameters=True,
    )
    _listen(engine, begin)
    return engine


def _listen(engine: Engine, begin: str) -> None:
    """Prepare every new connection, and begin transactions by `begin`."""

    def connect(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DBAPI one
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "secure_delete=ON",
            "foreign_keys=ON",
            f"cache_size=-{CACHE_KIBIBYTES}",
            f"wal_autocheckpoint={LOG_PAGES}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", connect)
    event.listen(engine, "begin", start)


def _migrate(connection: Connection) -> None:
    config = AlembicConfig()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    ScriptDirectory.from_config(config)
    command.upgrade(config, "head")


async def _claim(connection: AsyncConnection, network: str, node: str) -> None:
    """Write whose file this is into a new one; compare in an old one."""
    ours = {"network": network, "node": node}
    rows = await connection.execute(select(meta.c.name, meta.c.value))
    theirs = {row.name: row.value for row in rows}
    for name, value in ours.items():
        if theirs.get(name, value) != value:
            raise RefusedError(
                f"database: expected {name} {value}, got {theirs[name]}",
                advice="Point node.data at this node's own folder, or at an empty one.",
            )
    missing = [
        {"name": name, "value": value}
        for name, value in ours.items()
        if name not in theirs
    ]
    if missing:
        await connection.execute(insert(meta), missing)
