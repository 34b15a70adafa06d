"""Proofs that an entry is in the log, checkable offline (C2SP tlog-proof).

What this module guarantees:

* One file holds all that is needed beside the entry and the policy: index, inclusion
  proof and a checkpoint that a quorum cosigned.
* What `parse_proof` accepts, `Proof.encode` gives back byte for byte.
* `verify_proof` believes nothing that `verify_checkpoint` would not.

What the entry means, and how old the checkpoint may be, are left to the caller. The
extra data is authenticated by nothing.

Source: c2sp.org/tlog-proof.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from cosignal.protocol.checkpoints import CertifiedCheckpoint, verify_checkpoint
from cosignal.protocol.encoding import (
    encode_base64,
    parse_base64,
    parse_decimal,
    parse_hash,
)
from cosignal.protocol.errors import MalformedError, UsageError
from cosignal.protocol.merkle import MAX_PROOF, leaf_hash, verify_inclusion
from cosignal.protocol.policy import Policy

HEADER = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof file; nothing in it is verified yet.

    Attributes:
        index: The entry's, counted from 0.
        hashes: Inclusion proof, 32 bytes each, the leaf's sibling first.
        checkpoint: The signed note, byte for byte.
        extra: Free data of the application, not empty; None for no such line.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def __post_init__(self) -> None:
        """Refuse a proof that no file could hold.

        Raises:
            UsageError: The extra data or the checkpoint is empty.
        """
        if self.extra == b"" or not self.checkpoint:
            raise UsageError("proof: expected no empty extra data, and a checkpoint")

    def encode(self) -> bytes:
        """Write the text of a `.tlog-proof` file."""
        lines = [HEADER]
        if self.extra is not None:
            lines.append(f"extra {encode_base64(self.extra)}")
        lines.append(f"index {self.index}")
        lines += [encode_base64(item) for item in self.hashes]
        return "\n".join([*lines, "", ""]).encode() + self.checkpoint


def parse_proof(data: bytes) -> Proof:
    """Read a proof file; check nothing but its form.

    Args:
        data: The whole file.

    Returns:
        The proof; its checkpoint is not parsed yet.

    Raises:
        MalformedError: The bytes are no proof file.
    """
    head, blank, checkpoint = data.partition(b"\n\n")
    if not blank or not checkpoint:
        raise MalformedError("proof: expected a blank line and a checkpoint after it")
    try:
        lines = iter(head.decode().split("\n"))
    except UnicodeDecodeError:
        raise MalformedError("proof: expected valid UTF-8") from None
    if next(lines) != HEADER:
        raise MalformedError(f"proof: expected {HEADER!r} in the first line")
    extra, index = _parse_fields(lines)
    hashes = tuple(parse_hash(line, "proof: hash") for line in lines)
    if len(hashes) > MAX_PROOF:
        raise MalformedError(
            f"proof: expected at most {MAX_PROOF} hashes, got {len(hashes)}"
        )
    return Proof(index, hashes, checkpoint, extra)


def verify_proof(proof: Proof, entry: bytes, policy: Policy) -> CertifiedCheckpoint:
    """Check that an entry is in the log, by the word of a quorum.

    Args:
        proof: From `parse_proof`.
        entry: The entry's bytes, as the log holds them.
        policy: Whom to believe.

    Returns:
        The checkpoint of the tree that holds the entry.

    Raises:
        VerificationError: A signature, the quorum or the inclusion proof is wrong.
        MalformedError: The proof's checkpoint is none.

    Source: c2sp.org/tlog-proof, "Verifying a tlog proof".
    """
    certified = verify_checkpoint(proof.checkpoint, policy)
    head = certified.checkpoint
    leaf = leaf_hash(entry)
    verify_inclusion(leaf, proof.index, head.size, proof.hashes, head.root)
    return certified


def _parse_fields(lines: Iterator[str]) -> tuple[bytes | None, int]:
    """Optional extra data and the index, from the lines after the header."""
    extra = None
    line = next(lines, "")
    if line.startswith("extra "):
        extra = parse_base64(line.removeprefix("extra "), "proof: extra")
        if not extra:
            raise MalformedError("proof: extra: expected data, or no such line")
        line = next(lines, "")
    if not line.startswith("index "):
        raise MalformedError("proof: expected an index line")
    return extra, parse_decimal(line.removeprefix("index "), "proof: index")
