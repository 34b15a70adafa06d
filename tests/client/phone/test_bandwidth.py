from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cosignal.client.phone import bandwidth
from cosignal.client.phone.bandwidth import RETENTION_DAYS, SCHEMA, DayTraffic, book
from cosignal.client.phone.database import Database
from cosignal.client.traffic import Account, Amount, Kind
from cosignal.protocol.errors import UnavailableError
from tests.client.phone.people import phone
from tests.network_in_memory import NetworkInMemory
from tests.strategies import NOW

TODAY = NOW // 86400


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "phone", [SCHEMA])


def account(kind: Kind, *amount: int) -> Account:
    return Account({("https://mirror.example", kind): Amount(*amount)})


def test_a_days_amounts_add_up_by_kind(database: Database) -> None:
    book(database, account(Kind.BODIES, 2, 300, 9000), NOW)
    book(database, account(Kind.BODIES, 1, 100, 1000), NOW)
    book(database, account(Kind.CONNECTING, 1, 500, 3000), NOW)
    book(database, account(Kind.CHECKPOINT, 1, 90, 700), NOW + 86400)

    assert bandwidth.days(database) == [
        DayTraffic(TODAY + 1, {Kind.CHECKPOINT: Amount(1, 90, 700)}),
        DayTraffic(
            TODAY,
            {
                Kind.BODIES: Amount(3, 400, 10_000),
                Kind.CONNECTING: Amount(1, 500, 3000),
            },
        ),
    ]
    assert bandwidth.days(database)[1].total == Amount(3, 900, 13_000)


def test_months_ago_is_forgotten(database: Database) -> None:
    book(database, account(Kind.BODIES, 1, 1, 1), NOW)
    book(database, account(Kind.BODIES, 1, 1, 1), NOW + (RETENTION_DAYS + 1) * 86400)

    assert [item.day for item in bandwidth.days(database)] == [
        TODAY + RETENTION_DAYS + 1
    ]


@pytest.fixture
async def served() -> AsyncIterator[tuple[NetworkInMemory, str]]:
    """A network's files on a web server; its name in URLs."""
    network = NetworkInMemory()
    network.block()
    network.publish()

    async def get(request: web.Request) -> web.Response:
        data = network.published.get(request.path.removeprefix("/"))
        return web.Response(body=data) if data else web.Response(status=404)

    app = web.Application()
    app.router.add_get("/{path:.*}", get)
    async with TestServer(app, host="127.0.0.1") as server:
        yield network, str(server.make_url("/"))


async def test_what_a_sync_costs_is_booked(
    tmp_path: Path, served: tuple[NetworkInMemory, str]
) -> None:
    network, url = served
    with phone(tmp_path, network) as bob:
        async with bob.mirrors(url) as sources:
            await bob.sync(sources, network.now)
            (first,) = bob.bandwidth()
            await bob.sync(sources, network.now)
            (second,) = bob.bandwidth()

    bodies = [data for path, data in network.published.items() if "/body/" in path]
    received = first.amounts[Kind.BODIES].received
    assert len(bodies[0]) < received < len(bodies[0]) + 400
    assert second.amounts[Kind.BODIES] == first.amounts[Kind.BODIES]
    assert second.amounts[Kind.CHECKPOINT].requests == 2


async def test_what_led_to_nothing_is_booked_as_well(
    tmp_path: Path, served: tuple[NetworkInMemory, str]
) -> None:
    network, url = served
    with phone(tmp_path, network) as bob:
        async with bob.mirrors(f"{url}nowhere") as sources:
            with pytest.raises(Exception, match="expected a file, got none"):
                await bob.sync(sources, network.now)
        async with bob.mirrors("http://127.0.0.1:1") as sources:
            with pytest.raises(UnavailableError):
                await bob.sync(sources, network.now)

        assert bob.bandwidth()[0].total.requests == 1


async def test_what_goes_on_at_the_same_time_is_booked_once(
    tmp_path: Path, served: tuple[NetworkInMemory, str]
) -> None:
    network, url = served
    with phone(tmp_path, network) as bob:
        async with bob.mirrors(url) as sources, bob._meter.session() as session:
            with bob._meter.booked(network.now):
                await bob.sync(sources, network.now)
                async with session.post(f"{url}v1/publish", data=b"x") as answer:
                    await answer.read()
        (day,) = bob.bandwidth()

    spent = bob._meter._traffic.snapshot()
    assert day.amounts == {kind: spent.of_kind(kind) for kind in day.amounts}
    assert day.amounts[Kind.UPLOADS].requests == 1
