"""Read entries and bodies of a log, from another node or from this one.

What this module guarantees:

* Another node is read by the client that phones and mirrors use, so nothing can be
  shown to authorities only.
* Nothing read here is believed; `chain` and `blocks` check it.
"""

from typing import Protocol

from cosignal.client.downloads import fetch_all, fetch_bundle, read_tree
from cosignal.client.paths import body_path, checkpoint_path
from cosignal.client.sources import Source
from cosignal.protocol.errors import GoneError, NotFoundError
from cosignal.protocol.merkle import prefix_proof
from cosignal.protocol.notes import MAX_NOTE_BYTES
from cosignal.protocol.tiles import bundles_between
from cosignal.server.ledger.bodies import Bodies
from cosignal.server.ledger.tree import Tree


class ChainReader(Protocol):
    """Where entries and bodies come from."""

    @property
    def own(self) -> bool:
        """Whether that is this node's own folder."""

    async def entries(self, start: int, size: int) -> list[bytes]:
        """Entries `start` up to `size` of the log at that size."""

    async def body(self, commit: bytes) -> bytes | None:
        """A body file, or None where it is gone."""


class OwnReader:
    """Reads what this node holds already, without HTTP."""

    own = True

    def __init__(self, tree: Tree, bodies: Bodies) -> None:
        """Read from `tree` and `bodies`."""
        self._tree = tree
        self._bodies = bodies

    async def entries(self, start: int, size: int) -> list[bytes]:
        """Entries `start` up to `size`; fewer where the log ends."""
        return await self._tree.entries(start, size)

    async def body(self, commit: bytes) -> bytes | None:
        """A body file, or None where it is gone."""
        return await self._bodies.read(commit)


class NodeReader:
    """Reads another node's static files."""

    own = False

    def __init__(self, source: Source, shard: str) -> None:
        """Read one shard of `source`."""
        self._source = source
        self._shard = shard

    async def checkpoint(self) -> bytes:
        """The checkpoint that the node publishes."""
        return await self._source.get(checkpoint_path(self._shard), MAX_NOTE_BYTES)

    async def entries(self, start: int, size: int) -> list[bytes]:
        """Entries `start` up to `size` of the log at that size."""
        bundles = bundles_between(start, size)
        parts = await fetch_all(
            fetch_bundle(self._source, self._shard, bundle) for bundle in bundles
        )
        found = [entry for part in parts for entry in part]
        return found[start - bundles[0].start :] if bundles else []

    async def body(self, commit: bytes) -> bytes | None:
        """A body file, or None where it is gone."""
        try:
            return await self._source.get(body_path(self._shard, commit))
        except (NotFoundError, GoneError):
            return None

    async def prefix(self, old: int, new: int) -> list[bytes]:
        """Prove what the first `old` of this node's `new` entries hash to."""
        return await read_tree(
            self._source, self._shard, new, lambda read: prefix_proof(old, new, read)
        )
