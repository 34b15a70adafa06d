"""A real node and the way to it; a network in memory, and two people's phones."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cosignal.client.phone.phone import Phone
from cosignal.client.sources import new_session
from tests.client.phone import people
from tests.client.phone.lossy import Lossy, lossy
from tests.client.phone.uploaders import Uploader
from tests.network_in_memory import NetworkInMemory
from tests.server.authorities import authorities
from tests.server.desk import Desk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A real node of a network with one authority."""
    async with authorities(tmp_path / "nodes", 1) as network:
        await network.start(1)
        yield Desk(network, 1)


@pytest.fixture
async def way(desk: Desk) -> AsyncIterator[Lossy]:
    """From the phone to the node."""
    async with lossy(desk.network.url(1)) as proxy:
        yield proxy


@pytest.fixture
async def phone(desk: Desk, way: Lossy, tmp_path: Path) -> AsyncIterator[Uploader]:
    """A phone of that authority's app."""
    async with new_session() as session:
        phone = Uploader(
            tmp_path / "phone",
            session,
            way.url,
            desk.api_key("device"),
            desk.authority,
        )
        yield phone
        phone.database.close()


@pytest.fixture
def network() -> NetworkInMemory:
    """A chain with the default configuration, not published yet."""
    network = NetworkInMemory()
    network.configure()
    return network


@pytest.fixture
def alice(tmp_path: Path, network: NetworkInMemory) -> Iterator[Phone]:
    """Alice will test positive."""
    with people.phone(tmp_path, network, "alice") as alice:
        yield alice


@pytest.fixture
def bob(tmp_path: Path, network: NetworkInMemory) -> Iterator[Phone]:
    with people.phone(tmp_path, network, "bob") as bob:
        yield bob
