"""Find out which files of a log's tree are wrong, and which are right.

What this module guarantees:

* Entries and level 0 tile of the same 256 leaves are two witnesses. Where they differ,
  the tile above decides, and the checkpoint's root decides for what no full tile is
  above.
* Every other tile is compared with what the leaves found right make it.

Source: c2sp.org/tlog-tiles.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice, product
from pathlib import Path

from cosignal.protocol.errors import MalformedError
from cosignal.protocol.merkle import leaf_hash
from cosignal.protocol.merkle import root as merkle_root
from cosignal.protocol.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    Bundle,
    Tile,
    bundles_between,
    entry_bundle,
    parse_entry_bundle,
    parse_tile,
    parse_tile_path,
    tiles_between,
)

MAX_CHOICES = 64


@dataclass
class Shelf:
    """The folder under audit, and what was found wrong with it.

    Attributes:
        root: The folder.
        faults: What is wrong, by path; the first thing found wrong with each.
        seen: Paths that somebody accounts for.
    """

    root: Path
    faults: dict[str, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def read(self, path: str) -> bytes | None:
        """A file's bytes, or None; either way it is accounted for."""
        self.seen.add(path)
        try:
            return (self.root / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def files(self) -> Iterator[str]:
        """Paths of all chain files; what a crash left half-written is not one."""
        for item in sorted((self.root / "chain").rglob("*")):
            if item.is_file() and not item.name.endswith(".tmp"):
                yield item.relative_to(self.root).as_posix()

    def report(self, path: str, problem: str) -> None:
        """Note what is wrong with a file, unless something is noted already."""
        self.faults.setdefault(path, problem)


@dataclass
class TreeAudit:
    """The audit of one shard's tiles and bundles at one size.

    Attributes:
        shelf: Where they are.
        prefix: The shard's folder.
        size: Entries in the tree.
        root: Its certified root, 32 bytes.
        bundles: Entries of each bundle by its number; None where they are unreadable or
            wrong. Filled by `check`.
    """

    shelf: Shelf
    prefix: str
    size: int
    root: bytes
    bundles: list[list[bytes] | None] = field(default_factory=list)
    # Hashes of each tile level as the leaves make them; filled by `_check_tiles`.
    _levels: list[list[bytes]] = field(default_factory=list, init=False)

    def check(self) -> int:
        """Report every file that is missing or wrong.

        Returns:
            Number of tiles compared.
        """
        expected = bundles_between(0, self.size)
        self.bundles = [self._read_bundle(bundle) for bundle in expected]
        leaves = self._settle(expected)
        if leaves is None:
            return 0
        for place, bundle in enumerate(expected):
            entries = self.bundles[place]
            if entries is not None and _hash(entries) != leaves[place]:
                path, _ = self._find(bundle, Bundle(bundle.index))
                self.shelf.report(path, "entries are not those that the tree holds")
                self.bundles[place] = None
        return self._check_tiles([leaf for part in leaves for leaf in part])

    def check_stray(self, path: str) -> bool:
        """Judge a tile or bundle that the checkpoint does not need.

        Args:
            path: Below the shard's folder.

        Returns:
            Whether it lies beyond the checkpoint.

        Raises:
            MalformedError: The path is no tile's or bundle's.
        """
        item = parse_tile_path(path.encode())
        level = item.level if isinstance(item, Tile) else 0
        end = item.index * TILE_WIDTH + item.width
        if end > self.size >> (level * TILE_HEIGHT):
            return True
        self._check_partial(item)
        return False

    # Leaves ------------------------------------------------------------------------

    def _settle(self, expected: list[Bundle]) -> list[list[bytes]] | None:
        """Choose each part's leaf hashes; None if no choice leads to the root."""
        options = [
            self._options(bundle, entries)
            for bundle, entries in zip(expected, self.bundles, strict=True)
        ]
        if not all(options):
            return None  # what is missing is reported already
        # More than the edge is undecided only where tiles above are damaged as well.
        for choice in islice(product(*options), MAX_CHOICES):
            if merkle_root(leaf for part in choice for leaf in part) == self.root:
                return list(choice)
        self.shelf.report(
            f"{self.prefix}/checkpoint", "root: neither entries nor tiles lead to it"
        )
        return None

    def _options(
        self, bundle: Bundle, entries: list[bytes] | None
    ) -> list[list[bytes]]:
        """What the leaf hashes may be: as entries say, as the tile says."""
        found = [] if entries is None else [_hash(entries)]
        hashes = self._read_tile(Tile(0, bundle.index, bundle.width))
        if hashes is not None and hashes not in found:
            found.append(hashes)
        if len(found) > 1 and (parent := self._parent(bundle)) is not None:
            return [item for item in found if merkle_root(item) == parent] or found
        return found

    def _parent(self, bundle: Bundle) -> bytes | None:
        """The hash that the tile above has for a full bundle."""
        if bundle.width < TILE_WIDTH:
            return None
        index, place = divmod(bundle.index, TILE_WIDTH)
        nodes = self.size >> TILE_HEIGHT
        tile = Tile(1, index, min(TILE_WIDTH, nodes - index * TILE_WIDTH))
        hashes = self._read_tile(tile)
        return None if hashes is None else hashes[place]

    # Files -------------------------------------------------------------------------

    def _read_bundle(self, bundle: Bundle) -> list[bytes] | None:
        path, data = self._find(bundle, Bundle(bundle.index))
        if data is None:
            return None
        width = bundle.width if path.endswith(bundle.path) else TILE_WIDTH
        try:
            return parse_entry_bundle(data, width)[: bundle.width]
        except MalformedError as error:
            self.shelf.report(path, str(error))
            return None

    def _read_tile(self, tile: Tile) -> list[bytes] | None:
        path, data = self._find(tile, Tile(tile.level, tile.index))
        if data is None:
            return None
        width = tile.width if path.endswith(tile.path) else TILE_WIDTH
        try:
            return parse_tile(data, width)[: tile.width]
        except MalformedError as error:
            self.shelf.report(path, str(error))
            return None

    def _find(
        self, item: Tile | Bundle, full: Tile | Bundle
    ) -> tuple[str, bytes | None]:
        """A file, or the full one that took the place of a partial one."""
        for each in dict.fromkeys((item.path, full.path)):
            path = f"{self.prefix}/{each}"
            data = self.shelf.read(path)
            if data is not None:
                return path, data
        path = f"{self.prefix}/{item.path}"
        self.shelf.report(path, "missing")
        return path, None

    def _check_tiles(self, nodes: list[bytes]) -> int:
        """Compare every tile with what the leaves make it."""
        count = 0
        self._levels = [nodes]
        for tile in tiles_between(0, self.size):
            if tile.level == len(self._levels):
                self._levels.append(_parents(self._levels[-1]))
            self._check_file(tile)
            count += 1
        return count

    def _check_file(self, tile: Tile) -> None:
        path, data = self._find(tile, Tile(tile.level, tile.index))
        start = tile.index * TILE_WIDTH
        expected = b"".join(self._levels[tile.level][start : start + tile.width])
        if data is not None and data[: len(expected)] != expected:
            self.shelf.report(path, "hashes are not those of the entries")

    def _check_partial(self, item: Tile | Bundle) -> None:
        """Compare a partial file of an earlier size with the full one."""
        path = f"{self.prefix}/{item.path}"
        data = self.shelf.read(path)
        expected = self._partial(item)
        if expected is not None and data != expected:
            self.shelf.report(path, "differs from the full file")

    def _partial(self, item: Tile | Bundle) -> bytes | None:
        """What a partial file must hold, where that is known."""
        if isinstance(item, Bundle):
            entries = self.bundles[item.index]
            return None if entries is None else entry_bundle(entries[: item.width])
        if item.level >= len(self._levels):
            return None
        start = item.index * TILE_WIDTH
        return b"".join(self._levels[item.level][start : start + item.width])


def _hash(entries: list[bytes]) -> list[bytes]:
    return [leaf_hash(entry) for entry in entries]


def _parents(nodes: list[bytes]) -> list[bytes]:
    """Hashes one tile higher: one for each 256, complete ones only."""
    whole = len(nodes) - len(nodes) % TILE_WIDTH
    return [
        merkle_root(nodes[start : start + TILE_WIDTH])
        for start in range(0, whole, TILE_WIDTH)
    ]
