"""Records on their way to a quorum: files that authorities sign one after the other.

What this module guarantees:

* A file holds the text of one record that this version understands, and the signatures
  given so far; without any it is the text alone.
* A signature is kept when it verifies by a key that counts, each once; the rest is put
  aside and named, for one line too many makes a record worthless to all.
* What is given back can be read again.

Whose signatures count is for `in_force` to say, whether enough have signed for the
chain.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cosignal.protocol.errors import CosignalError, MalformedError, RefusedError
from cosignal.protocol.notes import (
    Note,
    NoteSignature,
    SignerKey,
    VerifierKey,
    sign_note,
)
from cosignal.protocol.records import (
    MAX_RECORD,
    Record,
    RevocationRecord,
    parse_record,
    parse_record_text,
)
from cosignal.server.in_force import InForce
from cosignal.server.printing import printable

_SIGNATURES = "\n\n\N{EM DASH} ".encode()


@dataclass(frozen=True, slots=True)
class RecordFile:
    """A record with the signatures that it has so far.

    Attributes:
        record: What it says.
        note: Its text, and any number of signatures.
        dropped: Names on lines that did not count, and are in the note no more.
    """

    record: Record
    note: Note
    dropped: tuple[str, ...] = ()

    @property
    def signers(self) -> list[str]:
        """Names of the keys that have signed, each once."""
        return list(dict.fromkeys(line.name for line in self.note.signatures))

    def has_line_of(self, key: VerifierKey) -> bool:
        """Whether a line claims to be by a key."""
        lines = [(line.name, line.key_id) for line in self.note.signatures]
        return (key.name, key.key_id) in lines

    def encode(self) -> bytes:
        """Write the signed note, or the text alone where nobody has signed."""
        return self.note.encode() if self.note.signatures else self.note.text


def draft_of(record: Record) -> RecordFile:
    """A record that nobody has signed."""
    return RecordFile(record, Note(record.text().encode(), ()))


def parse_record_file(data: bytes) -> RecordFile:
    """Read a record with or without signatures.

    Args:
        data: The file.

    Returns:
        What it says, and who claims to have signed; nothing is verified.

    Raises:
        MalformedError: Not a record that this version understands.
    """
    if _SIGNATURES in data:
        signed = parse_record(data)
        return RecordFile(signed.record, signed.note)
    if len(data) > MAX_RECORD:
        raise MalformedError(
            f"record: expected at most {MAX_RECORD} bytes, got {len(data)}"
        )
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise MalformedError("record: expected valid UTF-8") from None
    return draft_of(parse_record_text(text))


def without_strangers(file: RecordFile, in_force: InForce) -> RecordFile:
    """Keep the signatures that count, each once; put aside what others added.

    Args:
        file: Lines by anybody.
        in_force: Whose signatures count.

    Returns:
        The file with one verified line for each key that counts, and in `dropped` who
        claims to have written the rest.
    """
    known = {
        (item.key.name, item.key.key_id): item.key
        for item in in_force.counting(file.record)
    }
    kept = dict[VerifierKey, NoteSignature]()
    dropped = dict.fromkeys(file.dropped)
    for line in dict.fromkeys(file.note.signatures):
        key = known.get((line.name, line.key_id))
        if key is not None and _verifies(key, file.note.text, line):
            kept.setdefault(key, line)
        else:
            dropped[line.name] = None
    note = Note(file.note.text, tuple(kept.values()))
    return replace(file, note=note, dropped=tuple(dropped))


def check_may_sign(
    record: Record, authority: str, signer: VerifierKey, in_force: InForce
) -> None:
    """Refuse what an authority may not sign, or what would be worth nothing.

    Args:
        record: What is to be signed.
        authority: Who would sign it.
        signer: With its issuing key.
        in_force: What the record would follow on.

    Raises:
        RefusedError: It does not follow on what is in force, cannot be shown as it is,
            is not this authority's to sign, or the key is not one that counts.
    """
    in_force.check_follows(record)
    _check_readable(record)
    if isinstance(record, RevocationRecord) and record.issuer != authority:
        raise RefusedError(
            f"issuer: expected this node's authority {authority}, got {record.issuer}",
            advice="Only the authority that issued a block can revoke it.",
        )
    # A signature that nobody asked for would make the record worthless to all.
    counting = {(item.name, item.key) for item in in_force.counting(record)}
    if (authority, signer) not in counting:
        raise RefusedError(
            f"keys.issuer: expected the key that policy {in_force.policy.version} "
            f"names for {authority}, got another",
            advice="Check node.name and the key file. Who is no member of the policy "
            "in force signs nothing but a policy that takes it in.",
        )


def sign(file: RecordFile, signer: SignerKey) -> RecordFile:
    """Add a signature; the same file where this key has signed already.

    Args:
        file: From `without_strangers`.
        signer: An issuing key that `check_may_sign` accepts.

    Returns:
        The file with one more signature.

    Raises:
        RefusedError: It would be too long to be read again.
    """
    if file.has_line_of(signer.verifier):
        return file
    added = sign_note(file.note.text, signer).signatures
    note = Note(file.note.text, file.note.signatures + added)
    return _readable_again(replace(file, note=note))


def merge(files: Sequence[RecordFile], in_force: InForce) -> RecordFile:
    """Put the signatures of several copies of one record into one.

    Args:
        files: One or more.
        in_force: Whose signatures count.

    Returns:
        The record with every signature that counts once.

    Raises:
        RefusedError: They are not copies of one record, or are too long together.
    """
    first = files[0]
    for number, item in enumerate(files, start=1):
        if item.note.text != first.note.text:
            raise RefusedError(
                f"file {number}: expected the same record as in the first, got another",
                advice="All must have signed the same text, byte for byte.",
            )
    lines = dict.fromkeys(line for item in files for line in item.note.signatures)
    merged = replace(first, note=Note(first.note.text, tuple(lines)))
    return _readable_again(without_strangers(merged, in_force))


def _verifies(key: VerifierKey, text: bytes, line: NoteSignature) -> bool:
    try:
        key.verify(text, line.signature)
    except CosignalError:
        return False
    return True


def _readable_again(file: RecordFile) -> RecordFile:
    """Refuse a file that no command would read."""
    try:
        parse_record_file(file.encode())
    except MalformedError as error:
        raise RefusedError(
            f"record: with this signature it could not be read again: {error}",
            advice="A quorum's signatures are enough; submit it without more.",
        ) from error
    return file


def _check_readable(record: Record) -> None:
    """Refuse text that a terminal would show as something else."""
    for number, line in enumerate(record.text().split("\n"), start=1):
        if not line.isprintable():
            raise RefusedError(
                f"record: line {number}: expected printable characters only, got "
                f"{printable(line)}",
                advice="Remove what cannot be seen; a signer must see what is signed.",
            )
