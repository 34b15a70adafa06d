"""Load a server over HTTP: keep-alive connections, one request on each at a time.

It only counts what it gets and reads nothing but status and length, so that one core of
it outruns one core of a server.
"""

import asyncio
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import NamedTuple

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"


class Answered(NamedTuple):
    """One answer.

    Attributes:
        status: HTTP status.
        at: When its last byte came, seconds of `perf_counter`.
    """

    status: int
    at: float


def load(port: int, requests: Iterator[bytes], connections: int) -> list[Answered]:
    """Send all requests, as fast as the answers come.

    Args:
        port: On this machine.
        requests: Each with its head.
        connections: How many requests may be on their way at once.

    Returns:
        The answers, in the order in which they came.

    Raises:
        ConnectionError: The server closed a connection.
    """
    return asyncio.run(_load(port, requests, connections))


async def _load(
    port: int, requests: Iterator[bytes], connections: int
) -> list[Answered]:
    loop = asyncio.get_running_loop()
    answers: list[Answered] = []

    def connect() -> _Connection:
        return _Connection(requests, answers.append, loop.create_future())

    opened = [
        await loop.create_connection(connect, "127.0.0.1", port)
        for _ in range(connections)
    ]
    await asyncio.gather(*(connection.end for _, connection in opened))
    return answers


class _Connection(asyncio.Protocol):
    """Sends the next request when the last answer is complete."""

    def __init__(
        self,
        requests: Iterator[bytes],
        keep: Callable[[Answered], None],
        end: asyncio.Future[None],
    ) -> None:
        self._requests = requests
        self._keep = keep
        self.end = end
        self._head = b""
        self._status = 0
        # Bytes of the body still to come; None before its head is complete.
        self._missing: int | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.end.done():
            self.end.set_exception(exc or ConnectionResetError("closed by the server"))

    def data_received(self, data: bytes) -> None:
        if self._missing is None:
            self._head += data
            head, found, data = self._head.partition(HEAD_END)
            if not found:
                return
            self._head = b""
            self._status = int(head[9:12])
            self._missing = _length(head)
        self._missing -= len(data)
        if self._missing == 0:
            self._missing = None
            self._keep(Answered(self._status, perf_counter()))
            self._send()

    def _send(self) -> None:
        assert self._transport is not None
        request = next(self._requests, None)
        if request is not None:
            self._transport.write(request)
        else:
            self.end.set_result(None)
            self._transport.close()


def _length(head: bytes) -> int:
    """The length that a response's head announces."""
    lower = head.lower()
    start = lower.index(LENGTH) + len(LENGTH)
    return int(lower[start:].split(b"\r\n", 1)[0])
