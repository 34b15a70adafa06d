"""A phone's way to its authority's node, on which things get lost."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

STEPS = ("/api/verify", "/api/certificate", "/v1/publish")


@dataclass
class Lossy:
    """Passes requests on to a node, and loses what it is told to lose.

    Attributes:
        url: Where phones reach the node through this.
        lose_request: Paths whose next request does not arrive.
        lose_answer: Paths whose next answer does not.
        seen: Path, body size and fakeness of each request.
        before: Called when a request of a path has come.
        after: Called when the node has answered, before the phone hears of it.
    """

    target: str
    session: aiohttp.ClientSession
    url: str = ""
    lose_request: set[str] = field(default_factory=set)
    lose_answer: set[str] = field(default_factory=set)
    seen: list[tuple[str, int, bool]] = field(default_factory=list)
    before: dict[str, Callable[[], object]] = field(default_factory=dict)
    after: dict[str, Callable[[], object]] = field(default_factory=dict)

    @property
    def paths(self) -> list[str]:
        return [path for path, _, _ in self.seen]

    async def handle(self, request: web.Request) -> web.Response:
        path, body = request.path, await request.read()
        self.seen.append((path, len(body), "X-Chaff" in request.headers))
        self.before.pop(path, _nothing)()
        if path in self.lose_request:
            self.lose_request.remove(path)
            return _hang_up(request)
        headers = {
            name: value
            for name, value in request.headers.items()
            if name in {"X-API-Key", "Content-Type", "X-Chaff", "X-Plain"}
        }
        try:
            async with self.session.post(
                self.target + path, data=body, headers=headers
            ) as answer:
                data, status = await answer.read(), answer.status
        except aiohttp.ClientError:
            return _hang_up(request)
        self.after.pop(path, _nothing)()
        if path in self.lose_answer:
            self.lose_answer.remove(path)
            return _hang_up(request)
        return web.Response(body=data, status=status, headers=_retry(answer))


@asynccontextmanager
async def lossy(target: str) -> AsyncIterator[Lossy]:
    """A proxy to the node at `target`."""
    async with aiohttp.ClientSession() as session:
        proxy = Lossy(target, session)
        app = web.Application()
        app.router.add_post("/{path:.*}", proxy.handle)
        async with TestServer(app, host="127.0.0.1") as server:
            proxy.url = str(server.make_url("/"))
            yield proxy


def _nothing() -> None:
    pass


def _retry(answer: aiohttp.ClientResponse) -> dict[str, str]:
    found = answer.headers.get("Retry-After")
    return {"Retry-After": found} if found else {}


def _hang_up(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()
