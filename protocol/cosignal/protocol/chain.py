"""The chain's verifier: one value that only ever grows by the rules.

A `Chain` knows a shard's size, the compact range over its leaves, its last leaf, and
the policy and configuration in force. Each step returns a new value, so that a refused
step changes nothing. It holds these rules:

1.  Entry i says index i, names the leaf hash of entry i-1, and is not sequenced before
    it.
2.  The first entry of shard 1 is policy version 1, the one that the pinned file names
    by its hash and whose tlog-policy it repeats; the first entry of any other shard is
    a genesis that names the final size and root of the shard before.
3.  Every record is of this network and signed by whom it needs: a block or revocation
    by its issuer, everything else by the quorum.
4.  Policy versions follow each other one by one; the old quorum and the new sign.
    Configuration versions follow each other in a row of their own, from 1 on. Both rows
    go on in the next shard.
5.  A block's region is its issuer's; it holds at least the policy's minimum of keys;
    its body expires after sequencing, at most one retention (and clock skew) later.
6.  A seal names its shard, and nothing follows it.
7.  A checkpoint counts when the policy in force after its last entry says so, its
    quorum has spoken within 24 hours, its size does not shrink, and its root is the one
    that the entries lead to. From nothing, with a pinned file that names no first
    policy, the pinned quorum must stand behind it as well: anybody could write a first
    policy with the same tlog-policy and issuers of their own, who then change it.

Appending leaves to a compact range and comparing roots makes the history append-only by
construction; no consistency proof is needed. What stands in bodies is checked by
`blocks`; writing the value down is left to `chain_state`, fetching and keeping things
to `cosignal.client` and the server.
A revocation takes effect only on a block of the same issuer; readers see to that.

Source: docs/reference/protocol.md, "Chain rules".
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cosignal.protocol.checkpoints import (
    CertifiedCheckpoint,
    check_fresh,
    verify_checkpoint,
)
from cosignal.protocol.entries import NO_LEAF, parse_entry
from cosignal.protocol.errors import (
    ChainRuleError,
    ConsistencyError,
    CosignalError,
    UsageError,
)
from cosignal.protocol.merkle import CompactRange, leaf_hash
from cosignal.protocol.policy import Policy
from cosignal.protocol.records import (
    BlockRecord,
    ConfigurationRecord,
    GenesisRecord,
    PolicyRecord,
    Record,
    SealRecord,
    parse_record,
    verify_record,
)

FIRST_SHARD = "1"
MAX_CLOCK_SKEW = 300
EMPTY_RANGE = CompactRange()


@dataclass(frozen=True, slots=True)
class VerifiedEntry:
    """An entry that obeys the rules.

    Attributes:
        index: Position in the shard.
        time: When it was sequenced, Unix seconds.
        leaf: Its leaf hash, 32 bytes.
        record: What it says.
        record_bytes: The signed record.
        policy: In force before it; for the first policy, that policy itself.
    """

    index: int
    time: int
    leaf: bytes
    record: Record
    record_bytes: bytes
    policy: PolicyRecord


@dataclass(frozen=True, slots=True)
class ShardEnd:
    """How a shard ended; the next one commits to it.

    Attributes:
        shard: Its name.
        size: Its final number of entries.
        root: Its final root.
    """

    shard: str
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Chain:
    """What a verifier knows of one shard; see the module for the rules.

    Attributes:
        network: The network's name.
        shard: The shard's name.
        pinned: The tlog-policy that the verifier started from.
        policy: In force after the last entry; None before the first.
        configuration: In force after the last entry; None as long as there is none.
        range: Compact range over all leaves.
        last_leaf: Leaf hash of the last entry; 32 zero bytes before the first.
        last_time: Its sequencing time, Unix seconds.
        sealed: Whether the shard has ended.
        previous: The end of the shard before; None for shard 1.
    """

    network: str
    shard: str
    pinned: Policy
    policy: PolicyRecord | None = None
    configuration: ConfigurationRecord | None = None
    range: CompactRange = EMPTY_RANGE
    last_leaf: bytes = NO_LEAF
    last_time: int = 0
    sealed: bool = False
    previous: ShardEnd | None = None

    @classmethod
    def start(cls, network: str, shard: str, trust: Policy) -> "Chain":
        """Begin with nothing but a pinned tlog-policy.

        Raises:
            UsageError: The shard is not the first; follow the first one to its end.
        """
        if shard != FIRST_SHARD:
            raise UsageError(f"shard: expected {FIRST_SHARD!r} to start, got {shard!r}")
        return cls(network, shard, trust)

    def follow(self, shard: str) -> "Chain":
        """Begin the shard that comes after this sealed one.

        Raises:
            UsageError: This shard has not ended.
        """
        if not self.sealed:
            raise UsageError(f"shard {self.shard}: expected a sealed shard to follow")
        end = ShardEnd(self.shard, self.size, self.root())
        return Chain(
            self.network,
            shard,
            self.pinned,
            self.policy,
            self.configuration,
            last_time=self.last_time,
            previous=end,
        )

    @property
    def origin(self) -> str:
        """The log's origin line."""
        return f"{self.network}/{self.shard}"

    @property
    def size(self) -> int:
        """Number of entries."""
        return self.range.size

    @property
    def trust(self) -> Policy:
        """The tlog-policy in force: the last adopted one, or the pinned one."""
        return self.pinned if self.policy is None else self.policy.trust

    def root(self) -> bytes:
        """Root hash over all entries, 32 bytes."""
        return self.range.root()

    def extend(
        self, entries: Sequence[bytes]
    ) -> tuple["Chain", tuple[VerifiedEntry, ...]]:
        """Append entries by rules 1 to 6, without asking who certified them.

        Args:
            entries: The leaves that follow, in order.

        Returns:
            The longer chain, and the entries it gained.

        Raises:
            ChainRuleError: Names the first entry found wrong.
        """
        chain, verified = self, []
        leaves = []
        for position, data in enumerate(entries):
            index = self.size + position
            try:
                chain, entry = chain._step(index, data)
            except ChainRuleError:
                raise
            except CosignalError as error:
                # What a parser advises is for whoever wrote the bytes, not for readers.
                raise ChainRuleError(
                    str(error),
                    index=index,
                    advice="The entry was altered, or its issuer broke a rule; "
                    "compare with another mirror.",
                ) from error
            verified.append(entry)
            leaves.append(entry.leaf)
        return replace(chain, range=self.range.extend(leaves)), tuple(verified)

    def advance(
        self, note: bytes, entries: Sequence[bytes], now: int
    ) -> tuple["Chain", CertifiedCheckpoint, tuple[VerifiedEntry, ...]]:
        """Move to a certified checkpoint, by all rules.

        Args:
            note: The checkpoint with its co-signatures.
            entries: All entries from this chain's size to the checkpoint's.
            now: Unix seconds.

        Returns:
            The chain at the checkpoint, the checkpoint, and the entries gained.

        Raises:
            ChainRuleError: An entry breaks a rule.
            QuorumError: Too few co-signatures, by the policy in force at its size.
            SignatureInvalidError: A known key's signature does not verify.
            StaleError: The quorum last spoke more than 24 hours before `now`.
            ConsistencyError: Its size shrinks, or its root is not the entries' root.
            MalformedError: Not a checkpoint.
        """
        chain, verified = self.extend(entries)
        certified = verify_checkpoint(note, chain.trust)
        if self.policy is None and self.pinned.first is None:
            verify_checkpoint(note, self.pinned)
        checkpoint = certified.checkpoint
        if checkpoint.origin != self.origin:
            raise ConsistencyError(
                f"origin: expected {self.origin}, got {checkpoint.origin}"
            )
        if checkpoint.size < self.size:
            raise ConsistencyError(
                f"size: expected {self.size} or more, got {checkpoint.size}",
                advice="The source is behind or rolled back; ask another mirror.",
            )
        if checkpoint.size != chain.size:
            raise ConsistencyError(
                f"size: expected {chain.size} with the entries given, "
                f"got {checkpoint.size}"
            )
        if checkpoint.root != chain.root():
            raise ConsistencyError(
                f"root: expected the root of entries 0 to {chain.size}, got another",
                advice="Entries or checkpoint were changed; keep both as evidence.",
            )
        check_fresh(certified, now)
        return chain, certified, verified

    def _step(self, index: int, data: bytes) -> tuple["Chain", VerifiedEntry]:
        """Append one entry; the compact range is extended once for all by `extend`."""
        if self.sealed:
            raise ChainRuleError("expected nothing after the seal", index=index)
        entry = parse_entry(data)
        if entry.index != index:
            raise ChainRuleError(f"expected this index, got {entry.index}", index=index)
        if entry.prev != self.last_leaf:
            raise ChainRuleError(
                "expected the leaf hash of the one before", index=index
            )
        if entry.time < self.last_time:
            raise ChainRuleError(
                f"time: expected {self.last_time} or later, got {entry.time}",
                index=index,
            )
        signed = parse_record(entry.record)
        record = verify_record(signed, self.policy)
        policy = self._check_record(record, index, entry.time)
        leaf = leaf_hash(data)
        chain = replace(
            self,
            policy=policy,
            configuration=self._configuration_after(record, index),
            last_leaf=leaf,
            last_time=entry.time,
            sealed=isinstance(record, SealRecord),
        )
        return chain, VerifiedEntry(
            index, entry.time, leaf, record, entry.record, self.policy or policy
        )

    def _check_record(self, record: Record, index: int, time: int) -> PolicyRecord:
        """Apply rules 2 to 6; return the policy in force after the record."""
        if record.network != self.network:
            raise ChainRuleError(
                f"network: expected {self.network}, got {record.network}", index=index
            )
        if index == 0:
            self._check_first(record)
        if isinstance(record, PolicyRecord):
            return self._check_policy(record, index)
        policy = self.policy
        if policy is None or (index > 0 and isinstance(record, GenesisRecord)):
            raise ChainRuleError("genesis: expected it only as entry 0", index=index)
        if isinstance(record, BlockRecord):
            _check_block(record, policy, index, time)
        if isinstance(record, SealRecord) and record.shard != self.shard:
            raise ChainRuleError(
                f"seal: expected shard {self.shard}, got {record.shard}", index=index
            )
        return policy

    def _check_first(self, record: Record) -> None:
        if self.previous is None:
            if not isinstance(record, PolicyRecord) or not record.begins(self.pinned):
                raise ChainRuleError(
                    "expected the pinned policy, got an altered or another network's",
                    index=0,
                    advice="Check that --policy is this network's policy file.",
                )
            return
        end = self.previous
        named = isinstance(record, GenesisRecord) and (
            record.shard,
            record.previous,
            record.size,
            record.root,
        ) == (self.shard, end.shard, end.size, end.root)
        if not named:
            raise ChainRuleError(
                f"expected a genesis that names the end of shard {end.shard}", index=0
            )

    def _check_policy(self, record: PolicyRecord, index: int) -> PolicyRecord:
        _check_version("policy", self.policy, record, index)
        return record

    def _configuration_after(
        self, record: Record, index: int
    ) -> ConfigurationRecord | None:
        if not isinstance(record, ConfigurationRecord):
            return self.configuration
        _check_version("configuration", self.configuration, record, index)
        return record


def _check_version(
    what: str,
    before: PolicyRecord | ConfigurationRecord | None,
    record: PolicyRecord | ConfigurationRecord,
    index: int,
) -> None:
    """Rule 4."""
    expected = 1 if before is None else before.version + 1
    if record.version != expected:
        raise ChainRuleError(
            f"{what} version: expected {expected}, got {record.version}", index=index
        )


def _check_block(
    record: BlockRecord, policy: PolicyRecord, index: int, time: int
) -> None:
    """Rule 5."""
    issuer = policy.issuer(record.issuer)
    if issuer is None or issuer.region != record.region:
        raise ChainRuleError("region: expected the issuer's own", index=index)
    if record.keys < policy.minimum:
        raise ChainRuleError(
            f"keys: expected at least {policy.minimum}, got {record.keys}", index=index
        )
    latest = time + policy.retention + MAX_CLOCK_SKEW
    if not time < record.expires <= latest:
        raise ChainRuleError(
            f"expires: expected after {time}, at most {latest}, got {record.expires}",
            index=index,
        )
