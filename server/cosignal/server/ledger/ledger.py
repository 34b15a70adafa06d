"""One authority's part of the chain, put together.

What this module guarantees:

* Parts open in the order in which they trust each other: what is durable is read and
  checked first, then the others are asked (`recovery`), then anything is signed.
* Reading is possible all the time; signing stops for good at the first `FatalError`.
* `close` ends the tasks, and waits for every durable step in progress.

A block's way through the parts: `sealer` -> `delivery` -> `sequencer` (orders, makes it
durable) -> `collector` (asks every authority's `cosigner`) -> `publisher` -> `settle`
in the sealer, and much later `retention`.
"""

import asyncio
from collections.abc import Iterator

import aiohttp
from aiohttp import web

from cosignal.protocol.errors import FatalError
from cosignal.protocol.notes import Note
from cosignal.protocol.policy import Policy
from cosignal.protocol.records import PolicyRecord
from cosignal.server.app_keys import KEYRING
from cosignal.server.clock import Clock, Entropy
from cosignal.server.config import Config
from cosignal.server.ledger.catch_up import CatchUp
from cosignal.server.ledger.clock_check import ClockCheck
from cosignal.server.ledger.collector import Collector
from cosignal.server.ledger.cosigner import Cosigner
from cosignal.server.ledger.delivery import Delivery, Send, send_here, send_there
from cosignal.server.ledger.durable_chain import DurableChain
from cosignal.server.ledger.known_keys import KnownKeys
from cosignal.server.ledger.means import Holdings, Means
from cosignal.server.ledger.peers import Answer, Peer
from cosignal.server.ledger.publisher import Publisher, newest_signatures
from cosignal.server.ledger.readers import ChainReader, OwnReader
from cosignal.server.ledger.recovery import Recovery
from cosignal.server.ledger.retention import Retention
from cosignal.server.ledger.sealer import Sealer
from cosignal.server.ledger.sequencer import Sequencer
from cosignal.server.ledger.status import AuthorityStatus, LedgerStatus
from cosignal.server.ledger.steps import Steps
from cosignal.server.logs import get_logger
from cosignal.server.storage.database import Database
from cosignal.server.storage.files import DurableFiles
from cosignal.server.storage.heads import LOG, OWN

_log = get_logger("ledger")


