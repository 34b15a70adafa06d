"""What is left of a person's keys when their time is over: nothing."""

import asyncio
from http import HTTPStatus
from pathlib import Path

from sqlalchemy import func, select

from cosignal.protocol.chain import Chain
from cosignal.protocol.diagnosis_keys import DiagnosisKey
from cosignal.server.storage.tables import chain_keys, pending_keys
from tests.server.authorities import NETWORK, Authorities, some_keys
from tests.server.test_sequencer import make_block, sequencer_of
from tests.strategies import NOW

LIFE_SECONDS = 14 * 86_400


def files_with(folder: Path, keys: list[DiagnosisKey]) -> list[str]:
    """Every file below a folder that holds one of the keys, raw or in hexadecimal."""
    needles = [needle for key in keys for needle in (key.data, key.data.hex().encode())]
    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and any(needle in path.read_bytes() for needle in needles)
    ]


async def rows(network: Authorities, number: int) -> tuple[int, ...]:
    async with network.database(number).read() as connection:
        return tuple(
            [
                (
                    await connection.execute(select(func.count()).select_from(table))
                ).scalar_one()
                for table in (pending_keys, chain_keys)
            ]
        )


async def forgotten(network: Authorities, number: int) -> None:
    """Wait until the intake has forgotten the keys, and the chain knows them."""
    for _ in range(4_000):
        pending, known = await rows(network, number)
        if not pending and known:
            return
    raise AssertionError(await rows(network, number))


async def test_after_retention_no_byte_of_a_key_is_left_on_any_node(
    network: Authorities,
) -> None:
    keys = some_keys(12)
    commit = await network.publish(2, keys)
    await network.reach(3)
    for number in (1, 2, 3, 4):
        await forgotten(network, number)
        folder = network.config(number).node.data
        assert f"public/chain/1/body/{commit.hex()}" in files_with(folder, keys)

    network.set_time(NOW + LIFE_SECONDS)

    for number in (1, 2, 3, 4):
        assert await network.ledger(number).retention.sweep() == 1
        assert files_with(network.config(number).node.data, keys) == []
        assert await rows(network, number) == (0, 0)
        status, data, headers = await network.get(
            number, f"chain/1/body/{commit.hex()}"
        )
        assert status == HTTPStatus.GONE
        assert headers["Content-Type"].startswith("application/problem+json")
        assert not any(key.data in data for key in keys)


async def test_the_chain_still_verifies_without_its_bodies(node: Authorities) -> None:
    await node.publish(1, some_keys(12))
    await node.reach(3)
    node.set_time(NOW + LIFE_SECONDS)
    await node.ledger(1).retention.sweep()

    await node.publish(
        1, some_keys(12, "later", start=(NOW + LIFE_SECONDS) // 600 - 300)
    )
    await node.reach(4)

    entries = await node.ledger(1).holdings.tree.entries(0, 4)
    note = node.ledger(1).publisher.data
    start = Chain.start(NETWORK, "1", node.policy)
    chain, _, verified = start.advance(note, entries, NOW + LIFE_SECONDS)
    assert chain.size == len(verified) == 4


async def test_a_body_lives_until_its_time_is_over(node: Authorities) -> None:
    commit = await node.publish(1, some_keys(12))
    await node.reach(3)
    node.set_time(NOW + LIFE_SECONDS - 400)

    assert await node.ledger(1).retention.sweep() == 0

    status, _, headers = await node.get(1, f"chain/1/body/{commit.hex()}")
    assert status == HTTPStatus.OK
    assert headers["Cache-Control"] == "public, max-age=100, immutable"


async def test_an_expired_body_is_not_served_even_before_the_sweep(
    node: Authorities,
) -> None:
    commit = await node.publish(1, some_keys(12))
    await node.reach(3)
    node.set_time(NOW + LIFE_SECONDS)

    status, _, _ = await node.get(1, f"chain/1/body/{commit.hex()}")

    assert status == HTTPStatus.GONE


async def test_a_body_that_no_entry_names_is_erased(node: Authorities) -> None:
    commit = await node.publish(1, some_keys(12))
    await node.reach(3)
    stray = bytes(32)
    await node.ledger(1).holdings.bodies.write(stray, b"left by a crash")

    assert await node.ledger(1).retention.sweep_strays() == 1

    present = await node.ledger(1).holdings.bodies.present()
    assert present == [commit]


async def test_a_block_that_never_got_certified_is_not_kept_for_ever(
    node: Authorities,
) -> None:
    keys = some_keys(12)
    node.ledger(1)._steps.cancel()
    await node.publish(1, keys)
    node.set_time(NOW + LIFE_SECONDS)

    await node.ledger(1).retention.sweep()
    assert await node.ledger(1).sealer.seal_now() is None
    await node.ledger(1).retention.sweep()

    await node.database(1).scrub()
    assert files_with(node.config(1).node.data, keys) == []


async def test_partial_tiles_give_way_to_the_full_one(node: Authorities) -> None:
    sequencer = sequencer_of(node)
    await asyncio.gather(
        *(
            sequencer.submit(*make_block(node, some_keys(10, f"{number}")))
            for number in range(100)
        )
    )
    await node.reach(102)
    await asyncio.gather(
        *(
            sequencer.submit(*make_block(node, some_keys(10, f"more {number}")))
            for number in range(160)
        )
    )
    await node.reach(262)
    folder = node.public(1) / "chain" / "1" / "tile"
    assert any((folder / "0" / "000.p").iterdir())

    await node.ledger(1).retention.sweep()

    assert not any((folder / "0" / "000.p").iterdir())
    assert not any((folder / "entries" / "000.p").iterdir())
    assert (folder / "0" / "000").stat().st_size == 8_192
    assert (await node.get(1, "chain/1/tile/0/001.p/6"))[0] == HTTPStatus.OK
