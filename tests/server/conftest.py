"""Real nodes on free loopback ports, with a clock that stands and seeded entropy."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.server.authorities import Authorities, authorities
from tests.server.desk import Desk
from tests.strategies import counted_entropy


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """The intake of a network with one authority."""
    async with authorities(tmp_path, 1) as network:
        await network.start(1)
        yield Desk(network, 1)


@pytest.fixture
def entropy() -> Callable[[int], bytes]:
    """The same bytes in every run."""
    return counted_entropy("test")


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Authorities]:
    """A network of one authority, running; its word alone is the quorum."""
    async with authorities(tmp_path, 1) as network:
        await network.start_all()
        yield network


@pytest.fixture
async def network(tmp_path: Path) -> AsyncIterator[Authorities]:
    """Four authorities, running; three make the quorum."""
    async with authorities(tmp_path) as network:
        await network.start_all()
        yield network
