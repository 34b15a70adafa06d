"""Share one durable transaction among everybody who waits for the disk.

One `fsync` takes as long as writing hundreds of rows, so a busy node makes one for all
uploads that came in while it was busy with the one before.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from cosignal.server.storage.database import Database

Item = TypeVar("Item")
Result = TypeVar("Result")


class Settled(Protocol):
    """Hears how a batch ended."""

    def __call__(self, *, stored: bool) -> None:
        """Learn whether it was committed."""


def _ignore(*, stored: bool) -> None:
    del stored


class GroupCommit(Generic[Item, Result]):
    """Share one transaction among all items that wait for the disk.

    While one batch is being written the next one gathers, so a busy node pays one
    fsync for many uploads and an idle one pays no delay.
    """

    def __init__(
        self,
        database: Database,
        job: Callable[[AsyncConnection, list[Item]], Awaitable[list[Result]]],
        *,
        settled: Settled = _ignore,
        limit: int = 256,
    ) -> None:
        """Write batches of items, one at a time.

        Args:
            database: Where to.
            job: Writes one batch; returns one result an item.
            settled: Told whether a batch was committed, before the next one begins.
            limit: Most items in a batch.
        """
        self._database = database
        self._job = job
        self._settled = settled
        self._limit = limit
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._flusher: asyncio.Task[None] | None = None

    async def submit(self, item: Item) -> Result:
        """Write one item durably, together with whoever else waits.

        Args:
            item: What the job understands.

        Returns:
            The job's result for this item, after the commit.
        """
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush())
        return await future

    async def _flush(self) -> None:
        try:
            while self._waiting:
                batch = self._waiting[: self._limit]
                del self._waiting[: self._limit]
                await self._write(batch)
        finally:
            self._flusher = None

    async def _write(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        items = [item for item, _ in batch]
        try:
            results = await self._database.write(lambda conn: self._job(conn, items))
        except Exception as error:  # noqa: BLE001 - every waiter must hear of it
            self._settled(stored=False)
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        self._settled(stored=True)
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)
