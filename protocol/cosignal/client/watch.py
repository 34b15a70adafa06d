"""Compare what several places show, and notice when they differ.

What this module guarantees:

* Every checkpoint is verified by the policy in force; one that is not is reported, and
  still used as evidence.
* Of two checkpoints of one shard, the smaller must be a prefix of the larger, now and
  compared with the largest ever seen; otherwise the signers are convicted.
* A place that lags, is silent or is stale is never accused.

Entries and bodies are not read: `mirror` and `verify` do that.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from cosignal.client.certify import certify
from cosignal.client.disputes import (
    find_contradictions,
    head_of,
    shard_of,
    source_prefix,
)
from cosignal.client.downloads import fetch_shards
from cosignal.client.paths import checkpoint_path
from cosignal.client.sources import Source
from cosignal.client.state import start_state
from cosignal.protocol.checkpoints import CertifiedCheckpoint, Checkpoint, check_fresh
from cosignal.protocol.encoding import encode_base64
from cosignal.protocol.errors import (
    ConsistencyError,
    MalformedError,
    SourceError,
    StaleError,
    VerificationError,
)
from cosignal.protocol.evidence import Evidence
from cosignal.protocol.notes import MAX_NOTE_BYTES
from cosignal.protocol.policy import Policy


class Finding(StrEnum):
    """What a look at a place found."""

    OK = "ok"
    BEHIND = "behind"
    STALE = "stale"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    SPLIT = "split"


#: What is nobody's fault: a mirror may be a little behind.
HARMLESS = frozenset({Finding.OK, Finding.BEHIND})


@dataclass(frozen=True, slots=True)
class Sight:
    """What one place showed.

    Attributes:
        source: The place.
        finding: What to think of it.
        reason: Why, where the finding is not `ok`.
        note: Its checkpoint, as it came; empty without one.
        certified: The checkpoint, if a quorum stands behind it.
        policy: The tlog-policy by which it does.
        lag: Entries fewer than the largest certified checkpoint of the same shard.
        evidence: Evidence files that this sight led to.
    """

    source: Source
    finding: Finding
    reason: str = ""
    note: bytes = b""
    certified: CertifiedCheckpoint | None = None
    policy: Policy | None = None
    lag: int = 0
    evidence: tuple[Evidence, ...] = ()

    @property
    def head(self) -> Checkpoint | None:
        """The certified tree head."""
        return None if self.certified is None else self.certified.checkpoint

    def line(self, now: int) -> str:
        """Say it in one line for a person."""
        words = [f"{self.finding:<11}"]
        if self.certified and self.head:
            root = encode_base64(self.head.root)[:12]
            age = now - self.certified.fresh_time
            words.append(f"size {self.head.size}  root {root}  signed {age} s ago")
        words += [f"{self.lag} behind"] if self.lag else []
        words += [self.source.name, self.reason]
        return "  ".join(word for word in words if word)


class Watch:
    """Looks at several places again and again."""

    def __init__(self, sources: Sequence[Source], pinned: Policy) -> None:
        """Watch `sources` of the network that `pinned` is the policy of."""
        self._sources = sources
        self._chain = start_state(pinned).chain
        # The largest certified checkpoint ever seen; owned by `look`.
        self._largest: Sight | None = None

    async def look(self, now: int) -> list[Sight]:
        """Look at every place once and compare.

        Args:
            now: Unix seconds.

        Returns:
            One sight for each place, in their order.
        """
        reads = (self._read(source, now) for source in self._sources)
        sights = await asyncio.gather(*reads)
        before, largest = self._largest, _largest([self._largest, *sights])
        self._largest = largest
        # The new measure itself must extend the one before.
        pairs = [(item, before if item is largest else largest) for item in sights]
        return [await self._judge(item, other) for item, other in pairs]

    async def _read(self, source: Source, now: int) -> Sight:
        note = b""
        try:
            shard = (await fetch_shards(source))[-1]
            note = await source.get(checkpoint_path(shard), MAX_NOTE_BYTES)
            chain = replace(self._chain, shard=shard)
            certified, policy = await certify(source, note, chain)
            if certified.checkpoint.origin != chain.origin:
                raise ConsistencyError(f"origin: expected {chain.origin}, got another")
            check_fresh(certified, now)
        except SourceError as error:
            return Sight(source, Finding.UNREACHABLE, str(error))
        except StaleError as error:
            return Sight(source, Finding.STALE, str(error), note, certified, policy)
        except (VerificationError, MalformedError) as error:
            return Sight(source, Finding.REFUSED, str(error), note)
        return Sight(source, Finding.OK, "", note, certified, policy)

    async def _judge(self, sight: Sight, other: Sight | None) -> Sight:
        """Hold what a place shows against the largest certified checkpoint."""
        if other is None or not sight.note or sight.head == other.head:
            return sight
        try:
            found = await self._contradictions(sight, other)
        except (SourceError, MalformedError) as error:
            return replace(sight, reason=sight.reason or f"not comparable: {error}")
        if found:
            reason = "shows a history that contradicts another place's"
            return replace(
                sight, finding=Finding.SPLIT, reason=reason, evidence=tuple(found)
            )
        return _behind(sight, other)

    async def _contradictions(self, sight: Sight, other: Sight) -> tuple[Evidence, ...]:
        heads = [head_of(sight.note), head_of(other.note)]
        large = max(heads, key=lambda head: head.size)
        source = sight.source if large == heads[0] else other.source
        # Read before, so that a place without tiles is told from an honest one.
        size = min(head.size for head in heads)
        comparable = heads[0].origin == heads[1].origin and 0 < size < large.size
        proof = await source_prefix(source, size, large) if comparable else []

        async def prove(_size: int, _head: Checkpoint) -> list[bytes]:
            return proof

        # By the later members' policy: the pinned one may know none of them.
        policy = other.policy or self._chain.trust
        return await find_contradictions(sight.note, other.note, policy, prove)


def _largest(sights: Iterable[Sight | None]) -> Sight | None:
    """The certified checkpoint that is farthest; the first one of equals."""
    return max(
        (sight for sight in sights if sight and sight.head), key=_extent, default=None
    )


def _extent(sight: Sight) -> tuple[int, int]:
    head = sight.head
    return (int(shard_of(head)), head.size) if head else (0, 0)


def _behind(sight: Sight, other: Sight) -> Sight:
    """Note how far an honest place is behind."""
    mine, theirs = sight.head, other.head
    if mine is None or theirs is None or _extent(sight) >= _extent(other):
        return sight
    same = mine.origin == theirs.origin
    return replace(
        sight,
        finding=Finding.BEHIND if sight.finding == Finding.OK else sight.finding,
        lag=theirs.size - mine.size if same else 0,
        reason=sight.reason or ("" if same else f"still at shard {shard_of(mine)}"),
    )
