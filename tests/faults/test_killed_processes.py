"""Processes that die at any moment, under load."""

import asyncio
import random
import signal
from collections.abc import Iterator
from contextlib import suppress

import aiohttp
import pytest

from tests.faults.durable_steps import AFTER, ANY, BEFORE, HALFWAY, KILL, Fault
from tests.faults.invariants import check_all
from tests.faults.observed import COSIGNER, ISSUER, SEQUENCER
from tests.faults.processes import Network, NodeProcess
from tests.faults.uploads import RefusedUploadError, Uploads

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROUNDS = 6
# Longer than from sealing a block to publishing it.
LONGEST_WAIT = 1.5


async def kill_again_and_again(
    network: Network, victims: list[NodeProcess], uploads: Uploads, seed: str
) -> None:
    """Kill one victim after another, each at a random moment."""
    draw = random.Random(seed)  # noqa: S311 - must be repeatable

    async def gained() -> bool:
        return len(uploads.acknowledged) >= wanted

    async with uploads.load(network.nodes):
        for number in range(ROUNDS):
            wanted = len(uploads.acknowledged) + draw.randint(5, 60)
            await network.eventually(f"{wanted} keys are acknowledged", gained)
            victim = victims[number % len(victims)]
            # Not to wait for anything: to hit another moment of a block's life.
            await asyncio.sleep(draw.random() * LONGEST_WAIT)
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


def deaths() -> Iterator[tuple[int, Fault]]:
    """A sample of what test_durable_steps goes through with errors."""
    draw = random.Random("deaths")  # noqa: S311 - must be repeatable
    for number in (SEQUENCER, ISSUER, COSIGNER):
        yield number, Fault("files write tile", HALFWAY, KILL)
        for moment in (BEFORE, AFTER):
            yield number, Fault(ANY, moment, KILL, draw.randint(5, 25))


@pytest.mark.parametrize(("number", "fault"), list(deaths()), ids=str)
async def test_a_node_that_dies_at_a_durable_step_goes_on_from_its_disk(
    network: Network, number: int, fault: Fault
) -> None:
    node = network.nodes[number]
    uploads = Uploads(network, f"{number} {fault}")
    node.stop()
    node.start(fault=fault)

    async def died() -> bool:
        if node.running:
            with suppress(aiohttp.ClientError, TimeoutError, RefusedUploadError):
                await uploads.upload(network.nodes[ISSUER])
        return not node.running

    await network.eventually("the node dies", died)

    assert node.exit_code == -signal.SIGKILL
    await network.heal()
    await uploads.upload(network.nodes[ISSUER])
    await check_all(network, uploads)
