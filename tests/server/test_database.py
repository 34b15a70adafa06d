"""What is committed stays, what is erased is gone, and strangers' files are refused."""

import asyncio
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from cosignal.protocol.errors import RefusedError
from cosignal.server.storage import ledger_tables
from cosignal.server.storage.database import Database
from cosignal.server.storage.group_commit import GroupCommit
from cosignal.server.storage.tables import chain_keys, metadata, wrong_attempts

NETWORK = "test.cosignal.example"


async def opened(
    path: Path, *, network: str = NETWORK, node: str = "authority-1"
) -> Database:
    return await Database.open(path / "node.sqlite", network=network, node=node)


def raw(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def add(connection: AsyncConnection, at: int) -> None:
    await connection.execute(insert(wrong_attempts).values(at=at))


async def times(database: Database) -> list[int]:
    async with database.read() as connection:
        rows = await connection.execute(select(wrong_attempts.c.at))
        return list(rows.scalars())


@pytest.mark.parametrize(
    ("name", "value"), [("network", "other.example"), ("node", "authority-2")]
)
async def test_a_database_of_another_network_or_node_is_refused(
    tmp_path: Path, name: str, value: str
) -> None:
    await (await opened(tmp_path)).close()

    with pytest.raises(RefusedError, match=f"expected {name} {value}") as caught:
        await opened(tmp_path, **{name: value})

    assert "node.data" in caught.value.advice


async def test_a_missing_database_is_refused_where_it_must_exist(
    tmp_path: Path,
) -> None:
    with pytest.raises(RefusedError, match="expected a file"):
        await Database.open(
            tmp_path / "none", network=NETWORK, node="authority-1", create=False
        )


async def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    database = await opened(tmp_path)
    await database.write(
        lambda c: c.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    )
    await database.close()

    with pytest.raises(RefusedError, match="newer ones"):
        await opened(tmp_path)


async def test_migrations_make_the_tables_that_the_code_describes(
    tmp_path: Path,
) -> None:
    assert ledger_tables.metadata is metadata
    database = await opened(tmp_path)

    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    async with database.read() as connection:
        found = await connection.run_sync(differences)
    await database.close()

    assert found == []


def test_every_table_says_what_it_holds_and_for_how_long() -> None:
    silent = [table.name for table in metadata.tables.values() if not table.comment]

    assert silent == []


async def test_every_connection_commits_durably_and_overwrites_what_it_deletes(
    tmp_path: Path,
) -> None:
    database = await opened(tmp_path)

    async def pragmas(connection: AsyncConnection) -> list[object]:
        names = ("journal_mode", "synchronous", "secure_delete", "foreign_keys")
        return [
            (await connection.execute(text(f"PRAGMA {name}"))).scalar_one()
            for name in names
        ]

    written = await database.write(pragmas)
    async with database.read() as connection:
        read = await pragmas(connection)
    await database.close()

    assert written == read == ["wal", 2, 1, 1]


async def test_a_job_that_fails_leaves_nothing(tmp_path: Path) -> None:
    database = await opened(tmp_path)

    async def failing(connection: AsyncConnection) -> None:
        await add(connection, 1)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await database.write(failing)

    assert await times(database) == []
    await database.close()


async def test_jobs_run_one_at_a_time_in_the_order_they_came(tmp_path: Path) -> None:
    database = await opened(tmp_path)
    events: list[str] = []

    async def job(connection: AsyncConnection, number: int) -> None:
        events.append(f"begin {number}")
        await add(connection, number)
        await asyncio.sleep(0)
        events.append(f"end {number}")

    await asyncio.gather(
        *(database.write(lambda c, n=n: job(c, n)) for n in range(5))  # type: ignore[misc]
    )
    await database.close()

    expected = [f"{word} {n}" for n in range(5) for word in ("begin", "end")]
    assert events == expected


async def test_a_transaction_is_finished_although_its_caller_gave_up(
    tmp_path: Path,
) -> None:
    database = await opened(tmp_path)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def job(connection: AsyncConnection) -> None:
        begun.set()
        await go_on.wait()
        await add(connection, 7)

    caller = asyncio.create_task(database.write(job))
    await begun.wait()
    caller.cancel()
    go_on.set()
    await asyncio.wait([caller])

    await database.close()
    database = await opened(tmp_path)
    assert await times(database) == [7]
    await database.close()


async def test_scrubbed_bytes_are_in_no_file(tmp_path: Path) -> None:
    database = await opened(tmp_path)
    keys = [bytes([n]) * 16 for n in range(1, 200)]
    rows = [{"key": key, "expires": 1} for key in keys]
    await database.write(lambda c: c.execute(insert(chain_keys), rows))

    assert keys[50] in raw(tmp_path)
    await database.write(lambda c: c.execute(delete(chain_keys)))
    assert await database.scrub()

    left = raw(tmp_path)
    assert not [key for key in keys if key in left]
    await database.close()


async def test_waiting_items_share_one_transaction(tmp_path: Path) -> None:
    database = await opened(tmp_path)
    batches: list[list[int]] = []

    async def job(connection: AsyncConnection, items: list[int]) -> list[int]:
        batches.append(items)
        for item in items:
            await add(connection, item)
        return [item * 2 for item in items]

    commits = GroupCommit(database, job, limit=50)
    results = await asyncio.gather(*(commits.submit(n) for n in range(120)))

    assert results == [n * 2 for n in range(120)]
    assert [len(batch) for batch in batches] == [50, 50, 20]
    assert sorted(await times(database)) == list(range(120))
    await database.close()


async def test_a_failing_batch_fails_all_its_items_and_not_the_next(
    tmp_path: Path,
) -> None:
    database = await opened(tmp_path)

    async def job(connection: AsyncConnection, items: list[int]) -> list[int]:
        await add(connection, items[0])
        if -1 in items:
            raise OSError(28, "No space left on device")
        return items

    commits = GroupCommit(database, job)
    results = await asyncio.gather(
        commits.submit(1), commits.submit(-1), return_exceptions=True
    )

    assert [type(result) for result in results] == [OSError, OSError]
    assert await times(database) == []
    assert await commits.submit(5) == 5
    await database.close()


async def test_errors_do_not_show_the_values_of_rows(tmp_path: Path) -> None:
    database = await opened(tmp_path)
    row = {"key": b"canary-canary-ca", "expires": 1}

    async def twice(connection: AsyncConnection) -> None:
        await connection.execute(insert(chain_keys), [row, row])

    with pytest.raises(Exception, match="UNIQUE") as caught:
        await database.write(twice)

    assert "canary" not in str(caught.value)
    await database.close()


async def test_a_cancelled_read_leaves_no_transaction_behind(tmp_path: Path) -> None:
    database = await opened(tmp_path)

    async def keep_reading() -> None:
        while True:
            await times(database)

    for number in range(60):
        reader = asyncio.create_task(keep_reading())
        await asyncio.sleep(number % 10 / 5_000)
        reader.cancel()
        await asyncio.wait([reader])

        await database.write(lambda c, at=number: add(c, at))  # type: ignore[misc]

        assert await database.scrub()
    await database.close()
