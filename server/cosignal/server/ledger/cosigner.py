"""Co-sign the log's checkpoints: a C2SP witness that holds and has checked everything.

What a co-signature of this node means: "I hold this tree and its bodies, and every
record obeys the rules". What this module guarantees:

* A tree is co-signed only when it extends the one co-signed before, its entries and
  living bodies are checked and durable, and no entry is dated later than this node's
  clock allows.
* There is one root for each size, whatever the log says: the head moves by
  compare-and-swap before anything is signed, one request at a time.
* Nothing is co-signed before `recovery` has asked the others what this node signed.

The order of one step, and what a crash between two of them leaves:

1. Judge the submission; nothing is stored yet.
2. Write the bodies. After a crash they lie in the folder without an entry: the next
   try finds them, or the retention sweep removes them.
3. One transaction: entries, head, and that this root may be signed. After a crash the
   node stands by a tree that it has not signed; the log asks again and gets it.
4. Sign with the stored time and answer. A lost answer is asked for again.

An old sequencing time alone is no reason to refuse: after an outage that would stop
the chain for good. Times never run backwards, so the entries around bound them.

The database is trusted: an attacker who can modify it can cause this node to co-sign a
split view. The log and the public folder are not.

Source: c2sp.org/tlog-witness, c2sp.org/tlog-cosignature.
"""

import asyncio
from http import HTTPStatus

from cosignal.protocol.checkpoints import (
    Checkpoint,
    check_fresh,
    cosign,
    merge_signatures,
    verify_checkpoint,
    verify_log_signature,
)
from cosignal.protocol.errors import (
    FatalError,
    MalformedError,
    SourceError,
    StaleError,
    UnavailableError,
    VerificationError,
)
from cosignal.protocol.notes import Note, NoteSignature, SignerKey, parse_note
from cosignal.server.clock import Clock
from cosignal.server.ledger.bodies import Bodies
from cosignal.server.ledger.durable_chain import DurableChain
from cosignal.server.ledger.evidence import EvidenceFolder
from cosignal.server.ledger.faults import STORAGE_FAULTS
from cosignal.server.ledger.growth import Growth, fetch_bodies, fetch_growth
from cosignal.server.ledger.peers import Answer
from cosignal.server.ledger.readers import ChainReader, NodeReader
from cosignal.server.ledger.steps import Steps
from cosignal.server.ledger.witness import (
    TEXT_TYPE,
    Submission,
    WitnessRefusalError,
    judge,
    parse_submission,
)
from cosignal.server.logs import get_logger

_log = get_logger("ledger.cosigner")


