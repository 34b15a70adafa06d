"""The C2SP witness as a pure state machine: what to answer to add-checkpoint.

What this module guarantees:

* The status codes of c2sp.org/tlog-witness, in the order the specification checks:
  400 malformed, 404 unknown origin, 403 not signed by the log, 400 old size too large,
  409 with our size, 422 for a proof or a root that does not hold.
* Nothing is accepted that does not extend the head it was judged against.

Storing the new head before answering, one request at a time, is for the caller; so is
everything that goes beyond a bare witness.

Source: c2sp.org/tlog-witness v1.0.0, with the 422 of July 2026 for a changed root.
"""

from dataclasses import dataclass
from http import HTTPStatus

from cosignal.protocol.checkpoints import (
    Checkpoint,
    parse_checkpoint_text,
    verify_log_signature,
)
from cosignal.protocol.encoding import encode_base64, parse_decimal, parse_hash
from cosignal.protocol.errors import (
    ConsistencyError,
    MalformedError,
    RefusedError,
    SignatureInvalidError,
)
from cosignal.protocol.merkle import EMPTY_ROOT, MAX_PROOF, verify_consistency
from cosignal.protocol.notes import Note, parse_note
from cosignal.protocol.policy import Policy

SIZE_TYPE = "text/x.tlog.size"
TEXT_TYPE = "text/plain"


@dataclass(frozen=True, slots=True)
class Submission:
    """A request to add a checkpoint.

    Attributes:
        old: Size that the log believes this witness last cosigned.
        proof: Consistency proof from there, 32 bytes a hash.
        note: The checkpoint as signed.
        checkpoint: What it says.
    """

    old: int
    proof: tuple[bytes, ...]
    note: Note
    checkpoint: Checkpoint

    def encode(self) -> bytes:
        """Write the request's body."""
        lines = [f"old {self.old}", *map(encode_base64, self.proof)]
        return "\n".join([*lines, "", ""]).encode() + self.note.encode()


class WitnessRefusalError(RefusedError):
    """The answer to a submission that is not accepted.

    Attributes:
        status: HTTP status.
        body: Body of the answer.
        content_type: Its media type.
    """

    def __init__(
        self, status: HTTPStatus, message: str, *, size: int | None = None
    ) -> None:
        """Answer with `message`, or with a size where the log must try again."""
        super().__init__(message)
        self.status = status
        self.body = f"{message if size is None else size}\n".encode()
        self.content_type = TEXT_TYPE if size is None else SIZE_TYPE


def parse_submission(data: bytes) -> Submission:
    """Read the body of an add-checkpoint request.

    Args:
        data: An old size line, proof lines, a blank line, a checkpoint.

    Returns:
        The submission, unverified.

    Raises:
        MalformedError: Anything else.
        WitnessRefusalError: Signature lines that nobody can have written.
    """
    head, blank, note_bytes = data.partition(b"\n\n")
    if not blank:
        raise MalformedError("add-checkpoint: expected a blank line")
    try:
        old, *hashes = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise MalformedError("add-checkpoint: expected ASCII before the note") from None
    if not old.startswith("old "):
        raise MalformedError("add-checkpoint: expected 'old <size>' in the first line")
    if len(hashes) > MAX_PROOF:
        raise MalformedError(f"add-checkpoint: expected at most {MAX_PROOF} hashes")
    checkpoint = parse_checkpoint_text(note_bytes.rpartition(b"\n\n")[0] + b"\n")
    return Submission(
        parse_decimal(old.removeprefix("old "), "add-checkpoint: old"),
        tuple(parse_hash(line, "add-checkpoint: proof") for line in hashes),
        _parse_note(note_bytes),
        checkpoint,
    )


def _parse_note(data: bytes) -> Note:
    try:
        return parse_note(data)
    except MalformedError as error:
        # The checkpoint itself could be read, so what is missing is a signature.
        raise WitnessRefusalError(
            HTTPStatus.FORBIDDEN, f"invalid signature: {error}"
        ) from error


def judge(submission: Submission, policy: Policy, size: int, root: bytes) -> Checkpoint:
    """Say whether a submission extends the tree last cosigned.

    Args:
        submission: From `parse_submission`.
        policy: Which logs are known.
        size: Entries in the tree last cosigned; 0 before the first.
        root: Its root.

    Returns:
        The tree that may be cosigned.

    Raises:
        WitnessRefusalError: It may not; carries the answer.
    """
    checkpoint = submission.checkpoint
    _check_log(submission, policy)
    if submission.old > checkpoint.size:
        raise WitnessRefusalError(
            HTTPStatus.BAD_REQUEST, "old: expected at most the checkpoint's size"
        )
    if submission.old != size:
        raise WitnessRefusalError(
            HTTPStatus.CONFLICT,
            f"old: expected {size}, got {submission.old}",
            size=size,
        )
    if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
        raise WitnessRefusalError(
            HTTPStatus.UNPROCESSABLE_ENTITY, "root: expected the empty tree's"
        )
    try:
        verify_consistency(
            size, root, checkpoint.size, checkpoint.root, submission.proof
        )
    except ConsistencyError as error:
        raise WitnessRefusalError(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"consistency proof: {error}"
        ) from error
    return checkpoint


def _check_log(submission: Submission, policy: Policy) -> None:
    if not policy.logs_of(submission.checkpoint.origin):
        raise WitnessRefusalError(HTTPStatus.NOT_FOUND, "unknown log")
    try:
        verify_log_signature(submission.note, policy)
    except SignatureInvalidError as error:
        raise WitnessRefusalError(
            HTTPStatus.FORBIDDEN, f"invalid signature: {error}"
        ) from error
