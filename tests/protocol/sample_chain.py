"""A network of authorities in memory, to make entries and checkpoints by hand.

>>> sample = SampleChain()
>>> chain, _, _ = sample.start().advance(*sample.published(), now=sample.now)
>>> chain.size
1
"""

import hashlib
from dataclasses import dataclass, field

from cosignal.protocol.blocks import seal_block
from cosignal.protocol.chain import Chain
from cosignal.protocol.checkpoints import (
    Checkpoint,
    cosign,
    merge_signatures,
    sign_checkpoint,
)
from cosignal.protocol.diagnosis_keys import DiagnosisKey
from cosignal.protocol.entries import NO_LEAF, Entry
from cosignal.protocol.merkle import CompactRange, leaf_hash
from cosignal.protocol.notes import ALG_COSIGNATURE, ALG_ED25519, SignerKey
from cosignal.protocol.policy import (
    Log,
    Policy,
    Witness,
    authorities_policy,
    parse_policy,
)
from cosignal.protocol.records import Issuer, PolicyRecord, sign_record
from tests.protocol.reference_set import reference_set
from tests.strategies import NOW

NETWORK = "sample.example"
RETENTION = 14 * 86400


def signer(name: str, kind: int) -> SignerKey:
    """A key that anybody can derive from its name."""
    return SignerKey(name, kind, hashlib.sha256(f"{kind} {name}".encode()).digest())


@dataclass
class SampleChain:
    """Entries in order, and whoever may sign them."""

    members: int = 4
    now: int = NOW
    entries: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.names = [f"authority-{i + 1}" for i in range(self.members)]
        self.log = signer(f"{NETWORK}/1", ALG_ED25519)
        self.issuers = [
            signer(f"{n}.{NETWORK}/issuer", ALG_ED25519) for n in self.names
        ]
        self.cosigners = [signer(f"{n}.{NETWORK}", ALG_COSIGNATURE) for n in self.names]
        self.policy = self.policy_record(1)
        self.add(sign_record(self.policy, *self.issuers))

    @property
    def trust(self) -> Policy:
        return self.policy.trust

    def policy_record(self, version: int, **changes: object) -> PolicyRecord:
        """The members' policy, with other parameters where given."""
        fields: dict[str, object] = {
            "network": NETWORK,
            "version": version,
            "onset": "class",
            "minimum": 10,
            "retention": RETENTION,
            "issuers": tuple(
                Issuer(name, "FR", key.verifier)
                for name, key in zip(self.names, self.issuers, strict=True)
            ),
            "trust_text": self.trust_text(),
        }
        return PolicyRecord(**(fields | changes))  # type: ignore[arg-type]

    def trust_text(self) -> str:
        witnesses = [
            Witness(name, key.verifier)
            for name, key in zip(self.names, self.cosigners, strict=True)
        ]
        return authorities_policy(Log(self.log.verifier), witnesses).decode()

    def start(self) -> Chain:
        """A verifier that knows the pinned policy and nothing else."""
        return Chain.start(NETWORK, "1", parse_policy(self.trust_text().encode()))

    def block(
        self, keys: list[DiagnosisKey] | None = None, issuer: int = 1
    ) -> tuple[bytes, bytes]:
        """A signed record and its body."""
        return seal_block(
            keys or reference_set(20),
            salt=hashlib.sha256(str(len(self.entries)).encode()).digest(),
            network=NETWORK,
            issuer=self.names[issuer],
            region="FR",
            expires=self.now + RETENTION,
            signer=self.issuers[issuer],
        )

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

    def checkpoint(
        self,
        size: int | None = None,
        signers: list[int] | None = None,
        entries: list[bytes] | None = None,
    ) -> bytes:
        """A checkpoint co-signed by `signers`, by default by all."""
        entries = self.entries if entries is None else entries
        size = len(entries) if size is None else size
        leaves = [leaf_hash(entry) for entry in entries[:size]]
        root = CompactRange().extend(leaves).root()
        note = sign_checkpoint(Checkpoint(f"{NETWORK}/1", size, root), self.log)
        chosen = range(self.members) if signers is None else signers
        lines = [cosign(note.text, self.cosigners[i], self.now) for i in chosen]
        return merge_signatures(note, lines).encode()

    def published(self, since: int = 0) -> tuple[bytes, list[bytes]]:
        """The newest checkpoint and the entries after `since`."""
        return self.checkpoint(), self.entries[since:]