class Cosigner:
    """This authority's word on the chain.

    Attributes:
        own: The tree this node stands by. Moved only while `turn` is held.
        turn: Held for the whole of one step: judging, fetching, storing, signing.
        ready: Set once by `recovery`; until then nothing is signed.
    """

    def __init__(
        self,
        own: DurableChain,
        reader: ChainReader,
        bodies: Bodies,
        evidence: EvidenceFolder,
        signer: SignerKey,
        *,
        clock: Clock,
        skew_seconds: int,
        steps: Steps,
    ) -> None:
        """Co-sign with `signer` what `reader` shows of the log."""
        self.own = own
        self.turn = asyncio.Lock()
        self.ready = asyncio.Event()
        #: Set whenever `own` moved; whoever waits for it clears it.
        self.moved = asyncio.Event()
        self._reader = reader
        self._bodies = bodies
        self._evidence = evidence
        self._signer = signer
        self._clock = clock
        self._skew = skew_seconds
        self._steps = steps

    async def add_checkpoint(self, data: bytes) -> bytes:
        """Answer a C2SP add-checkpoint request.

        Args:
            data: The request's body.

        Returns:
            One signature line, a cosignature of the checkpoint.

        Raises:
            MalformedError: The request cannot be read.
            WitnessRefusalError: The checkpoint does not extend what was co-signed.
            VerificationError: The log's entries or bodies break a rule.
            UnavailableError: They cannot be read, or this node is not ready yet.
        """
        submission = parse_submission(data)
        if not self.ready.is_set():
            raise UnavailableError(
                "cosigner: expected to know what it signed before, still asking the "
                "other authorities"
            )
        return await self._steps.run(self._answer(submission))

    async def _answer(self, submission: Submission) -> bytes:
        async with self.turn:
            checkpoint = await self._judge(submission)
            note = submission.note
            if checkpoint.size > self.own.size or self.own.head is None:
                await self._step(checkpoint, note)
            else:
                await self._renew(note)
            return self._cosignature(note).encode()

    async def adopt(
        self, note: bytes, reader: ChainReader, *, known: bool = False
    ) -> None:
        """Take over a tree that a quorum, or this node itself, has signed already.

        Args:
            note: A checkpoint signed at least by the log.
            reader: A node that holds the tree.
            known: Whether this node has co-signed the note before; otherwise it must
                be certified, and not stale.

        Raises:
            MalformedError: Not a checkpoint.
            VerificationError: The log has not signed it, it is not certified, or its
                entries or bodies break a rule.
            UnavailableError: They cannot be read.
        """
        await self._steps.run(self._adopt(note, reader, known=known))

    async def _adopt(self, data: bytes, reader: ChainReader, *, known: bool) -> None:
        async with self.turn:
            note = parse_note(data)
            checkpoint = verify_log_signature(note, self.own.trust)
            if checkpoint.size <= self.own.size:
                return
            growth = await fetch_growth(self.own.chain, checkpoint, reader)
            now = self._clock()
            if not known:
                # The entries may have changed the policy, by a quorum of the old one;
                # then the new one's quorum certifies what comes after.
                trust = growth.chain.trust
                check_fresh(verify_checkpoint(data, trust), now)
            await fetch_bodies(growth, reader, self._bodies, now)
            await self._store(growth, note, now)

    async def respond(self, data: bytes) -> Answer:
        """Answer a C2SP add-checkpoint request, whatever becomes of it.

        Args:
            data: The request's body.

        Returns:
            Status, media type and body of the answer.

        Raises:
            FatalError: The state on disk is unknown; nothing may be answered.
        """
        try:
            return Answer(HTTPStatus.OK, TEXT_TYPE, await self.add_checkpoint(data))
        except WitnessRefusalError as error:
            return Answer(error.status, error.content_type, error.body)
        except (MalformedError, VerificationError) as error:
            status = (
                HTTPStatus.BAD_REQUEST
                if isinstance(error, MalformedError)
                else HTTPStatus.UNPROCESSABLE_ENTITY
            )
            _log.warning("checkpoint_refused", error=str(error))
            return Answer(status, TEXT_TYPE, f"{error}\n".encode())
        except (SourceError, *STORAGE_FAULTS) as error:
            _log.warning("checkpoint_not_judged", error=error)
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, TEXT_TYPE, b"try again\n")

    def latest(self) -> Note | None:
        """The checkpoint last co-signed, with that cosignature; None before the first.

        The same bytes come out after a restart: the time of signing is stored, and
        Ed25519 is deterministic.
        """
        head = self.own.head
        if head is None or head.note is None:
            return None
        note = parse_note(head.note)
        return merge_signatures(note, [self._cosignature(note)])

    async def _judge(self, submission: Submission) -> Checkpoint:
        own = self.own
        try:
            return judge(submission, own.trust, own.size, own.chain.root())
        except WitnessRefusalError as error:
            if error.status in (HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY):
                await self._compare(submission)
            raise

    async def _compare(self, submission: Submission) -> None:
        """Keep evidence when the log has signed another history than ours."""
        held = self.latest()
        reader = self._reader if isinstance(self._reader, NodeReader) else None
        names = await self._evidence.compare(
            submission.note,
            held.encode() if held else None,
            self.own.trust,
            reader=reader,
            proof=submission.proof,
        )
        if names:
            _log.error("log_told_two_stories", size=submission.checkpoint.size)

    async def _step(self, checkpoint: Checkpoint, note: Note) -> None:
        if checkpoint.origin != self.own.chain.origin:
            raise WitnessRefusalError(HTTPStatus.NOT_FOUND, "unknown log")
        growth = await fetch_growth(self.own.chain, checkpoint, self._reader)
        now = self._clock()
        self._check_times(growth, now)
        await fetch_bodies(growth, self._reader, self._bodies, now)
        await self._store(growth, note, now)

    def _check_times(self, growth: Growth, now: int) -> None:
        for entry in growth.verified:
            if entry.time > now + self._skew:
                raise StaleError(
                    f"entry {entry.index}: time: expected at most {now + self._skew}, "
                    f"got {entry.time}",
                    advice="Compare the clocks of this node and of the sequencer.",
                )
            if entry.time < now - self._skew:
                _log.warning(
                    "entry_came_late", index=entry.index, seconds=now - entry.time
                )

    async def _renew(self, note: Note) -> None:
        """Co-sign the same tree again, later."""
        chain = self.own.chain
        await self._store(Growth(chain, (), []), note, self._clock())

    async def _store(self, growth: Growth, note: Note, now: int) -> None:
        await self.own.advance(
            growth.chain,
            growth.verified,
            growth.entries,
            note=self._log_signed(note).encode(),
            time=now,
        )
        if growth.entries:
            self.moved.set()

    def _log_signed(self, note: Note) -> Note:
        """A note without other people's lines, which nobody here has checked."""
        keys = {
            (log.key.name, log.key.key_id)
            for log in self.own.trust.logs_of(self.own.chain.origin)
        }
        lines = (item for item in note.signatures if (item.name, item.key_id) in keys)
        return Note(note.text, tuple(lines))

    def _cosignature(self, note: Note) -> NoteSignature:
        head = self.own.head
        if head is None:
            raise FatalError("cosigner: expected a durable head before signing")
        return cosign(note.text, self._signer, head.time)
