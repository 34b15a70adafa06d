"""Take over what a log has gained, and believe none of it unchecked.

What this module guarantees:

* Entries obey the chain's rules and lead to the checkpoint's root.
* Every body still alive is here, is the committed one, and obeys the block rules; all
  are on the disk when `fetch_bodies` returns.

Counting the step is left to `DurableChain`, deciding whether to take it to the caller.
"""

import asyncio
from dataclasses import dataclass

from cosignal.client.downloads import fetch_all
from cosignal.protocol.blocks import verify_body
from cosignal.protocol.chain import Chain, VerifiedEntry
from cosignal.protocol.checkpoints import Checkpoint
from cosignal.protocol.errors import ConsistencyError, NotFoundError
from cosignal.protocol.records import BlockRecord
from cosignal.server.ledger.bodies import Bodies
from cosignal.server.ledger.readers import ChainReader

ENTRIES_INLINE = 64


@dataclass(frozen=True, slots=True)
class Growth:
    """A step that a chain may take.

    Attributes:
        chain: The chain after it.
        verified: The entries gained.
        entries: The bytes of each.
    """

    chain: Chain
    verified: tuple[VerifiedEntry, ...]
    entries: list[bytes]


async def fetch_growth(
    chain: Chain, checkpoint: Checkpoint, reader: ChainReader
) -> Growth:
    """Read the entries up to a checkpoint and check them.

    Args:
        chain: Where to start.
        checkpoint: Where to end; at least as large.
        reader: Where the entries come from.

    Returns:
        The step; nothing is stored yet.

    Raises:
        ChainRuleError: An entry breaks a rule.
        ConsistencyError: The entries do not lead to the checkpoint.
        UnavailableError: They cannot be read.
    """
    entries = await reader.entries(chain.size, checkpoint.size)
    if len(entries) > ENTRIES_INLINE:
        # Catching up with a long log must not stop the node from answering.
        grown, verified = await asyncio.to_thread(chain.extend, entries)
    else:
        grown, verified = chain.extend(entries)
    if (grown.size, grown.root()) != (checkpoint.size, checkpoint.root):
        raise ConsistencyError(
            f"entries: expected those that lead to the checkpoint of size "
            f"{checkpoint.size}, got others",
            advice="The log serves another history than it signed; keep both.",
        )
    return Growth(grown, verified, entries)


async def fetch_bodies(
    growth: Growth, reader: ChainReader, bodies: Bodies, now: int
) -> None:
    """Read, check and store the bodies of a step.

    Args:
        growth: From `fetch_growth`.
        reader: Where bodies come from; its own ones are on the disk already.
        bodies: Where they go.
        now: Unix seconds; a body that expired by then may be absent.

    Raises:
        BodyMismatchError: A body breaks a rule.
        NotFoundError: A body that should be alive is not there.
        UnavailableError: It cannot be read.
    """

    async def take(entry: VerifiedEntry, record: BlockRecord) -> None:
        data = await reader.body(record.commit)
        if data is None:
            raise NotFoundError(f"entry {entry.index}: expected its body, got none")
        verify_body(record, data, entry.policy, entry.time)
        if not reader.own:
            await bodies.write(record.commit, data)

    await fetch_all(
        take(entry, entry.record)
        for entry in growth.verified
        if isinstance(entry.record, BlockRecord) and entry.record.expires > now
    )
