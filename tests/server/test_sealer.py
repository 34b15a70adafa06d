"""Sealing: what goes into a block, and what becomes of its keys."""

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from cosignal.protocol.bodies import Body, parse_body
from cosignal.protocol.diagnosis_keys import DiagnosisKey, Infectiousness
from cosignal.protocol.errors import BodyMismatchError, UnavailableError
from cosignal.server.ledger.delivery import Delivery
from cosignal.server.ledger.dummies import MOST_EXTRA, dummy_keys
from cosignal.server.storage.outbox import SealedBlock, waiting_blocks
from cosignal.server.storage.tables import chain_keys, pending_keys
from tests.server.authorities import Authorities, authorities, some_keys
from tests.strategies import DAY, TODAY, counted_entropy, key_sets


async def body_of(network: Authorities, commit: bytes) -> Body:
    data = await network.ledger(1).holdings.bodies.read(commit)
    assert data is not None
    return parse_body(data)


async def count(network: Authorities, *conditions: object) -> int:
    query = select(func.count()).select_from(pending_keys).where(*conditions)  # type: ignore[arg-type]
    async with network.database(1).read() as connection:
        return int((await connection.execute(query)).scalar_one())


async def until_empty(network: Authorities) -> None:
    """Wait until the intake has forgotten every key."""
    async with asyncio.timeout(20):
        while await count(network):  # noqa: ASYNC110 - the database gives no event
            await asyncio.sleep(0.005)


@given(keys=key_sets(), minimum=st.integers(1, 60))
def test_a_padded_block_reaches_the_minimum_and_every_kind_in_it_has_a_dummy(
    keys: list[DiagnosisKey], minimum: int
) -> None:
    dummies = dummy_keys(keys, minimum, counted_entropy())

    assert len(keys) + len(dummies) >= minimum
    assert len(dummies) <= max(minimum - len(keys) + MOST_EXTRA, len(keys))
    kinds = {replace(key, data=b"") for key in keys}
    assert {replace(key, data=b"") for key in dummies} == (kinds if dummies else set())


def test_enough_real_keys_get_no_dummies() -> None:
    assert dummy_keys(some_keys(10), 10, counted_entropy()) == []


async def test_a_block_holds_every_key_that_may_be_published(
    node: Authorities,
) -> None:
    keys = some_keys(3) + [
        replace(key, infectiousness=Infectiousness.HIGH) for key in some_keys(2, "high")
    ]

    commit = await node.publish(1, keys)

    await node.reach(3)
    body = await body_of(node, commit)
    published = {key.data: key for key in body.diagnosis_keys()}
    assert [published[key.data] for key in keys] == keys
    assert body.count >= 10
    kinds = Counter(key.infectiousness for key in published.values())
    assert all(amount > 2 for amount in kinds.values())


async def test_a_sealed_key_is_not_sealed_again(node: Authorities) -> None:
    await node.publish(1, some_keys(3))

    assert await node.ledger(1).sealer.seal_now() is None


async def test_more_keys_than_fit_into_a_block_make_several_at_once(
    node: Authorities,
) -> None:
    old = some_keys(4, "old", TODAY - 16 * DAY)
    sealer = node.ledger(1).sealer
    node.ledger(1)._steps.cancel()
    await node.upload(1, some_keys(7) + old)

    commits = await sealer.seal_all(most_keys=3)

    assert len(commits) >= 3
    assert await count(node) == 7
    assert await count(node, pending_keys.c.sealed_in.is_(None)) == 0


async def test_certified_keys_are_forgotten_and_known_to_be_on_the_chain(
    node: Authorities,
) -> None:
    keys = some_keys(3)
    await node.publish(1, keys)

    await node.reach(3)
    await until_empty(node)

    async with node.database(1).read() as connection:
        assert await waiting_blocks(connection) == []
        known = set((await connection.execute(select(chain_keys.c.key))).scalars())
    assert {key.data for key in keys} <= known


async def test_keys_too_old_or_published_by_others_are_dropped(
    node: Authorities,
) -> None:
    old = some_keys(1, "old", TODAY - 16 * DAY)
    again = some_keys(1, "again")
    await node.publish(1, again)
    await node.reach(3)
    await until_empty(node)

    await node.upload(1, old + again)

    assert await node.ledger(1).sealer.seal_now() is None
    assert await count(node) == 0


async def test_a_block_that_is_refused_for_good_gives_its_keys_back(
    tmp_path: Path,
) -> None:
    async with authorities(tmp_path, 1) as network:
        await network.start_all()
        sealer, database = network.ledger(1).sealer, network.database(1)
        refusals: list[bytes] = []

        async def refuse(block: SealedBlock) -> None:
            refusals.append(block.commit)
            raise BodyMismatchError("no")

        network.ledger(1)._steps.cancel()
        commit = await network.publish(1, some_keys(3))
        assert await count(network, pending_keys.c.sealed_in.is_not(None)) == 3

        assert not await Delivery(database, sealer, refuse).deliver()

        assert refusals == [commit]
        assert await count(network, pending_keys.c.sealed_in.is_(None)) == 3
        assert await sealer.seal_now() not in (None, commit)


async def test_a_block_is_sent_until_it_is_ordered_and_kept_until_it_is_certified(
    node: Authorities,
) -> None:
    node.ledger(1)._steps.cancel()
    await node.publish(1, some_keys(3))
    sent: list[bytes] = []

    async def fail_once(block: SealedBlock) -> None:
        sent.append(block.commit)
        if len(sent) == 1:
            raise UnavailableError("not now")

    delivery = Delivery(node.database(1), node.ledger(1).sealer, fail_once)

    assert await delivery.deliver()
    assert not await delivery.deliver()
    assert not await delivery.deliver()
    assert len(sent) == 2
    assert delivery.waiting == 1
