"""Serve files from memory on a loopback port, as a node's chain API answers them.

A thread of its own serves, so that the processor time of whoever reads in another one
can be told apart.
"""

import asyncio
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from http import HTTPStatus
from threading import Thread

from aiohttp import web

from cosignal.client.traffic import Kind, kind_of
from cosignal.server.api.answers import (
    MOMENT_SECONDS,
    TEXT_UTF8,
    YEAR_SECONDS,
    answer,
)
from cosignal.server.api.routing import BYTES
from cosignal.server.ledger.packing import PackedFiles
from cosignal.server.ledger.public_files import PublicFile

PACKED_BYTES = 1 << 24


@contextmanager
def served(files: Mapping[str, bytes]) -> Iterator[str]:
    """Serve files until the context ends.

    Args:
        files: Bytes by path; may change meanwhile.

    Yields:
        The base URL.
    """
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, str]] = Future()
    thread = Thread(target=_run, args=(files, started), daemon=True)
    thread.start()
    loop, end, url = started.result()
    try:
        yield url
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()


def _run(
    files: Mapping[str, bytes],
    started: "Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, str]]",
) -> None:
    try:
        asyncio.run(_serve(files, started))
    except BaseException as error:  # noqa: BLE001 - for whoever waits in `served`
        if not started.done():
            started.set_exception(error)


async def _serve(
    files: Mapping[str, bytes],
    started: "Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, str]]",
) -> None:
    end, packed = asyncio.Event(), PackedFiles(PACKED_BYTES)

    async def handle(request: web.Request) -> web.Response:
        data = files.get(request.path.removeprefix("/"))
        if data is None:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        return await _answer(request, PublicFile.of(data), packed)

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        started.set_result((asyncio.get_running_loop(), end, f"http://{host}:{port}"))
        await end.wait()
    finally:
        await runner.cleanup()


async def _answer(
    request: web.Request, file: PublicFile, packed: PackedFiles
) -> web.Response:
    kind = kind_of("GET", request.path)
    if kind is Kind.BODIES:
        return await answer(request, file, BYTES, YEAR_SECONDS, immutable=True)
    if kind is Kind.ENTRIES:
        return await answer(
            request, file, BYTES, YEAR_SECONDS, immutable=True, packed=packed
        )
    return await answer(request, file, TEXT_UTF8, MOMENT_SECONDS, packed=packed)
