"""Bring sealed blocks to the sequencer, until a certified checkpoint holds them.

What this module guarantees:

* A block stays in the outbox, whatever the sequencer answers, until this node's own
  tree holds it in a certified checkpoint; then `Sealer.settle` forgets it.
* Sending again is harmless: the sequencer knows records by their hash.
* A block that the sequencer refuses for good gives its keys back to be sealed anew.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus

from cosignal.protocol.errors import (
    MalformedError,
    RefusedError,
    SourceError,
    UnavailableError,
    VerificationError,
)
from cosignal.server.clock import Clock
from cosignal.server.ledger.faults import STORAGE_FAULTS
from cosignal.server.ledger.peers import Answer, PeerCalls
from cosignal.server.ledger.sealer import Sealer
from cosignal.server.ledger.sequencer import Sequencer
from cosignal.server.logs import get_logger
from cosignal.server.storage.database import Database
from cosignal.server.storage.outbox import SealedBlock, waiting_blocks

FIRST_RETRY = 0.5
LAST_RETRY = 10.0
# An ordered block is sent again after this long: the sequencer may have been restored
# from a backup that does not know it.
AGAIN_SECONDS = 30.0

_REFUSED = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.CONFLICT,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)
_log = get_logger("ledger.delivery")

Send = Callable[[SealedBlock], Awaitable[None]]


class Delivery:
    """Empties the outbox.

    Attributes:
        waiting: How many blocks were in it at the last look.
    """

    def __init__(self, database: Database, sealer: Sealer, send: Send) -> None:
        """Send what `sealer` made by `send`, which raises unless it was ordered."""
        self.waiting = 0
        self._database = database
        self._sealer = sealer
        self._send = send
        # Owned by `deliver`: when a block was ordered last, loop seconds.
        self._ordered: dict[bytes, float] = {}

    async def run(self) -> None:
        """Deliver whenever there is something, until cancelled."""
        retry = FIRST_RETRY
        while True:
            self._sealer.sealed.clear()
            failed = await self.deliver()
            pause = retry if failed else AGAIN_SECONDS
            retry = min(retry * 2, LAST_RETRY) if failed else FIRST_RETRY
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._sealer.sealed.wait()

    async def deliver(self) -> bool:
        """Send every block that is not known to be ordered.

        Returns:
            Whether any must be tried again soon.
        """
        async with self._database.read() as connection:
            blocks = await waiting_blocks(connection)
        self.waiting = len(blocks)
        waiting = {block.commit for block in blocks}
        now = asyncio.get_running_loop().time()
        self._ordered = {
            name: at
            for name, at in self._ordered.items()
            if name in waiting and at > now - AGAIN_SECONDS
        }
        failed = False
        for block in blocks:
            if block.commit not in self._ordered:
                failed |= not await self._deliver_one(block)
        return failed

    async def _deliver_one(self, block: SealedBlock) -> bool:
        try:
            await self._send(block)
        except (MalformedError, VerificationError, RefusedError) as error:
            _log.error("block_refused", error=error)
            await self._sealer.give_back([block.commit])
            return True
        except (SourceError, *STORAGE_FAULTS) as error:
            _log.warning("block_not_delivered", error=error)
            return False
        self._ordered[block.commit] = asyncio.get_running_loop().time()
        return True


def send_here(sequencer: Sequencer) -> Send:
    """Hand blocks to the sequencer of this same node."""

    async def send(block: SealedBlock) -> None:
        await sequencer.submit(block.record, block.body)

    return send


def send_there(calls: PeerCalls, url: Callable[[], str | None], clock: Clock) -> Send:
    """Send blocks to the sequencer's node, whose URL the policy in force says."""

    async def send(block: SealedBlock) -> None:
        target = url()
        if target is None:
            raise UnavailableError(
                "sequencer: expected its URL in the policy, got none"
            )
        answer = await calls.submit(target, block.record, block.body, clock())
        _check(answer)

    return send


def _check(answer: Answer) -> None:
    if answer.status in _REFUSED:
        raise RefusedError(f"sequencer: expected status 200, got {answer.status}")
    if answer.status != HTTPStatus.OK:
        raise UnavailableError(f"sequencer: expected status 200, got {answer.status}")
