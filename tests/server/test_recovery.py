"""Nodes that come back knowing less than they have signed."""

import shutil
from http import HTTPStatus
from pathlib import Path

import pytest

from cosignal.protocol.checkpoints import parse_checkpoint_text
from cosignal.protocol.notes import parse_note
from cosignal.server.storage.ledger_tables import signed_heads
from tests.server.authorities import Authorities, authorities, some_keys


async def signed(network: Authorities, number: int) -> dict[tuple[str, int], bytes]:
    async with network.database(number).read() as connection:
        rows = await connection.execute(signed_heads.select())
        return {(row.signer, row.size): row.root for row in rows}


async def back_up(network: Authorities, number: int, place: Path) -> None:
    await network.stop(number)
    shutil.copytree(network.config(number).node.data, place)
    await network.start(number)


async def restore(network: Authorities, number: int, place: Path) -> None:
    await network.stop(number)
    shutil.rmtree(network.config(number).node.data)
    shutil.copytree(place, network.config(number).node.data)


@pytest.mark.parametrize("number", [1, 3], ids=["sequencer", "cosigner"])
async def test_a_node_from_an_old_backup_takes_over_what_it_signed(
    network: Authorities, tmp_path: Path, number: int
) -> None:
    await back_up(network, number, tmp_path / "backup")
    await network.publish(2, some_keys(5))
    await network.reach(3)
    await network.publish(2, some_keys(5, "more"))
    await network.reach(4)
    before = await signed(network, number)
    await restore(network, number, tmp_path / "backup")

    await network.start(number)
    await network.ready(number)
    await network.publish(4, some_keys(5, "after"))
    await network.reach(5)

    after = await signed(network, number)
    assert {key: after.get(key, root) for key, root in before.items()} == before
    roots = {await n.holdings.tree.root_at(5) for n in network.ledgers}
    assert len(roots) == 1


async def test_keys_published_since_a_backup_are_not_published_again(
    network: Authorities, tmp_path: Path
) -> None:
    keys = some_keys(5)
    await network.upload(2, keys)
    await back_up(network, 2, tmp_path / "backup")
    await network.ready(2)
    await network.ledger(2).sealer.seal_now()
    await network.reach(3)
    await restore(network, 2, tmp_path / "backup")

    await network.start(2)
    await network.ready(2)

    assert await network.ledger(2).sealer.seal_now() is None


async def test_a_node_alone_reads_and_does_not_sign(tmp_path: Path) -> None:
    async with authorities(tmp_path) as network:
        await network.start_all()
        await network.publish(2, some_keys(5))
        await network.reach(3)
        await network.stop_all()
        note = (network.public(3) / "chain" / "1" / "checkpoint").read_bytes()

        await network.start(3)

        status, data, _ = await network.get(3, "chain/1/checkpoint")
        assert (status, data) == (HTTPStatus.OK, note)
        answer = await network.post(3, "add-checkpoint", b"old 3\n\n" + note)
        assert answer[0] == HTTPStatus.SERVICE_UNAVAILABLE
        assert answer[2]["Retry-After"] == "1"
        assert any(
            "not signing yet" in p for p, _ in network.ledger(3).status().problems
        )

        await network.start(2)
        await network.start(4)
        await network.ready(3)
        answer = await network.post(3, "add-checkpoint", b"old 3\n\n" + note)
        assert answer[0] == HTTPStatus.OK


async def test_the_monitoring_path_shows_what_was_cosigned_last(
    network: Authorities,
) -> None:
    await network.publish(2, some_keys(5))
    await network.reach(3)

    note = network.ledger(2).witnessed()

    assert note is not None
    assert parse_checkpoint_text(note.text).size == 3
    shown = network.ledger(1).witnessed()
    assert shown is not None
    names = {line.name for line in parse_note(shown.encode()).signatures}
    assert len(names) >= 4  # the log's, and at least a quorum of cosigners
