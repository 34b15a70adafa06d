"""What was answered is on the disk, whatever fails; what failed leaves nothing."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cosignal.server.intake import publish
from cosignal.server.intake.intake import sweep
from cosignal.server.storage import waiting_keys
from cosignal.server.storage.tables import pending_keys
from cosignal.server.storage.uploads import (
    mark_certified,
    unseal,
)
from cosignal.server.storage.waiting_keys import GROUP, WaitingKeys
from tests.server.authorities import authorities
from tests.server.desk import Desk, Upload
from tests.server.publishing import Entropy, move_to_chain, pending, publish_new


async def test_a_failing_disk_is_a_server_error_so_that_phones_try_again(
    desk: Desk, entropy: Entropy
) -> None:
    upload = await desk.certified(Upload.of(entropy))
    real = desk.database.write

    async def full(_job: object) -> None:
        raise OSError(28, "No space left on device")

    desk.database.write = full  # type: ignore[assignment]
    failed = await desk.publish(upload)
    desk.database.write = real  # type: ignore[method-assign]

    assert (failed.status, failed.code) == (500, "internal_error")
    assert (await desk.publish(upload)).status == 200


async def test_what_was_answered_survives_a_crash(
    desk: Desk, entropy: Entropy, tmp_path: Path
) -> None:
    await publish_new(desk, Upload.of(entropy, 14))
    data = desk.config.node.data

    # What a killed process leaves behind: the files as they are now.
    for name in ("node.sqlite", "node.sqlite-wal"):
        (tmp_path / name).write_bytes((data / name).read_bytes())
    copy = await type(desk.database).open(
        tmp_path / "node.sqlite", network="test.cosignal.example", node="authority-1"
    )
    async with copy.read() as connection:
        kept = (await connection.execute(select(pending_keys.c.key))).all()
    await copy.close()

    assert len(kept) == 14


async def test_keys_of_a_block_that_failed_go_into_the_next(
    desk: Desk, entropy: Entropy
) -> None:
    await publish_new(desk, Upload.of(entropy, 4))

    async def seal(connection: AsyncConnection) -> int:
        query = update(pending_keys).where(pending_keys.c.sealed_in.is_(None))
        return (await connection.execute(query.values(sealed_in=b"c" * 32))).rowcount

    assert await desk.database.write(seal) == 4
    assert await desk.database.write(seal) == 0
    assert await desk.database.write(lambda c: unseal(c, b"c" * 32)) == 4
    assert await desk.database.write(seal) == 4
    assert await desk.database.write(lambda c: mark_certified(c, b"c" * 32)) == 4
    assert await pending(desk) == 0


async def test_keys_that_wait_are_known_after_a_restart(
    tmp_path: Path, entropy: Entropy
) -> None:
    upload = Upload.of(entropy)
    async with authorities(tmp_path, 1) as network:
        await network.start(1)
        first = await publish_new(Desk(network, 1), upload)
        await network.stop(1)
        await network.start(1)
        again = replace(upload, secret=entropy(16))
        second = await publish_new(Desk(network, 1), again)

    assert (first.status, second.code) == (200, "missing_revision_token")


async def test_a_failed_commit_leaves_no_key_known(
    desk: Desk, entropy: Entropy, monkeypatch: pytest.MonkeyPatch
) -> None:
    await publish_new(desk, Upload.of(entropy, 2))
    upload = await desk.certified(Upload.of(entropy, 3))

    async def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr(publish, "insert_uploads", full)
        failed = await desk.publish(upload)
    again = await desk.publish(upload)

    assert (failed.status, again.status) == (500, 200)
    assert await pending(desk) == 5


async def test_rows_of_one_upload_are_scattered_among_thousands(
    desk: Desk, entropy: Entropy
) -> None:
    for _ in range(3):
        await publish_new(desk, Upload.of(entropy, 10))

    async with desk.database.read() as connection:
        places = (await connection.execute(select(pending_keys.c.id))).scalars().all()
    assert len(places) == 30
    assert max(places) // GROUP == min(places) // GROUP == 1
    assert max(places) - min(places) > GROUP // 2


async def test_a_group_of_places_is_used_up_before_the_next_begins(
    desk: Desk, entropy: Entropy
) -> None:
    waiting = WaitingKeys(entropy)
    async with desk.database.read() as connection:
        assert await waiting.load(connection) == set()

    places = [
        place
        for _ in range(2 * GROUP // 64)
        for place in waiting.place(bytes([n]) for n in range(64))
    ]

    assert len(places) == len(set(places)) == 2 * GROUP
    assert set(places) == set(range(GROUP, 3 * GROUP))


async def test_keys_that_wait_no_longer_are_forgotten_in_time(
    desk: Desk, entropy: Entropy, monkeypatch: pytest.MonkeyPatch
) -> None:
    await publish_new(desk, Upload.of(entropy, 9))
    await move_to_chain(desk)
    waiting = desk.intake.waiting

    await sweep(desk.intake, desk.database, desk.clock.now)
    assert waiting._known is not None
    monkeypatch.setattr(waiting_keys, "SPARE", 8)
    await sweep(desk.intake, desk.database, desk.clock.now)

    assert waiting._known is None
