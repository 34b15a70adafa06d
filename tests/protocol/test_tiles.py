import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.protocol.errors import MalformedError, UsageError
from cosignal.protocol.merkle import consistency_proof, inclusion_proof, leaf_hash, root
from cosignal.protocol.tiles import (
    MAX_ENTRY,
    Bundle,
    Tile,
    bundles_between,
    entries_path,
    entry_bundle,
    parse_entry_bundle,
    parse_tile,
    parse_tile_path,
    tile_data,
    tile_path,
    tile_reader,
    tiles_between,
)
from tests.protocol import naive_log
from tests.protocol.sample_log import Tree, entries, parses_or_is_malformed

INDEXES = st.one_of(st.integers(0, 3000), st.integers(0, (1 << 63) - 1))
WIDTHS = st.integers(1, 256)
FILES = st.one_of(
    st.builds(Tile, st.integers(0, 63), INDEXES, WIDTHS),
    st.builds(Bundle, INDEXES, WIDTHS),
)


@given(FILES)
def test_a_path_names_its_file(file: Tile | Bundle) -> None:
    kind = str(file.level) if isinstance(file, Tile) else "entries"

    assert file == parse_tile_path(file.path.encode())
    assert naive_log.naive_path(kind, file.index, file.width) == file.path


@given(st.one_of(st.binary(max_size=40), st.text("tile/0x.p1entries", max_size=30)))
def test_what_parses_as_a_path_is_canonical(data: bytes | str) -> None:
    raw = data if isinstance(data, bytes) else data.encode()

    file = parses_or_is_malformed(parse_tile_path, raw)

    assert file is None or file.path.encode() == raw


@pytest.mark.parametrize(
    "path",
    [
        "tile/64/000",
        "tile/00/000",
        "tile/-1/000",
        "tile/0/1",
        "tile/0/0000",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000/",
        "/tile/0/000",
        "tile/0/000\n",
        "tile/data/000",
        "tile/0/../000",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
    ],
)
def test_another_spelling_of_a_path_is_refused(path: str) -> None:
    with pytest.raises(MalformedError):
        parse_tile_path(path.encode())


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_a_log_that_writes_what_is_listed_can_publish(one: int, other: int) -> None:
    old, new = sorted((one * 77, other * 77))
    needed = naive_names(new) - naive_names(old)

    listed = [file.path for file in [*tiles_between(old, new)]]
    listed += [file.path for file in bundles_between(old, new)]

    assert sorted(needed) == sorted(listed)


def naive_names(size: int) -> set[str]:
    names = set()
    for kind, span in [("entries", 1), *((str(n), 256**n) for n in range(3))]:
        count = size // span
        for start in range(0, count, 256):
            width = min(256, count - start)
            names.add(naive_log.naive_path(kind, start // 256, width))
    return names


def test_tiles_hold_what_the_specification_says() -> None:
    log = entries(600)
    tree = Tree(log)

    files = {tile.path: tile_data(tile, tree.read) for tile in tiles_between(0, 600)}
    files |= {
        bundle.path: entry_bundle(log[bundle.start : bundle.start + bundle.width])
        for bundle in bundles_between(0, 600)
    }

    assert naive_log.tile_files(log, 600) == files


def test_proofs_can_be_made_from_tiles_alone() -> None:
    log = entries(600)
    tree = Tree(log)
    files = naive_log.tile_files(log, 600)
    read = tile_reader(600, lambda tile: files[tile.path])

    for index in (0, 255, 256, 511, 512, 599):
        assert tree.inclusion(index) == inclusion_proof(index, 600, read)
    for old in (1, 100, 256, 300, 512, 599):
        assert tree.consistency(old) == consistency_proof(old, 600, read)
    assert read(8, 1) == root(map(leaf_hash, log[256:512]))


def test_a_subtree_beyond_the_tree_is_not_read() -> None:
    read = tile_reader(600, lambda _: b"")

    with pytest.raises(UsageError):
        read(9, 1)
    with pytest.raises(MalformedError):
        read(0, 0)


@given(st.lists(st.binary(max_size=100), min_size=1, max_size=256))
def test_a_bundle_survives_being_written_and_read(items: list[bytes]) -> None:
    assert items == parse_entry_bundle(entry_bundle(items), len(items))


@given(st.lists(st.binary(max_size=9), min_size=1, max_size=9), st.integers(1, 20))
def test_a_bundle_cut_short_is_refused(items: list[bytes], cut: int) -> None:
    data = entry_bundle(items)

    with pytest.raises(MalformedError):
        parse_entry_bundle(data[: max(len(data) - cut, 0)], len(items))


@given(st.lists(st.binary(max_size=9), min_size=1, max_size=9), st.integers(0, 12))
def test_a_bundle_of_another_count_is_refused(items: list[bytes], count: int) -> None:
    if count != len(items):
        with pytest.raises(MalformedError):
            parse_entry_bundle(entry_bundle(items), count)


@given(st.binary(max_size=200), st.integers(0, 256))
def test_random_bytes_are_a_bundle_or_malformed(data: bytes, count: int) -> None:
    items = parses_or_is_malformed(lambda data: parse_entry_bundle(data, count), data)

    assert not items or entry_bundle(items) == data


@given(st.binary(max_size=100), st.integers(0, 3))
def test_random_bytes_are_a_tile_or_malformed(data: bytes, width: int) -> None:
    hashes = parses_or_is_malformed(lambda data: parse_tile(data, width), data)

    assert hashes is None or b"".join(hashes) == data


def test_a_bundle_that_no_reader_would_take_is_not_written() -> None:
    assert entry_bundle([bytes(MAX_ENTRY)])
    for items in ([], [b""] * 257, [bytes(MAX_ENTRY + 1)]):
        with pytest.raises(UsageError):
            entry_bundle(items)


def test_numbers_out_of_range_have_no_path() -> None:
    for level, index, width in [(64, 0, 1), (-1, 0, 1), (0, -1, 1), (0, 1 << 63, 1)]:
        with pytest.raises(UsageError):
            tile_path(level, index, width)
    for width in (0, 257):
        with pytest.raises(UsageError):
            entries_path(0, width)
    with pytest.raises(UsageError):
        tiles_between(2, 1)
    with pytest.raises(UsageError):
        bundles_between(-1, 1)
