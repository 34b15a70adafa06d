"""Keep a full copy of a chain in a folder that any static web server can serve.

What this module guarantees:

* Files lie below the folder exactly as their URLs do below a node's base.
* Nothing unverified is published: tiles are computed from verified entries, bodies and
  checkpoints are the certified ones.
* A checkpoint is replaced after every file that it names is on the disk; whoever reads
  at any moment finds a whole tree.
* Bodies are erased when they expire.

What a crash leaves behind, in the order of writing::

    sync           what `store` says; the published checkpoints are the old ones
    tiles          some of them; the next run writes the same names again
    records        policies and configurations, the same
    checkpoints    each names files that are there
    shards         a new shard that is complete, but not listed yet

Serving the folder is left to a web server, which answers 404 for an erased body.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from cosignal.client.disputes import head_of
from cosignal.client.follower import Follower, Progress, Synced, silent
from cosignal.client.paths import (
    SHARDS_PATH,
    checkpoint_path,
    encode_shards,
    record_path,
    shard_prefix,
)
from cosignal.client.sources import Source
from cosignal.client.store import Store
from cosignal.protocol.errors import FatalError, UnavailableError
from cosignal.protocol.merkle import leaf_hash
from cosignal.protocol.merkle import root as merkle_root
from cosignal.protocol.records import parse_record
from cosignal.protocol.tiles import TILE_WIDTH, Tile, parse_tile, tiles_between

#: Tiles written before their folders are synced; bounds memory, not meaning.
TILES_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Mirrored:
    """What one run did.

    Attributes:
        synced: What was fetched.
        tiles: Number of tiles written.
    """

    synced: Synced
    tiles: int


async def mirror(
    source: Source, store: Store, now: int, progress: Progress = silent
) -> Mirrored:
    """Bring a mirror up to date.

    Args:
        source: A node or another mirror.
        store: Holds the mirror's folder.
        now: Unix seconds.
        progress: Told about long work.

    Returns:
        What was done.

    Raises:
        UnavailableError: The source lacks a body that has not expired. What was fetched
            is kept; nothing new is published.
        CosignalError: As `Follower.sync` says.
    """
    synced = await Follower(store, source, progress=progress).sync(now)
    if synced.error is not None:
        raise synced.error
    if synced.missing:
        raise UnavailableError(
            f"{synced.missing[0].path}: expected a body that has not expired, got none "
            f"({len(synced.missing)} are missing)",
            advice="Run again with another mirror or node; what is there is kept.",
        )
    return Mirrored(synced, publish(store, progress))


def publish(store: Store, progress: Progress = silent) -> int:
    """Make the files by which others read what the store verified.

    Args:
        store: Complete, bodies included.
        progress: Told about long work.

    Returns:
        Number of tiles written.
    """
    folder, state = store.folder, store.state
    notes = {item.shard: item.note for item in state.ended}
    if state.note is not None:
        notes[state.chain.shard] = state.note
    tiles = {shard: _new_tiles(store, shard) for shard in notes}
    count = sum(map(len, tiles.values()))
    done = 0
    for shard, items in tiles.items():
        for start in range(0, len(items), TILES_AT_ONCE):
            part = items[start : start + TILES_AT_ONCE]
            prefix = shard_prefix(shard)
            folder.put_all(
                (f"{prefix}/{tile.path}", _tile(store, shard, tile)) for tile in part
            )
            done += len(part)
            progress("tiles", done, count)
    folder.put_all(_records(store))
    folder.put_all((checkpoint_path(shard), note) for shard, note in notes.items())
    folder.put(SHARDS_PATH, encode_shards(list(notes)))
    for shard, items in tiles.items():
        store.tidy(shard, items)
    return count


def _new_tiles(store: Store, shard: str) -> list[Tile]:
    """Tiles that the published checkpoint did not need yet, lowest level first."""
    published = store.folder.read(checkpoint_path(shard))
    old = head_of(published).size if published else 0
    return tiles_between(old, store.state.size_of(shard))


def _tile(store: Store, shard: str, tile: Tile) -> bytes:
    first = tile.index * TILE_WIDTH
    if tile.level == 0:
        entries = store.entries(shard, first, first + tile.width)
        return b"".join(map(leaf_hash, entries))
    below = (Tile(tile.level - 1, first + place) for place in range(tile.width))
    return b"".join(_root_of(store, shard, item) for item in below)


def _root_of(store: Store, shard: str, tile: Tile) -> bytes:
    """Root of a full tile that is on the disk."""
    path = f"{shard_prefix(shard)}/{tile.path}"
    data = store.folder.read(path)
    if data is None:
        raise FatalError(
            f"{path}: expected the tile written before, got none",
            advice="Delete the shard's checkpoint file; then all tiles are made again.",
        )
    return merkle_root(parse_tile(data, TILE_WIDTH))


def _records(store: Store) -> Iterator[tuple[str, bytes]]:
    for item in store.state.policies + store.state.configurations:
        path = record_path(parse_record(item.record).record)
        if path is not None:
            yield path, item.record
