"""Processes that die at any moment, under load."""

import random

import pytest

from tests.faults.invariants import check_all
from tests.faults.processes import Network, NodeProcess
from tests.faults.uploads import Uploads

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROUNDS = 4


async def kill_again_and_again(
    network: Network, victims: list[NodeProcess], uploads: Uploads, seed: str
) -> None:
    """Kill one victim after another, each after a random number of uploads."""
    draw = random.Random(seed)  # noqa: S311 - must be repeatable

    async def gained() -> bool:
        return len(uploads.acknowledged) >= wanted

    async with uploads.load(network.nodes):
        for number in range(ROUNDS):
            wanted = len(uploads.acknowledged) + draw.randint(5, 60)
            await network.eventually(f"{wanted} keys are acknowledged", gained)
            victim = victims[number % len(victims)]
            victim.kill()
            await network.start(victim)


async def test_a_sequencer_that_is_killed_loses_nothing_and_repeats_nothing(
    network: Network,
) -> None:
    uploads = Uploads(network, "sequencer")

    await kill_again_and_again(network, [network.sequencer], uploads, "sequencer")

    view = await check_all(network, uploads)
    assert len(uploads.acknowledged) > 0
    assert view.keys.total() >= len(uploads.acknowledged)


async def test_cosigners_that_are_killed_lose_nothing_and_sign_nothing_twice(
    network: Network,
) -> None:
    uploads = Uploads(network, "cosigners")

    await kill_again_and_again(network, network.nodes[2:], uploads, "cosigners")

    await check_all(network, uploads)


async def test_an_authority_killed_while_it_issues_keeps_what_it_acknowledged(
    network: Network,
) -> None:
    issuer = network.nodes[1]
    uploads = Uploads(network, "issuer")

    for _ in range(ROUNDS):
        await uploads.upload(issuer, count=3)
        issuer.kill()
        await network.start(issuer)

    view = await check_all(network, uploads)
    assert len(uploads.acknowledged) == 3 * ROUNDS
    assert uploads.acknowledged <= view.keys.keys()


async def test_a_network_that_is_killed_at_once_goes_on_where_it_was(
    network: Network,
) -> None:
    uploads = Uploads(network, "all")
    await uploads.upload(network.nodes[3])
    for node in network.nodes:
        node.kill()

    await network.start(*network.nodes)
    await uploads.upload(network.nodes[2])

    await check_all(network, uploads)


async def test_the_chain_goes_on_without_one_authority_which_then_catches_up(
    network: Network,
) -> None:
    uploads = Uploads(network, "late")
    *others, late = network.nodes
    late.kill()
    before = await network.published(network.sequencer)
    await uploads.upload(network.nodes[1])
    await network.grows(*others, beyond=before)

    await network.start(late)

    await check_all(network, uploads)
