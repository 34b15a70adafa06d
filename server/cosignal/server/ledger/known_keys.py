"""Remember the keys on the chain, so that no upload brings one a second time.

It works behind the chain: co-signing does not wait for it. What this module guarantees:

* After a restart it goes over every living body again; noting a key twice is the same
  as once.
* A key is forgotten when its body expires (`retention`).
"""

import asyncio

from sqlalchemy.ext.asyncio import AsyncConnection

from cosignal.protocol.bodies import parse_body
from cosignal.protocol.identifiers import TEK_BYTES
from cosignal.server.clock import Clock
from cosignal.server.ledger.bodies import Bodies
from cosignal.server.ledger.cosigner import Cosigner
from cosignal.server.storage.database import Database
from cosignal.server.storage.tree import BodyPlace, bodies_between
from cosignal.server.storage.uploads import remember_keys

PAUSE_SECONDS = 0.2


class KnownKeys:
    """Follows the tree that this node stands by."""

    def __init__(
        self, database: Database, cosigner: Cosigner, bodies: Bodies, clock: Clock
    ) -> None:
        """Note the keys of `bodies` as the cosigner's tree grows."""
        self._database = database
        self._cosigner = cosigner
        self._bodies = bodies
        self._clock = clock
        # Owned by `catch_up`, which holds `_turn`: entries below it are noted.
        self._noted = 0
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        """Note new keys whenever the tree moved, until cancelled."""
        while True:
            self._cosigner.moved.clear()
            await self.catch_up()
            await self._cosigner.moved.wait()
            # Others still wait for their co-signatures; this can come after them.
            await asyncio.sleep(PAUSE_SECONDS)

    async def catch_up(self) -> None:
        """Note the keys of all entries that are new since the last call."""
        async with self._turn:
            await self._catch_up()

    async def _catch_up(self) -> None:
        size = self._cosigner.own.size
        async with self._database.read() as connection:
            places = await bodies_between(connection, self._noted, size)
        now = self._clock()
        for place in places:
            if not place.erased and place.expires > now:
                await self._note(place)
        self._noted = size

    async def _note(self, place: BodyPlace) -> None:
        data = await self._bodies.read(place.commit)
        if data is None:
            return  # Erased in between.
        keys = await asyncio.to_thread(body_keys, data)

        async def note(connection: AsyncConnection) -> None:
            await remember_keys(connection, keys, place.expires)

        await self._database.write(note)


def body_keys(data: bytes) -> list[bytes]:
    """The keys in a body file, 16 bytes each."""
    keys = bytes(parse_body(data).keys)
    return [keys[i : i + TEK_BYTES] for i in range(0, len(keys), TEK_BYTES)]
