"""Checkpoints: what a log says its tree is, and who agrees (C2SP tlog-checkpoint).

What this module guarantees:

* A checkpoint is exactly three lines: origin, size, root. Extension lines are refused:
  no co-signature vouches for them, and our logs write none.
* `verify_checkpoint` believes nothing without a signature by a listed log of that
  origin, a quorum of the policy's witnesses, and no bad signature by any known key.
* A witness counts once, with its newest time, however often it signed.
* The trusted time is the lower median of the cosignatures' times; `fresh_time` is the
  newest time by which a whole quorum had spoken. Neither needs one honest clock.

The clock, and what size was seen before, are left to the caller.

Source: c2sp.org/tlog-checkpoint v1.0.0, c2sp.org/tlog-cosignature v1.0.1.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cosignal.protocol.encoding import (
    HASH_BYTES,
    MAX_INTEGER,
    encode_base64,
    parse_decimal,
    parse_hash,
)
from cosignal.protocol.errors import (
    ConsistencyError,
    MalformedError,
    QuorumError,
    SignatureInvalidError,
    StaleError,
    UsageError,
)
from cosignal.protocol.keys import SIGNATURE_BYTES, TIME_BYTES
from cosignal.protocol.merkle import EMPTY_ROOT
from cosignal.protocol.notes import (
    ALG_COSIGNATURE,
    Note,
    NoteSignature,
    SignerKey,
    VerifierKey,
    parse_note,
    sign_note,
    verified_signatures,
)
from cosignal.protocol.policy import NO_QUORUM, Policy

MAX_AGE_SECONDS = 86_400

_LINES = 4  # three, and the empty rest after the last newline


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head, unsigned.

    Attributes:
        origin: Which log, `<network>/<shard>`.
        size: Leaves in the tree.
        root: 32 bytes, the tree's root.
    """

    origin: str
    size: int
    root: bytes

    def text(self) -> bytes:
        """Write the three lines that log and cosigners sign."""
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n".encode()


@dataclass(frozen=True, slots=True)
class CertifiedCheckpoint:
    """A checkpoint that a quorum stands behind.

    Attributes:
        checkpoint: What they agree on.
        note: The signed note, unknown signatures included.
        cosignatures: Witness name and Unix seconds, in the policy's order; only
            witnesses of the policy.
        time: Lower median of the times.
        fresh_time: Newest time that a whole quorum reached.
    """

    checkpoint: Checkpoint
    note: Note
    cosignatures: tuple[tuple[str, int], ...]
    time: int
    fresh_time: int


def parse_checkpoint_text(data: bytes) -> Checkpoint:
    """Read a checkpoint's text, without signatures.

    Args:
        data: Three lines, each ending in a newline.

    Returns:
        The tree head.

    Raises:
        MalformedError: Another number of lines, or a line in another form.
    """
    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError:
        raise MalformedError("checkpoint: expected valid UTF-8") from None
    if len(lines) != _LINES or lines[-1]:
        raise MalformedError(
            "checkpoint: expected origin, size and root, a line each, and nothing else"
        )
    origin, size, root = lines[:3]
    if not origin or min(origin) < " ":
        raise MalformedError(
            "checkpoint: origin: expected a non-empty line without control characters"
        )
    return Checkpoint(
        origin,
        parse_decimal(size, "checkpoint: size"),
        parse_hash(root, "checkpoint: root"),
    )


def sign_checkpoint(checkpoint: Checkpoint, signer: SignerKey) -> Note:
    """Sign a tree head as its log.

    Args:
        checkpoint: The tree head; never one that an earlier one is no prefix of.
        signer: The log's key; its name is the origin.

    Returns:
        The note with one signature.

    Raises:
        UsageError: The key is another log's, or the tree head cannot be written.
    """
    if signer.name != checkpoint.origin:
        raise UsageError(
            f"log key: expected the name {checkpoint.origin}, got {signer.name}"
        )
    if len(checkpoint.root) != HASH_BYTES or not 0 <= checkpoint.size <= MAX_INTEGER:
        raise UsageError("checkpoint: expected a root of 32 bytes and a size >= 0")
    return sign_note(checkpoint.text(), signer)


