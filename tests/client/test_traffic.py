"""What a phone's bandwidth account says, against what a wire saw."""

import asyncio
import ssl
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cosignal.client.sources import HttpSource, new_session
from cosignal.client.traffic import Account, Amount, Kind, Traffic, kind_of
from cosignal.protocol.errors import UnavailableError, UsageError
from tests.client.relay import Relay, relaying
from tests.tls import self_signed

MEBIBYTE = 1 << 20
PATHS = {
    "chain/1/checkpoint": Kind.CHECKPOINT,
    "chain/1/tile/entries/000.p/7": Kind.ENTRIES,
    "chain/1/tile/entries/000": Kind.ENTRIES,
    f"chain/1/body/{'0' * 64}": Kind.BODIES,
    "chain/1/tile/0/000": Kind.OTHER,
    "chain/policy/1": Kind.OTHER,
    "chain/shards": Kind.OTHER,
}


async def serve(request: web.Request) -> web.StreamResponse:
    """Files whose size follows from their path; some are packed, some elsewhere."""
    if request.path == "/moved":
        raise web.HTTPFound("/chain/shards")
    if request.method == "POST":
        return web.Response(text=str(len(await request.read())))
    if request.headers.get("If-None-Match") == '"1"':
        return web.Response(status=304)
    response = web.Response(body=request.path.encode() * 500, headers={"ETag": '"1"'})
    if "entries" in request.path:
        response.enable_compression()
    return response