class Ledger:
    """The parts of one authority's ledger.

    Attributes:
        shard: The log that this node works on.
        holdings: Tree, bodies, evidence and policies held.
        cosigner: This authority's word.
        sequencer: The log; None where another node sequences.
        collector: Asks for co-signatures; None where another node sequences.
        publisher: The public checkpoint.
        sealer: Makes this authority's blocks.
        catch_up: Follows the other authorities.
        retention: Erases.
        failed: Set when a `FatalError` came up; the process should then end.
        failure: That error.
    """

    def __init__(self, means: Means) -> None:
        """Put the parts together; `open` lets them work."""
        self.shard = means.shard
        self.failed = asyncio.Event()
        self.failure: FatalError | None = None
        self._means = means
        self._calls = means.calls()
        self._steps = Steps(self._fail)
        self._clocks = ClockCheck(means.skew_seconds)
        self.holdings = Holdings(
            means.database,
            means.files,
            means.shard,
            means.config.limits.memory_cache_bytes,
        )
        self._own = self._chain(OWN)
        self.sequencer = self._make_sequencer()
        self.cosigner = self._make_cosigner()
        self.publisher = Publisher(
            means.prefix,
            own=self.sequencer.log if self.sequencer else self._own,
            holdings=self.holdings,
            steps=self._steps,
        )
        self.collector = self._make_collector()
        self._known_keys = KnownKeys(
            means.database, self.cosigner, self.holdings.bodies, means.clock
        )
        self.sealer = self._make_sealer()
        self.catch_up = self._make_catch_up()
        self.retention = self._make_retention()
        self._delivery = Delivery(means.database, self.sealer, self._send())
        self._recovery = Recovery(
            means.authority,
            cosigner=self.cosigner,
            sequencer=self.sequencer,
            tree=self.holdings.tree,
            calls=self._calls,
            others=means.others,
        )

    @property
    def policy(self) -> PolicyRecord | None:
        """The policy in force on this node's chain; None before the first entry."""
        return self._own.chain.policy

    async def open(self) -> None:
        """Read what is durable, and let the tasks begin.

        Raises:
            FatalError: What is durable contradicts itself.
        """
        await self.holdings.tree.load()
        await self._own.load()
        if self.sequencer is not None:
            await self.sequencer.log.load()
        await self.holdings.evidence.load()
        await self.publisher.load()
        pause = self._means.config.retention.sweep_seconds
        for name, work in {
            "recovery": self._recovery.run,
            "catch_up": self.catch_up.run,
            "known_keys": self._known_keys.run,
            "settling": self._settle,
            "sealer": self._seal,
            "delivery": self._delivery.run,
            "retention": lambda: self.retention.run(pause),
            "genesis": self._open_log,
        }.items():
            self._steps.keep(name, work)
        if self.collector is not None:
            self._steps.keep("collector", self.collector.run)

    async def close(self) -> None:
        """End the tasks; return when every step in progress is done."""
        await self._steps.stop()
        await self._means.session.close()

    def witnessed(self) -> Note | None:
        """What the monitoring path shows: the tree last co-signed here.

        On the sequencer it carries the other authorities' lines as well, so that one
        of them restored from a backup finds its own.
        """
        note = self.cosigner.latest()
        pending = self.collector.pending() if self.collector else None
        if note is None or pending is None or pending.text != note.text:
            return note
        return newest_signatures(note, pending, self._own.trust)

    def status(self) -> LedgerStatus:
        """Say how this ledger is."""
        current = self.publisher.current
        standings = self.collector.standings.values() if self.collector else ()
        return LedgerStatus(
            ready=self.cosigner.ready.is_set(),
            sequencer=self.sequencer is not None,
            tree_size=self._own.size,
            log_size=self.sequencer.log.size if self.sequencer else None,
            certified_size=self.publisher.size,
            certified_time=current.time if current else 0,
            outbox=self._delivery.waiting,
            evidence=self.holdings.evidence.count,
            authorities=tuple(
                AuthorityStatus(
                    name=item.peer.name, size=item.size, failure=item.failure
                )
                for item in standings
            ),
            problems=tuple(self._problems()),
        )

    def _problems(self) -> Iterator[tuple[str, str]]:
        if self.failure is not None:
            yield f"stopped signing: {self.failure}", self.failure.advice
        elif not self.cosigner.ready.is_set():
            heard = len(self._recovery.heard)
            yield (
                f"not signing yet: {heard} others said what this node signed before",
                "Start the other authorities' nodes, and check their URLs.",
            )
        if self.publisher.current is None:
            yield "no certified checkpoint yet", "Wait until a quorum of nodes is up."
        for item in self.collector.standings.values() if self.collector else ():
            if item.failure:
                yield (
                    f"{item.peer.name} does not co-sign: {item.failure}",
                    "Look at that node; the chain goes on while a quorum does.",
                )
        if self.holdings.evidence.count:
            yield (
                f"{self.holdings.evidence.count} files prove that somebody lied",
                "Read /chain/evidence/ and talk to the other authorities.",
            )

    def _chain(self, name: str) -> DurableChain:
        means = self._means
        return DurableChain(
            name,
            means.database,
            means.start(),
            tree=self.holdings.tree,
            bodies=self.holdings.bodies,
        )

    def _make_sequencer(self) -> Sequencer | None:
        means = self._means
        if means.keyring.log is None:
            return None
        return Sequencer(
            means.database,
            self._chain(LOG),
            self.holdings,
            means.keyring.log,
            clock=means.clock,
            clocks=self._clocks,
            steps=self._steps,
        )

    def _make_cosigner(self) -> Cosigner:
        means = self._means
        return Cosigner(
            self._own,
            self._log_reader(),
            self.holdings.bodies,
            self.holdings.evidence,
            means.keyring.cosigner,
            clock=means.clock,
            skew_seconds=means.skew_seconds,
            steps=self._steps,
        )

    def _make_collector(self) -> Collector | None:
        means = self._means
        if self.sequencer is None:
            return None
        return Collector(
            self.sequencer,
            self.publisher,
            self.holdings.tree,
            ask=self._ask,
            push=self._push,
            clock=means.clock,
            clocks=self._clocks,
            timeout_seconds=means.config.ledger.cosign_timeout_seconds,
            resign_seconds=means.config.ledger.resign_seconds,
        )

    def _make_sealer(self) -> Sealer:
        means = self._means
        return Sealer(
            means.database,
            self.cosigner,
            self._known_keys,
            means.authority,
            means.keyring.issuer,
            clock=means.clock,
            entropy=means.entropy,
            skew_seconds=means.skew_seconds,
            steps=self._steps,
        )

    def _make_catch_up(self) -> CatchUp:
        means = self._means
        return CatchUp(
            self.cosigner,
            self.sequencer,
            self.publisher,
            self.holdings.evidence,
            calls=self._calls,
            authority=means.authority,
            pause_seconds=means.config.ledger.catch_up_seconds,
        )

    def _make_retention(self) -> Retention:
        means = self._means
        return Retention(
            means.database,
            self.holdings.public,
            means.prefix,
            bodies=self.holdings.bodies,
            sealer=self.sealer,
            cosigner=self.cosigner,
            sequencer=self.sequencer,
            publisher=self.publisher,
            clock=means.clock,
        )

    def _send(self) -> Send:
        if self.sequencer is not None:
            return send_here(self.sequencer)
        return send_there(self._calls, self._log_url, self._means.clock)

    def _log_reader(self) -> ChainReader:
        url = self._log_url()
        if self.sequencer is not None or url is None:
            return OwnReader(self.holdings.tree, self.holdings.bodies)
        return self._calls.reader(url)

    def _log_url(self) -> str | None:
        """Base URL of the sequencer's node."""
        logs = self._own.trust.logs_of(self._own.chain.origin)
        return next((log.url for log in logs if log.url), None)

    async def _ask(self, peer: Peer, body: bytes) -> Answer:
        if peer.name == self._means.authority:
            return await self.cosigner.respond(body)
        return await self._calls.add_checkpoint(peer, body)

    async def _push(self, peer: Peer, note: bytes) -> Answer:
        if peer.name == self._means.authority:
            return Answer(200, "", b"")  # It published the note itself.
        return await self._calls.push_checkpoint(peer, note)

    async def _open_log(self) -> None:
        if self.sequencer is not None:
            await self.sequencer.ready.wait()
            await self.sequencer.open_log(self._means.genesis)

    async def _seal(self) -> None:
        """Seal on the timer."""
        while True:
            await asyncio.sleep(self._means.config.sealing.interval_seconds)
            await self.sealer.seal_now()

    async def _settle(self) -> None:
        """After each publication: forget the blocks that it certifies."""
        while True:
            self.publisher.published.clear()
            await self.sealer.settle(self.publisher.size)
            await self.publisher.published.wait()

    def _fail(self, error: FatalError) -> None:
        """Stop signing for good; the process should end, and recover at its start."""
        if self.failure is None:
            self.failure = error
            _log.critical("ledger_failed", error=str(error), advice=error.advice)
        self.cosigner.ready.clear()
        if self.sequencer is not None:
            self.sequencer.ready.clear()
        self._steps.cancel()
        self.failed.set()


async def start(  # noqa: PLR0917 - the composition root hands over what it has
    app: web.Application,
    config: Config,
    database: Database,
    files: DurableFiles,
    policy: Policy,
    genesis: bytes,
    clock: Clock,
    entropy: Entropy,
) -> Ledger:
    """Open a node's ledger; `Ledger.close` ends it.

    Args:
        app: Holds the keyring.
        config: The node's configuration.
        database: Open.
        files: The public folder.
        policy: The pinned tlog-policy.
        genesis: The first policy record.
        clock: Gives Unix seconds.
        entropy: Gives random bytes.

    Returns:
        The ledger at work.

    Raises:
        FatalError: What is durable contradicts itself.
    """
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, limit_per_host=32),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=config.ledger.cosign_timeout_seconds),
    )
    ledger = Ledger(
        Means(
            config=config,
            keyring=app[KEYRING],
            database=database,
            files=files,
            policy=policy,
            genesis=genesis,
            session=session,
            clock=clock,
            entropy=entropy,
        )
    )
    try:
        await ledger.open()
    except BaseException:
        await ledger.close()
        raise
    return ledger