def cosign(text: bytes, signer: SignerKey, now: int) -> NoteSignature:
    """Say that this is the largest consistent tree seen up to now.

    Args:
        text: A checkpoint's text, without signatures.
        signer: The cosigner's key, type 0x04.
        now: Unix seconds.

    Returns:
        One signature line's content.

    Raises:
        MalformedError: The text is no checkpoint; such a key signs nothing else.
        UsageError: The key has another type.
    """
    parse_checkpoint_text(text)
    return NoteSignature(signer.name, signer.verifier.key_id, signer.sign_at(text, now))


def cosignature_time(signature: NoteSignature) -> int:
    """Read the time out of a cosignature; it says nothing until that verifies.

    Args:
        signature: By a key of type 0x04.

    Returns:
        Unix seconds.

    Raises:
        MalformedError: The signature has not the length of a cosignature.
    """
    blob = signature.signature
    if len(blob) != TIME_BYTES + SIGNATURE_BYTES:
        raise MalformedError(
            f"cosignature: expected {TIME_BYTES + SIGNATURE_BYTES} bytes, "
            f"got {len(blob)}"
        )
    return int.from_bytes(blob[:TIME_BYTES], "big")


def verify_cosignature(text: bytes, signature: NoteSignature, key: VerifierKey) -> int:
    """Check one cosignature, such as a witness has just answered with.

    Args:
        text: The checkpoint's text that it should cover.
        signature: The answer.
        key: The witness's key, type 0x04.

    Returns:
        Its time, Unix seconds.

    Raises:
        SignatureInvalidError: It is another key's, or does not verify.
    """
    if (key.name, key.key_id, key.type) != (
        signature.name,
        signature.key_id,
        ALG_COSIGNATURE,
    ):
        raise SignatureInvalidError(
            f"cosignature: expected one by {key.name}, got one by {signature.name}"
        )
    key.verify(text, signature.signature)
    return cosignature_time(signature)


def merge_signatures(note: Note, extra: Iterable[NoteSignature]) -> Note:
    """Add signatures to a note; a key's later one takes the place of its earlier one.

    Args:
        note: With signatures so far.
        extra: Over the same text, verified by the caller.

    Returns:
        The note with both; the earlier ones keep their order.
    """
    merged = {(item.name, item.key_id): item for item in note.signatures}
    merged |= {(item.name, item.key_id): item for item in extra}
    return Note(note.text, tuple(merged.values()))


def verify_log_signature(note: Note, policy: Policy) -> Checkpoint:
    """Check that a listed log signed, and nothing more: no quorum.

    Args:
        note: A checkpoint, with or without cosignatures.
        policy: Which logs are accepted.

    Returns:
        The tree head that the log vouches for.

    Raises:
        MalformedError: The text is no checkpoint.
        SignatureInvalidError: No listed log of its origin signed, or one of their
            signatures does not verify.
    """
    checkpoint = parse_checkpoint_text(note.text)
    logs = [log.key for log in policy.logs_of(checkpoint.origin)]
    if not list(verified_signatures(note, logs)):
        raise _unsigned(checkpoint)
    return checkpoint