@asynccontextmanager
async def wire(tls: ssl.SSLContext | None = None) -> AsyncIterator[Relay]:
    """A server behind a relay."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", serve)
    server = TestServer(app, host="127.0.0.1")
    if tls is None:
        await server.start_server()
    else:
        await server.start_server(ssl=tls)
    assert server.port is not None
    try:
        async with relaying(server.port) as relay:
            yield relay
    finally:
        await server.close()


def moved(relay: Relay) -> tuple[int, int, int]:
    return relay.connections, relay.up, relay.down


def counted(account: Account) -> tuple[int, int, int]:
    return account.connections, account.total.sent, account.total.received


@pytest.mark.parametrize(("path", "kind"), PATHS.items())
def test_every_file_has_a_kind(path: str, kind: Kind) -> None:
    assert kind_of("GET", f"/{path}") == kind
    assert kind_of("GET", f"/some/mirror/{path}") == kind
    assert kind_of("HEAD", f"/{path}") == kind
    assert kind_of("POST", f"/{path}") == Kind.UPLOADS


async def test_the_account_says_what_the_wire_saw() -> None:
    traffic = Traffic()
    async with wire() as relay:
        url = f"http://127.0.0.1:{relay.port}"
        async with HttpSource(url, traffic=traffic) as source:
            for path in (*PATHS, *PATHS):
                await source.get(path)
            account = traffic.snapshot()

            assert counted(account) == moved(relay)
    assert account.total.requests == 2 * len(PATHS)
    assert account.of_source(url).total == account.total
    for kind in Kind:
        expected = 2 * list(PATHS.values()).count(kind)
        found = account.of_kind(kind)
        if kind != Kind.CONNECTING:
            assert found.requests == expected, kind
            assert (found.sent > 0, found.received > 0) == (expected > 0,) * 2, kind
    # Nothing is said on a connection without TLS before the first request.
    assert account.of_kind(Kind.CONNECTING) == Amount(requests=1)


async def test_connections_at_once_are_counted_together() -> None:
    traffic = Traffic()
    async with wire() as relay:
        async with HttpSource(
            f"http://127.0.0.1:{relay.port}", traffic=traffic
        ) as source:
            await asyncio.gather(*(source.get(path) for path in PATHS))
            account = traffic.snapshot()

            assert counted(account) == moved(relay)
        assert account.connections > 1


async def test_packed_bodies_count_as_they_travel() -> None:
    traffic = Traffic()
    async with wire() as relay:
        async with HttpSource(
            f"http://127.0.0.1:{relay.port}", traffic=traffic
        ) as source:
            data = await source.get("chain/1/tile/entries/000")

        assert traffic.snapshot().of_kind(Kind.ENTRIES).received < len(data) / 10


async def test_tls_is_counted_with_its_handshake(tmp_path: Path) -> None:
    traffic, certificate = Traffic(), self_signed(tmp_path)
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(certificate, tmp_path / "tls.key")
    trusted = ssl.create_default_context(cafile=certificate)
    async with wire(served) as relay, new_session(traffic) as session:
        url = f"https://127.0.0.1:{relay.port}/chain/shards"
        for _ in range(2):
            async with session.get(url, ssl=trusted) as answer:
                data = await answer.read()
        account = traffic.snapshot()

        assert counted(account) == moved(relay)
    assert account.of_kind(Kind.CONNECTING).received > 500
    assert account.of_kind(Kind.OTHER).received > 2 * len(data)


async def test_uploads_and_redirects_are_counted() -> None:
    traffic = Traffic()
    async with wire() as relay, new_session(traffic) as session:
        url = f"http://127.0.0.1:{relay.port}"
        async with session.post(f"{url}/v1/publish", data=bytes(70_000)) as answer:
            await answer.read()
        async with session.get(f"{url}/moved") as answer:
            await answer.read()
        account = traffic.snapshot()

        assert counted(account) == moved(relay)
    assert account.of_kind(Kind.UPLOADS).sent > 70_000
    assert account.of_kind(Kind.OTHER).requests == 2


async def test_two_sources_have_an_account_each() -> None:
    traffic = Traffic()
    async with wire() as one, wire() as two, new_session(traffic) as session:
        for relay in (one, two, two):
            source = HttpSource(f"http://127.0.0.1:{relay.port}", session)
            await source.get("chain/shards")

        for relay in (one, two):
            part = traffic.snapshot().of_source(f"http://127.0.0.1:{relay.port}")
            assert counted(part) == moved(relay)


async def test_what_came_since_an_earlier_moment_can_be_told() -> None:
    traffic = Traffic()
    async with wire() as relay:
        async with HttpSource(
            f"http://127.0.0.1:{relay.port}", traffic=traffic
        ) as source:
            await source.get("chain/1/checkpoint")
            before, passed = traffic.snapshot(), relay.down
            await source.get("chain/shards")
            later = traffic.snapshot().since(before)

        assert later.of_kind(Kind.CHECKPOINT) == Amount()
        assert later.connections == 0
        assert later.total.received == relay.down - passed


async def test_a_connection_that_never_spoke_is_counted_when_it_closes() -> None:
    traffic = Traffic()
    async with wire() as relay:
        async with new_session(traffic) as session:
            url = f"https://127.0.0.1:{relay.port}/chain/shards"
            with pytest.raises(OSError, match=r"(?i)ssl"):
                await session.get(url)  # no TLS there
        account = traffic.snapshot()

        assert list(account.amounts) == [(f"127.0.0.1:{relay.port}", Kind.CONNECTING)]
        assert (1, relay.up) == (account.connections, account.total.sent)


async def test_an_address_that_nobody_listens_on_costs_nothing() -> None:
    traffic = Traffic()
    async with HttpSource("http://127.0.0.1:1", traffic=traffic) as source:
        with pytest.raises(UnavailableError):
            await source.get("chain/shards")

    assert traffic.snapshot() == Account({})


async def test_a_session_is_not_counted_twice() -> None:
    async with new_session() as session:
        with pytest.raises(UsageError, match="traffic: expected none"):
            HttpSource("http://127.0.0.1:1", session, traffic=Traffic())


async def test_only_gzip_is_asked_for() -> None:
    asked: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.headers.get("Accept-Encoding"))
        return web.Response()

    async with answering(answer) as source:
        await source.get("chain/shards")

    assert asked == ["gzip"]


@asynccontextmanager
async def answering(handler: object) -> AsyncIterator[HttpSource]:
    app = web.Application()
    app.router.add_get("/{path:.*}", handler)  # type: ignore[arg-type]
    async with (
        TestServer(app, host="127.0.0.1") as server,
        HttpSource(str(server.make_url("/"))) as source,
    ):
        yield source


async def test_a_bomb_is_given_up_at_the_limit_and_not_unpacked_first() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(MEBIBYTE)
    bomb = b"".join(packer.compress(zeros) for _ in range(256)) + packer.flush()

    async def explode(_: web.Request) -> web.Response:
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    async with answering(explode) as source:
        tracemalloc.start()
        try:
            with pytest.raises(UnavailableError, match="at most 100000 bytes"):
                await source.get("chain/1/tile/entries/000", 100_000)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert len(bomb) < MEBIBYTE
    assert peak < 16 * MEBIBYTE


@pytest.mark.parametrize(
    ("encoding", "body"),
    [("br", b"\x0b\x02\x80"), ("gzip", b"no gzip")],
)
async def test_what_cannot_be_unpacked_is_unavailable(
    encoding: str, body: bytes
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, headers={"Content-Encoding": encoding})

    async with answering(answer) as source:
        with pytest.raises(UnavailableError):
            await source.get("chain/shards")
