"""Evidence that a log or a cosigner told two stories, checkable offline.

What this module guarantees:

* A file names no one by itself: `verify_evidence` finds out from the signatures who
  lied, and refuses a file that convicts nobody.
* Every part is needed: two signed notes of one origin and, where their sizes differ,
  hashes that lead to the larger root and to a prefix other than the smaller root.
* What `parse_evidence` accepts, `Evidence.encode` gives back byte for byte; a file's
  name is the hash of its bytes.

======================= ===========================================================
log-equivocation        logs of one origin signed two roots for one size
cosigner-equivocation   a witness cosigned two roots for one size
inconsistent            someone signed a tree and a larger one that does not extend it
======================= ===========================================================

The file is text: `cosignal/evidence/v1`, `kind <kind>`, `notes <bytes> <bytes>`, the
hashes in base64 one a line, a blank line, then both notes as they were signed. Keeping
and spreading it is left to others.

Source: docs/reference/protocol.md, "Evidence".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from cosignal.protocol.checkpoints import (
    Checkpoint,
    parse_checkpoint_text,
    verified_signers,
)
from cosignal.protocol.encoding import encode_base64, parse_decimal, parse_hash
from cosignal.protocol.errors import MalformedError, VerificationError
from cosignal.protocol.merkle import MAX_PROOF, prefix_roots
from cosignal.protocol.notes import VerifierKey, parse_note
from cosignal.protocol.policy import Policy

TAG = "cosignal/evidence/v1"
LOG_EQUIVOCATION = "log-equivocation"
COSIGNER_EQUIVOCATION = "cosigner-equivocation"
INCONSISTENT = "inconsistent"
KINDS = (LOG_EQUIVOCATION, COSIGNER_EQUIVOCATION, INCONSISTENT)


@dataclass(frozen=True, slots=True)
class Evidence:
    """An evidence file; nothing in it is verified yet.

    Attributes:
        kind: One of `KINDS`.
        first: A signed checkpoint; the smaller one where sizes differ.
        second: Another signed checkpoint of the same origin.
        proof: For `inconsistent` a `merkle.prefix_proof` in the larger tree, 32 bytes
            a hash; otherwise empty.
    """

    kind: str
    first: bytes
    second: bytes
    proof: tuple[bytes, ...] = ()

    @property
    def file_name(self) -> str:
        """Name of the file, from the hash of its bytes."""
        return f"{sha256(self.encode()).hexdigest()}.evidence"

    def encode(self) -> bytes:
        """Write the file."""
        lines = [
            TAG,
            f"kind {self.kind}",
            f"notes {len(self.first)} {len(self.second)}",
            *map(encode_base64, self.proof),
        ]
        return "\n".join([*lines, "", ""]).encode() + self.first + self.second


@dataclass(frozen=True, slots=True)
class Statement:
    """What a file of evidence proves.

    Attributes:
        kind: One of `KINDS`.
        first: One tree head, the smaller one where sizes differ.
        second: The tree head that contradicts it.
        accused: Keys whose signatures contradict each other.
    """

    kind: str
    first: Checkpoint
    second: Checkpoint
    accused: tuple[VerifierKey, ...]

    def text(self) -> str:
        """Say it in one sentence for a person."""
        names = ", ".join(dict.fromkeys(key.name for key in self.accused))
        one, other = (encode_base64(item.root) for item in (self.first, self.second))
        return (
            f"{names} signed two histories of {self.first.origin}: root {one} at size "
            f"{self.first.size}, root {other} at size {self.second.size}"
        )


@dataclass(frozen=True, slots=True)
class _Testimony:
    """One note with those whose signatures on it hold."""

    checkpoint: Checkpoint
    logs: tuple[VerifierKey, ...]
    witnesses: tuple[VerifierKey, ...]


def parse_evidence(data: bytes) -> Evidence:
    """Read an evidence file; check nothing but its form.

    Args:
        data: The whole file.

    Returns:
        The evidence; its notes are not parsed yet.

    Raises:
        MalformedError: The bytes are no evidence file.
    """
    head, blank, notes = data.partition(b"\n\n")
    if not blank:
        raise MalformedError("evidence: expected a blank line before the notes")
    try:
        lines = iter(head.decode().split("\n"))
    except UnicodeDecodeError:
        raise MalformedError("evidence: expected valid UTF-8") from None
    if next(lines) != TAG:
        raise MalformedError(f"evidence: expected {TAG!r} in the first line")
    (kind,) = _words(lines, "kind", 1)
    if kind not in KINDS:
        raise MalformedError(f"evidence: kind: expected one of {', '.join(KINDS)}")
    sizes = _words(lines, "notes", 2)
    first, second = (parse_decimal(word, "evidence: notes") for word in sizes)
    if first + second != len(notes):
        raise MalformedError(
            f"evidence: expected notes of {first + second} bytes, got {len(notes)}"
        )
    proof = tuple(parse_hash(line, "evidence: hash") for line in lines)
    if len(proof) > MAX_PROOF + 1:
        raise MalformedError(f"evidence: expected at most {MAX_PROOF + 1} hashes")
    return Evidence(kind, notes[:first], notes[first:], proof)


def verify_evidence(evidence: Evidence, policy: Policy) -> Statement:
    """Check that somebody named by a policy lied.

    Args:
        evidence: From `parse_evidence`.
        policy: Whose keys count; a quorum is not needed.

    Returns:
        Who lied about what.

    Raises:
        VerificationError: The file proves nothing: a signature is bad or missing, the
            origins differ, the tree heads agree, or the hashes lead elsewhere.
        MalformedError: A note in it is no checkpoint.
    """
    first = _testimony(evidence.first, policy)
    second = _testimony(evidence.second, policy)
    if first.checkpoint.origin != second.checkpoint.origin:
        raise _nothing("expected two checkpoints of one origin")
    if evidence.kind == INCONSISTENT:
        _check_inconsistent(first.checkpoint, second.checkpoint, evidence.proof)
    else:
        _check_equivocation(first.checkpoint, second.checkpoint, evidence.proof)
    accused = _accused(evidence.kind, first, second)
    if not accused:
        raise _nothing("expected someone in the policy who signed both checkpoints")
    return Statement(evidence.kind, first.checkpoint, second.checkpoint, accused)


def find_evidence(
    first: bytes, second: bytes, policy: Policy, proof: Sequence[bytes] = ()
) -> tuple[Evidence, ...]:
    """Make every evidence file that two signed checkpoints allow.

    Args:
        first: A signed checkpoint.
        second: Another one, in either order of sizes.
        policy: Whose keys count.
        proof: `merkle.prefix_proof` in the larger tree; needed for unequal sizes only.

    Returns:
        Evidence that verifies; empty where nobody is caught.

    Raises:
        MalformedError: A note is no checkpoint.
    """
    notes = [first, second]
    sizes = [parse_checkpoint_text(parse_note(note).text).size for note in notes]
    if sizes[0] > sizes[1]:
        notes.reverse()
    kinds = KINDS[:2] if sizes[0] == sizes[1] else (INCONSISTENT,)
    hashes = () if sizes[0] == sizes[1] else tuple(proof)
    found = [Evidence(kind, notes[0], notes[1], hashes) for kind in kinds]
    return tuple(item for item in found if _convicts(item, policy))


def _convicts(evidence: Evidence, policy: Policy) -> bool:
    try:
        verify_evidence(evidence, policy)
    except VerificationError:
        return False
    return True


def _testimony(data: bytes, policy: Policy) -> _Testimony:
    note = parse_note(data)
    checkpoint = parse_checkpoint_text(note.text)
    logs, times = verified_signers(note, policy)
    return _Testimony(
        checkpoint,
        tuple(key for key in logs if key.name == checkpoint.origin),
        tuple(item.key for item in policy.witnesses if item.name in times),
    )


def _check_equivocation(
    first: Checkpoint, second: Checkpoint, proof: tuple[bytes, ...]
) -> None:
    if first.size != second.size or first.root == second.root or proof:
        raise _nothing("expected one size, two roots and no hashes")


def _check_inconsistent(
    first: Checkpoint, second: Checkpoint, proof: tuple[bytes, ...]
) -> None:
    prefix, whole = prefix_roots(first.size, second.size, proof)
    if whole != second.root:
        raise _nothing("expected hashes that lead to the larger tree's root")
    if prefix == first.root:
        raise _nothing("expected trees that contradict each other")


def _accused(
    kind: str, first: _Testimony, second: _Testimony
) -> tuple[VerifierKey, ...]:
    # Keys of one origin speak for one log: two of them contradicting each other
    # convict the log, whoever holds them. A witness answers for its own key only.
    logs = first.logs + second.logs if first.logs and second.logs else ()
    witnesses = tuple(key for key in first.witnesses if key in second.witnesses)
    counted = {LOG_EQUIVOCATION: logs, COSIGNER_EQUIVOCATION: witnesses}
    return tuple(dict.fromkeys(counted.get(kind, logs + witnesses)))


def _words(lines: Iterator[str], name: str, count: int) -> list[str]:
    first, *words = next(lines, "").split(" ")
    if first != name or len(words) != count:
        raise MalformedError(f"evidence: expected a line of {name!r}, {count} words")
    return words


def _nothing(reason: str) -> VerificationError:
    return VerificationError(
        f"evidence proves nothing: {reason}",
        advice="Keep the file, but accuse nobody by it.",
    )
