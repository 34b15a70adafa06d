"""Authorities that cannot reach each other, and a sequencer that uses it."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from cosignal.protocol.evidence import parse_evidence, verify_evidence
from tests.faults.invariants import (
    check_all,
    check_keys,
    check_one_history,
    verify_folder,
)
from tests.faults.nursery import Nursery
from tests.faults.observed import ORIGIN
from tests.faults.processes import Network, NodeProcess
from tests.faults.uploads import Uploads

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def first_evidence(network: Network, nodes: Sequence[NodeProcess]) -> bytes:
    """Wait until one of the nodes keeps evidence."""

    async def probe() -> bytes | None:
        for node in nodes:
            folder = node.public / "chain" / "evidence"
            for path in folder.glob("*.evidence"):
                return path.read_bytes()
        return None

    return await network.eventually("a node keeps evidence", probe)


async def test_two_against_two_publish_nothing_and_heal_by_themselves(
    network: Network,
) -> None:
    uploads = Uploads(network, "two against two")
    network.cut(network.nodes[:2], network.nodes[2:])
    before = await network.published(network.sequencer)

    # The half with the sequencer goes as far as it may: both sign, and that is it.
    for gained in (0, 1):
        await uploads.upload(network.nodes[1])
        await uploads.upload(network.nodes[3])
        await network.cosigned(network.nodes[1], beyond=before + gained)

    assert [await network.published(node) for node in network.nodes] == [before] * 4
    network.mend()
    await network.grows(*network.nodes, beyond=before + 2)
    await check_all(network, uploads)


async def test_a_sequencer_that_tells_two_stories_certifies_at_most_one(
    tmp_path: Path, nursery: Nursery
) -> None:
    """Two instances of the sequencer's authority, one for each half of the others.

    Together they are one authority that lies: the same keys, two histories. The
    second authority hears one of them, the third and the fourth hear the other.
    """
    async with Network(tmp_path, nursery) as network:
        await network.heal()
        await tell_two_stories(network)


async def tell_two_stories(network: Network) -> None:
    """Tell each half of the others its own story; see what they make of it."""
    first, second, third, fourth = network.nodes
    uploads, unheard = Uploads(network, "heard"), Uploads(network, "unheard")
    first.stop()
    again = await network.copy_node(first, "authority-1-again")
    await network.start(first, again)
    before = await network.published(second)
    network.cut([first, second], [third, fourth])
    network.cut([again], [second])
    for node in (third, fourth):
        network.links[node, first].mend(again.port)

    await unheard.upload(second)
    await network.cosigned(second, beyond=before)
    await uploads.upload(fourth)
    await network.grows(third, fourth, again, beyond=before)

    assert await network.published(second) == before
    for node in (third, fourth):
        network.links[first, node].mend()
    evidence = parse_evidence(await first_evidence(network, (third, fourth)))
    statement = verify_evidence(evidence, network.policy)
    assert [key.name for key in statement.accused] == [ORIGIN]
    network.mend()
    await network.eventually(
        "the second authority learns of it",
        lambda: first_evidence(network, (second,)),
    )
    views = [await verify_folder(network, n) for n in (*network.nodes, again)]
    check_keys(views[2], uploads)
    for view in views:
        check_one_history(view, views[2])
    for node in (second, third, fourth):
        roots = network.heard.of(node.cosigner)
        assert all(len(seen) == 1 for seen in roots.values()), node.name
