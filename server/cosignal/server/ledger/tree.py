"""Read a node's tree: proofs, roots of any size held, and the files that it makes.

What this module guarantees:

* Everything is computed from the database, which is the truth; files can be deleted
  and come out again byte for byte.
* `write_files` returns when every file that a checkpoint of that size names is on the
  disk, so a checkpoint may follow.

Entries never change once stored, so whatever was read of a tile may be remembered.
"""

from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import TypeVar

from cosignal.protocol.chain import VerifiedEntry
from cosignal.protocol.encoding import HASH_BYTES
from cosignal.protocol.errors import UsageError
from cosignal.protocol.merkle import (
    CompactRange,
    Reader,
    consistency_proof,
    inclusion_proof,
    prefix_proof,
)
from cosignal.protocol.tiles import (
    TILE_WIDTH,
    Bundle,
    Tile,
    bundles_between,
    entry_bundle,
    tile_reader,
    tiles_between,
)
from cosignal.server.ledger.public_files import PublicFiles
from cosignal.server.storage.database import Database
from cosignal.server.storage.tree import count_entries, read_entries, read_hashes

REMEMBERED_TILES = 512
RECENT_ENTRIES = 512

T = TypeVar("T")


class Tree:
    """The log's tree as far as this node holds it.

    Attributes:
        size: Entries held. Moved by `grew` only.
    """

    def __init__(self, database: Database, public: PublicFiles, prefix: str) -> None:
        """Read from `database` and write below `prefix` in the public folder."""
        self.size = 0
        self._database = database
        self._public = public
        self._prefix = prefix
        # Owned by `_tile`; tiles of one width never change.
        self._tiles: OrderedDict[Tile, bytes] = OrderedDict()
        # Owned by `grew`: the last entries with their leaf hashes, which every new
        # checkpoint needs, so that none of its steps waits for the database.
        self._recent: deque[tuple[bytes, bytes]] = deque(maxlen=RECENT_ENTRIES)
        # Owned by `write_files`: every file that this size needs is on the disk.
        self._written = 0

    async def load(self) -> None:
        """Count what the last run stored."""
        async with self._database.read() as connection:
            self.size = await count_entries(connection)

    def grew(self, verified: Sequence[VerifiedEntry], entries: Sequence[bytes]) -> None:
        """Take note of entries that were stored, in order; known ones are skipped."""
        for entry, data in zip(verified, entries, strict=True):
            if entry.index == self.size:
                self._recent.append((entry.leaf, data))
                self.size += 1

    async def entries(self, start: int, stop: int) -> list[bytes]:
        """The bytes of entries `start` up to `stop`; fewer where the log ends."""
        recent = self._recent_slice(start, stop)
        if recent is not None:
            return [data for _, data in recent]
        async with self._database.read() as connection:
            return await read_entries(connection, start, stop)

    def _recent_slice(self, start: int, stop: int) -> list[tuple[bytes, bytes]] | None:
        """Leaf hash and bytes of entries, or None when memory does not reach back."""
        first = self.size - len(self._recent)
        if start < first:
            return None
        return list(islice(self._recent, start - first, max(stop - first, 0)))

    async def root_at(self, size: int) -> bytes:
        """Compute the root over the first `size` entries, all of them held."""
        return await read_tree(size, lambda read: root_of(size, read), self._tile)

    async def consistency(self, old: int, new: int) -> list[bytes]:
        """Prove that the tree of size `new` extends the one of size `old`."""
        return await read_tree(
            new, lambda read: consistency_proof(old, new, read), self._tile
        )

    async def prefix(self, old: int, new: int) -> list[bytes]:
        """Prove what the first `old` of `new` entries hash to, for evidence."""
        return await read_tree(
            new, lambda read: prefix_proof(old, new, read), self._tile
        )

    async def inclusion(self, index: int, size: int) -> list[bytes]:
        """Prove that entry `index` is in the tree of size `size`."""
        return await read_tree(
            size, lambda read: inclusion_proof(index, size, read), self._tile
        )

    async def write_files(self, size: int) -> None:
        """Make the tiles and entry bundles of the tree of size `size`.

        A smaller size than before gets only its own partial files. A crash between
        two files leaves some of them; the next call writes the rest.

        Args:
            size: Entries in the tree, all of them held.
        """
        if size == self._written:
            return
        # Partial files of sizes in between are not needed: nobody signed those.
        old = 0 if size < self._written else min(self._written, _whole(size))
        tiles: list[Tile | Bundle] = [
            *tiles_between(old, size),
            *bundles_between(old, size),
        ]
        if size < self._written:
            tiles = [tile for tile in tiles if tile.width < TILE_WIDTH]
        if self._written == 0:
            tiles = await self._missing(tiles, size)
        files = [
            (f"{self._prefix}/{tile.path}", await self._file(tile)) for tile in tiles
        ]
        await self._public.write_new(files)
        self._written = max(self._written, size)

    async def _missing(
        self, tiles: list[Tile | Bundle], size: int
    ) -> list[Tile | Bundle]:
        """After a start: files to write, with those of the last 256 entries anyway.

        The last ones may have been renamed into a folder that was never synced; every
        older one was synced before the checkpoint that came after it.
        """
        recent = _whole(size) // TILE_WIDTH - 1
        old = [
            tile for tile in tiles if tile.width == TILE_WIDTH and tile.index < recent
        ]
        absent = await self._public.missing(
            [f"{self._prefix}/{tile.path}" for tile in old]
        )
        there = {tile for tile in old if f"{self._prefix}/{tile.path}" not in absent}
        return [tile for tile in tiles if tile not in there]

    async def _file(self, tile: Tile | Bundle) -> bytes:
        if isinstance(tile, Tile):
            return await self._tile(tile)
        return entry_bundle(await self.entries(tile.start, tile.start + tile.width))

    async def _tile(self, tile: Tile) -> bytes:
        data = self._tiles.get(tile)
        if data is None:
            hashes = await self._hashes(tile)
            if len(hashes) != tile.width:
                raise UsageError(f"{tile.path}: expected a tree that large")
            data = self._tiles[tile] = b"".join(hashes)
            if len(self._tiles) > REMEMBERED_TILES:
                self._tiles.popitem(last=False)
        return data

    async def _hashes(self, tile: Tile) -> list[bytes]:
        first = tile.index * TILE_WIDTH
        stop = first + tile.width
        recent = self._recent_slice(first, stop) if tile.level == 0 else None
        if recent is not None:
            return [leaf for leaf, _ in recent]
        async with self._database.read() as connection:
            return await read_hashes(connection, tile.level, first, stop)


async def read_tree(
    size: int,
    compute: Callable[[Reader], T],
    fetch: Callable[[Tile], Awaitable[bytes]],
) -> T:
    """Compute something from tiles that must be waited for.

    Args:
        size: Leaves in the tree.
        compute: Reads complete subtrees; asks for the same ones whatever it gets.
        fetch: Gives a tile's file.

    Returns:
        What `compute` returned for the real hashes.
    """
    # The first run finds out which tiles are needed, with zeros in their place.
    wanted: dict[Tile, bytes] = {}

    def ask(tile: Tile) -> bytes:
        return wanted.setdefault(tile, bytes(tile.width * HASH_BYTES))

    compute(tile_reader(size, ask))
    for tile in wanted:
        wanted[tile] = await fetch(tile)
    return compute(tile_reader(size, wanted.__getitem__))


def _whole(size: int) -> int:
    """Entries in full bundles of a tree of `size`."""
    return size // TILE_WIDTH * TILE_WIDTH


def root_of(size: int, read: Reader) -> bytes:
    """Compute a tree's root from the complete subtrees at its right edge."""
    hashes, start = [], 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            hashes.append(read(level, start >> level))
            start += 1 << level
    return CompactRange(size, tuple(hashes)).root()
