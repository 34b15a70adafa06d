import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.protocol.errors import (
    ConsistencyError,
    InclusionError,
    MalformedError,
    UsageError,
)
from cosignal.protocol.merkle import (
    EMPTY_ROOT,
    CompactRange,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    prefix_proof,
    prefix_roots,
    root,
    verify_consistency,
    verify_inclusion,
)
from tests.protocol import naive_log
from tests.protocol.sample_log import Tree, entries, flipped

SIZES = st.integers(1, 70)
ENTRIES = entries(70)
LEAVES = Tree(ENTRIES).leaves


@st.composite
def trees_and_places(draw: st.DrawFn) -> tuple[Tree, int]:
    size = draw(SIZES)
    return Tree(ENTRIES[:size]), draw(st.integers(0, size - 1))


@given(st.lists(st.binary(max_size=20), max_size=40))
def test_a_root_is_the_recursive_one(items: list[bytes]) -> None:
    assert naive_log.tree_hash(items) == root(map(leaf_hash, items))


@pytest.mark.parametrize("size", range(1, 34))
def test_every_proof_is_the_recursive_one(size: int) -> None:
    tree = Tree(ENTRIES[:size])

    for place in range(size):
        assert naive_log.path(place, ENTRIES[:size]) == tree.inclusion(place)
    for old in range(1, size + 1):
        assert naive_log.proof(old, ENTRIES[:size]) == tree.consistency(old)


@given(trees_and_places())
def test_a_leaf_is_proved_to_be_in_its_tree(case: tuple[Tree, int]) -> None:
    tree, place = case

    found = verify_inclusion(
        LEAVES[place], place, tree.size, tree.inclusion(place), tree.root()
    )

    assert tree.root() == found


@given(trees_and_places())
def test_a_tree_is_proved_to_extend_its_beginning(case: tuple[Tree, int]) -> None:
    tree, old = case

    found = verify_consistency(
        old, tree.root(old), tree.size, tree.root(), tree.consistency(old)
    )

    assert tree.root() == found


@given(trees_and_places())
def test_a_prefix_proof_gives_both_roots(case: tuple[Tree, int]) -> None:
    tree, old = case
    if old == 0:
        return

    assert (tree.root(old), tree.root()) == prefix_roots(
        old, tree.size, tree.prefix(old)
    )


@given(trees_and_places(), st.data())
def test_a_changed_inclusion_proof_is_refused(
    case: tuple[Tree, int], data: st.DataObject
) -> None:
    tree, place = case
    proof = tree.inclusion(place)
    changed = data.draw(changes(proof))

    with pytest.raises(InclusionError):
        verify_inclusion(LEAVES[place], place, tree.size, changed, tree.root())


@given(trees_and_places(), st.data())
def test_a_changed_consistency_proof_is_refused(
    case: tuple[Tree, int], data: st.DataObject
) -> None:
    tree, old = case
    changed = data.draw(changes(tree.consistency(old)))

    with pytest.raises(ConsistencyError):
        verify_consistency(old, tree.root(old), tree.size, tree.root(), changed)


@st.composite
def changes(draw: st.DrawFn, proof: list[bytes]) -> list[bytes]:
    """The proof with one hash more, one less, one cut short, or one bit flipped."""
    ways = ["longer"] + ["shorter", "cut", "flipped"] * bool(proof)
    way = draw(st.sampled_from(ways))
    place = draw(st.integers(0, max(len(proof) - 1, 0)))
    before, after = proof[:place], proof[place + 1 :]
    if way == "longer":
        return [*proof[:place], bytes(32), *proof[place:]]
    if way == "shorter":
        return [*before, *after]
    if way == "cut":
        return [*before, proof[place][:31], *after]
    return [*before, flipped(proof[place], draw(st.integers(0, 255))), *after]


@given(trees_and_places(), st.integers(-1, 80), st.integers(-1, 80))
def test_a_proof_holds_at_its_own_place_only(
    case: tuple[Tree, int], place: int, size: int
) -> None:
    tree, real = case
    if (place, size) == (real, tree.size):
        return
    try:
        verify_inclusion(LEAVES[real], place, size, tree.inclusion(real), tree.root())
    except InclusionError:
        return

    # The same turns lead to the root in a few trees of another size, whose root
    # the checkpoint's signature rules out; never from another leaf.
    assert naive_turns(place, size) == naive_turns(real, tree.size)


def naive_turns(place: int, size: int) -> str:
    """Left and right turns from the root to a leaf."""
    if size <= 1:
        return ""
    k = naive_log.largest_power_below(size)
    if place < k:
        return "l" + naive_turns(place, k)
    return "r" + naive_turns(place - k, size - k)


