"""Order records into the log; only on the node that holds the log's key.

What this module guarantees:

* A record is answered only once it is ordered durably; the same record again gets the
  same answer.
* Nothing is ordered that a co-signer would refuse: issuer, signature, body, limits and
  the validity of keys are checked first, so an honest log never gets stuck.
* For each size the log's key signs one root: entries and head are one transaction,
  guarded by compare-and-swap, and the signature is computed from the stored head.

The order of one batch, and what a crash between two steps leaves:

1. Check each record and make its body durable. A crash leaves a body without an entry;
   the issuer sends it again, or the retention sweep removes it.
2. One transaction: entries, new head. From here this tree is the only one that is ever
   signed. A crash leaves a head without files.
3. Answer the issuers. Nothing is public yet.
4. `checkpoint`: write tiles and bundles of that head, fsync, then sign. A crash leaves
   some of the files; the next start writes the rest from the database, byte for byte.

After step 2 the collector brings the checkpoint to the authorities. Ordering goes on
meanwhile: a later checkpoint takes the place of one that found no quorum.

The database is trusted: an attacker who can modify it can cause this node to sign a
split view, which the co-signers then refuse. The public folder is not trusted.

Source: Sunlight's sequencer; c2sp.org/tlog-tiles.
"""

import asyncio
from dataclasses import dataclass, field

from cosignal.protocol.blocks import verify_body
from cosignal.protocol.chain import Chain, VerifiedEntry
from cosignal.protocol.checkpoints import Checkpoint, sign_checkpoint
from cosignal.protocol.entries import Entry
from cosignal.protocol.errors import (
    FatalError,
    MalformedError,
    RefusedError,
    UnavailableError,
    VerificationError,
)
from cosignal.protocol.intervals import interval_at
from cosignal.protocol.notes import Note, SignerKey
from cosignal.protocol.records import (
    BlockRecord,
    PolicyRecord,
    Record,
    parse_record,
    verify_record,
)
from cosignal.server.clock import Clock
from cosignal.server.ledger.clock_check import ClockCheck
from cosignal.server.ledger.durable_chain import DurableChain
from cosignal.server.ledger.growth import fetch_bodies, fetch_growth
from cosignal.server.ledger.means import Holdings
from cosignal.server.ledger.readers import ChainReader
from cosignal.server.ledger.steps import Steps
from cosignal.server.logs import get_logger
from cosignal.server.storage.database import Database
from cosignal.server.storage.tree import find_record

MAX_BODY_BYTES = 1 << 22

_log = get_logger("ledger.sequencer")


@dataclass(frozen=True, slots=True)
class Ordered:
    """Where a record stands.

    Attributes:
        index: Position in the log.
        leaf: Leaf hash of its entry, 32 bytes.
    """

    index: int
    leaf: bytes


