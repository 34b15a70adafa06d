"""Keep bodies in the public folder, under the name of their commitment.

What this module guarantees:

* A body is on the disk when `write` returns, and off it when `erase` returns.
* Two bodies never share a name, so nothing here is ever overwritten.
* `living` gives a body only until it expires, whether or not it is erased already.

Whether a body is the right one is for `blocks.verify_body` to say.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

from cosignal.protocol.errors import GoneError
from cosignal.server.ledger.public_files import PublicFile, PublicFiles
from cosignal.server.storage.database import Database
from cosignal.server.storage.tree import find_body

REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class LivingBody:
    """A body that may still be read.

    Attributes:
        file: Its bytes.
        expires: When it must be gone everywhere, Unix seconds.
    """

    file: PublicFile
    expires: int


class Bodies:
    """One shard's body files.

    Attributes:
        turn: Held by whoever writes a body that no entry names yet, and by the sweep
            that removes such bodies.
    """

    def __init__(self, database: Database, public: PublicFiles, prefix: str) -> None:
        """Keep them below `prefix` in the public folder."""
        self.turn = asyncio.Lock()
        self._database = database
        self._public = public
        self._folder = f"{prefix}/body"
        # Owned by `expect` and `_expires`: what the log says of the newest bodies.
        self._known: OrderedDict[bytes, int] = OrderedDict()

    async def read(self, commit: bytes) -> bytes | None:
        """A body, or None when this node has none."""
        file = await self._public.read(self._path(commit))
        return file.data if file else None

    async def living(self, commit: bytes, now: int) -> LivingBody | None:
        """A body for the public.

        Args:
            commit: Its commitment.
            now: Unix seconds.

        Returns:
            The body; None when no entry names it.

        Raises:
            GoneError: It has expired.
        """
        expires = await self._expires(commit)
        if expires is None:
            return None
        file = await self._public.read(self._path(commit)) if now < expires else None
        if file is None:
            raise GoneError("body: expected one that has not expired yet")
        return LivingBody(file, expires)

    async def write(self, commit: bytes, data: bytes) -> None:
        """Make a body durable."""
        await self._public.write_new([(self._path(commit), data)])

    async def erase(self, commit: bytes) -> bool:
        """Remove a body; say whether there was one."""
        return bool(await self._public.erase(self._path(commit)))

    async def present(self) -> list[bytes]:
        """Commitments of all bodies in the folder."""
        names = await self._public.names(self._folder)
        return [bytes.fromhex(name) for name in names]

    def expect(self, commit: bytes, expires: int) -> None:
        """Note what a new entry says of a body."""
        self._known[commit] = expires
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    async def _expires(self, commit: bytes) -> int | None:
        if commit not in self._known:
            async with self._database.read() as connection:
                place = await find_body(connection, commit)
            if place is None:
                return None
            self.expect(commit, place.expires)
        return self._known[commit]

    def _path(self, commit: bytes) -> str:
        return f"{self._folder}/{commit.hex()}"
