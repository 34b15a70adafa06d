"""Nodes that come back from a backup older than what they signed."""

import shutil
from pathlib import Path

import pytest

from cosignal.protocol.checkpoints import Checkpoint, sign_checkpoint
from cosignal.protocol.keys import parse_signer_key
from tests.faults.invariants import check_all
from tests.faults.observed import ORIGIN
from tests.faults.processes import Network, NodeProcess
from tests.faults.uploads import Uploads

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def back_up(network: Network, node: NodeProcess, place: Path) -> None:
    """Copy a node's data between two runs."""
    node.stop()
    shutil.copytree(node.data, place)
    await network.start(node)


def restore(node: NodeProcess, place: Path) -> None:
    """Lose a node's data, and put the copy in its place."""
    node.kill()
    shutil.rmtree(node.data)
    shutil.copytree(place, node.data)


async def go_on(network: Network, uploads: Uploads, issuer: NodeProcess) -> int:
    """Let the chain grow twice; return its size."""
    for _ in range(2):
        before = await network.published(network.sequencer)
        await uploads.upload(issuer)
        await network.grows(*network.nodes, beyond=before)
    return await network.published(network.sequencer)


async def test_a_cosigner_from_an_old_backup_catches_up_and_signs_again(
    network: Network, tmp_path: Path
) -> None:
    uploads = Uploads(network, "cosigner backup")
    cosigner = network.nodes[2]
    await back_up(network, cosigner, tmp_path / "backup")
    size = await go_on(network, uploads, network.nodes[1])
    await network.cosigned(cosigner, beyond=size - 1)

    restore(cosigner, tmp_path / "backup")
    await network.start(cosigner)
    await go_on(network, uploads, network.nodes[1])

    await network.cosigned(cosigner, beyond=size)
    await check_all(network, uploads)


async def test_a_cosigner_from_an_old_backup_signs_nothing_until_it_asked_the_others(
    network: Network, tmp_path: Path
) -> None:
    uploads = Uploads(network, "alone")
    cosigner = network.nodes[2]
    old = await network.published(cosigner)
    await back_up(network, cosigner, tmp_path / "backup")
    size = await go_on(network, uploads, network.nodes[1])
    await network.cosigned(cosigner, beyond=size - 1)
    restore(cosigner, tmp_path / "backup")
    network.cut([cosigner], network.nodes)
    key = (network.sequencer.folder / "keys" / "log.key").read_bytes().strip()
    other = Checkpoint(ORIGIN, old + 1, bytes(32))
    note = sign_checkpoint(other, parse_signer_key(key)).encode()
    request = f"old {old}\n\n".encode() + note

    await network.start(cosigner)
    async with network.session.post(
        f"{cosigner.url}/add-checkpoint", data=request
    ) as alone:
        assert alone.status >= 400
    network.mend()
    await network.grows(cosigner, beyond=size - 1)
    async with network.session.post(
        f"{cosigner.url}/add-checkpoint", data=request
    ) as later:
        assert later.status == 409

    await check_all(network, uploads)


async def test_keys_pending_in_an_old_backup_are_not_published_again(
    network: Network, tmp_path: Path
) -> None:
    uploads = Uploads(network, "issuer backup")
    issuer = network.nodes[1]
    network.cut([issuer], network.nodes)
    await uploads.upload(issuer, count=5)
    await back_up(network, issuer, tmp_path / "backup")
    network.mend()
    await check_all(network, uploads)

    restore(issuer, tmp_path / "backup")
    await network.start(issuer)
    await uploads.upload(issuer)

    await check_all(network, uploads)


async def test_a_sequencer_from_an_old_backup_goes_on_from_the_largest_head(
    network: Network, tmp_path: Path
) -> None:
    uploads = Uploads(network, "sequencer backup")
    sequencer = network.sequencer
    await back_up(network, sequencer, tmp_path / "backup")
    size = await go_on(network, uploads, network.nodes[1])

    restore(sequencer, tmp_path / "backup")
    await network.start(sequencer)
    await uploads.upload(network.nodes[1])
    await uploads.upload(sequencer)

    await network.grows(*network.nodes, beyond=size)
    await check_all(network, uploads)
