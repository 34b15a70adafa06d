"""Follow the other authorities' published checkpoints, and hold what they hold.

What this module guarantees:

* A node that was away gets entries and bodies from any authority, checks all of them
  against a certified checkpoint, and only then stands by it.
* A checkpoint that was pushed or found is published here too, once its tree is held.
* One that contradicts this node's tree is kept as evidence where it proves a lie.
"""

import asyncio
from contextlib import suppress

from cosignal.protocol.checkpoints import verify_log_signature
from cosignal.protocol.errors import CosignalError, SourceError, VerificationError
from cosignal.protocol.notes import parse_note
from cosignal.server.ledger.cosigner import Cosigner
from cosignal.server.ledger.evidence import EvidenceFolder
from cosignal.server.ledger.faults import STORAGE_FAULTS
from cosignal.server.ledger.peers import Peer, PeerCalls, peers_of
from cosignal.server.ledger.publisher import BehindError, Publisher
from cosignal.server.ledger.readers import NodeReader
from cosignal.server.ledger.sequencer import Sequencer
from cosignal.server.logs import get_logger

_log = get_logger("ledger.catch_up")


class CatchUp:
    """Looks at the other authorities, now and then and when told to."""

    def __init__(
        self,
        cosigner: Cosigner,
        sequencer: Sequencer | None,
        publisher: Publisher,
        evidence: EvidenceFolder,
        *,
        calls: PeerCalls,
        authority: str,
        pause_seconds: float,
    ) -> None:
        """Follow all authorities but this one, `authority`."""
        self._cosigner = cosigner
        self._sequencer = sequencer
        self._publisher = publisher
        self._evidence = evidence
        self._calls = calls
        self._authority = authority
        self._pause = pause_seconds
        # Set by `receive`; cleared by `run`.
        self._due = asyncio.Event()

    async def run(self) -> None:
        """Look at everybody, again and again, until cancelled."""
        await self._cosigner.ready.wait()
        while True:
            self._due.clear()
            trust = self._cosigner.own.trust
            for peer in peers_of(trust, without=self._authority):
                await self._look(peer)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause):
                    await self._due.wait()

    async def receive(self, note: bytes) -> bool:
        """Take a certified checkpoint that another node pushed.

        Args:
            note: With a quorum's co-signatures.

        Returns:
            True when it is published here now; False when this node has to catch up
            first, which it then does at once.

        Raises:
            MalformedError: Not a checkpoint.
            VerificationError: Not certified, or another history.
        """
        try:
            await self._publisher.offer(note)
        except BehindError:
            self._due.set()
            return False
        return True

    async def _look(self, peer: Peer) -> None:
        reader = self._calls.reader(peer.url)
        try:
            note = await reader.checkpoint()
            if note != self._publisher.data:
                await self.take(note, reader)
        except SourceError:
            return  # It is down, or has published nothing yet.
        except (CosignalError, *STORAGE_FAULTS) as error:
            _log.warning("not_caught_up", peer=peer.name, error=error)

    async def take(self, note: bytes, reader: NodeReader) -> None:
        """Hold the tree of a published checkpoint, then publish it here.

        Args:
            note: As the other node publishes it.
            reader: That node.

        Raises:
            VerificationError: It is not certified, too old, or of another history.
            UnavailableError: Its entries or bodies cannot be read.
        """
        own = self._cosigner.own
        checkpoint = verify_log_signature(parse_note(note), own.trust)
        if checkpoint.size > own.size:
            try:
                if self._sequencer is not None:
                    await self._sequencer.adopt(checkpoint, reader)
                await self._cosigner.adopt(note, reader)
            except VerificationError:
                await self._compare(note, reader)
                raise
            _log.info("caught_up", size=checkpoint.size)
        await self._publisher.offer(note)

    async def _compare(self, note: bytes, reader: NodeReader) -> None:
        """Keep evidence, if what cannot be caught up with is another history."""
        held = self._cosigner.latest()
        await self._evidence.compare(
            parse_note(note),
            held.encode() if held else None,
            self._cosigner.own.trust,
            reader=reader,
        )
