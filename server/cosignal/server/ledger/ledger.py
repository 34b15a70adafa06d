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
from cosignal.protocol.records import PolicyRecord
from cosignal.server.app_keys import KEYRING
from cosignal.server.clock import Clock, Entropy
from cosignal.server.config import Config
from cosignal.server.keyring import Trust
from cosignal.server.ledger import parts
from cosignal.server.ledger.clock_check import ClockCheck
from cosignal.server.ledger.known_keys import KnownKeys
from cosignal.server.ledger.means import Holdings, Means
from cosignal.server.ledger.publisher import newest_signatures
from cosignal.server.ledger.status import AuthorityStatus, LedgerStatus
from cosignal.server.ledger.steps import Steps
from cosignal.server.logs import get_logger
from cosignal.server.storage.database import Database
from cosignal.server.storage.files import DurableFiles

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
        self.holdings = Holdings(
            means.database,
            means.files,
            means.shard,
            means.config.limits.memory_cache_bytes,
        )
        self._means = means
        self._steps = Steps(self._fail)
        self._clocks = ClockCheck(means.skew_seconds)
        ground = parts.Ground(
            means, self.holdings, means.calls(), self._clocks, self._steps
        )
        sequencer = self.sequencer = parts.make_sequencer(ground)
        cosigner = self.cosigner = parts.make_cosigner(ground, sequencer)
        publisher = self.publisher = parts.make_publisher(ground, cosigner, sequencer)
        self.collector = parts.make_collector(ground, cosigner, sequencer, publisher)
        self._known_keys = KnownKeys(
            means.database, cosigner, self.holdings.bodies, means.clock
        )
        self.sealer = parts.make_sealer(ground, cosigner, self._known_keys)
        self.catch_up = parts.make_catch_up(ground, cosigner, sequencer, publisher)
        self.retention = parts.make_retention(
            ground, cosigner, sequencer, publisher, self.sealer
        )
        self._own = cosigner.own
        self._delivery = parts.make_delivery(ground, self.sealer, self._own, sequencer)
        self._recovery = parts.make_recovery(ground, cosigner, sequencer)

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
        yield from self._clock_problems()
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

    def _clock_problems(self) -> Iterator[tuple[str, str]]:
        """The network's clocks are known from co-signatures, fresh or published."""
        current, skew = self.publisher.current, self._means.skew_seconds
        ahead = self._clocks.ahead
        if current is not None and abs(ahead) <= skew:
            # An old checkpoint says nothing about clocks, one from the future does.
            ahead = max(ahead, current.time - self._means.clock())
        if abs(ahead) > skew:
            problem = (
                f"clock: the network's clocks are {ahead} s ahead of this node's, "
                f"expected at most {skew} s either way"
            )
            yield problem, "Set this node's clock right, for example by NTP."

    async def _open_log(self) -> None:
        if self.sequencer is not None:
            await self.sequencer.ready.wait()
            trust = self._means.trust
            await self.sequencer.open_log(trust.genesis, trust.configuration)

    async def _seal(self) -> None:
        """Seal on the timer."""
        while True:
            await asyncio.sleep(self._means.config.sealing.interval_seconds)
            await self.sealer.seal_all()

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
    trust: Trust,
    clock: Clock,
    entropy: Entropy,
) -> Ledger:
    """Open a node's ledger; `Ledger.close` ends it.

    Args:
        app: Holds the keyring.
        config: The node's configuration.
        database: Open.
        files: The public folder.
        trust: Whom the network believes, and the records that it begins with.
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
        # Few read from each other, and a quorum waits for it: speed before bytes.
        headers={"Accept-Encoding": "identity"},
        timeout=aiohttp.ClientTimeout(total=config.ledger.cosign_timeout_seconds),
    )
    ledger = Ledger(
        Means(
            config=config,
            keyring=app[KEYRING],
            database=database,
            files=files,
            trust=trust,
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
