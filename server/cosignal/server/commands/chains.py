"""Verify a chain's entries for a command that goes on from them."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cosignal.client.folders import Folder
from cosignal.client.follower import Follower
from cosignal.client.sources import open_source
from cosignal.client.store import Store
from cosignal.protocol.chain import Chain
from cosignal.protocol.policy import Policy
from cosignal.server.clock import system_clock
from cosignal.server.commands.terminal import progress_bars


@dataclass(frozen=True, slots=True)
class ReadChain:
    """A chain as far as it was verified.

    Attributes:
        store: Its entries and what follows from them.
        address: Where it came from.
        as_json: Whether progress stays silent.
    """

    store: Store
    address: str
    as_json: bool

    @property
    def chain(self) -> Chain:
        """The verifier at the newest checkpoint."""
        return self.store.state.chain

    def sync(self) -> None:
        """Verify what came since."""
        asyncio.run(self._sync())

    async def _sync(self) -> None:
        async with open_source(self.address) as source:
            with progress_bars(as_json=self.as_json) as progress:
                follower = Follower(
                    self.store, source, regions=frozenset(), progress=progress
                )
                await follower.sync(system_clock())


@contextmanager
def reading(address: str, pinned: Policy, *, as_json: bool) -> Iterator[ReadChain]:
    """Verify every entry of a chain, without bodies; forget it afterwards.

    Args:
        address: URL or folder of a node or mirror.
        pinned: Whom to believe.
        as_json: Show no progress.

    Yields:
        The chain at its newest checkpoint.

    Raises:
        CosignalError: As `Follower.sync` says.
    """
    with (
        tempfile.TemporaryDirectory(prefix="cosignal-read-") as folder,
        Store(Folder(Path(folder)), pinned) as store,
    ):
        found = ReadChain(store, address, as_json)
        found.sync()
        yield found
