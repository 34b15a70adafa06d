"""A whole network in memory: authorities, chain, static files, and every kind of lie.

It makes real records, bodies, entries, tiles and checkpoints, signed with real keys,
and is a `Source` itself: no sockets, no files. The idea is python-tuf's
RepositorySimulator.

Build a history, publish it, read it::

    network = NetworkInMemory()
    network.configure()                 # the quorum sets how phones weigh encounters
    network.block()                     # authority-2 publishes 20 keys
    network.publish()                   # tiles, bundles, co-signed checkpoint
    data = await network.get("chain/1/checkpoint")

Lie about it::

    network.drop("chain/1/tile/entries/000.p/2")           # 404
    network.change("chain/1/checkpoint", lambda data: ...) # other bytes
    thief = network.fork()                      # the same keys, another story
    thief.block(); thief.publish(signers=[])    # a log key, and no quorum

`requests` says what was read, `published` what a mirror would hold.
"""

import copy
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from cosignal.client.paths import (
    SHARDS_PATH,
    body_path,
    checkpoint_path,
    encode_shards,
    record_path,
    shard_prefix,
)
from cosignal.client.sources import MAX_FILE_BYTES
from cosignal.protocol.blocks import seal_block
from cosignal.protocol.checkpoints import (
    Checkpoint,
    cosign,
    merge_signatures,
    sign_checkpoint,
)
from cosignal.protocol.diagnosis_keys import DiagnosisKey, Infectiousness, ReportType
from cosignal.protocol.entries import NO_LEAF, Entry
from cosignal.protocol.errors import GoneError, NotFoundError, UnavailableError
from cosignal.protocol.exposure.configuration import ExposureConfiguration
from cosignal.protocol.merkle import leaf_hash
from cosignal.protocol.merkle import root as merkle_root
from cosignal.protocol.notes import ALG_COSIGNATURE, ALG_ED25519, Note, SignerKey
from cosignal.protocol.policy import (
    Log,
    Policy,
    Witness,
    authorities_policy,
    parse_policy,
)
from cosignal.protocol.records import (
    BlockRecord,
    ConfigurationRecord,
    GenesisRecord,
    Issuer,
    PolicyRecord,
    RevocationRecord,
    SealRecord,
    parse_record,
    sign_record,
)
from cosignal.protocol.tiles import (
    bundles_between,
    entry_bundle,
    tile_data,
    tiles_between,
)
from tests.strategies import DAY, NOW

NETWORK = "memory.example"
RETENTION = 14 * 86400
MINIMUM = 10

Change = Callable[[bytes], bytes]


def signer(name: str, kind: int) -> SignerKey:
    """A key that anybody can derive from its name."""
    return SignerKey(name, kind, hashlib.sha256(f"{kind} {name}".encode()).digest())


def sample_keys(count: int, seed: str = "", now: int = NOW) -> list[DiagnosisKey]:
    """Full-day keys of the last days; the same ones for the same seed."""
    today = now // 86400 * DAY
    return [
        DiagnosisKey(
            hashlib.sha256(f"key {seed} {number}".encode()).digest()[:16],
            today - (2 + number % 12) * DAY,
            DAY,
            ReportType.CONFIRMED_TEST,
            Infectiousness.HIGH,
        )
        for number in range(count)
    ]


@dataclass(frozen=True)
class Authority:
    """One member with its keys."""

    name: str
    region: str
    issuer: SignerKey
    cosigner: SignerKey


def authority(number: int) -> Authority:
    """The authority of a number, from 1; the same one in every network."""
    name = f"authority-{number}"
    return Authority(
        name,
        f"R{number}",
        signer(f"{name}.{NETWORK}/issuer", ALG_ED25519),
        signer(f"{name}.{NETWORK}", ALG_COSIGNATURE),
    )


