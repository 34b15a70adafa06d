"""One-way links between nodes that a test can cut, turn elsewhere and listen on.

Node i reaches node j through a link of its own, so a test decides who sees whom; the
nodes' code knows nothing of it. A link also remembers every tree head that a cosigner
signed on it: what a signer said to anybody, not what it later says it said.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from cosignal.protocol.checkpoints import parse_checkpoint_text
from cosignal.protocol.errors import CosignalError
from cosignal.protocol.notes import NoteSignature, VerifierKey, parse_signatures

CHUNK = 1 << 16
LONGEST_LINE = 1 << 11
_HEAD = re.compile(rb"(?m)^[a-z0-9.-]+/\d+\n\d+\n[A-Za-z0-9+/]{43}=\n")
_SIGNATURE = re.compile("(?m)^\u2014 [^ \n]+ [A-Za-z0-9+/=]+\n".encode())


@dataclass
class SignedHeads:
    """Roots by signer and size, as seen from outside.

    A signature is judged against every head that the same connection carried.
    """

    keys: tuple[VerifierKey, ...]
    roots: defaultdict[tuple[str, int], set[bytes]] = field(
        default_factory=lambda: defaultdict(set)
    )

    def note(self, heads: list[bytes], line: bytes) -> None:
        """Verify a signature line against the heads that it may belong to."""
        (signature,) = parse_signatures(line)
        for key in self.keys:
            if (key.name, key.key_id) == (signature.name, signature.key_id):
                self._note(heads, signature, key)

    def of(self, name: str) -> dict[int, set[bytes]]:
        """What one signer signed: roots by size."""
        return {size: roots for (who, size), roots in self.roots.items() if who == name}

    def _note(
        self, heads: list[bytes], signature: NoteSignature, key: VerifierKey
    ) -> None:
        for text in reversed(heads):
            with suppress(CosignalError):
                key.verify(text, signature.signature)
                head = parse_checkpoint_text(text)
                self.roots[key.name, head.size].add(head.root)
                return


class Link:
    """A TCP proxy from one node to another."""

    def __init__(self, port: int, target: int, heard: SignedHeads) -> None:
        """Listen on `port` once started, and pass everything on to `target`."""
        self.port = port
        self._target = target
        self._heard = heard
        self._open = True
        self._server: asyncio.Server | None = None
        self._streams: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", self.port, limit=CHUNK
        )

    async def stop(self) -> None:
        """Stop listening and drop every connection."""
        self.cut()
        if self._server is not None:
            self._server.close()
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    def cut(self) -> None:
        """Drop all connections, and every new one at once."""
        self._open = False
        self._drop()

    def mend(self, target: int | None = None) -> None:
        """Pass connections on again, to another node where one is given."""
        self._target = self._target if target is None else target
        self._open = True
        self._drop()

    def _drop(self) -> None:
        for stream in set(self._streams):
            stream.transport.abort()

    async def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._streams.add(writer)
        try:
            if self._open:
                await self._pass_on(reader, writer)
        except OSError:
            pass  # a dead node: its caller sees a closed connection
        finally:
            self._streams.discard(writer)
            writer.transport.abort()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        far_reader, far_writer = await asyncio.open_connection(
            "127.0.0.1", self._target
        )
        self._streams.add(far_writer)
        ear = _Ear(self._heard)
        there = asyncio.create_task(_pump(reader, far_writer, ear.there))
        back = asyncio.create_task(_pump(far_reader, writer, ear.back))
        try:
            await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            there.cancel()
            back.cancel()
            await asyncio.gather(there, back, return_exceptions=True)
            self._streams.discard(far_writer)
            far_writer.transport.abort()


class _Ear:
    """Listens to one connection; a head or a signature may come in two pieces."""

    def __init__(self, heard: SignedHeads) -> None:
        self._heard = heard
        self._heads: list[bytes] = []
        self._unread = {"there": b"", "back": b""}

    def there(self, data: bytes) -> None:
        self._listen("there", data)

    def back(self, data: bytes) -> None:
        self._listen("back", data)

    def _listen(self, way: str, data: bytes) -> None:
        found = self._unread[way] + data
        self._heads += [
            head[0] for head in _HEAD.finditer(found) if head[0] not in self._heads
        ]
        lines = list(_SIGNATURE.finditer(found))
        for line in lines:
            self._heard.note(self._heads, line[0])
        if lines:
            found = found[lines[-1].end() :]
        self._unread[way] = found[-LONGEST_LINE:]


async def _pump(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    listen: Callable[[bytes], None],
) -> None:
    while data := await reader.read(CHUNK):
        listen(data)
        writer.write(data)
        await writer.drain()
