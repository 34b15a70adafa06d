"""The Merkle tree of RFC 6962: roots, compact ranges and proofs.

What this module guarantees:

* Leaf and node hashes are told apart (`0x00`, `0x01`), so no node passes for an entry.
* A tree of `size` leaves has one shape; a proof of any other length is refused.
* The empty tree is consistent with every tree, by an empty proof (the rule of C2SP
  tlog-witness; transparency-dev/merkle refuses size 0).

Hashes are 32 bytes. A node `(level, index)` is the root of the complete subtree over
leaves `index * 2**level` up to `(index + 1) * 2**level`. Where hashes are stored is
left to the caller, who gives a `Reader` of complete subtrees: that is what tiles hold.

Source: RFC 6962 section 2.1; RFC 9162 sections 2.1.3 and 2.1.4.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from cosignal.protocol.encoding import HASH_BYTES
from cosignal.protocol.errors import (
    ConsistencyError,
    InclusionError,
    MalformedError,
    UsageError,
)

EMPTY_ROOT = sha256().digest()
MAX_PROOF = 63

#: Gives the hash of the complete subtree at (level, index).
Reader = Callable[[int, int], bytes]


def leaf_hash(entry: bytes) -> bytes:
    """Hash one entry, 32 bytes.

    >>> leaf_hash(b"").hex()
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d'
    """
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two neighbouring subtrees into their parent, 32 bytes."""
    return sha256(b"\x01" + left + right).digest()


def root(leaf_hashes: Iterable[bytes]) -> bytes:
    """Hash a whole tree.

    Args:
        leaf_hashes: All of them in order, 32 bytes each.

    Returns:
        The root, 32 bytes; `EMPTY_ROOT` for no leaves.
    """
    return CompactRange().extend(leaf_hashes).root()


@dataclass(frozen=True, slots=True)
class CompactRange:
    """The right edge of a tree: all that is needed to append and to compute the root.

    Attributes:
        size: Number of leaves.
        hashes: Roots of the complete subtrees that `size` in binary splits the tree
            into, largest and leftmost first.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        """Refuse hashes that cannot belong to the size, such as a damaged state file.

        Raises:
            MalformedError: Their number or a length is wrong.
        """
        if self.size < 0 or len(self.hashes) != self.size.bit_count():
            raise MalformedError(
                f"compact range of size {self.size}: expected one hash for each bit "
                f"set, got {len(self.hashes)}"
            )
        if any(len(item) != HASH_BYTES for item in self.hashes):
            raise MalformedError(f"compact range: expected {HASH_BYTES} bytes a hash")

    def append(self, leaf: bytes) -> "CompactRange":
        """Add one leaf hash and give the new range."""
        return self.extend((leaf,))

    def extend(self, leaf_hashes: Iterable[bytes]) -> "CompactRange":
        """Add leaf hashes in order.

        Args:
            leaf_hashes: 32 bytes each.

        Returns:
            The range of the larger tree; this one stays as it is.
        """
        # Works level by level: `nodes` are the new subtrees of one level, `before` how
        # many complete ones of that level the tree had.
        nodes, before = list(leaf_hashes), self.size
        size = before + len(nodes)
        waiting, edge = list(self.hashes), []
        while nodes or before:
            if before & 1:
                nodes = [waiting.pop(), *nodes]
            if len(nodes) & 1:
                edge.append(nodes.pop())
            nodes = _parents(nodes)
            before >>= 1
        return CompactRange(size, tuple(reversed(edge)))

    def root(self) -> bytes:
        """Hash the subtrees into the root, 32 bytes."""
        return _fold(self.hashes) if self.hashes else EMPTY_ROOT


def inclusion_proof(index: int, size: int, read: Reader) -> list[bytes]:
    """Prove that a leaf is in a tree.

    Args:
        index: The leaf's, counted from 0.
        size: Leaves in the tree.
        read: Hashes of the tree's complete subtrees.

    Returns:
        Hashes of 32 bytes, the leaf's sibling first.

    Raises:
        UsageError: There is no such leaf.

    Source: RFC 6962 section 2.1.1.
    """
    if not 0 <= index < size:
        raise UsageError(f"index: expected 0 to {size - 1}, got {index}")
    start, end, path = 0, size, list[bytes]()
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_subtree(middle, end, read))
            end = middle
        else:
            path.append(_subtree(start, middle, read))
            start = middle
    return path[::-1]


def consistency_proof(old: int, new: int, read: Reader) -> list[bytes]:
    """Prove that a tree extends a smaller one.

    Args:
        old: Leaves in the smaller tree.
        new: Leaves in the larger tree, at least `old`.
        read: Hashes of the larger tree's complete subtrees.

    Returns:
        Hashes of 32 bytes; none from 0, and none for equal sizes.

    Raises:
        UsageError: The sizes are not in order.

    Source: RFC 6962 section 2.1.2.
    """
    if not 0 <= old <= new:
        raise UsageError(f"sizes: expected 0 <= old <= new, got {old} and {new}")
    if old in (0, new):
        return []
    proof = prefix_proof(old, new, read)
    return proof[1:] if _is_power(old) else proof


def prefix_proof(old: int, new: int, read: Reader) -> list[bytes]:
    """Prove by itself what the first leaves of a tree hash to.

    A consistency proof leaves out the smaller root where that is one complete subtree;
    this one never does, so `prefix_roots` needs nothing else.

    Args:
        old: Leaves in the prefix, at least 1.
        new: Leaves in the tree, more than `old`.
        read: Hashes of the tree's complete subtrees.

    Returns:
        Hashes of 32 bytes.

    Raises:
        UsageError: The sizes are not in order.
    """
    if not 0 < old < new:
        raise UsageError(f"sizes: expected 0 < old < new, got {old} and {new}")
    start, end, path = 0, new, list[bytes]()
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(_subtree(middle, end, read))
            end = middle
        else:
            path.append(_subtree(start, middle, read))
            start = middle
    path.append(_subtree(start, end, read))
    return path[::-1]


def prefix_roots(old: int, new: int, proof: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Compute both roots that a prefix proof leads to.

    Args:
        old: Leaves in the prefix.
        new: Leaves in the tree.
        proof: From `prefix_proof`.

    Returns:
        Root of the prefix and root of the tree, 32 bytes each.

    Raises:
        ConsistencyError: The sizes are not 0 < old < new, or the proof has not the
            length that belongs to them.

    Source: RFC 9162 section 2.1.4.2.
    """
    if not 0 < old < new:
        raise ConsistencyError(f"sizes: expected 0 < old < new, got {old} and {new}")
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    _check_hashes(proof, _path_length(node, last) + 1, ConsistencyError)
    small = large = proof[0]
    for item in proof[1:]:
        if node & 1 or node == last:
            small, large = node_hash(item, small), node_hash(item, large)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            large = node_hash(large, item)
        node, last = node >> 1, last >> 1
    return small, large


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes
) -> bytes:
    """Check that a leaf is in the tree that a root stands for.

    Args:
        leaf: The leaf's hash.
        index: The leaf's, counted from 0.
        size: Leaves in the tree.
        proof: From `inclusion_proof`.
        expected: The tree's root.

    Returns:
        The root.

    Raises:
        InclusionError: The proof leads elsewhere or has the wrong length.

    Source: RFC 9162 section 2.1.3.2.
    """
    if not 0 <= index < size:
        raise InclusionError(f"index: expected 0 to {size - 1}, got {index}")
    node, last, found = index, size - 1, leaf
    _check_hashes(proof, _path_length(node, last), InclusionError)
    for item in proof:
        if node & 1 or node == last:
            found = node_hash(item, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, item)
        node, last = node >> 1, last >> 1
    _check_root(found, expected, InclusionError)
    return expected


