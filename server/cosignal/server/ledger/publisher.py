"""Publish checkpoints that a quorum has co-signed, and only those.

What this module guarantees:

* The public checkpoint is verified under the policy in force, is a tree that this node
  holds, and all files that it names are on the disk before it.
* It is replaced atomically, by a larger size, or by the same size with newer or more
  co-signatures; never by a smaller one.
* With fewer co-signatures than the quorum nothing is published, whatever happens.

The order of one publication, and what a crash between two steps leaves:

1. Verify, and compare with the tree of this node; nothing is written.
2. Write tiles, bundles, policies and configurations of that size. A crash leaves files
   that no checkpoint names.
3. Replace the checkpoint. A crash before it leaves the old one, which is still true.
"""

import asyncio

from cosignal.protocol.checkpoints import (
    CertifiedCheckpoint,
    cosignature_time,
    verify_checkpoint,
)
from cosignal.protocol.errors import ConsistencyError, CosignalError, FatalError
from cosignal.protocol.notes import Note, NoteSignature
from cosignal.protocol.policy import Policy
from cosignal.server.ledger.durable_chain import DurableChain
from cosignal.server.ledger.means import Holdings
from cosignal.server.ledger.steps import Steps
from cosignal.server.logs import get_logger

_log = get_logger("ledger.publisher")


class BehindError(CosignalError):
    """A certified checkpoint is larger than the tree that this node holds."""


class Publisher:
    """The node's public checkpoint.

    Attributes:
        current: What is published; None before the first. Replaced by `offer` only.
        data: Its bytes.
    """

    def __init__(
        self,
        prefix: str,
        *,
        own: DurableChain,
        holdings: Holdings,
        steps: Steps,
    ) -> None:
        """Publish below `prefix` in the public folder."""
        self.current: CertifiedCheckpoint | None = None
        self.data = b""
        #: Set when something was published; whoever waits for it clears it.
        self.published = asyncio.Event()
        self._path = f"{prefix}/checkpoint"
        self._own = own
        self._holdings = holdings
        self._steps = steps
        # Held from the comparison with `current` until its replacement.
        self._turn = asyncio.Lock()

    @property
    def size(self) -> int:
        """Size of the published tree; 0 before the first."""
        return self.current.checkpoint.size if self.current else 0

    async def load(self) -> None:
        """Take up what the last run published, if it still holds, with its files.

        A public folder is not trusted: a checkpoint in it that does not verify, or is
        not of this node's tree, is left for the next publication to replace.
        """
        data = await self._holdings.public.read_current(self._path)
        if data is None:
            return
        try:
            certified = verify_checkpoint(data, self._own.trust)
            await self._check_held(certified)
            await self._write_files(certified.checkpoint.size)
        except FatalError:
            raise
        except CosignalError as error:
            _log.warning("public_checkpoint_not_taken_up", error=error)
            return
        self.current, self.data = certified, data

    async def offer(self, note: bytes) -> bool:
        """Publish a checkpoint, if it says more than the published one.

        Args:
            note: With a quorum's co-signatures.

        Returns:
            Whether something new was published.

        Raises:
            MalformedError: Not a checkpoint.
            VerificationError: Not certified, or of another history; where that proves
                a lie, evidence was kept.
            BehindError: This node does not hold that tree yet.
        """
        return await self._steps.run(self._offer(note))

    async def _offer(self, note: bytes) -> bool:
        trust = self._own.trust
        certified = verify_checkpoint(note, trust)
        async with self._turn:
            await self._check_held(certified)
            if certified.checkpoint.size < self.size:
                return False
            if self.current and certified.checkpoint.size == self.size:
                older = self.current.note
            else:
                older = certified.note
            merged = newest_signatures(older, certified.note, trust)
            if self.current and merged == self.current.note:
                return False
            await self._write_files(certified.checkpoint.size)
            data = merged.encode()
            await self._holdings.public.replace(self._path, data)
            if merged != certified.note:
                certified = verify_checkpoint(data, trust)
            self.current, self.data = certified, data
        self.published.set()
        return True

    async def _write_files(self, size: int) -> None:
        """Write everything that a checkpoint of this size makes readers ask for."""
        await self._holdings.tree.write_files(size)
        await self._holdings.policies.publish(size)

    async def _check_held(self, certified: CertifiedCheckpoint) -> None:
        """Compare with this node's tree at that size."""
        checkpoint = certified.checkpoint
        if checkpoint.origin != self._own.chain.origin:
            raise ConsistencyError(
                f"origin: expected {self._own.chain.origin}, got another log's"
            )
        if checkpoint.size > self._holdings.tree.size:
            raise BehindError(
                f"checkpoint of size {checkpoint.size}: expected to hold that tree, "
                "have to catch up first"
            )
        if await self._root_at(checkpoint.size) != checkpoint.root:
            head = self._own.head
            held = [self.data or None, head.note if head else None]
            for mine in held:
                if await self._holdings.evidence.compare(
                    certified.note, mine, self._own.trust
                ):
                    break
            raise ConsistencyError(
                f"checkpoint of size {checkpoint.size}: expected this node's root, got "
                "another history",
                advice="See the evidence that this node has kept.",
            )

    async def _root_at(self, size: int) -> bytes:
        chain = self._own.chain
        return (
            chain.root()
            if size == chain.size
            else await self._holdings.tree.root_at(size)
        )


def newest_signatures(first: Note, second: Note, policy: Policy) -> Note:
    """Join the verified lines of two notes over one text.

    Args:
        first: Verified under `policy`.
        second: Verified too.
        policy: Whose lines are kept, in its order; lines by others are dropped, so
            that nobody can make the public file longer.

    Returns:
        The text with one line for each key, of a cosigner its newest.
    """
    lines: dict[tuple[str, bytes], NoteSignature] = {}
    witnesses = {(item.key.name, item.key.key_id) for item in policy.witnesses}
    for line in (*first.signatures, *second.signatures):
        key = (line.name, line.key_id)
        older = lines.get(key)
        if (
            older is None
            or key not in witnesses
            or cosignature_time(line) > cosignature_time(older)
        ):
            lines[key] = line
    order = [(key.name, key.key_id) for key in policy.keys]
    return Note(first.text, tuple(lines[key] for key in order if key in lines))
