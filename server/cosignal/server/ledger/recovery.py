"""Before signing anything: ask the others what this node has signed already.

A node restored from a backup has forgotten its newest signatures. What this module
guarantees:

* Nothing is co-signed, ordered or signed before as many other authorities answered as
  make up a quorum together with this one.
* Every tree that carries this node's own co-signature, or a quorum's, is caught up
  with first; so no size gets a second root.
* The sequencer takes over the largest tree that its log key has signed and that any
  of them holds, with its entries.

An authority that has seen nothing yet answers 404, and that counts. Reading stays
possible all the time, so a whole network can start at once. What only authorities that
do not answer have seen stays unknown: restore a sequencer while all of them are up.
"""

import asyncio

from cosignal.protocol.checkpoints import verified_signers, verify_log_signature
from cosignal.protocol.errors import CosignalError, FatalError, NotFoundError
from cosignal.protocol.notes import parse_note
from cosignal.server.ledger.cosigner import Cosigner
from cosignal.server.ledger.faults import STORAGE_FAULTS
from cosignal.server.ledger.peers import Peer, PeerCalls, peers_of
from cosignal.server.ledger.readers import NodeReader
from cosignal.server.ledger.sequencer import Sequencer
from cosignal.server.ledger.tree import Tree
from cosignal.server.logs import get_logger

RETRY_SECONDS = 0.2

_log = get_logger("ledger.recovery")


class Recovery:
    """Asks once, at the start."""

    def __init__(
        self,
        authority: str,
        *,
        cosigner: Cosigner,
        sequencer: Sequencer | None,
        tree: Tree,
        calls: PeerCalls,
    ) -> None:
        """Ask the other authorities on behalf of `authority`."""
        self._authority = authority
        self._cosigner = cosigner
        self._sequencer = sequencer
        self._tree = tree
        self._calls = calls
        #: Who has answered so far; owned by `run`.
        self.heard: set[str] = set()

    async def run(self) -> None:
        """Ask until enough have answered, then let the cosigner and sequencer begin.

        Raises:
            FatalError: This node's own signature stands under another history.
        """
        while not self._enough():
            trust = self._cosigner.own.trust
            missing = [
                peer
                for peer in peers_of(trust, without=self._authority)
                if peer.name not in self.heard
            ]
            answers = await asyncio.gather(*(self._ask(peer) for peer in missing))
            self.heard.update(
                peer.name
                for peer, answered in zip(missing, answers, strict=True)
                if answered
            )
            if not self._enough():
                await asyncio.sleep(RETRY_SECONDS)
        _log.info(
            "recovered", authorities=len(self.heard), size=self._cosigner.own.size
        )
        self._cosigner.ready.set()
        if self._sequencer is not None:
            self._sequencer.ready.set()

    def _enough(self) -> bool:
        return self._cosigner.own.trust.satisfied({*self.heard, self._authority})

    async def _ask(self, peer: Peer) -> bool:
        """Look at both checkpoints of one authority; say whether it answered."""
        reader = self._calls.reader(peer.url)
        try:
            for read in (reader.checkpoint, lambda: self._calls.witnessed(peer)):
                try:
                    note = await read()
                except NotFoundError:
                    continue
                await self._consider(note, reader)
        except FatalError:
            raise
        except (CosignalError, *STORAGE_FAULTS) as error:
            _log.info("authority_not_heard", name=peer.name, error=error)
            return False
        return True

    async def _consider(self, data: bytes, reader: NodeReader) -> None:
        """Catch up with what a checkpoint shows that this node has forgotten."""
        own = self._cosigner.own
        note = parse_note(data)
        checkpoint = verify_log_signature(note, own.trust)
        _, times = verified_signers(note, own.trust)
        if self._sequencer is not None:
            await self._sequencer.adopt(checkpoint, reader)
        mine = self._authority in times
        if checkpoint.size > own.size and (mine or own.trust.satisfied(times.keys())):
            await self._cosigner.adopt(data, reader, known=mine)
        elif mine and checkpoint.size <= own.size:
            await self._check_own(checkpoint.size, checkpoint.root)

    async def _check_own(self, size: int, root: bytes) -> None:
        if await self._tree.root_at(size) != root:
            raise FatalError(
                f"size {size}: expected the root that this node has co-signed, holds "
                "another history",
                advice="Its data folder is not its own, or its key is used elsewhere. "
                "Compare the checkpoints before starting it again.",
            )