def verify_consistency(
    old_size: int,
    old_root: bytes,
    new_size: int,
    new_root: bytes,
    proof: Sequence[bytes],
) -> bytes:
    """Check that a tree extends a smaller one.

    Args:
        old_size: Leaves in the smaller tree.
        old_root: Its root.
        new_size: Leaves in the larger tree.
        new_root: Its root.
        proof: From `consistency_proof`.

    Returns:
        The larger tree's root.

    Raises:
        ConsistencyError: One is not the other's extension, or the proof is wrong.

    Source: RFC 9162 section 2.1.4.2; c2sp.org/tlog-witness for size 0.
    """
    if not 0 <= old_size <= new_size:
        raise ConsistencyError(
            f"sizes: expected 0 <= old <= new, got {old_size} and {new_size}"
        )
    if old_size in (0, new_size):
        _check_hashes(proof, 0, ConsistencyError)
        if old_size == 0:
            _check_root(old_root, EMPTY_ROOT)
        if old_size == new_size:
            _check_root(new_root, old_root)
        return new_root
    whole = [old_root, *proof] if _is_power(old_size) else proof
    small, large = prefix_roots(old_size, new_size, whole)
    _check_root(small, old_root)
    _check_root(large, new_root)
    return new_root


def _parents(nodes: Sequence[bytes]) -> list[bytes]:
    # One constructor call a node: this loop is what bounds catching up with a log.
    pairs = iter(nodes)
    return [
        sha256(b"\x01" + left + right).digest()
        for left, right in zip(pairs, pairs, strict=True)
    ]


def _fold(hashes: Sequence[bytes]) -> bytes:
    """Hash neighbours of falling size together, the rightmost first."""
    found = hashes[-1]
    for item in reversed(hashes[:-1]):
        found = node_hash(item, found)
    return found


def _split(size: int) -> int:
    """Largest power of two below `size`, which is at least 2."""
    return 1 << (size - 1).bit_length() - 1


def _is_power(size: int) -> bool:
    return size.bit_count() == 1


def _subtree(start: int, end: int, read: Reader) -> bytes:
    """Root over leaves `start` to `end`, from the complete subtrees it splits into."""
    parts = []
    while start < end:
        level = (end - start).bit_length() - 1
        parts.append(read(level, start >> level))
        start += 1 << level
    return _fold(parts)


def _path_length(node: int, last: int) -> int:
    """Hashes on the way from a node to the root, in a level that ends at `last`."""
    # Below the level where the node's path meets the tree's right edge every step has
    # a sibling; on the edge only the steps to the left have one.
    inner = (node ^ last).bit_length()
    return inner + (node >> inner).bit_count()


def _check_hashes(
    proof: Sequence[bytes],
    length: int,
    error: type[InclusionError | ConsistencyError],
) -> None:
    if len(proof) != length or any(len(item) != HASH_BYTES for item in proof):
        raise error(
            f"proof: expected {length} hashes of {HASH_BYTES} bytes, got {len(proof)}"
        )


def _check_root(
    found: bytes,
    expected: bytes,
    error: type[InclusionError | ConsistencyError] = ConsistencyError,
) -> None:
    if found != expected:
        raise error(
            f"root: expected {expected.hex()[:16]}..., got {found.hex()[:16]}...",
            advice="Fetch again from another mirror and keep both answers.",
        )
