"""Seal the keys that may be published into a block of this authority.

What this module guarantees:

* Sealing is one transaction: block into the outbox, its keys marked. A crash before it
  leaves the keys waiting, a crash after it a block that `delivery` sends.
* Keys too old by now, or on the chain already, are dropped instead of published.
* Uploads of many people are mixed: the body is sorted, padded and salted, and once the
  block is certified its keys are forgotten here.

The order of a key's life here: pending -> sealed (in the outbox) -> ordered by the
sequencer -> in a certified checkpoint of this node's own tree -> only on the chain. A
block that the sequencer refuses for good gives its keys back.
"""

import asyncio
from dataclasses import replace

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from cosignal.protocol.blocks import seal_block
from cosignal.protocol.bodies import SALT_BYTES, commit
from cosignal.protocol.diagnosis_keys import MAX_AGE_SECONDS, DiagnosisKey
from cosignal.protocol.intervals import interval_at
from cosignal.protocol.notes import SignerKey
from cosignal.protocol.record_kinds import ONSET_EXACT
from cosignal.protocol.records import PolicyRecord
from cosignal.server.clock import Clock, Entropy
from cosignal.server.ledger.cosigner import Cosigner
from cosignal.server.ledger.dummies import dummy_keys
from cosignal.server.ledger.known_keys import KnownKeys, body_keys
from cosignal.server.ledger.steps import Steps
from cosignal.server.logs import get_logger
from cosignal.server.storage.database import Database
from cosignal.server.storage.outbox import (
    SealedBlock,
    blocks_within,
    drop_block,
    put_block,
    waiting_blocks,
)
from cosignal.server.storage.sealing import (
    Releasable,
    drop_keys,
    releasable_keys,
    seal_releasable,
)
from cosignal.server.storage.uploads import (
    mark_certified,
    remember_keys,
    unseal,
)

MOST_KEYS = 100_000
ORDERING_SECONDS = 3_600

_log = get_logger("ledger.sealer")


class Sealer:
    """Makes this authority's blocks.

    Attributes:
        sealed: Set when the outbox gained a block; `delivery` clears it.
    """

    def __init__(
        self,
        database: Database,
        cosigner: Cosigner,
        known_keys: KnownKeys,
        authority: str,
        signer: SignerKey,
        *,
        clock: Clock,
        entropy: Entropy,
        skew_seconds: int,
        steps: Steps,
    ) -> None:
        """Seal for `authority` with `signer`, by the policy of the cosigner's tree."""
        self.sealed = asyncio.Event()
        self._database = database
        self._cosigner = cosigner
        self._own = cosigner.own
        self._known_keys = known_keys
        self._authority = authority
        self._signer = signer
        self._clock = clock
        self._entropy = entropy
        self._skew = skew_seconds
        self._steps = steps

    async def seal_all(self, most_keys: int = MOST_KEYS) -> list[bytes]:
        """Seal blocks until the keys that may be published now fit into the last one.

        Args:
            most_keys: Most keys in a block, without dummies.

        Returns:
            The commitments of the blocks.
        """
        commits: list[bytes] = []
        more = True
        while more:
            block, more = await self._seal_one(most_keys)
            if block is not None:
                commits.append(block.commit)
        return commits

    async def seal_now(self) -> bytes | None:
        """Seal keys that may be published now, as many as fit into one block.

        Returns:
            The block's commitment; None when there was nothing to seal.
        """
        block, _ = await self._seal_one(MOST_KEYS)
        return block.commit if block else None

    async def _seal_one(self, most_keys: int) -> tuple[SealedBlock | None, bool]:
        """Seal one block; say also whether others should follow it at once."""
        policy = self._own.chain.policy
        if policy is None or not self._cosigner.ready.is_set():
            # Without a policy nobody knows how large a block is. And a node from a
            # backup has to learn first which of its keys were published since.
            return None, False
        await self._known_keys.catch_up()
        block, more = await self._steps.run(self._seal(policy, most_keys))
        if block is not None:
            _log.info("block_sealed", bytes=len(block.body))
            self.sealed.set()
        return block, more

    async def _seal(
        self, policy: PolicyRecord, most_keys: int
    ) -> tuple[SealedBlock | None, bool]:
        now = self._clock()

        # No key can come in between: it would have to wait for this transaction.
        def seal(connection: Connection) -> tuple[SealedBlock | None, bool]:
            found = releasable_keys(connection, now, most_keys)
            keys, dropped = _choose(found, policy, now)
            drop_keys(connection, dropped)
            block = self._make(keys, policy, now)
            if block is not None:
                put_block(connection, block)
                last = max(key.data for key in keys)
                seal_releasable(connection, now, last, block.commit)
            # Where nothing could be sealed or dropped, trying again would not help.
            full = len(keys) + len(dropped) == most_keys
            return block, full and bool(block or dropped)

        return await self._database.write_at_once(seal)

    async def settle(self, size: int) -> None:
        """Forget the blocks that a certified checkpoint of this size holds.

        Their keys are noted as on the chain in the same transaction, so at no moment
        could an upload bring them again.
        """
        async with self._database.read() as connection:
            commits = await blocks_within(connection, size)
            blocks = [
                block
                for block in (await waiting_blocks(connection) if commits else [])
                if block.commit in commits
            ]

        async def forget(connection: AsyncConnection) -> None:
            for block in blocks:
                await remember_keys(connection, body_keys(block.body), block.expires)
                await mark_certified(connection, block.commit)
                await drop_block(connection, block.commit)

        if blocks:
            await self._database.write(forget)
            _log.info("blocks_certified", blocks=len(blocks), size=size)

    async def give_back(self, commits: list[bytes]) -> None:
        """Return the keys of blocks that came to nothing; the next block takes them."""

        async def release(connection: AsyncConnection) -> None:
            for name in commits:
                await unseal(connection, name)
                await drop_block(connection, name)

        if commits:
            await self._database.write(release)

    def _make(
        self, keys: list[DiagnosisKey], policy: PolicyRecord, now: int
    ) -> SealedBlock | None:
        issuer = policy.issuer(self._authority)
        if issuer is None or not keys:
            return None  # Who is no member any more publishes nothing.
        expires = now + policy.retention - self._allowance(policy)
        record, body = seal_block(
            [*keys, *dummy_keys(keys, policy.minimum, self._entropy)],
            salt=self._entropy(SALT_BYTES),
            network=policy.network,
            issuer=self._authority,
            region=issuer.region,
            expires=expires,
            signer=self._signer,
        )
        return SealedBlock(commit(body), record, body, expires)

    def _allowance(self, policy: PolicyRecord) -> int:
        """Seconds by which the body is erased earlier than the policy would allow.

        The sequencer's clock may be behind this one; it must not find the body's life
        too long.
        """
        return min(self._skew, policy.retention // 100)


def _choose(
    found: Releasable, policy: PolicyRecord, now: int
) -> tuple[list[DiagnosisKey], list[bytes]]:
    """Divide into keys to publish, and keys to drop."""
    # A key must still be young enough when the sequencer gets to it.
    oldest = interval_at(now + ORDERING_SECONDS - MAX_AGE_SECONDS)
    keys, dropped = [], list(found.published)
    for key in found.keys:
        if key.start + key.period < oldest:
            dropped.append(key.data)
        elif key.onset is not None and policy.onset != ONSET_EXACT:
            keys.append(replace(key, onset=None))
        else:
            keys.append(key)
    return keys, dropped
