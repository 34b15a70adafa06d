"""Erase what is old: bodies, keys, copies, and the traces that a database keeps.

What this module guarantees:

* After a body's expiry no file of the public folder and no page of the database holds
  one of its keys: the file is removed, rows are overwritten (`secure_delete`), and the
  write-ahead log is emptied.
* Headers, tree and checkpoints stay, so the chain still verifies.
* A body that no entry came to name, left by a crash or a refusal, is erased as well.
* Partial tiles whose full tile exists are removed; readers then take the full one.

The order of a sweep: files, then the note that they are erased, then rows, then the
log. A crash anywhere in it leaves work that the next sweep finds again.
"""

import asyncio

from sqlalchemy.ext.asyncio import AsyncConnection

from cosignal.protocol.tiles import TILE_WIDTH, entries_path, tile_path
from cosignal.server.clock import Clock
from cosignal.server.ledger.bodies import Bodies
from cosignal.server.ledger.cosigner import Cosigner
from cosignal.server.ledger.public_files import PublicFiles
from cosignal.server.ledger.publisher import Publisher
from cosignal.server.ledger.sealer import Sealer
from cosignal.server.ledger.sequencer import Sequencer
from cosignal.server.logs import get_logger
from cosignal.server.storage.database import Database
from cosignal.server.storage.outbox import expired_blocks
from cosignal.server.storage.tree import (
    expired_bodies,
    find_body,
    living_bodies,
    mark_erased,
)
from cosignal.server.storage.uploads import forget_keys

STRAYS_EVERY = 60

_log = get_logger("ledger.retention")


class Retention:
    """Sweeps, again and again."""

    def __init__(
        self,
        database: Database,
        public: PublicFiles,
        prefix: str,
        *,
        bodies: Bodies,
        sealer: Sealer,
        cosigner: Cosigner,
        sequencer: Sequencer | None,
        publisher: Publisher,
        clock: Clock,
    ) -> None:
        """Sweep what these parts hold."""
        self._database = database
        self._public = public
        self._prefix = prefix
        self._bodies = bodies
        self._sealer = sealer
        self._cosigner = cosigner
        self._sequencer = sequencer
        self._publisher = publisher
        self._clock = clock
        # Owned by `sweep`: tiles below this index have no partial files left.
        self._tidied = 0
        # Owned by `sweep`: whether the write-ahead log may hold erased rows.
        self._unscrubbed = True

    async def run(self, pause_seconds: float) -> None:
        """Sweep every `pause_seconds`, until cancelled."""
        while True:
            await self.sweep_strays()
            for _ in range(STRAYS_EVERY):
                await self.sweep()
                await asyncio.sleep(pause_seconds)

    async def sweep(self) -> int:
        """Erase everything that has expired.

        Returns:
            How many bodies.
        """
        now = self._clock()
        async with self._database.read() as connection:
            places = await expired_bodies(connection, now)
            blocks = await expired_blocks(connection, now)
        for place in places:
            await self._bodies.erase(place.commit)
        await self._sealer.give_back(blocks)

        async def forget(connection: AsyncConnection) -> int:
            await mark_erased(connection, places)
            return await forget_keys(connection, now)

        forgotten = await self._database.write(forget)
        self._unscrubbed |= bool(places or blocks or forgotten)
        if self._unscrubbed:
            # A long read can keep the log from being emptied; then the next sweep does.
            self._unscrubbed = not await self._database.scrub()
        if places:
            _log.info("bodies_erased", bodies=len(places))
        await self._tidy()
        return len(places)

    async def sweep_strays(self) -> int:
        """Erase bodies that no entry names and that nobody is about to order.

        Returns:
            How many.
        """
        async with self._database.read() as connection:
            living = await living_bodies(connection)
        strays = [item for item in await self._bodies.present() if item not in living]
        erased = 0
        for commit in strays:
            # While both are held, no body is between its file and its entry, but for
            # those that the sequencer says it is about to order.
            async with self._cosigner.turn, self._bodies.turn:
                erased += await self._erase_stray(commit)
        if erased:
            _log.info("stray_bodies_erased", bodies=erased)
        return erased

    async def _erase_stray(self, commit: bytes) -> bool:
        if self._sequencer is not None and self._sequencer.about_to_order(commit):
            return False
        async with self._database.read() as connection:
            place = await find_body(connection, commit)
        return (place is None or place.erased) and await self._bodies.erase(commit)

    async def _tidy(self) -> None:
        """Remove partial files that a published tree has full ones for."""
        full = self._publisher.size // TILE_WIDTH
        for index in range(self._tidied, full):
            paths = [entries_path(index), tile_path(0, index)]
            if (index + 1) % TILE_WIDTH == 0:
                paths.append(tile_path(1, index // TILE_WIDTH))
            for path in paths:
                folder = f"{self._prefix}/{path}.p"
                names = await self._public.names(folder)
                await self._public.erase(*(f"{folder}/{name}" for name in names))
            self._tidied = index + 1
