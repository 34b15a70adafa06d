"""Stand between a client and a server, and count what really passes.

It knows nothing of HTTP or TLS: bytes from one socket go to another.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass


@dataclass
class Relay:
    """What passed so far, all connections together."""

    port: int = 0
    connections: int = 0
    up: int = 0
    down: int = 0


@asynccontextmanager
async def relaying(target: int) -> AsyncIterator[Relay]:
    """Relay from a free loopback port to another one."""
    seen = Relay()
    joined: set[asyncio.Task[None]] = set()

    async def up(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        async for data in _chunks(source):
            seen.up += len(data)
            sink.write(data)
        sink.close()

    async def down(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        async for data in _chunks(source):
            seen.down += len(data)
            sink.write(data)
        sink.close()

    async def join(near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        seen.connections += 1
        task = asyncio.current_task()
        assert task is not None
        joined.add(task)
        far, forth = await asyncio.open_connection("127.0.0.1", target)
        try:
            await asyncio.gather(up(near, forth), down(far, back))
        finally:
            for writer in (back, forth):
                writer.close()
                with suppress(ConnectionError):
                    await writer.wait_closed()

    server = await asyncio.start_server(join, "127.0.0.1", 0)
    seen.port = server.sockets[0].getsockname()[1]
    try:
        yield seen
    finally:
        server.close()
        await asyncio.wait([asyncio.create_task(asyncio.sleep(0)), *joined], timeout=5)
        await server.wait_closed()


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            yield data
