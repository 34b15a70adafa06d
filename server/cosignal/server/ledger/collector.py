"""Collect co-signatures for the log's checkpoints, and publish at the quorum.

What this module guarantees:

* Every authority is asked, all at once, each from the size it last co-signed; an
  answer 409 is repaired at once with a proof from the size it names.
* One slow or silent authority delays nobody: the quorum publishes, late answers are
  merged in, and whoever failed is asked again, first soon, then every few seconds.
* An idle chain is co-signed again after the configured time, so that phones can tell
  a quiet chain from a withheld one.
* A cosignature counts only when it verifies; without a quorum nothing is published.

One round asks about one checkpoint. A round ends at its quorum or when its time is
up; the next one takes the newest tree, so a tree without quorum is simply outgrown.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus

from cosignal.protocol.checkpoints import (
    Checkpoint,
    merge_signatures,
    parse_checkpoint_text,
    verify_cosignature,
)
from cosignal.protocol.encoding import parse_decimal
from cosignal.protocol.errors import CosignalError, SourceError, UnavailableError
from cosignal.protocol.notes import Note, NoteSignature, parse_signatures
from cosignal.protocol.policy import Policy
from cosignal.server.clock import Clock
from cosignal.server.ledger.clock_check import ClockCheck
from cosignal.server.ledger.peers import Answer, Peer, peers_of
from cosignal.server.ledger.publisher import Publisher
from cosignal.server.ledger.sequencer import Sequencer
from cosignal.server.ledger.tree import Tree
from cosignal.server.ledger.witness import Submission
from cosignal.server.logs import get_logger

FIRST_RETRY = 0.25
LAST_RETRY = 3.0
LATE_SECONDS = 0.2
REPAIRS = 3

Ask = Callable[[Peer, bytes], Awaitable[Answer]]
Push = Callable[[Peer, bytes], Awaitable[Answer]]

_log = get_logger("ledger.collector")


@dataclass(slots=True)
class Standing:
    """What the collector knows of one authority; owned by its worker.

    Attributes:
        peer: Who.
        size: What it co-signed last, as far as known.
        failure: Why it did not co-sign the last time; empty when it did.
        wake: Set when there is something to ask.
    """

    peer: Peer
    size: int = 0
    failure: str = ""
    wake: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True, eq=False)
class _Round:
    """One checkpoint on its way to a quorum; workers add, the collector reads."""

    note: Note
    checkpoint: Checkpoint
    policy: Policy
    signatures: dict[str, NoteSignature] = field(default_factory=dict)
    published: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, name: str, signature: NoteSignature) -> None:
        self.signatures[name] = signature

    @property
    def certified(self) -> bool:
        return self.policy.satisfied(self.signatures.keys())

    def merged(self) -> Note:
        return merge_signatures(self.note, self.signatures.values())


class Collector:
    """Asks the authorities; only on the node that sequences.

    Attributes:
        standings: By authority; the workers own them, others only read.
    """

    def __init__(
        self,
        sequencer: Sequencer,
        publisher: Publisher,
        tree: Tree,
        *,
        ask: Ask,
        push: Push,
        clock: Clock,
        clocks: ClockCheck,
        timeout_seconds: float,
        resign_seconds: float,
    ) -> None:
        """Ask the policy's authorities by `ask`; show them what is new by `push`."""
        self.standings: dict[str, Standing] = {}
        self._sequencer = sequencer
        self._publisher = publisher
        self._tree = tree
        self._ask = ask
        self._push = push
        self._clock = clock
        self._clocks = clocks
        self._timeout = timeout_seconds
        self._resign = resign_seconds
        # Replaced by `run`; workers read it and add to it.
        self._round: _Round | None = None
        # Set by workers that added a co-signature, cleared by `_publish_news`.
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Ask whenever the log has grown or the co-signatures grow old."""
        await self._sequencer.ready.wait()
        self.standings.clear()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._publish_news())
            while True:
                self._sequencer.ordered.clear()
                if self._sequencer.log.size:
                    self._meet(group)
                    await self._run_round()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._resign):
                        await self._sequencer.ordered.wait()

    def pending(self) -> Note | None:
        """The newest checkpoint with all co-signatures so far; not for publishing."""
        return self._round.merged() if self._round else None

    def _meet(self, group: asyncio.TaskGroup) -> None:
        """Begin to serve authorities that the policy has gained."""
        for peer in peers_of(self._sequencer.log.trust):
            if peer.name in self.standings:
                self.standings[peer.name].peer = peer
            else:
                standing = self.standings[peer.name] = Standing(peer)
                group.create_task(self._serve(standing))

    async def _run_round(self) -> None:
        """Show everybody the newest tree, and wait for the quorum or the time."""
        note = await self._sequencer.checkpoint()
        checkpoint = parse_checkpoint_text(note.text)
        self._round = _Round(note, checkpoint, self._sequencer.log.trust)
        for standing in self.standings.values():
            standing.wake.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._timeout):
                await self._round.published.wait()

    async def _publish_news(self) -> None:
        """Publish at the quorum, and again when something came late."""
        while True:
            await self._news.wait()
            self._news.clear()
            current = self._round
            if current is None or not current.certified:
                continue
            if await self._publisher.offer(current.merged().encode()):
                for standing in self.standings.values():
                    standing.wake.set()
            current.published.set()

    async def _serve(self, standing: Standing) -> None:
        """Ask and inform one authority, whenever it is due."""
        asked: _Round | None = None
        shown = b""
        pause: float | None = None
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await standing.wake.wait()
            standing.wake.clear()
            failed = False
            current = self._round
            if current is not None and current is not asked:
                failed = not await self._ask_one(standing, current)
                asked = asked if failed else current
            data = self._publisher.data
            if data != shown and not failed:
                failed = not await self._show(standing, data)
                shown = shown if failed else data
            pause = min((pause or FIRST_RETRY / 2) * 2, LAST_RETRY) if failed else None

    async def _ask_one(self, standing: Standing, current: _Round) -> bool:
        """Ask for a co-signature; say whether it came."""
        failure = standing.failure
        try:
            signature = await self._cosignature(standing, current)
        except CosignalError as error:
            standing.failure = str(error)
        else:
            standing.failure = ""
            standing.size = current.checkpoint.size
            current.add(standing.peer.name, signature)
            if current.published.is_set():
                # A little later others may have come too: one more file for them all.
                asyncio.get_running_loop().call_later(LATE_SECONDS, self._news.set)
            else:
                self._news.set()
        if standing.failure != failure:
            _log.info(
                "authority_answered", name=standing.peer.name, failure=standing.failure
            )
        return not standing.failure

    async def _cosignature(self, standing: Standing, current: _Round) -> NoteSignature:
        checkpoint = current.checkpoint
        old = min(standing.size, checkpoint.size)
        for _ in range(REPAIRS):
            proof = await self._tree.consistency(old, checkpoint.size)
            request = Submission(old, tuple(proof), current.note, checkpoint)
            answer = await self._ask(standing.peer, request.encode())
            if answer.status != HTTPStatus.CONFLICT:
                break
            old = parse_decimal(answer.body.decode("ascii", "replace").strip(), "size")
            if old > checkpoint.size:
                raise UnavailableError(
                    f"authority: expected a tree of at most {checkpoint.size}, the "
                    f"log's, got one of {old}"
                )
        if answer.status != HTTPStatus.OK:
            raise UnavailableError(f"authority: expected 200, got {answer.status}")
        return self._verified(standing.peer, answer.body, current.note)

    def _verified(self, peer: Peer, body: bytes, note: Note) -> NoteSignature:
        """The authority's own line; others are ignored, as the specification says."""
        for line in parse_signatures(body):
            if (line.name, line.key_id) == (peer.key.name, peer.key.key_id):
                time = verify_cosignature(note.text, line, peer.key)
                self._clocks.observe(peer.name, time, self._clock())
                return line
        raise UnavailableError("authority: expected its co-signature, got others only")

    async def _show(self, standing: Standing, data: bytes) -> bool:
        try:
            answer = await self._push(standing.peer, data)
        except SourceError:
            return False
        return answer.status in (HTTPStatus.OK, HTTPStatus.ACCEPTED)
