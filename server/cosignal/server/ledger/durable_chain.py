"""A chain whose every step is on the disk before it counts.

What this module guarantees:

* Entries, head and the note that this root may be signed are stored in one
  transaction, guarded by compare-and-swap on the size and root stepped from.
* The value in memory moves only after that transaction: after a crash the chain is
  where the last signature says it is, or ahead of it, never behind.
* A start recomputes the root from every stored leaf; a database that lost or changed
  one is refused before anything is signed.

The database is trusted: who can write it can make this node sign a split view. The
public folder is not: who can write it can at most stop the node.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from cosignal.protocol.chain import Chain, VerifiedEntry
from cosignal.protocol.chain_state import dump_chain, load_chain
from cosignal.protocol.errors import FatalError
from cosignal.protocol.merkle import CompactRange
from cosignal.protocol.records import BlockRecord
from cosignal.server.ledger.bodies import Bodies
from cosignal.server.ledger.tree import Tree
from cosignal.server.storage.database import Database
from cosignal.server.storage.heads import Head, read_head, replace_head
from cosignal.server.storage.tree import append_entries, read_hashes

LEAVES_AT_ONCE = 65_536


class DurableChain:
    """One head of the database with the verifier's state at it.

    Attributes:
        chain: The verifier's state. Replaced by `advance` only, which its one owner
            calls while holding its turn: the cosigner for `own`, the sequencer for
            `log`. Everybody may read it.
        head: What the database holds; None before the first step.
        trust: The tlog-policy in force at the chain's end, parsed once.
    """

    def __init__(
        self,
        name: str,
        database: Database,
        start: Chain,
        *,
        tree: Tree,
        bodies: Bodies,
    ) -> None:
        """Keep the head `name`, from `start` on; tell `tree` and `bodies` of growth."""
        self._name = name
        self._database = database
        self._tree = tree
        self._bodies = bodies
        self.chain = start
        self.head: Head | None = None
        self.trust = start.trust

    @property
    def size(self) -> int:
        """Entries in the tree."""
        return self.chain.size

    async def load(self) -> None:
        """Read the head of the last run, and check it against every leaf.

        Raises:
            FatalError: The stored leaves do not lead to the stored root.
        """
        async with self._database.read() as connection:
            head = await read_head(connection, self._name)
            if head is None:
                return
            leaves = CompactRange()
            while leaves.size < head.size:
                stop = min(head.size, leaves.size + LEAVES_AT_ONCE)
                part = await read_hashes(connection, 0, leaves.size, stop)
                if not part:
                    break
                leaves = leaves.extend(part)
        chain = load_chain(head.chain, self.chain.pinned)
        if {(leaves.size, leaves.root()), (chain.size, chain.root())} != {
            (head.size, head.root)
        }:
            raise FatalError(
                f"head {self._name}: expected the root of the {head.size} leaves "
                "stored, got another",
                advice="The database is damaged. Restore it, or start with an empty "
                "data folder: the other authorities hold the chain.",
            )
        self._set(chain, head)

    async def advance(
        self,
        chain: Chain,
        verified: Sequence[VerifiedEntry],
        entries: Sequence[bytes],
        *,
        note: bytes | None,
        time: int,
    ) -> None:
        """Make a step durable; its root may be signed afterwards.

        Args:
            chain: This chain, extended by the entries; or the same one, to co-sign it
                again.
            verified: What was gained.
            entries: The bytes of each.
            note: What the log signed, for the next start.
            time: Unix seconds.

        Raises:
            FatalError: Another writer moved the head, or stored another history.
            ChainRuleError: A record stands in the log twice.
        """
        head = Head(chain.size, chain.root(), time, dump_chain(chain), note)

        def store(connection: Connection) -> None:
            if entries:
                append_entries(connection, self._tree.size, verified, entries)
            replace_head(connection, self._name, self.head, head)

        await self._database.write_at_once(store)
        self._tree.grew(verified, entries)
        for entry in verified:
            if isinstance(entry.record, BlockRecord):
                self._bodies.expect(entry.record.commit, entry.record.expires)
        self._set(chain, head)

    def _set(self, chain: Chain, head: Head) -> None:
        if chain.policy is not self.chain.policy:
            self.trust = chain.trust
        self.chain = chain
        self.head = head
