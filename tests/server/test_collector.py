"""Four authorities, one checkpoint: quorum, outages, repair, idling."""

import asyncio
import shutil
from pathlib import Path

from cosignal.protocol.checkpoints import (
    CertifiedCheckpoint,
    parse_checkpoint_text,
)
from cosignal.protocol.notes import parse_note
from tests.server.authorities import Authorities, authorities, some_keys, until
from tests.strategies import NOW


def published(network: Authorities, number: int) -> CertifiedCheckpoint:
    current = network.ledger(number).publisher.current
    assert current is not None
    return current


async def test_a_block_sealed_at_one_authority_is_certified_at_all(
    network: Authorities,
) -> None:
    commit = await network.publish(2, some_keys(5))

    await network.reach(3)
    assert [await network.index_of(n, commit) for n in (1, 2, 3, 4)] == [2] * 4
    bodies = [
        (network.public(n) / "chain" / "1" / "body" / commit.hex()).read_bytes()
        for n in (1, 2, 3, 4)
    ]
    assert len(set(bodies)) == 1


async def test_late_cosignatures_are_merged_and_spread(network: Authorities) -> None:
    await network.publish(3, some_keys(5))

    await network.reach(3)
    for number in (1, 2, 3, 4):
        await until(
            lambda number=number: len(published(network, number).cosignatures) == 4,  # type: ignore[misc]
            f"four signatures at node {number}",
        )


async def test_with_too_few_authorities_nothing_is_published_until_one_is_back(
    network: Authorities,
) -> None:
    await network.stop(3)
    await network.stop(4)
    commit = await network.publish(2, some_keys(5))
    await until(lambda: network.ledger(1).cosigner.own.size == 3)
    await until(lambda: network.ledger(2).cosigner.own.size == 3)
    await asyncio.sleep(0.3)

    assert [network.ledger(n).publisher.size for n in (1, 2)] == [2, 2]
    _, data, _ = await network.get(1, "chain/1/checkpoint")
    assert parse_checkpoint_text(parse_note(data).text).size == 2
    assert any(
        "does not co-sign" in detail
        for detail, _ in network.ledger(1).status().problems
    )

    await network.start(4)
    await network.reach(3)
    assert await network.index_of(4, commit) == 2


async def test_an_authority_that_was_away_is_repaired_and_its_word_merged(
    network: Authorities,
) -> None:
    await network.stop(4)
    for number in range(3):
        await network.publish(2, some_keys(5, f"{number}"))
        await network.reach(3 + number)

    await network.start(4)
    await network.reach(5)

    await until(lambda: len(published(network, 1).cosignatures) == 4)
    assert network.ledger(4).cosigner.own.size == 5
    assert network.ledger(1).status().problems == ()


async def test_an_authority_that_lost_everything_comes_back(
    network: Authorities,
) -> None:
    await network.publish(2, some_keys(5))
    await network.reach(3)
    await network.stop(3)
    shutil.rmtree(network.config(3).node.data)

    await network.start(3)
    await network.publish(2, some_keys(5, "more"))

    await network.reach(4)
    await until(lambda: network.ledger(3).cosigner.own.size == 4)


async def test_an_idle_chain_is_cosigned_again(tmp_path: Path) -> None:
    async with authorities(tmp_path, resign_seconds=1) as network:
        await network.start_all()
        network.set_time(NOW + 60)

        await until(lambda: published(network, 1).fresh_time == NOW + 60)
        await until(lambda: published(network, 2).fresh_time == NOW + 60)
        assert published(network, 1).checkpoint.size == 2


async def test_one_wrong_clock_stops_nobody_else(network: Authorities) -> None:
    network.clocks[3].now = NOW - 3_600

    await network.publish(2, some_keys(5))

    await network.reach(3, 1, 2, 3)
    assert network.ledger(4).cosigner.own.size <= 3
    network.clocks[3].now = NOW
    await until(lambda: network.ledger(4).cosigner.own.size == 3)


async def test_many_blocks_of_many_authorities_are_all_certified(
    network: Authorities,
) -> None:
    commits = await asyncio.gather(
        *(network.publish(n, some_keys(5, f"{n}")) for n in (1, 2, 3, 4))
    )

    await network.reach(6)
    places = {await network.index_of(1, commit) for commit in commits}
    assert places == {2, 3, 4, 5}


async def test_a_sequencer_with_a_wrong_clock_orders_nothing_and_says_why(
    tmp_path: Path,
) -> None:
    async with authorities(tmp_path, resign_seconds=1) as network:
        await network.start_all()
        network.clocks[0].now = NOW + 3_600
        ledger = network.ledger(1)
        await until(
            lambda: any("clock" in text for text, _ in ledger.status().problems)
        )

        await network.publish(2, some_keys(5))
        await asyncio.sleep(0.3)

        assert ledger.holdings.tree.size == 2
        network.clocks[0].now = NOW
        await network.reach(3)
        assert ledger.status().problems == ()