class NetworkInMemory:
    """n authorities, their chain, and the static files that it is read from."""

    def __init__(self, members: int = 4, *, now: int = NOW) -> None:
        self.now = now
        self.members = [authority(number) for number in range(1, members + 1)]
        self.shards = ["1"]
        self.log_shards = ["1"]
        self.histories: dict[str, list[bytes]] = {"1": []}
        self.sizes: dict[str, int] = {}
        self.published: dict[str, bytes] = {}
        self.erased: set[str] = set()
        self.requests: list[str] = []
        self._dropped: set[str] = set()
        self._changes: dict[str, Change] = {}
        self.policy = self._policy(1)
        self.configuration: ConfigurationRecord | None = None
        self.policy_text = self.policy.pinned_text()
        self.pinned: Policy = parse_policy(self.policy_text)
        self.add(sign_record(self.policy, *self._issuers()))

    # Reading -----------------------------------------------------------------------

    @property
    def name(self) -> str:
        return "the network in memory"

    async def get(self, path: str, limit: int = MAX_FILE_BYTES) -> bytes:
        """What a mirror answers, lies included."""
        self.requests.append(path)
        if path in self.erased:
            raise GoneError(f"{path}: expected a file, got the answer that it is gone")
        if path in self._dropped or path not in self.published:
            raise NotFoundError(f"{path}: expected a file, got none")
        data = self.published[path]
        data = self._changes.get(path, bytes)(data)
        if len(data) > limit:
            raise UnavailableError(f"{path}: expected at most {limit} bytes, got more")
        return data

    # History -----------------------------------------------------------------------

    @property
    def shard(self) -> str:
        """The shard that grows."""
        return self.shards[-1]

    @property
    def entries(self) -> list[bytes]:
        """Its entries, published or not."""
        return self.histories[self.shard]

    def add(self, record: bytes, **envelope: object) -> bytes:
        """Order a record; `envelope` overrides what an honest sequencer writes."""
        fields: dict[str, object] = {
            "index": len(self.entries),
            "prev": leaf_hash(self.entries[-1]) if self.entries else NO_LEAF,
            "time": self.now,
            "record": record,
        }
        entry = Entry(**(fields | envelope)).encode()  # type: ignore[arg-type]
        self.entries.append(entry)
        return entry

    def block(
        self,
        keys: Sequence[DiagnosisKey] | None = None,
        issuer: int = 2,
        *,
        expires: int | None = None,
    ) -> BlockRecord:
        """Order a block of an authority, padded to the minimum; publish its body."""
        who = authority(issuer)
        seed = f"{self.shard}/{len(self.entries)}"
        chosen = list(sample_keys(20, seed, self.now) if keys is None else keys)
        missing = max(0, MINIMUM - len(chosen))
        chosen += sample_keys(missing, f"dummies {seed}", self.now)
        record, body = seal_block(
            chosen,
            salt=hashlib.sha256(f"salt {seed}".encode()).digest(),
            network=NETWORK,
            issuer=who.name,
            region=who.region,
            expires=self.now + RETENTION if expires is None else expires,
            signer=who.issuer,
        )
        self.add(record)
        block = parse_record(record).record
        assert isinstance(block, BlockRecord)
        self.published[body_path(self.shard, block.commit)] = body
        return block

    def revoke(self, block: BlockRecord, issuer: int = 2) -> None:
        """Withdraw a block; only its own issuer's word counts."""
        self.add(self.revocation(block.commit, issuer))

    def revocation(self, commit: bytes = bytes(32), issuer: int = 2) -> bytes:
        """A signed revocation; the smallest record there is, for long histories."""
        who = authority(issuer)
        record = RevocationRecord(NETWORK, who.name, commit, "false-positive")
        return sign_record(record, who.issuer)

    def change_policy(
        self, members: Sequence[int] | None = None, shards: Sequence[str] | None = None
    ) -> PolicyRecord:
        """Adopt the next policy, signed by all old and new members."""
        before = self._issuers()
        if members is not None:
            self.members = [authority(number) for number in members]
        if shards is not None:
            self.log_shards = list(shards)
        self.policy = self._policy(self.policy.version + 1)
        signers = dict.fromkeys([key.name for key in before + self._issuers()])
        keys = [signer(name, ALG_ED25519) for name in signers]
        self.add(sign_record(self.policy, *keys))
        return self.policy

    def configure(
        self, parameters: ExposureConfiguration | None = None, **envelope: object
    ) -> ConfigurationRecord:
        """Order the next configuration, by default with the default parameters."""
        version = self.configuration.version + 1 if self.configuration else 1
        self.configuration = ConfigurationRecord(
            NETWORK, version, parameters or ExposureConfiguration()
        )
        self.add(sign_record(self.configuration, *self._issuers()), **envelope)
        return self.configuration

    def next_shard(self) -> str:
        """Seal the shard, publish its end, and begin the next one."""
        old, new = self.shard, str(int(self.shard) + 1)
        self.change_policy(shards=[old, new])
        self.add(sign_record(SealRecord(NETWORK, old), *self._issuers()))
        self.publish()
        root = merkle_root(map(leaf_hash, self.entries))
        genesis = GenesisRecord(NETWORK, new, old, len(self.entries), root)
        self.shards.append(new)
        self.histories[new] = []
        self.add(sign_record(genesis, *self._issuers()))
        return new

    # Publishing --------------------------------------------------------------------

    def publish(self, signers: Sequence[int] | None = None) -> bytes:
        """Write the files of the newest size, with the co-signatures given."""
        shard, entries = self.shard, self.entries
        prefix, old = shard_prefix(shard), self.sizes.get(shard, 0)
        leaves = [leaf_hash(entry) for entry in entries]

        def read(level: int, index: int) -> bytes:
            return merkle_root(leaves[index << level : (index + 1) << level])

        for bundle in bundles_between(old, len(entries)):
            part = entries[bundle.start : bundle.start + bundle.width]
            self.published[f"{prefix}/{bundle.path}"] = entry_bundle(part)
        for tile in tiles_between(old, len(entries)):
            self.published[f"{prefix}/{tile.path}"] = tile_data(tile, read)
        self.sizes[shard] = len(entries)
        note = self.checkpoint(signers)
        self.published[checkpoint_path(shard)] = note
        self.published[SHARDS_PATH] = encode_shards(self.shards)
        self._publish_records()
        return note

    def checkpoint(
        self, signers: Sequence[int] | None = None, *, root: bytes | None = None
    ) -> bytes:
        """A checkpoint of all entries, co-signed by `signers`, by default by all."""
        leaves = map(leaf_hash, self.entries)
        head = Checkpoint(
            f"{NETWORK}/{self.shard}", len(self.entries), root or merkle_root(leaves)
        )
        note: Note = sign_checkpoint(head, signer(head.origin, ALG_ED25519))
        chosen = [item for item in self.members if _signs(item, signers)]
        lines = [cosign(note.text, item.cosigner, self.now) for item in chosen]
        return merge_signatures(note, lines).encode()

    def expire(self) -> list[str]:
        """Erase the bodies whose time has come; return their paths."""
        gone = []
        for shard, entries in self.histories.items():
            for entry in entries:
                record = parse_record(entry.split(b"\n\n", 1)[1]).record
                if isinstance(record, BlockRecord) and record.expires <= self.now:
                    gone.append(body_path(shard, record.commit))
        self.erased.update(gone)
        for path in gone:
            self.published.pop(path, None)
        return gone

    # Lies --------------------------------------------------------------------------

    def drop(self, path: str) -> None:
        """Answer 404 for a path."""
        self._dropped.add(path)

    def change(self, path: str, change: Change) -> None:
        """Answer other bytes for a path."""
        self._changes[path] = change

    def honest(self) -> None:
        """Stop lying."""
        self._dropped.clear()
        self._changes.clear()

    def usurp(self) -> None:
        """Begin again with other issuers below the true tlog-policy, then without it.

        Nobody's secret is needed for that but the log's.
        """
        self.entries.clear()
        self.published.clear()
        self.sizes.clear()
        issuers = [
            replace(item, issuer=signer(f"false-{item.name}/issuer", ALG_ED25519))
            for item in self.members
        ]
        cosigners = [
            replace(item, cosigner=signer(f"false-{item.name}", ALG_COSIGNATURE))
            for item in issuers
        ]
        for version, members in enumerate((issuers, cosigners), 1):
            self.members = members
            self.policy = self._policy(version)
            self.add(sign_record(self.policy, *self._issuers()))

    def fork(self) -> "NetworkInMemory":
        """The same keys and the same past; what comes next is another story."""
        return copy.deepcopy(self)

    # Inside ------------------------------------------------------------------------

    def _issuers(self) -> list[SignerKey]:
        return [item.issuer for item in self.members]

    def _policy(self, version: int) -> PolicyRecord:
        return PolicyRecord(
            NETWORK,
            version,
            "class",
            MINIMUM,
            RETENTION,
            tuple(
                Issuer(item.name, item.region, item.issuer.verifier)
                for item in self.members
            ),
            self._trust_text(),
        )

    def _trust_text(self) -> str:
        logs = [
            Log(signer(f"{NETWORK}/{shard}", ALG_ED25519).verifier)
            for shard in self.log_shards
        ]
        witnesses = [
            Witness(item.name, item.cosigner.verifier) for item in self.members
        ]
        more = "".join(f"log {log.key.encode()}\n" for log in logs[1:])
        return more + authorities_policy(logs[0], witnesses).decode()

    def _publish_records(self) -> None:
        for entries in self.histories.values():
            for entry in entries:
                data = entry.split(b"\n\n", 1)[1]
                path = record_path(parse_record(data).record)
                if path is not None:
                    self.published[path] = data


def _signs(member: Authority, signers: Sequence[int] | None) -> bool:
    return signers is None or int(member.name.rpartition("-")[2]) in signers
