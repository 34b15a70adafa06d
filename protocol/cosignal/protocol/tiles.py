"""Tiles: a log's tree and entries as static files (C2SP tlog-tiles).

What this module guarantees:

* Every file has one path, and every path names one file; other spellings are refused.
* A tile holds 1 to 256 hashes, a bundle 1 to 256 entries; empty ones do not exist.
* `tiles_between` and `bundles_between` name every file that a checkpoint needs and an
  earlier one did not, so a log that writes them may publish it.

Reading and writing the files, and checking hashes against a root, are left to others.

Source: c2sp.org/tlog-tiles.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cosignal.protocol.encoding import HASH_BYTES, MAX_INTEGER
from cosignal.protocol.errors import MalformedError, UsageError
from cosignal.protocol.merkle import Reader
from cosignal.protocol.merkle import root as merkle_root

TILE_HEIGHT = 8
TILE_WIDTH = 256
MAX_LEVEL = 63
MAX_ENTRY = 65_535

_LENGTH_BYTES = 2
_PATH = re.compile(
    r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([0-9]{1,3}))?"
)


@dataclass(frozen=True, slots=True)
class Tile:
    """A file of hashes.

    Attributes:
        level: 0 for leaf hashes; each higher level has 256 times fewer.
        index: Position in the level, counted in whole tiles.
        width: Hashes in the file, 1 to 256; fewer than 256 makes it partial.
    """

    level: int
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Where the file is, below the log's prefix."""
        return tile_path(self.level, self.index, self.width)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A file of entries.

    Attributes:
        index: Position, counted in whole bundles; the same as the level 0 tile's.
        width: Entries in the file, 1 to 256.
    """

    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Where the file is, below the log's prefix."""
        return entries_path(self.index, self.width)

    @property
    def start(self) -> int:
        """Index of the first entry in the log."""
        return self.index * TILE_WIDTH


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """Name the file of a tile.

    Args:
        level: 0 to 63.
        index: Position in the level.
        width: 1 to 256 hashes.

    Returns:
        The path below the log's prefix.

    Raises:
        UsageError: A number is out of range.

    >>> tile_path(0, 1234067, 5)
    'tile/0/x001/x234/067.p/5'
    """
    if not 0 <= level <= MAX_LEVEL:
        raise UsageError(f"level: expected 0 to {MAX_LEVEL}, got {level}")
    return _path(str(level), index, width)


def entries_path(index: int, width: int = TILE_WIDTH) -> str:
    """Name the file of an entry bundle.

    Args:
        index: Position, counted in whole bundles.
        width: 1 to 256 entries.

    Returns:
        The path below the log's prefix.

    Raises:
        UsageError: A number is out of range.

    >>> entries_path(0)
    'tile/entries/000'
    """
    return _path("entries", index, width)


def parse_tile_path(data: bytes) -> Tile | Bundle:
    """Read the path of a tile or of an entry bundle.

    Args:
        data: The path below the log's prefix, without a slash in front.

    Returns:
        The file that it names.

    Raises:
        MalformedError: Any spelling but the one that `Tile.path` or `Bundle.path` give.
    """
    text = data.decode("ascii", "replace")
    match = _PATH.fullmatch(text)
    if not match:
        raise MalformedError("path: expected tile/<level or entries>/<index>[.p/<w>]")
    index = int(match[2].replace("x", "").replace("/", ""))
    width = TILE_WIDTH if match[3] is None else int(match[3])
    is_bundle = match[1] == "entries"
    file = Bundle(index, width) if is_bundle else Tile(int(match[1]), index, width)
    try:
        canonical = file.path
    except UsageError as error:
        raise MalformedError(f"path: {error}") from None
    if canonical != text:
        raise MalformedError(f"path: expected {canonical}, got another spelling")
    return file


def tiles_between(old_size: int, new_size: int) -> list[Tile]:
    """List the hash tiles that a larger tree needs and a smaller one did not.

    Args:
        old_size: Leaves in the tree whose tiles all exist.
        new_size: Leaves in the tree to publish.

    Returns:
        Tiles to write, lowest level first; partial ones at the right edge.

    Raises:
        UsageError: The sizes are not in order.
    """
    _check_sizes(old_size, new_size)
    tiles: list[Tile] = []
    level = 0
    while old_size != new_size:
        ranges = _ranges(old_size, new_size)
        tiles += [Tile(level, index, width) for index, width in ranges]
        level, old_size = level + 1, old_size >> TILE_HEIGHT
        new_size >>= TILE_HEIGHT
    return tiles


def bundles_between(old_size: int, new_size: int) -> list[Bundle]:
    """List the entry bundles that a larger log needs and a smaller one did not.

    Args:
        old_size: Entries in the log whose bundles all exist.
        new_size: Entries in the log to publish.

    Returns:
        Bundles to write or to fetch, in order; the last may be partial.

    Raises:
        UsageError: The sizes are not in order.
    """
    _check_sizes(old_size, new_size)
    return [Bundle(index, width) for index, width in _ranges(old_size, new_size)]