@dataclass(slots=True)
class _Waiting:
    """A checked record on its way into the next batch."""

    data: bytes
    record: Record
    body: bytes
    policy: PolicyRecord | None
    checked_at: int
    answer: "asyncio.Future[Ordered]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Sequencer:
    """The log.

    Attributes:
        log: The tree that this node sequences. Moved only while `turn` is held.
        turn: Held for the whole of one batch, or of taking over a tree.
        ready: Set once by `recovery`; until then nothing is ordered or signed.
        ordered: Set when the head moved; the collector clears it.
    """

    def __init__(
        self,
        database: Database,
        log: DurableChain,
        holdings: Holdings,
        signer: SignerKey,
        *,
        clock: Clock,
        clocks: ClockCheck,
        steps: Steps,
    ) -> None:
        """Order into `log`, signing with `signer`."""
        self.log = log
        self.turn = asyncio.Lock()
        self.ready = asyncio.Event()
        self.ordered = asyncio.Event()
        self._database = database
        self._tree = holdings.tree
        self._bodies = holdings.bodies
        self._signer = signer
        self._clock = clock
        self._clocks = clocks
        self._steps = steps
        # Records by their bytes, from the check to the answer; owned by `submit`,
        # which adds and removes, and `_order_all`, which only empties `_pool`.
        self._present: dict[bytes, _Waiting] = {}
        self._pool: list[_Waiting] = []

    async def submit(
        self, record: bytes, body: bytes, issuer_time: int | None = None
    ) -> Ordered:
        """Order a record, and wait until that is durable.

        Args:
            record: The signed record.
            body: The body file of a block; empty for other records.
            issuer_time: The sender's clock, Unix seconds, where it is another node.

        Returns:
            Where the record stands.

        Raises:
            MalformedError: Not a record.
            VerificationError: The record or its body breaks a rule.
            RefusedError: The same body stands in the log under another record.
            UnavailableError: Not ready, the log has not begun, or the clocks of the
                network disagree.
        """
        if not self.ready.is_set():
            raise UnavailableError("sequencer: expected to know the log, still asking")
        # Another node may bring the founding policy alone; what a log begins with is
        # one transaction all the same.
        if self.log.size == 0:
            raise UnavailableError("sequencer: expected a log that has begun, got none")
        return await self._submit(record, body, issuer_time)

    async def _submit(
        self, record: bytes, body: bytes, issuer_time: int | None
    ) -> Ordered:
        waiting = self._present.get(record)
        if waiting is None:
            self._clocks.check(self._clock(), issuer_time)
            found = await self._find(record)
            if found is not None:
                return found
            # Another request may have brought the same record during the search.
            waiting = self._present.get(record)
        if waiting is None:
            waiting = self._admit(self._check(record, body))
            await self._steps.run(self._join(waiting))
        return await asyncio.shield(waiting.answer)

    async def open_log(self, genesis: bytes, configuration: bytes | None) -> None:
        """Order what a network begins with, should the log not hold it yet.

        Both records of a new log are one transaction, so whoever reads finds both.

        Args:
            genesis: The first policy record.
            configuration: The first configuration; None where the network has none yet.
        """
        if self.log.size == 0:
            records = [genesis, configuration] if configuration else [genesis]
            self._clocks.check(self._clock(), None)
            await self._steps.run(self._begin(records))
        if configuration is not None and self.log.chain.configuration is None:
            try:
                await self.submit(configuration, b"")
            except VerificationError as error:
                # It was made for the first policy, and another one is in force.
                _log.warning("first_configuration_refused", error=error)

    def about_to_order(self, commit: bytes) -> bool:
        """Whether a record that commits to this body is on its way into the log."""
        return any(
            isinstance(waiting.record, BlockRecord) and waiting.record.commit == commit
            for waiting in self._present.values()
        )

    async def checkpoint(self) -> Note:
        """Write the files of the current head and sign it.

        Returns:
            The checkpoint with the log's signature only; not for the public folder.
        """
        chain = self.log.chain
        if self.log.head is None:
            raise FatalError("log: expected a durable head before signing")
        await self._tree.write_files(chain.size)
        return sign_checkpoint(
            Checkpoint(chain.origin, chain.size, chain.root()), self._signer
        )

    async def adopt(self, checkpoint: Checkpoint, reader: ChainReader) -> None:
        """Take over a larger tree that the log's key has signed before a restore.

        Args:
            checkpoint: Signed by the log's key, verified by the caller.
            reader: A node that holds the tree.

        Raises:
            VerificationError: What the node serves is not that tree.
            FatalError: This node has ordered other entries in the meantime.
        """
        await self._steps.run(self._adopt(checkpoint, reader))

    async def _adopt(self, checkpoint: Checkpoint, reader: ChainReader) -> None:
        async with self.turn:
            if checkpoint.size <= self.log.size:
                return
            growth = await fetch_growth(self.log.chain, checkpoint, reader)
            now = self._clock()
            await fetch_bodies(growth, reader, self._bodies, now)
            await self.log.advance(
                growth.chain, growth.verified, growth.entries, note=None, time=now
            )
        _log.warning("log_taken_over", size=checkpoint.size)
        self.ordered.set()

    async def _find(self, data: bytes) -> Ordered | None:
        """Where a record stands already; its body must not stand under another."""
        record = parse_record(data).record
        commit = record.commit if isinstance(record, BlockRecord) else None
        found = await self._database.read_at_once(
            lambda connection: find_record(connection, data, commit)
        )
        if found is not None and not found.same:
            raise RefusedError(
                f"commit: expected a new body, got the one of entry {found.index}"
            )
        return Ordered(found.index, found.leaf) if found else None

    def _check(self, data: bytes, body: bytes) -> _Waiting:
        """Apply every rule that does not depend on the record's place."""
        policy = self.log.chain.policy
        record = verify_record(parse_record(data), policy)
        now = self._clock()
        if isinstance(record, BlockRecord) and policy is not None:
            if len(body) > MAX_BODY_BYTES:
                raise RefusedError(
                    f"body: expected at most {MAX_BODY_BYTES} bytes, got {len(body)}"
                )
            verify_body(record, body, policy, now)
        elif body:
            raise MalformedError("body: expected none with a record of this kind")
        return _Waiting(data, record, body, policy, now)

    def _unchecked(self, data: bytes) -> _Waiting:
        """A record that is judged by its place alone: the policy comes with it."""
        record = parse_record(data).record
        return _Waiting(data, record, b"", None, self._clock())

    def _admit(self, waiting: _Waiting) -> _Waiting:
        """Let later requests with the same record find this one."""
        self._present[waiting.data] = waiting
        waiting.answer.add_done_callback(
            lambda _: self._present.pop(waiting.data, None)
        )
        return waiting

    async def _begin(self, records: list[bytes]) -> None:
        async with self.turn:
            # Recovery may have taken over a tree while this waited.
            if self.log.size > 0:
                return
            batch = [self._admit(self._unchecked(record)) for record in records]
            await self._order(*batch)
        for waiting in batch:
            waiting.answer.result()

    async def _join(self, waiting: _Waiting) -> None:
        """Make the body durable, then order; whoever waits hears of any failure."""
        try:
            if isinstance(waiting.record, BlockRecord):
                async with self._bodies.turn:
                    await self._bodies.write(waiting.record.commit, waiting.body)
            self._pool.append(waiting)
            async with self.turn:
                # The first one to get here orders all that came while it waited.
                await self._order(*self._take_pool())
        except Exception as error:
            _fail(waiting, error)
            raise

    def _take_pool(self) -> list[_Waiting]:
        """Empty the pool; of two records with one body the later is refused."""
        batch, self._pool = self._pool, []
        commits = set[bytes]()
        for waiting in batch:
            record = waiting.record
            if isinstance(record, BlockRecord):
                if record.commit in commits:
                    _fail(waiting, RefusedError("commit: expected each body once"))
                commits.add(record.commit)
        return [waiting for waiting in batch if not waiting.answer.done()]

    async def _order(self, *batch: _Waiting) -> None:
        start = self.log.chain
        time = max(self._clock(), start.last_time)
        chain, steps = start, list[tuple[_Waiting, VerifiedEntry, bytes]]()
        for waiting in batch:
            try:
                chain, verified, entry = _append(chain, waiting, time)
            except (VerificationError, RefusedError) as error:
                # Only this one: the others must not suffer from it.
                _fail(waiting, error)
            else:
                steps.append((waiting, verified, entry))
        if steps:
            await self._store(chain, steps, time)

    async def _store(
        self,
        chain: Chain,
        steps: list[tuple[_Waiting, VerifiedEntry, bytes]],
        time: int,
    ) -> None:
        try:
            await self.log.advance(
                chain,
                [verified for _, verified, _ in steps],
                [entry for _, _, entry in steps],
                note=None,
                time=time,
            )
        except Exception as error:
            for waiting, _, _ in steps:
                _fail(waiting, error)
            raise
        self.ordered.set()
        for waiting, verified, _ in steps:
            waiting.answer.set_result(Ordered(verified.index, verified.leaf))
        _log.info("records_ordered", records=len(steps), size=chain.size)


def _append(
    chain: Chain, waiting: _Waiting, time: int
) -> tuple[Chain, VerifiedEntry, bytes]:
    """Give a record its place, and judge it once more as the authorities will."""
    entry = Entry(chain.size, chain.last_leaf, time, waiting.data).encode()
    grown, (verified,) = chain.extend([entry])
    # The rules depend on the interval and on the policy; both may have moved on.
    moved = (
        interval_at(time) != interval_at(waiting.checked_at)
        or chain.policy is not waiting.policy
    )
    if moved and isinstance(waiting.record, BlockRecord):
        verify_body(waiting.record, waiting.body, verified.policy, time)
    return grown, verified, entry


def _fail(waiting: _Waiting, error: Exception) -> None:
    """Tell whoever waits, once."""
    if not waiting.answer.done():
        waiting.answer.set_exception(error)
        waiting.answer.exception()  # Its requests may be gone; that is no error.
