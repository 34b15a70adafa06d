"""Disks that are full, and then no longer."""

import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.faults.invariants import check_all
from tests.faults.nursery import Nursery
from tests.faults.observed import ISSUER, SEQUENCER
from tests.faults.processes import Network, NodeProcess
from tests.faults.uploads import RefusedUploadError, Uploads

pytestmark = pytest.mark.asyncio(loop_scope="module")

MOUNT = shutil.which("mount") or "/bin/false"
UMOUNT = shutil.which("umount") or "/bin/false"
SIZE = "16m"


@contextmanager
def small_disk(place: Path) -> Iterator[None]:
    """Let a folder be a disk of its own, a small one."""
    place.mkdir(parents=True)
    mount = [MOUNT, "-t", "tmpfs", "-o", f"size={SIZE}", "small", str(place)]
    done = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    if not done:
        pytest.skip(
            "mounting a small disk needs root; test_durable_steps injects the same "
            "error at every step"
        )
    try:
        yield
    finally:
        subprocess.run([UMOUNT, "--lazy", str(place)], check=True)


def fill(place: Path) -> Path:
    """Write until not one byte more fits."""
    ballast = place / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 9, 1):
            with suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass
    return ballast


async def accepts(uploads: Uploads, node: NodeProcess) -> bool:
    """Whether a node takes an upload now; a refusal is an answer of its own."""
    try:
        await uploads.upload(node)
    except RefusedUploadError as refusal:
        return refusal.status < 500
    except (aiohttp.ClientError, TimeoutError):
        return False
    return True


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cramped(
    tmp_path_factory: pytest.TempPathFactory, nursery: Nursery
) -> AsyncIterator[Network]:
    """A network whose sequencer and second authority have small disks."""
    network = Network(tmp_path_factory.mktemp("cramped"), nursery)
    with (
        small_disk(network.nodes[SEQUENCER].data),
        small_disk(network.nodes[ISSUER].data),
    ):
        async with network:
            yield network


@pytest.mark.parametrize("number", [SEQUENCER, ISSUER], ids=["sequencer", "issuer"])
@pytest.mark.parametrize("killed", [False, True], ids=["goes on", "is killed"])
async def test_a_node_with_a_full_disk_loses_nothing_and_recovers(
    cramped: Network, number: int, *, killed: bool
) -> None:
    await cramped.heal()
    node = cramped.nodes[number]
    uploads = Uploads(cramped, f"full disk {number} {killed}")
    await uploads.upload(node)
    ballast = fill(node.data)

    async def refuses() -> bool:
        return not await accepts(uploads, node)

    await cramped.eventually("a full disk refuses uploads", refuses)
    await uploads.upload(cramped.nodes[3])
    if killed:
        node.kill()
    ballast.unlink()
    if not node.running:
        await cramped.start(node)
    await cramped.eventually("uploads are taken again", lambda: accepts(uploads, node))

    await check_all(cramped, uploads)