def verify_checkpoint(data: bytes, policy: Policy) -> CertifiedCheckpoint:
    """Check that a log signed a checkpoint and a quorum stands behind it.

    Every signature by a key of the policy is checked, not only as many as a quorum
    needs: a bad one means that the note was altered.

    Args:
        data: The signed note.
        policy: Whom to believe.

    Returns:
        The checkpoint with the witnesses that cosigned it.

    Raises:
        MalformedError: The bytes are no signed checkpoint.
        SignatureInvalidError: No listed log of the origin signed, or a known key's
            signature does not verify.
        QuorumError: Too few witnesses cosigned, or the policy asks for none.
        ConsistencyError: The tree is empty and its root is not the empty tree's.

    Source: c2sp.org/tlog-policy; c2sp.org/tlog-proof, "Verifying a tlog proof".
    """
    note = parse_note(data)
    checkpoint = parse_checkpoint_text(note.text)
    signed, times = verified_signers(note, policy)
    if not any(key.name == checkpoint.origin for key in signed):
        raise _unsigned(checkpoint)
    if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
        raise ConsistencyError("root: expected the empty tree's for size 0")
    _check_quorum(times, policy)
    return CertifiedCheckpoint(
        checkpoint,
        note,
        tuple(times.items()),
        sorted(times.values())[(len(times) - 1) // 2],
        _fresh_time(times, policy),
    )


def verified_signers(
    note: Note, policy: Policy
) -> tuple[tuple[VerifierKey, ...], dict[str, int]]:
    """Check every signature by a key that the policy knows.

    Args:
        note: A checkpoint's note.
        policy: The known keys.

    Returns:
        Keys of logs that signed, of whatever origin; and the witnesses that cosigned,
        by name in the policy's order, with the newest time of each, Unix seconds.

    Raises:
        SignatureInvalidError: A known key's signature does not verify.
    """
    newest: dict[VerifierKey, int] = {}
    logs: dict[VerifierKey, None] = {}
    for key, signature in verified_signatures(note, policy.keys):
        if key.type == ALG_COSIGNATURE:
            newest[key] = max(newest.get(key, 0), cosignature_time(signature))
        else:
            logs[key] = None
    times = {
        witness.name: newest[witness.key]
        for witness in policy.witnesses
        if witness.key in newest
    }
    return tuple(logs), times


def check_fresh(
    certified: CertifiedCheckpoint, now: int, max_age: int = MAX_AGE_SECONDS
) -> CertifiedCheckpoint:
    """Refuse a checkpoint that no quorum has confirmed lately.

    Args:
        certified: From `verify_checkpoint`.
        now: Unix seconds.
        max_age: Seconds that a quorum may have been silent.

    Returns:
        The same checkpoint.

    Raises:
        StaleError: The quorum's newest word is older.
    """
    age = now - certified.fresh_time
    if age > max_age:
        raise StaleError(
            f"checkpoint of size {certified.checkpoint.size}: expected a quorum's word "
            f"of the last {max_age} s, got one {age} s old",
            advice="Try another mirror, and check this machine's clock.",
        )
    return certified


def _check_quorum(times: Mapping[str, int], policy: Policy) -> None:
    if policy.quorum == NO_QUORUM:
        raise QuorumError(
            "policy: expected a quorum, got 'quorum none', which would accept any "
            "checkpoint that the log alone signs",
            advice="Define a group of authorities and name it in the quorum line.",
        )
    if not policy.satisfied(times.keys()):
        raise QuorumError(
            f"cosignatures: expected {_describe(policy)}, got {len(times)} "
            f"({', '.join(times) or 'none'})",
            advice="Wait until more authorities have cosigned, or try another mirror.",
        )


def _describe(policy: Policy) -> str:
    for group in policy.groups:
        if group.name == policy.quorum:
            return f"{group.threshold} of {len(group.members)} of {group.name}"
    return policy.quorum


def _fresh_time(times: Mapping[str, int], policy: Policy) -> int:
    """Largest t such that the witnesses with time >= t make up a quorum."""
    newest = sorted(times, key=times.__getitem__, reverse=True)
    # More witnesses never undo a quorum, so the first place can be bisected.
    last = bisect_left(
        range(len(newest)),
        True,  # noqa: FBT003 - what is searched for
        key=lambda place: policy.satisfied(set(newest[: place + 1])),
    )
    return times[newest[last]]


def _unsigned(checkpoint: Checkpoint) -> SignatureInvalidError:
    return SignatureInvalidError(
        f"checkpoint: expected a signature by a log of {checkpoint.origin[:80]} that "
        "the policy lists, got none",
        advice="Compare the origin with the log lines of the policy that you pinned.",
    )