def tile_data(tile: Tile, read: Reader) -> bytes:
    """Build a tile's file.

    Args:
        tile: Which one.
        read: Hashes of the tree's complete subtrees, 32 bytes each.

    Returns:
        `tile.width` times 32 bytes.
    """
    first = tile.index * TILE_WIDTH
    height = tile.level * TILE_HEIGHT
    return b"".join(read(height, first + i) for i in range(tile.width))


def parse_tile(data: bytes, width: int) -> list[bytes]:
    """Split a tile's file into its hashes.

    Args:
        data: The file.
        width: Hashes that it must hold.

    Returns:
        Hashes of 32 bytes.

    Raises:
        MalformedError: The file is of another size.
    """
    if len(data) != width * HASH_BYTES:
        raise MalformedError(
            f"tile: expected {width} hashes, {width * HASH_BYTES} bytes, "
            f"got {len(data)} bytes"
        )
    return [data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES)]


def tile_reader(size: int, fetch: Callable[[Tile], bytes]) -> Reader:
    """Read complete subtrees out of tiles, so that proofs can be made from files.

    Args:
        size: Leaves in the tree; decides how wide the tiles at its edge are.
        fetch: Gives a tile's file; asked again for every hash, so it should remember.

    Returns:
        A reader for `merkle.inclusion_proof` and its like. It raises UsageError for a
        subtree that the tree does not have, MalformedError for a tile of wrong size.
    """

    def read(level: int, index: int) -> bytes:
        if (index + 1) << level > size:
            raise UsageError(
                f"subtree {level}/{index}: expected a complete one in size {size}"
            )
        tile_level, height = divmod(level, TILE_HEIGHT)
        tile_index, first = divmod(index << height, TILE_WIDTH)
        nodes = size >> (tile_level * TILE_HEIGHT)
        tile = Tile(tile_level, tile_index, _width(nodes, tile_index))
        hashes = parse_tile(fetch(tile), tile.width)
        return merkle_root(hashes[first : first + (1 << height)])

    return read


def entry_bundle(entries: Iterable[bytes]) -> bytes:
    """Build an entry bundle's file.

    Args:
        entries: 1 to 256 of them, in order, at most `MAX_ENTRY` bytes each.

    Returns:
        Each entry behind its length, two bytes, big-endian.

    Raises:
        UsageError: There are none, too many, or one is too long.
    """
    items = list(entries)
    if not 0 < len(items) <= TILE_WIDTH or max(map(len, items)) > MAX_ENTRY:
        raise UsageError(
            f"bundle: expected 1 to {TILE_WIDTH} entries of at most {MAX_ENTRY} bytes"
        )
    return b"".join(len(item).to_bytes(_LENGTH_BYTES, "big") + item for item in items)


def parse_entry_bundle(data: bytes, expected_count: int) -> list[bytes]:
    """Split an entry bundle's file into its entries.

    Args:
        data: The file.
        expected_count: Entries that it must hold.

    Returns:
        The entries in order.

    Raises:
        MalformedError: The file ends in an entry, or holds more or fewer.
    """
    entries: list[bytes] = []
    position = 0
    while position < len(data) and len(entries) < expected_count:
        start = position + _LENGTH_BYTES
        position = start + int.from_bytes(data[position:start], "big")
        entries.append(data[start:position])
    if position != len(data) or len(entries) != expected_count:
        raise MalformedError(f"bundle: expected exactly {expected_count} entries")
    return entries


def _path(kind: str, index: int, width: int) -> str:
    if not 0 <= index <= MAX_INTEGER:
        raise UsageError(f"index: expected 0 to 2**63 - 1, got {index}")
    if not 1 <= width <= TILE_WIDTH:
        raise UsageError(f"width: expected 1 to {TILE_WIDTH}, got {width}")
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03}")
    suffix = "" if width == TILE_WIDTH else f".p/{width}"
    return f"tile/{kind}/{'/'.join(reversed(groups))}{suffix}"


def _check_sizes(old_size: int, new_size: int) -> None:
    if not 0 <= old_size <= new_size:
        raise UsageError(
            f"sizes: expected 0 <= old <= new, got {old_size} and {new_size}"
        )


def _width(nodes: int, index: int) -> int:
    return min(TILE_WIDTH, nodes - index * TILE_WIDTH)


def _ranges(old: int, new: int) -> list[tuple[int, int]]:
    """Index and width of each tile that changes when a level grows."""
    if old == new:
        return []
    last = (new - 1) // TILE_WIDTH
    return [(index, _width(new, index)) for index in range(old // TILE_WIDTH, last + 1)]
