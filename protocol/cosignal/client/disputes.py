"""Look for a proof that whoever signed two checkpoints lied.

What this module guarantees:

* Evidence given out verifies with nothing but a policy.
* Looking for it believes nothing: hashes come from entries verified before, or from a
  source, where they must lead to the root that was signed.

An honest mirror that lags, or one that damaged its files, is never accused.
"""

from collections.abc import Awaitable, Callable

from cosignal.client.downloads import read_tree
from cosignal.client.paths import parse_shard
from cosignal.client.sources import Source
from cosignal.client.store import Store
from cosignal.protocol.checkpoints import Checkpoint, parse_checkpoint_text
from cosignal.protocol.errors import MalformedError, SourceError
from cosignal.protocol.evidence import Evidence, find_evidence
from cosignal.protocol.merkle import leaf_hash, prefix_proof
from cosignal.protocol.merkle import root as merkle_root
from cosignal.protocol.notes import parse_note
from cosignal.protocol.policy import Policy

#: Gives `merkle.prefix_proof` of a smaller size in the tree of a checkpoint.
Prover = Callable[[int, Checkpoint], Awaitable[list[bytes]]]


async def find_contradictions(
    first: bytes, second: bytes, policy: Policy, prove: Prover
) -> tuple[Evidence, ...]:
    """Make every evidence file that two signed checkpoints allow.

    Args:
        first: A signed checkpoint.
        second: Another one.
        policy: Whose signatures count.
        prove: Asked only where sizes differ.

    Returns:
        Evidence; empty where nobody can be convicted.
    """
    try:
        heads = [head_of(first), head_of(second)]
        small, large = sorted(heads, key=lambda head: head.size)
        if small.origin != large.origin or small.size == 0:
            return ()
        proof = [] if small.size == large.size else await prove(small.size, large)
        return find_evidence(first, second, policy, proof)
    except (SourceError, MalformedError):
        return ()


async def find_disputes(
    store: Store, source: Source, note: bytes, policy: Policy
) -> tuple[Evidence, ...]:
    """Compare a refused checkpoint with the newest verified one.

    Args:
        store: What was verified before.
        source: Where the refused checkpoint came from.
        note: The refused checkpoint.
        policy: Whose signatures count.

    Returns:
        Evidence; empty where nobody can be convicted.
    """
    own = store.state.note
    if own is None:
        return ()
    known = head_of(own)

    async def prove(size: int, head: Checkpoint) -> list[bytes]:
        if head == known:
            return own_prefix(store, size)
        return await source_prefix(source, size, head)

    return await find_contradictions(own, note, policy, prove)


async def source_prefix(source: Source, size: int, head: Checkpoint) -> list[bytes]:
    """Read a prefix proof from a source's tiles; it proves itself or nothing.

    Args:
        source: Whose tiles.
        size: Leaves in the prefix.
        head: The larger tree.

    Returns:
        Hashes, 32 bytes each.

    Raises:
        SourceError: A tile cannot be had.
        MalformedError: A tile has another size, or the origin names no shard.
    """
    return await read_tree(
        source,
        shard_of(head),
        head.size,
        lambda read: prefix_proof(size, head.size, read),
    )


def own_prefix(store: Store, size: int) -> list[bytes]:
    """Make a prefix proof in the tree of the current shard, from kept entries."""
    chain = store.state.chain
    leaves = [leaf_hash(item) for item in store.entries(chain.shard, 0, chain.size)]

    def read(level: int, index: int) -> bytes:
        return merkle_root(leaves[index << level : (index + 1) << level])

    return prefix_proof(size, chain.size, read)


def head_of(note: bytes) -> Checkpoint:
    """What a checkpoint says, unverified.

    Raises:
        MalformedError: It is no checkpoint.
    """
    return parse_checkpoint_text(parse_note(note).text)


def shard_of(head: Checkpoint) -> str:
    """The shard whose log a checkpoint is of.

    Raises:
        MalformedError: The origin ends in no shard's name, which paths are made of.
    """
    return parse_shard(head.origin.rpartition("/")[2])
