"""Read pieces of a log from a source.

What this module guarantees:

* A partial file is asked for by the width that a verified size implies; where it is
  gone, the full file that took its place is cut to that width.
* A few files are fetched at once, and never more; none is larger than its kind can be.

Nothing here is verified but the form.

Source: c2sp.org/tlog-tiles, "Partial tiles".
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from cosignal.client.paths import (
    MAX_SHARDS,
    SHARDS_PATH,
    parse_shards,
    shard_prefix,
)
from cosignal.client.sources import Source
from cosignal.protocol.encoding import HASH_BYTES
from cosignal.protocol.errors import NotFoundError
from cosignal.protocol.merkle import Reader
from cosignal.protocol.tiles import (
    MAX_ENTRY,
    TILE_WIDTH,
    Bundle,
    Tile,
    parse_entry_bundle,
    parse_tile,
    tile_reader,
)

AT_ONCE = 8
MAX_TILE_BYTES = TILE_WIDTH * HASH_BYTES
#: Each entry stands behind two bytes of length.
MAX_BUNDLE_BYTES = TILE_WIDTH * (2 + MAX_ENTRY)
#: A shard's name has up to nine digits.
MAX_SHARDS_BYTES = MAX_SHARDS * 10

T = TypeVar("T")


async def fetch_shards(source: Source) -> list[str]:
    """Read the list of shards.

    Args:
        source: Where from.

    Returns:
        Names, oldest first.

    Raises:
        SourceError: It cannot be had.
        MalformedError: It is no list of shards.
    """
    return parse_shards(await source.get(SHARDS_PATH, MAX_SHARDS_BYTES))


async def fetch_bundle(source: Source, shard: str, bundle: Bundle) -> list[bytes]:
    """Read the entries of a bundle.

    Args:
        source: Where from.
        shard: Of which shard.
        bundle: Which one, as wide as a verified size implies.

    Returns:
        `bundle.width` entries.

    Raises:
        SourceError: It cannot be had.
        MalformedError: It is no bundle of that width.
    """
    data, width = await _fetch(source, shard, bundle)
    return parse_entry_bundle(data, width)[: bundle.width]


async def fetch_tile(source: Source, shard: str, tile: Tile) -> bytes:
    """Read a tile of hashes.

    Args:
        source: Where from.
        shard: Of which shard.
        tile: Which one.

    Returns:
        `tile.width` times 32 bytes.

    Raises:
        SourceError: It cannot be had.
        MalformedError: It is no tile of that width.
    """
    data, width = await _fetch(source, shard, tile)
    parse_tile(data, width)
    return data[: tile.width * HASH_BYTES]


async def read_tree(
    source: Source, shard: str, size: int, compute: Callable[[Reader], T]
) -> T:
    """Compute something from a source's tiles.

    Args:
        source: Where from.
        shard: Of which shard.
        size: Leaves in the tree.
        compute: Reads complete subtrees; asks for the same ones whatever it gets.

    Returns:
        What `compute` made of the source's hashes, which are not verified.

    Raises:
        SourceError: A tile cannot be had.
        MalformedError: A tile has another size.
    """
    # The first run finds out which tiles are needed, with zeros in their place.
    wanted: dict[Tile, bytes] = {}

    def ask(tile: Tile) -> bytes:
        return wanted.setdefault(tile, bytes(tile.width * HASH_BYTES))

    compute(tile_reader(size, ask))
    tiles = list(wanted)
    found = await fetch_all(fetch_tile(source, shard, tile) for tile in tiles)
    given = dict(zip(tiles, found, strict=True))
    return compute(tile_reader(size, given.__getitem__))


async def fetch_all(reads: Iterable[Awaitable[T]]) -> list[T]:
    """Wait for many reads, a few at once.

    Args:
        reads: Not started yet.

    Returns:
        Their results in order.

    Raises:
        Exception: What the first failing read raised; the others are given up.
    """
    turns = asyncio.Semaphore(AT_ONCE)

    async def take(read: Awaitable[T]) -> T:
        async with turns:
            return await read

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(take(read)) for read in reads]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]


def windows(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut a list into parts that are fetched at once."""
    for start in range(0, len(items), AT_ONCE):
        yield items[start : start + AT_ONCE]


async def _fetch(source: Source, shard: str, item: Tile | Bundle) -> tuple[bytes, int]:
    """A file and how many elements it must hold."""
    prefix = shard_prefix(shard)
    limit = MAX_TILE_BYTES if isinstance(item, Tile) else MAX_BUNDLE_BYTES
    try:
        return await source.get(f"{prefix}/{item.path}", limit), item.width
    except NotFoundError:
        if item.width == TILE_WIDTH:
            raise
    full: Tile | Bundle = (
        Tile(item.level, item.index) if isinstance(item, Tile) else Bundle(item.index)
    )
    return await source.get(f"{prefix}/{full.path}", limit), TILE_WIDTH
