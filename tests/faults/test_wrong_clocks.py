"""Clocks that are one hour off."""

import pytest

from cosignal.protocol.checkpoints import verify_checkpoint
from tests.faults.invariants import check_all
from tests.faults.observed import SHARD
from tests.faults.processes import Network
from tests.faults.uploads import Uploads

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOUR = 3600
# Generous for a slow machine, small against an hour.
SOON = 300


async def go_on_with(
    network: Network, clock_offset: int, uploads: Uploads
) -> tuple[int, int]:
    """Let the chain grow while the last authority's clock is wrong.

    Returns:
        The chain's size before, and the trusted time after, less the real one.
    """
    *others, wrong = network.nodes
    wrong.stop()
    await network.start(wrong, clock_offset=clock_offset)
    before = await network.published(network.sequencer)
    await uploads.upload(network.nodes[1])
    await network.grows(*others, beyond=before)
    await check_all(network, uploads, others)
    note = await network.get(network.sequencer, f"chain/{SHARD}/checkpoint")
    assert note is not None
    return before, verify_checkpoint(note, network.policy).time - network.clock()


async def test_a_cosigner_whose_clock_is_behind_signs_nothing_new_and_stops_nobody(
    network: Network,
) -> None:
    uploads = Uploads(network, "behind")

    before, ahead = await go_on_with(network, -HOUR, uploads)

    assert abs(ahead) < SOON
    assert max(network.heard.of(network.nodes[3].cosigner)) <= before
    await network.heal()
    await check_all(network, uploads)


async def test_a_cosigner_whose_clock_is_ahead_does_not_move_the_trusted_time(
    network: Network,
) -> None:
    uploads = Uploads(network, "ahead")

    _, ahead = await go_on_with(network, HOUR, uploads)

    assert abs(ahead) < SOON


@pytest.mark.parametrize("offset", [-HOUR, HOUR], ids=["behind", "ahead"])
async def test_a_sequencer_whose_clock_is_wrong_certifies_nothing_and_says_why(
    network: Network, offset: int
) -> None:
    uploads = Uploads(network, f"sequencer clock {offset}")
    network.sequencer.stop()
    before = await network.published(network.nodes[1])
    await network.start(network.sequencer, clock_offset=offset)

    async def says_why() -> bool:
        status, text = await network.health(network.sequencer)
        return status == 503 and "clock" in text

    await uploads.upload(network.nodes[1])
    await network.eventually("/healthz names the clock", says_why)

    assert [await network.published(node) for node in network.nodes] == [before] * 4
    await network.heal()
    await network.grows(*network.nodes, beyond=before)
    await check_all(network, uploads)
