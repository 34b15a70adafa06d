"""The tree in the database, and the files made of it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cosignal.protocol.chain import VerifiedEntry
from cosignal.protocol.errors import FatalError, UsageError
from cosignal.protocol.merkle import (
    consistency_proof,
    leaf_hash,
    root,
    verify_consistency,
    verify_inclusion,
)
from cosignal.protocol.records import SealRecord
from cosignal.protocol.tiles import (
    Tile,
    bundles_between,
    parse_entry_bundle,
    tile_reader,
)
from cosignal.server.ledger.public_files import PublicFiles
from cosignal.server.ledger.tree import Tree, root_of
from cosignal.server.storage.database import Database
from cosignal.server.storage.files import DurableFiles
from cosignal.server.storage.tree import append_entries
from tests.protocol.sample_chain import SampleChain

LOG = [f"entry {index}".encode() for index in range(1_300)]
LEAVES = [leaf_hash(data) for data in LOG]
POLICY = SampleChain().policy


@dataclass
class Forest:
    """A tree that grows by entries of no meaning."""

    folder: Path
    database: Database
    tree: Tree

    async def grow(self, size: int) -> None:
        held = self.tree.size
        entries = LOG[held:size]
        verified = [
            VerifiedEntry(
                held + i, 0, leaf_hash(data), SealRecord("n", "1"), data, POLICY
            )
            for i, data in enumerate(entries)
        ]

        await self.database.write_at_once(
            lambda connection: append_entries(connection, held, verified, entries)
        )
        self.tree.grew(verified, entries)

    def read(self, path: str) -> bytes:
        return (self.folder / "public" / "log" / path).read_bytes()

    def check_files(self, size: int) -> None:
        """Everything that a checkpoint of this size names is there and right."""

        def fetch(tile: Tile) -> bytes:
            return self.read(tile.path)

        assert root_of(size, tile_reader(size, fetch)) == root(LEAVES[:size])
        entries = [
            entry
            for bundle in bundles_between(0, size)
            for entry in parse_entry_bundle(self.read(bundle.path), bundle.width)
        ]
        assert entries == LOG[:size]


def plant(folder: Path, database: Database) -> Forest:
    public = PublicFiles(DurableFiles(folder / "public"), 1 << 20)
    return Forest(folder, database, Tree(database, public, "log"))


@pytest.fixture
async def forest(tmp_path: Path) -> AsyncIterator[Forest]:
    database = await Database.open(tmp_path / "x.sqlite", network="n", node="a")
    yield plant(tmp_path, database)
    await database.close()


async def test_every_published_size_has_all_its_files(forest: Forest) -> None:
    for size in (1, 2, 255, 256, 257, 300, 511, 512, 513, 1_024, 1_300):
        await forest.grow(size)
        await forest.tree.write_files(size)
        forest.check_files(size)


async def test_a_size_that_was_grown_past_can_still_be_published(
    forest: Forest,
) -> None:
    await forest.grow(700)
    await forest.tree.write_files(700)

    for size in (3, 290, 512, 699):
        await forest.tree.write_files(size)
        forest.check_files(size)


async def test_after_a_restart_missing_files_are_made_again(forest: Forest) -> None:
    await forest.grow(1_300)
    await forest.tree.write_files(1_300)
    lost = forest.folder / "public" / "log" / "tile" / "0" / "001"
    lost.unlink()

    again = plant(forest.folder, forest.database)
    await again.tree.load()
    await again.tree.write_files(1_300)

    again.check_files(1_300)


async def test_roots_and_proofs_of_any_size_come_from_the_database(
    forest: Forest,
) -> None:
    await forest.grow(1_300)
    fresh = plant(forest.folder, forest.database).tree
    await fresh.load()

    for old, new in ((1, 2), (255, 1_300), (256, 257), (512, 1_000), (7, 1_299)):
        proof = await fresh.consistency(old, new)
        roots = await fresh.root_at(old), await fresh.root_at(new)
        assert roots == (root(LEAVES[:old]), root(LEAVES[:new]))
        verify_consistency(old, roots[0], new, roots[1], proof)
        inclusion = await fresh.inclusion(old, new)
        verify_inclusion(LEAVES[old], old, new, inclusion, roots[1])


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
async def test_memory_and_database_give_the_same_proofs(
    forest: Forest, data: st.DataObject
) -> None:
    await forest.grow(1_300)
    new = data.draw(st.integers(1, 1_300))
    old = data.draw(st.integers(0, new))

    expected = consistency_proof(
        old, new, lambda level, i: root(LEAVES[i << level : (i + 1) << level])
    )

    assert await forest.tree.consistency(old, new) == expected


async def test_a_tree_that_is_not_held_is_refused(forest: Forest) -> None:
    await forest.grow(10)

    with pytest.raises(UsageError):
        await forest.tree.root_at(11)


async def test_another_entry_at_a_held_position_is_fatal(forest: Forest) -> None:
    await forest.grow(3)
    other = VerifiedEntry(2, 0, bytes(32), SealRecord("n", "1"), b"other", POLICY)

    with pytest.raises(FatalError):
        await forest.database.write_at_once(
            lambda connection: append_entries(connection, 3, [other], [b"other"])
        )