@given(trees_and_places())
def test_another_history_is_refused_whatever_its_size(case: tuple[Tree, int]) -> None:
    tree, old = case
    lie = root(Tree(entries(old, "lie")).leaves)
    if old == 0:
        return

    with pytest.raises(ConsistencyError):
        verify_consistency(old, lie, tree.size, tree.root(), tree.consistency(old))
    with pytest.raises(ConsistencyError):
        verify_consistency(old, tree.root(old), tree.size, lie, tree.consistency(old))


def test_the_empty_tree_is_consistent_with_every_tree() -> None:
    tree = Tree(ENTRIES)

    assert tree.consistency(0) == []
    for size in (0, 1, 70):
        new_root = tree.root(size)
        assert new_root == verify_consistency(0, EMPTY_ROOT, size, new_root, [])


@pytest.mark.parametrize(
    ("old", "old_root", "new", "new_root", "proof"),
    [
        (0, EMPTY_ROOT, 1, LEAVES[0], [bytes(32)]),
        (0, LEAVES[0], 1, LEAVES[0], []),
        (0, LEAVES[0], 0, LEAVES[0], []),
        (0, EMPTY_ROOT, 0, LEAVES[0], []),
        (1, LEAVES[0], 1, LEAVES[1], []),
        (1, LEAVES[0], 1, LEAVES[0], [bytes(32)]),
        (2, root(LEAVES[:2]), 1, LEAVES[0], []),
        (-1, LEAVES[0], 1, LEAVES[0], []),
        (1, LEAVES[0], 2, root(LEAVES[:2]), []),
    ],
)
def test_trees_that_do_not_extend_each_other_are_refused(
    old: int, old_root: bytes, new: int, new_root: bytes, proof: list[bytes]
) -> None:
    with pytest.raises(ConsistencyError):
        verify_consistency(old, old_root, new, new_root, proof)


def test_a_node_does_not_pass_for_an_entry() -> None:
    node = node_hash(LEAVES[0], LEAVES[1])

    assert leaf_hash(LEAVES[0] + LEAVES[1]) != node
    with pytest.raises(InclusionError):
        verify_inclusion(node, 0, 4, [root(LEAVES[2:4])], root(LEAVES[:4]))


@given(st.lists(st.integers(0, 20), max_size=6))
def test_a_range_grows_alike_in_any_steps(steps: list[int]) -> None:
    grown = CompactRange()
    for step in steps:
        grown = grown.extend(LEAVES[grown.size : grown.size + step])

    at_once = CompactRange().extend(LEAVES[: sum(steps)])
    one_by_one = CompactRange()
    for leaf in LEAVES[: sum(steps)]:
        one_by_one = one_by_one.append(leaf)
    assert at_once == grown == one_by_one


def test_a_range_does_not_change_when_it_grows() -> None:
    before = CompactRange().extend(LEAVES[:3])

    before.append(LEAVES[3])

    assert before == CompactRange(3, (root(LEAVES[:2]), LEAVES[2]))


@pytest.mark.parametrize(
    ("size", "hashes"),
    [(1, ()), (0, (bytes(32),)), (2, (bytes(32),) * 2), (1, (bytes(31),)), (-1, ())],
)
def test_a_damaged_range_is_refused(size: int, hashes: tuple[bytes, ...]) -> None:
    with pytest.raises(MalformedError):
        CompactRange(size, hashes)


def test_a_proof_of_what_is_not_there_is_not_made() -> None:
    tree = Tree(ENTRIES[:5])

    for index in (-1, 5):
        with pytest.raises(UsageError):
            inclusion_proof(index, 5, tree.read)
    with pytest.raises(UsageError):
        consistency_proof(6, 5, tree.read)
    for old in (0, 5):
        with pytest.raises(UsageError):
            prefix_proof(old, 5, tree.read)
        with pytest.raises(ConsistencyError):
            prefix_roots(old, 5, [])


@given(st.integers(1, 1 << 62), st.integers(0, (1 << 62) - 2))
def test_huge_trees_have_short_proofs(index: int, more: int) -> None:
    size = index + more + 1
    asked: list[tuple[int, int]] = []

    def read(level: int, place: int) -> bytes:
        asked.append((level, place))
        return leaf_hash(b"%d %d" % (level, place))

    proof = inclusion_proof(index, size, read)

    assert len(proof) <= 63
    assert all((place + 1) << level <= size for level, place in asked)
    with pytest.raises(InclusionError):
        verify_inclusion(bytes(32), index, size, proof, bytes(32))
