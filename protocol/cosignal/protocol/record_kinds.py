"""What a record can say: the six kinds of statement and their texts.

======================== =====================================================
`BlockRecord`            one authority's batch of diagnosis keys; signed by it
`PolicyRecord`           members, quorum and parameters; signed by the old
                         quorum and the new one
`ConfigurationRecord`    by which parameters phones weigh encounters; signed by the
                         quorum
`RevocationRecord`       withdraws a block; signed by the authority that issued it
`SealRecord`             the last entry of a shard; signed by the quorum
`GenesisRecord`          the first entry of every shard but the first; commits to
                         the one before; signed by the quorum
======================== =====================================================

What this module guarantees:

* Every text begins with its domain tag, so no signature fits another kind.
* Every record names its network; none can be replayed on another one.

Reading and signing them is `records`' affair.

Source: docs/reference/protocol.md, "Records".
"""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from cosignal.protocol.encoding import encode_base64
from cosignal.protocol.exposure.configuration import ExposureConfiguration
from cosignal.protocol.notes import VerifierKey
from cosignal.protocol.policy import (
    Policy,
    first_policy_line,
    parse_policy,
    quorum_size,
)

ONSET_CLASS = "class"
ONSET_EXACT = "exact"
REVOCATION_REASONS = ("false-positive", "faulty-test", "compromised-codes")


@dataclass(frozen=True, slots=True)
class BlockRecord:
    """The header of one block; its body is a file of its own.

    Attributes:
        network: The network it is made for.
        issuer: Name of the authority.
        region: Where its keys matter, upper-case letters and digits.
        keys: Number of keys in the body, dummies included.
        first_interval: Lowest start of a key, 10-minute units since 1970.
        last_interval: First interval after the last key's end.
        body_bytes: Size of the body file.
        commit: 32 bytes, `bodies.commit` of the file.
        expires: When every node erases the body, Unix seconds.
    """

    network: str
    issuer: str
    region: str
    keys: int
    first_interval: int
    last_interval: int
    body_bytes: int
    commit: bytes
    expires: int

    def text(self) -> str:
        """The lines that the authority signs."""
        return (
            f"cosignal/block/v1\nnetwork {self.network}\nissuer {self.issuer}\n"
            f"region {self.region}\nkeys {self.keys}\n"
            f"intervals {self.first_interval} {self.last_interval}\n"
            f"body {self.body_bytes}\ncommit {encode_base64(self.commit)}\n"
            f"expires {self.expires}\n"
        )


@dataclass(frozen=True, slots=True)
class Issuer:
    """An authority that may issue blocks and vote on policy.

    Attributes:
        name: Also its witness name in the tlog-policy.
        region: Where its keys matter.
        key: Ed25519 key of its records, signed-note type 0x01.
    """

    name: str
    region: str
    key: VerifierKey


@dataclass(frozen=True, slots=True)
class PolicyRecord:
    """Who runs the network, and by which parameters.

    Attributes:
        network: The network's name.
        version: 1, 2, 3, ...
        onset: `class`, or `exact` where days since onset are published.
        minimum: Fewest keys a block may hold.
        retention: Longest life of a body after sequencing, seconds.
        issuers: One for each authority.
        trust_text: The C2SP tlog-policy, byte for byte.
    """

    network: str
    version: int
    onset: str
    minimum: int
    retention: int
    issuers: tuple[Issuer, ...]
    trust_text: str

    def text(self) -> str:
        """The lines that the old and the new quorum sign."""
        lines = [
            f"issuer {issuer.name} {issuer.region} {issuer.key.encode()}\n"
            for issuer in self.issuers
        ]
        return (
            f"cosignal/policy/v1\nnetwork {self.network}\nversion {self.version}\n"
            f"onset {self.onset}\nminimum {self.minimum}\n"
            f"retention {self.retention}\n{''.join(lines)}\n{self.trust_text}"
        )

    @property
    def trust(self) -> Policy:
        """Who must sign a checkpoint."""
        return _trust(self.trust_text)

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of the text, 32 bytes."""
        return sha256(self.text().encode()).digest()

    def pinned_text(self) -> bytes:
        """The file that clients pin, made of version 1: tlog-policy and fingerprint."""
        return f"{self.trust_text}{first_policy_line(self.fingerprint)}".encode()

    def begins(self, pinned: Policy) -> bool:
        """Whether this is the first policy that a pinned file stands for.

        One without a fingerprint tells the issuers of several such records not apart;
        see `chain`, rule 2.
        """
        named = pinned.first in (None, self.fingerprint)
        return named and self.version == 1 and self.trust == pinned

    @property
    def quorum(self) -> int:
        """How many issuers decide together: floor(2n/3) + 1."""
        return quorum_size(len(self.issuers))

    def issuer(self, name: str) -> Issuer | None:
        """Find an authority by name."""
        return next((item for item in self.issuers if item.name == name), None)


@dataclass(frozen=True, slots=True)
class ConfigurationRecord:
    """By which parameters every phone of the network weighs its encounters.

    Attributes:
        network: The network's name.
        version: 1, 2, 3, ...; counted apart from the policy's.
        parameters: What it sets.
    """

    network: str
    version: int
    parameters: ExposureConfiguration

    def text(self) -> str:
        """The lines that the quorum signs."""
        return (
            f"cosignal/configuration/v1\nnetwork {self.network}\n"
            f"version {self.version}\n{self.parameters.text()}"
        )


@dataclass(frozen=True, slots=True)
class RevocationRecord:
    """Withdraws a block; phones drop what they matched in it.

    Attributes:
        network: The network's name.
        issuer: The authority, the same that issued the block.
        commit: The block's commitment.
        reason: One of `REVOCATION_REASONS`.
    """

    network: str
    issuer: str
    commit: bytes
    reason: str

    def text(self) -> str:
        """The lines that the authority signs."""
        return (
            f"cosignal/revocation/v1\nnetwork {self.network}\nissuer {self.issuer}\n"
            f"commit {encode_base64(self.commit)}\nreason {self.reason}\n"
        )


@dataclass(frozen=True, slots=True)
class SealRecord:
    """Closes a shard: nothing may follow it.

    Attributes:
        network: The network's name.
        shard: The shard that ends.
    """

    network: str
    shard: str

    def text(self) -> str:
        """The lines that the quorum signs."""
        return f"cosignal/seal/v1\nnetwork {self.network}\nshard {self.shard}\n"


@dataclass(frozen=True, slots=True)
class GenesisRecord:
    """Opens a shard and commits to the one before.

    Attributes:
        network: The network's name.
        shard: The shard that begins.
        previous: The shard that ended.
        size: Its final number of entries.
        root: Its final root, 32 bytes.
    """

    network: str
    shard: str
    previous: str
    size: int
    root: bytes

    def text(self) -> str:
        """The lines that the quorum signs."""
        return (
            f"cosignal/genesis/v1\nnetwork {self.network}\nshard {self.shard}\n"
            f"previous {self.previous} {self.size} {encode_base64(self.root)}\n"
        )


Record = (
    BlockRecord
    | PolicyRecord
    | ConfigurationRecord
    | RevocationRecord
    | SealRecord
    | GenesisRecord
)


@lru_cache(maxsize=8)
def _trust(text: str) -> Policy:
    """Every checkpoint asks for it; parsing 64 witnesses each time would show."""
    return parse_policy(text.encode())
