"""A whole network in one process: real keys, records and checkpoints, no nodes.

What this module guarantees:

* Its files are what nodes would publish: a reader verifies them by all rules, against
  the policy that the network was founded with.
* A checkpoint is made after every file that it names.

It has no intake, no disk and no disagreement; it is for measuring what reading costs.
All authorities co-sign every checkpoint, which is the most that a reader can get.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from cosignal.client.paths import (
    SHARDS_PATH,
    body_path,
    checkpoint_path,
    encode_shards,
    policy_path,
    shard_prefix,
)
from cosignal.protocol.blocks import seal_block
from cosignal.protocol.bodies import SALT_BYTES
from cosignal.protocol.checkpoints import (
    Checkpoint,
    cosign,
    merge_signatures,
    sign_checkpoint,
)
from cosignal.protocol.diagnosis_keys import DiagnosisKey
from cosignal.protocol.entries import NO_LEAF, Entry
from cosignal.protocol.errors import UsageError
from cosignal.protocol.keys import SignerKey, parse_signer_key
from cosignal.protocol.merkle import leaf_hash
from cosignal.protocol.merkle import root as merkle_root
from cosignal.protocol.policy import parse_policy
from cosignal.protocol.records import BlockRecord, PolicyRecord, parse_record
from cosignal.protocol.tiles import (
    bundles_between,
    entry_bundle,
    tile_data,
    tiles_between,
)
from cosignal.server.ledger.dummies import dummy_keys
from cosignal.server.network import FIRST_SHARD, NetworkPlan, write_network

NAME = "practice.cosignal.example"
FIRST_PORT = 8081


class PracticeNetwork:
    """Authorities, their chain, and its static files.

    Attributes:
        policy: The pinned tlog-policy.
        files: Bytes by path below a node's base URL.
    """

    def __init__(
        self, folder: Path, authorities: int, now: int, entropy: Callable[[int], bytes]
    ) -> None:
        """Found a network; its first entry is the policy.

        Args:
            folder: New; for the network's keys.
            authorities: How many.
            now: Unix seconds.
            entropy: Gives random bytes.
        """
        ports = range(FIRST_PORT, FIRST_PORT + authorities)
        plan = NetworkPlan.on_loopback(NAME, ports)
        configs = write_network(folder, plan, entropy)
        keys = [config.parent / "keys" for config in configs]
        self._log = _read_key(keys[0] / "log.key")
        self._issuers = [_read_key(place / "issuer.key") for place in keys]
        self._cosigners = [_read_key(place / "cosigner.key") for place in keys]
        self._entropy = entropy
        self._entries: list[bytes] = []
        self._leaves: list[bytes] = []
        self._certified = 0
        self.policy = parse_policy((folder / "policy").read_bytes())
        self.files: dict[str, bytes] = {}
        genesis = (folder / "genesis").read_bytes()
        self._record = _policy_record(genesis)
        self.files[policy_path(self._record.version)] = genesis
        self._order(genesis, now)

    @property
    def size(self) -> int:
        """Number of entries."""
        return len(self._entries)

    def publish_block(
        self,
        authority: int,
        keys: Sequence[DiagnosisKey],
        now: int,
        *,
        life: int | None = None,
    ) -> int:
        """Seal one authority's keys, padded as a node pads them.

        Args:
            authority: Counts from 0.
            keys: At least one.
            now: Unix seconds.
            life: Seconds until the body is erased; by default the policy's retention.

        Returns:
            Number of keys in the block, dummies included.
        """
        issuer = self._record.issuers[authority]
        dummies = dummy_keys(keys, self._record.minimum, self._entropy)
        record, body = seal_block(
            [*keys, *dummies],
            salt=self._entropy(SALT_BYTES),
            network=NAME,
            issuer=issuer.name,
            region=issuer.region,
            expires=now + (self._record.retention if life is None else life),
            signer=self._issuers[authority],
        )
        self.files[body_path(FIRST_SHARD, _commit(record))] = body
        self._order(record, now)
        return len(keys) + len(dummies)

    def certify(self, now: int) -> None:
        """Write the files of the newest size, and a checkpoint that all co-signed.

        Args:
            now: Unix seconds.
        """
        prefix, size = shard_prefix(FIRST_SHARD), self.size
        for bundle in bundles_between(self._certified, size):
            part = self._entries[bundle.start : bundle.start + bundle.width]
            self.files[f"{prefix}/{bundle.path}"] = entry_bundle(part)
        for tile in tiles_between(self._certified, size):
            self.files[f"{prefix}/{tile.path}"] = tile_data(tile, self._subtree)
        self.files[SHARDS_PATH] = encode_shards([FIRST_SHARD])
        self.files[checkpoint_path(FIRST_SHARD)] = self._checkpoint(now)
        self._certified = size

    def _checkpoint(self, now: int) -> bytes:
        head = Checkpoint(f"{NAME}/{FIRST_SHARD}", self.size, merkle_root(self._leaves))
        note = sign_checkpoint(head, self._log)
        lines = [cosign(note.text, key, now) for key in self._cosigners]
        return merge_signatures(note, lines).encode()

    def _order(self, record: bytes, now: int) -> None:
        last = self._leaves[-1] if self._leaves else NO_LEAF
        entry = Entry(self.size, last, now, record).encode()
        self._entries.append(entry)
        self._leaves.append(leaf_hash(entry))

    def _subtree(self, level: int, index: int) -> bytes:
        return merkle_root(self._leaves[index << level : (index + 1) << level])


def _read_key(path: Path) -> SignerKey:
    return parse_signer_key(path.read_bytes().strip())


def _policy_record(data: bytes) -> PolicyRecord:
    record = parse_record(data).record
    if not isinstance(record, PolicyRecord):
        raise UsageError("genesis: expected a policy record, got another")
    return record


def _commit(data: bytes) -> bytes:
    record = parse_record(data).record
    if not isinstance(record, BlockRecord):
        raise UsageError("record: expected a block, got another")
    return record.commit
