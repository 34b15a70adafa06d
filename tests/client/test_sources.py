from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cosignal.client.paths import encode_shards, parse_shards
from cosignal.client.sources import FolderSource, HttpSource, open_source
from cosignal.protocol.errors import (
    GoneError,
    MalformedError,
    NotFoundError,
    SourceError,
    UnavailableError,
    UsageError,
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """A server that answers everything with `handler`; gives its base URL."""
    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    async with TestServer(app, host="127.0.0.1") as server:
        yield str(server.make_url("/"))


async def echo(request: web.Request) -> web.Response:
    return web.Response(text=request.path)


@pytest.mark.parametrize(
    "ending", ["", "/", "/chain", "/chain/", "/chain/1", "/chain/1/"]
)
async def test_node_chain_and_shard_urls_mean_the_same_place(ending: str) -> None:
    async with serving(echo) as url, HttpSource(url.rstrip("/") + ending) as source:
        assert await source.get("chain/1/checkpoint") == b"/chain/1/checkpoint"
        assert source.name == url.rstrip("/")


async def test_a_mirror_may_live_below_a_path() -> None:
    async with serving(echo) as url, HttpSource(f"{url}some/mirror/chain") as source:
        assert await source.get("chain/shards") == b"/some/mirror/chain/shards"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, NotFoundError),
        (410, GoneError),
        (500, UnavailableError),
        (503, UnavailableError),
        (204, UnavailableError),
    ],
)
async def test_every_bad_status_is_an_error_of_its_kind(
    status: int, error: type[SourceError]
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status)

    async with serving(answer) as url, HttpSource(url) as source:
        with pytest.raises(error, match="chain/shards"):
            await source.get("chain/shards")


async def test_more_bytes_than_asked_for_are_not_taken() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(4096))

    async with serving(endless) as url, HttpSource(url) as source:
        with pytest.raises(UnavailableError, match="at most 1000 bytes"):
            await source.get("chain/1/checkpoint", 1000)


async def test_a_small_file_that_unpacks_to_a_large_one_is_not_taken() -> None:
    async def bomb(_: web.Request) -> web.Response:
        response = web.Response(body=bytes(1_000_000))
        response.enable_compression()
        return response

    async with serving(bomb) as url, HttpSource(url) as source:
        with pytest.raises(UnavailableError, match="at most 10000 bytes"):
            await source.get("chain/1/tile/entries/000", 10_000)


async def test_packed_files_are_unpacked() -> None:
    async def packed(_: web.Request) -> web.Response:
        response = web.Response(body=b"entries")
        response.enable_compression()
        return response

    async with serving(packed) as url, HttpSource(url) as source:
        assert await source.get("chain/1/tile/entries/000") == b"entries"


async def test_a_checkpoint_is_asked_for_with_what_is_known() -> None:
    tags: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        tags.append(request.headers.get("If-None-Match"))
        if tags[-1]:
            return web.Response(status=304)
        return web.Response(body=b"note", headers={"ETag": '"1"'})

    async with serving(answer) as url, HttpSource(url) as source:
        first = await source.get("chain/1/checkpoint")
        second = await source.get("chain/1/checkpoint")

    assert (first, second, tags) == (b"note", b"note", [None, '"1"'])


async def test_an_anonymous_source_sends_nothing_back() -> None:
    seen = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers.get("If-None-Match"))
        return web.Response(body=b"note", headers={"ETag": '"one of a kind"'})

    async with serving(answer) as url, HttpSource(url, anonymous=True) as source:
        for _ in range(2):
            assert await source.get("chain/1/checkpoint") == b"note"

    assert seen == [None, None]


async def test_cookies_are_never_sent_back() -> None:
    seen: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Cookie"))
        response = web.Response()
        response.set_cookie("phone", "42")
        return response

    async with serving(answer) as url, HttpSource(url) as source:
        await source.get("chain/1/checkpoint")
        await source.get("chain/1/checkpoint")

    assert seen == [None, None]


async def test_nobody_there_is_unavailable() -> None:
    async with HttpSource("http://127.0.0.1:1") as source:
        with pytest.raises(UnavailableError, match=r"from http://127\.0\.0\.1:1, got "):
            await source.get("chain/shards")


def test_what_is_neither_url_nor_folder_is_wrong_usage(tmp_path: Path) -> None:
    for address in ("ftp://mirror.example", str(tmp_path / "nowhere")):
        with pytest.raises(UsageError, match="expected a URL or a folder"):
            open_source(address)


@pytest.mark.parametrize("location", ["http://a..b/", "http://[::1", "file:///etc"])
async def test_being_sent_nowhere_is_unavailable(location: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": location})

    async with serving(answer) as url, HttpSource(url) as source:
        with pytest.raises(UnavailableError):
            await source.get("chain/shards")


async def test_a_source_must_be_opened() -> None:
    with pytest.raises(UnavailableError, match="async with"):
        await HttpSource("http://127.0.0.1:1").get("chain/shards")


@pytest.mark.parametrize("ending", ["", "chain", "chain/1"])
async def test_a_folder_its_chain_and_a_shard_mean_the_same_place(
    tmp_path: Path, ending: str
) -> None:
    (tmp_path / "chain/1").mkdir(parents=True)
    (tmp_path / "chain/shards").write_bytes(b"1\n")

    async with open_source(str(tmp_path / ending)) as source:
        assert await source.get("chain/shards") == b"1\n"
        assert source.name == str(tmp_path)


async def test_a_folder_says_what_it_lacks(tmp_path: Path) -> None:
    (tmp_path / "chain/1").mkdir(parents=True)
    (tmp_path / "chain/big").write_bytes(bytes(11))
    source = FolderSource(tmp_path)

    with pytest.raises(NotFoundError):
        await source.get("chain/shards")
    with pytest.raises(NotFoundError):
        await source.get("chain/1")
    with pytest.raises(UnavailableError, match="at most 10 bytes"):
        await source.get("chain/big", 10)


def test_shards_are_listed_newest_first() -> None:
    assert encode_shards(["1", "2", "10"]) == b"10\n2\n1\n"
    assert parse_shards(b"10\n2\n1\n") == ["1", "2", "10"]


@pytest.mark.parametrize(
    "data", [b"", b"1", b"\n", b"1\n1\n", b"../../etc\n", b"01\n", b"a\n", b"\xff\n"]
)
def test_a_list_that_could_name_another_file_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_shards(data)
