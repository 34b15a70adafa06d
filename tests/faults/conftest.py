"""Networks for the fault tests; whatever they start ends with them."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.faults.nursery import Nursery
from tests.faults.processes import Network


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Where nodes' processes come from, and end with."""
    with Nursery() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_network(
    tmp_path_factory: pytest.TempPathFactory, nursery: Nursery
) -> AsyncIterator[Network]:
    """Four authorities for the tests of one module; starting them takes a while."""
    async with Network(tmp_path_factory.mktemp("shared"), nursery) as network:
        yield network


@pytest_asyncio.fixture(loop_scope="module")
async def network(shared_network: Network) -> Network:
    """Four running authorities that reach each other, whatever came before."""
    await shared_network.heal()
    return shared_network
