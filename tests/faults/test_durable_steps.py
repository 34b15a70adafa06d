"""For every durable step: fail before it, halfway and after it, then restart.

The steps are found by running a network once with counters in front of them, so a step
that is added later is tested without anybody remembering to.

Source: Sunlight, TestSequenceErrors.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
import pytest

from tests.faults.durable_steps import BEFORE, HALFWAY, Fault
from tests.faults.invariants import check_all, erased
from tests.faults.observed import COSIGNER, ISSUER, SEQUENCER
from tests.faults.one_loop import LocalNetwork, LocalNode
from tests.faults.uploads import RefusedUploadError, Uploads

ROLES = (SEQUENCER, ISSUER, COSIGNER)
SIDE_BY_SIDE = 6
LIFE_SECONDS = 15 * 86_400


@dataclass(frozen=True, slots=True)
class Case:
    """A step of one node, and how it is reached."""

    role: int
    label: str
    moment: str
    #: `upload`, `start` or `erase`.
    trigger: str
    nth: int = 1

    @property
    def moves_two_trees(self) -> bool:
        """Whether the step is one that the sequencer takes twice for one block."""
        return self.role == SEQUENCER and "DurableChain" in self.label

    def __str__(self) -> str:
        return f"authority-{self.role + 1}, {self.moment} {self.label} ({self.nth})"


@asynccontextmanager
async def local_network(
    folder: Path, starting: asyncio.Lock
) -> AsyncIterator[LocalNetwork]:
    """Four running authorities in this event loop."""
    async with LocalNetwork(folder, starting) as network:
        await network.start()
        yield network


async def find_cases(network: LocalNetwork) -> list[Case]:
    """Run through a node's life once, and write down every durable step.

    What follows an upload is tried in every role: there the roles differ. A start and
    erasing are the same everywhere, so one role is enough.
    """
    cases: dict[tuple[int, str, str], Case] = {}
    uploads = Uploads(network, "find cases")

    def note(trigger: str) -> None:
        known = {(case.label, case.moment) for case in cases.values()}
        for role in ROLES:
            reached = network.nodes[role].steps.reached
            for label, moment in sorted(reached - known):
                if moment == BEFORE and (label, HALFWAY) in reached and _atomic(label):
                    continue
                found = Case(role, label, moment, trigger)
                cases.setdefault((role, label, moment), found)
            known |= set() if trigger == "upload" else reached
            reached.clear()

    await check_all(network, uploads)
    for node in network.nodes:
        node.steps.reached.clear()
    await uploads.upload(network.nodes[ISSUER])
    await check_all(network, uploads)
    note("upload")
    for role in ROLES:
        await network.restart(network.nodes[role])
    await uploads.upload(network.nodes[ISSUER])
    await check_all(network, uploads)
    note("start")
    await expire(network, uploads)
    note("erase")
    found = list(cases.values())
    # The sequencer's tree moves twice, as the log's and as the one it co-signs.
    return [*found, *(replace(case, nth=2) for case in found if case.moves_two_trees)]


def _atomic(label: str) -> bool:
    """Whether before and halfway leave the same: a transaction is rolled back."""
    return label.startswith("database")


async def expire(network: LocalNetwork, uploads: Uploads) -> None:
    """Let all bodies expire, and wait until every node has erased them."""
    network.pass_time(LIFE_SECONDS)
    uploads.acknowledged.clear()

    async def gone() -> bool:
        return await asyncio.to_thread(lambda: all(map(erased, network.nodes)))

    await network.eventually("bodies are erased", gone)


async def run_case(network: LocalNetwork, uploads: Uploads, case: Case) -> None:
    """Let one step fail once, restart, and see that everything goes on."""
    node = network.nodes[case.role]
    before = await network.published(network.sequencer)
    node.steps.arm(Fault(case.label, case.moment, nth=case.nth))

    async def failed() -> bool:
        return node.steps.fired

    await pull(network, uploads, case, node)
    await network.eventually(f"fails: {case}", failed)
    await network.restart(node)
    await network.eventually("uploads go on", lambda: try_upload(network, uploads))
    await network.grows(*network.nodes, beyond=before)
    await check_all(network, uploads)


async def pull(
    network: LocalNetwork, uploads: Uploads, case: Case, node: LocalNode
) -> None:
    """Do what makes a node take the step of a case."""
    if case.trigger == "upload":
        await try_upload(network, uploads)
    elif case.trigger == "erase":
        await network.grows(*network.nodes, beyond=0)
        network.pass_time(LIFE_SECONDS)
        uploads.acknowledged.clear()
    else:
        await node.stop()
        with suppress(OSError):
            await node.start(network)


async def try_upload(network: LocalNetwork, uploads: Uploads) -> bool:
    """Upload, and say whether it was acknowledged."""
    try:
        await uploads.upload(network.nodes[ISSUER])
    except (RefusedUploadError, aiohttp.ClientError, TimeoutError):
        return False
    return True


async def run_cases(
    folder: Path, cases: Iterator[Case], starting: asyncio.Lock
) -> list[str]:
    """Take cases until none is left; return what went wrong."""
    failures: list[str] = []
    while True:
        place = folder / str(len(failures))
        async with local_network(place, starting) as network:
            uploads = Uploads(network, folder.name)
            for case in cases:
                try:
                    await run_case(network, uploads, case)
                except AssertionError as error:
                    failures.append(f"{case}: {error}")
                    break
            else:
                return failures


# A connection that the kernel accepts while its server closes is dropped by asyncio
# without being closed; in a process that ends, as nodes' do, nobody would notice.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_every_durable_step_may_fail_before_halfway_and_after(
    tmp_path: Path,
) -> None:
    starting = asyncio.Lock()
    async with local_network(tmp_path / "counted", starting) as network:
        cases = await find_cases(network)
    queue = iter(cases)
    folders = [tmp_path / f"network-{i}" for i in range(SIDE_BY_SIDE)]

    assert [str(case) for case in cases] != []
    failures = await asyncio.gather(
        *(run_cases(folder, queue, starting) for folder in folders)
    )

    assert [text for some in failures for text in some] == []
    labels = {case.label for case in cases}
    assert {"files replace checkpoint", "files write body"} <= labels
