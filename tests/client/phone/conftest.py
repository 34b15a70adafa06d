"""A real node, the way to it, and a phone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cosignal.client.sources import new_session
from tests.client.phone.lossy import Lossy, lossy
from tests.client.phone.phones import Phone
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
async def phone(desk: Desk, way: Lossy, tmp_path: Path) -> AsyncIterator[Phone]:
    """A phone of that authority's app."""
    async with new_session() as session:
        phone = Phone(
            tmp_path / "phone",
            session,
            way.url,
            desk.api_key("device"),
            desk.authority,
        )
        yield phone
        phone.database.close()
