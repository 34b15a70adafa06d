"""What must hold after any fault, checked from outside and from nothing.

1. The chain that a node publishes verifies from the pinned policy alone, bodies
   included.
2. Every acknowledged key stands on it exactly once, and no key twice.
3. Nobody ever signed two roots for one size: not in what went over the wires, not in
   any node's own record of what it signed, and not between the two.
4. When all is quiet, no node holds a key back, and none remembers who uploaded what.
"""

import asyncio
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from cosignal.protocol.blocks import verify_body
from cosignal.protocol.chain import Chain, VerifiedEntry
from cosignal.protocol.policy import Policy
from cosignal.protocol.records import BlockRecord
from cosignal.protocol.tiles import bundles_between, parse_entry_bundle
from tests.faults.observed import NAME, SHARD, Node, ObservedNetwork
from tests.faults.uploads import Uploads

Read = Callable[[str], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class VerifiedChain:
    """A published chain, verified from nothing.

    Attributes:
        chain: The verifier's state at its end.
        signers: Who co-signed the checkpoint.
        entries: All of them.
        keys: How often each key stands on it, in bodies that are still alive.
    """

    chain: Chain
    signers: tuple[str, ...]
    entries: tuple[VerifiedEntry, ...]
    keys: Counter[bytes]


async def verify_from_nothing(read: Read, policy: Policy, now: int) -> VerifiedChain:
    """Read and verify a chain as a phone does on its first day."""
    note = await read("checkpoint")
    size = int(note.split(b"\n")[1])
    entries: list[bytes] = []
    for bundle in bundles_between(0, size):
        entries += parse_entry_bundle(await read(bundle.path), bundle.width)
    start = Chain.start(NAME, SHARD, policy)
    chain, certified, verified = start.advance(note, entries, now)
    keys: Counter[bytes] = Counter()
    for entry in verified:
        if isinstance(entry.record, BlockRecord) and entry.record.expires > now:
            data = await read(f"body/{entry.record.commit.hex()}")
            body = verify_body(entry.record, data, entry.policy, entry.time)
            keys.update(key.data for key in body.diagnosis_keys())
    signers = tuple(name for name, _ in certified.cosignatures)
    return VerifiedChain(chain, signers, verified, keys)


async def verify_node(network: ObservedNetwork[Any], node: Node) -> VerifiedChain:
    """Verify what a node serves."""

    async def read(path: str) -> bytes:
        data = await network.get(node, f"chain/{SHARD}/{path}")
        assert data is not None, f"{path}: not served by {node.last_log()}"
        return data

    return await verify_from_nothing(read, network.policy, network.clock())


async def verify_folder(network: ObservedNetwork[Any], node: Node) -> VerifiedChain:
    """Verify what lies in a node's public folder, whether it runs or not."""

    async def read(path: str) -> bytes:
        return (node.public / "chain" / SHARD / path).read_bytes()

    return await verify_from_nothing(read, network.policy, network.clock())


async def check_all(
    network: ObservedNetwork[Any], uploads: Uploads, nodes: Sequence[Node] = ()
) -> VerifiedChain:
    """Wait until running nodes are at rest, then check every invariant.

    Args:
        network: With nodes running.
        uploads: No longer uploading.
        nodes: Those that must agree; by default all.

    Returns:
        The chain that they agree on.
    """
    chosen = list(nodes or network.nodes)
    busy = list(chosen)

    async def at_rest() -> bool:
        while busy and not await asyncio.to_thread(pending, busy[-1]):
            busy.pop()
        return not busy

    await network.eventually("every acknowledged key is certified", at_rest)
    longest = max([await network.published(node) for node in chosen])
    await network.grows(*chosen, beyond=longest - 1)
    views = [await verify_node(network, node) for node in chosen]
    await asyncio.to_thread(check_signed_once, network)
    for view in views:
        check_keys(view, uploads)
        check_one_history(views[0], view)
    return max(views, key=lambda view: view.chain.size)


def check_keys(view: VerifiedChain, uploads: Uploads) -> None:
    """Every acknowledged key exactly once; no key twice."""
    lost = {key for key in uploads.acknowledged if not view.keys[key]}
    assert not lost, f"{len(lost)} of {len(uploads.acknowledged)} keys lost"
    repeated = {key for key, times in view.keys.items() if times > 1}
    assert not repeated, f"{len(repeated)} keys on the chain more than once"


def check_one_history(one: VerifiedChain, other: VerifiedChain) -> None:
    """One chain is the beginning of the other."""
    size = min(one.chain.size, other.chain.size)
    assert [e.leaf for e in one.entries[:size]] == [
        e.leaf for e in other.entries[:size]
    ]


def check_signed_once(network: ObservedNetwork[Any]) -> None:
    """One root for each size, whoever signed it, wherever it was seen."""
    roots: defaultdict[int, set[bytes]] = defaultdict(set)
    for (_, size), seen in network.heard.roots.items():
        roots[size] |= seen
    for node in network.nodes:
        for size, root in signed_heads(node):
            roots[size].add(root)
    twice = sorted(size for size, seen in roots.items() if len(seen) > 1)
    assert not twice, f"two roots signed for sizes {twice}"


def signed_heads(node: Node) -> list[tuple[int, bytes]]:
    """What a node's keys may have signed, by its own record."""
    return [(size, root) for size, root in _rows(node, "signed_heads", "size, root")]


def pending(node: Node) -> int:
    """How many keys a node holds that are not certified yet."""
    return len(_rows(node, "pending_keys", "release_at"))


def erased(node: Node) -> bool:
    """Whether a node holds no body any more, neither as a file nor in its rows."""
    bodies = node.public / "chain" / SHARD / "body"
    files = any(bodies.iterdir()) if bodies.is_dir() else False
    return not files and not _rows(node, "chain_keys", "expires")


def _rows(node: Node, table: str, columns: str) -> list[tuple[Any, ...]]:
    # Read-only mode cannot open the log that a killed node left behind.
    url = f"file:{node.data / 'node.sqlite'}?mode=rw"
    with closing(sqlite3.connect(url, uri=True, timeout=10)) as connection:
        query = f"SELECT {columns} FROM {table}"  # noqa: S608 - only constants
        return list(connection.execute(query))
