"""Make the parts of a ledger, each from what it is given and nothing else."""

from dataclasses import dataclass

from cosignal.server.ledger.catch_up import CatchUp
from cosignal.server.ledger.clock_check import ClockCheck
from cosignal.server.ledger.collector import Collector
from cosignal.server.ledger.cosigner import Cosigner
from cosignal.server.ledger.delivery import Delivery, send_here, send_there
from cosignal.server.ledger.durable_chain import DurableChain
from cosignal.server.ledger.known_keys import KnownKeys
from cosignal.server.ledger.means import Holdings, Means
from cosignal.server.ledger.peers import Answer, Peer, PeerCalls
from cosignal.server.ledger.publisher import Publisher
from cosignal.server.ledger.readers import ChainReader, OwnReader
from cosignal.server.ledger.recovery import Recovery
from cosignal.server.ledger.retention import Retention
from cosignal.server.ledger.sealer import Sealer
from cosignal.server.ledger.sequencer import Sequencer
from cosignal.server.ledger.steps import Steps
from cosignal.server.storage.heads import LOG, OWN


@dataclass(frozen=True, slots=True)
class Ground:
    """What all parts stand on.

    Attributes:
        means: What the ledger is given.
        holdings: What it holds.
        calls: Calls to the other nodes.
        clocks: What is known of other clocks.
        steps: Runs durable steps to their end.
    """

    means: Means
    holdings: Holdings
    calls: PeerCalls
    clocks: ClockCheck
    steps: Steps

    def chain(self, name: str) -> DurableChain:
        """A durable chain on this node's database."""
        return DurableChain(
            name,
            self.means.database,
            self.means.start(),
            tree=self.holdings.tree,
            bodies=self.holdings.bodies,
        )


class Nodes:
    """Asks the other nodes over HTTP, and this one directly."""

    def __init__(self, ground: Ground, cosigner: Cosigner) -> None:
        """Let `cosigner` answer for this node."""
        self._authority = ground.means.authority
        self._calls = ground.calls
        self._cosigner = cosigner

    async def ask(self, peer: Peer, body: bytes) -> Answer:
        """Ask for a cosignature."""
        if peer.name == self._authority:
            return await self._cosigner.respond(body)
        return await self._calls.add_checkpoint(peer, body)

    async def push(self, peer: Peer, note: bytes) -> Answer:
        """Show a certified checkpoint; this node published it by itself."""
        if peer.name == self._authority:
            return Answer(200, "", b"")
        return await self._calls.push_checkpoint(peer, note)


def make_sequencer(ground: Ground) -> Sequencer | None:
    """The log; None where this node has no key for it."""
    means = ground.means
    if means.keyring.log is None:
        return None
    return Sequencer(
        means.database,
        ground.chain(LOG),
        ground.holdings,
        means.keyring.log,
        clock=means.clock,
        clocks=ground.clocks,
        steps=ground.steps,
    )


def make_cosigner(ground: Ground, sequencer: Sequencer | None) -> Cosigner:
    """This authority's word, on what it reads of the log."""
    means, own = ground.means, ground.chain(OWN)
    return Cosigner(
        own,
        _log_reader(ground, own, sequencer),
        ground.holdings.bodies,
        ground.holdings.evidence,
        means.keyring.cosigner,
        clock=means.clock,
        skew_seconds=means.skew_seconds,
        steps=ground.steps,
    )


def make_publisher(
    ground: Ground, cosigner: Cosigner, sequencer: Sequencer | None
) -> Publisher:
    """The public checkpoint, of the longest chain that this node knows."""
    return Publisher(
        ground.means.prefix,
        own=sequencer.log if sequencer else cosigner.own,
        holdings=ground.holdings,
        steps=ground.steps,
    )


def make_collector(
    ground: Ground,
    cosigner: Cosigner,
    sequencer: Sequencer | None,
    publisher: Publisher,
) -> Collector | None:
    """Asks for co-signatures; None where another node sequences."""
    if sequencer is None:
        return None
    settings, nodes = ground.means.config.ledger, Nodes(ground, cosigner)
    return Collector(
        sequencer,
        publisher,
        ground.holdings.tree,
        ask=nodes.ask,
        push=nodes.push,
        clock=ground.means.clock,
        clocks=ground.clocks,
        timeout_seconds=settings.cosign_timeout_seconds,
        resign_seconds=settings.resign_seconds,
    )


def make_sealer(ground: Ground, cosigner: Cosigner, known_keys: KnownKeys) -> Sealer:
    """Makes this authority's blocks."""
    means = ground.means
    return Sealer(
        means.database,
        cosigner,
        known_keys,
        means.authority,
        means.keyring.issuer,
        clock=means.clock,
        entropy=means.entropy,
        skew_seconds=means.skew_seconds,
        steps=ground.steps,
    )


def make_delivery(
    ground: Ground, sealer: Sealer, own: DurableChain, sequencer: Sequencer | None
) -> Delivery:
    """Brings blocks to the sequencer, wherever it is."""
    if sequencer is not None:
        send = send_here(sequencer)
    else:
        send = send_there(ground.calls, lambda: log_url(own), ground.means.clock)
    return Delivery(ground.means.database, sealer, send)


def make_catch_up(
    ground: Ground,
    cosigner: Cosigner,
    sequencer: Sequencer | None,
    publisher: Publisher,
) -> CatchUp:
    """Follows the other authorities."""
    return CatchUp(
        cosigner,
        sequencer,
        publisher,
        ground.holdings.evidence,
        calls=ground.calls,
        authority=ground.means.authority,
        pause_seconds=ground.means.config.ledger.catch_up_seconds,
    )


def make_recovery(
    ground: Ground, cosigner: Cosigner, sequencer: Sequencer | None
) -> Recovery:
    """Asks the others what this node has signed."""
    return Recovery(
        ground.means.authority,
        cosigner=cosigner,
        sequencer=sequencer,
        tree=ground.holdings.tree,
        calls=ground.calls,
    )


def make_retention(
    ground: Ground,
    cosigner: Cosigner,
    sequencer: Sequencer | None,
    publisher: Publisher,
    sealer: Sealer,
) -> Retention:
    """Erases what is old."""
    means = ground.means
    return Retention(
        means.database,
        ground.holdings.public,
        means.prefix,
        bodies=ground.holdings.bodies,
        sealer=sealer,
        cosigner=cosigner,
        sequencer=sequencer,
        publisher=publisher,
        clock=means.clock,
    )


def log_url(own: DurableChain) -> str | None:
    """Base URL of the sequencer's node, as the policy in force says."""
    logs = own.trust.logs_of(own.chain.origin)
    return next((log.url for log in logs if log.url), None)


def _log_reader(
    ground: Ground, own: DurableChain, sequencer: Sequencer | None
) -> ChainReader:
    url = log_url(own)
    if sequencer is not None or url is None:
        return OwnReader(ground.holdings.tree, ground.holdings.bodies)
    return ground.calls.reader(url)
