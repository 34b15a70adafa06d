"""Records on their way to a quorum: files that authorities sign one after the other.

What this module guarantees:

* A file holds the text of one record that this version understands, and the signatures
  given so far; without any it is the text alone.
* A signature is added once for each key, and none is lost. One by a known key that does
  not verify is refused before another one is added.
* A file is replaced whole or not at all.

Whether enough have signed is for the chain to say.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cosignal.protocol.errors import MalformedError, RefusedError
from cosignal.protocol.notes import (
    Note,
    SignerKey,
    sign_note,
    verified_signatures,
)
from cosignal.protocol.records import (
    MAX_RECORD,
    BlockRecord,
    Issuer,
    PolicyRecord,
    Record,
    RevocationRecord,
    parse_record,
    parse_record_text,
)

_SIGNATURES = "\n\n\N{EM DASH} ".encode()


@dataclass(frozen=True, slots=True)
class RecordFile:
    """A record with the signatures that it has so far.

    Attributes:
        record: What it says.
        note: Its text, and any number of signatures.
    """

    record: Record
    note: Note

    @property
    def signers(self) -> list[str]:
        """Names of the keys that have signed, each once."""
        return list(dict.fromkeys(line.name for line in self.note.signatures))

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


def sign(
    file: RecordFile, authority: str, signer: SignerKey, policy: PolicyRecord
) -> RecordFile:
    """Add an authority's signature; the same file where it has signed already.

    Args:
        file: What to sign.
        authority: Whose signature.
        signer: Its issuing key.
        policy: Whose members' signatures are checked, beside those that a policy
            record names itself.

    Returns:
        The file with one more signature.

    Raises:
        RefusedError: It is of another network, not this authority's to sign, or the key
            is not the one that the policy names.
        SignatureInvalidError: A member's signature in it does not verify.
    """
    _check_may_sign(file.record, authority, policy.network)
    issuers = _issuers(file.record, policy)
    # A signature that nobody asked for would make the record worthless to all.
    if (authority, signer.verifier) not in [(item.name, item.key) for item in issuers]:
        raise RefusedError(
            f"keys.issuer: expected the key that the policy names for {authority}, got "
            "another",
            advice="Check node.name and the key file.",
        )
    keys = {item.key for item in issuers}
    signed = {key for key, _ in verified_signatures(file.note, keys)}
    if signer.verifier in signed:
        return file
    added = sign_note(file.note.text, signer).signatures
    return replace(file, note=Note(file.note.text, file.note.signatures + added))


def merge(files: Sequence[RecordFile]) -> RecordFile:
    """Put the signatures of several copies of one record into one.

    Args:
        files: One or more.

    Returns:
        The record with every signature once.

    Raises:
        RefusedError: They are not copies of one record, or hold different signatures
            by one key.
    """
    first = files[0]
    found = dict[tuple[str, bytes], bytes]()
    for number, item in enumerate(files, start=1):
        if item.note.text != first.note.text:
            raise RefusedError(
                f"file {number}: expected the same record as in the first, got another",
                advice="All must have signed the same text, byte for byte.",
            )
        for line in item.note.signatures:
            if (
                found.setdefault((line.name, line.key_id), line.encode())
                != line.encode()
            ):
                raise RefusedError(
                    f"file {number}: expected one signature by {line.name}, got two",
                    advice="One of the two is damaged; let its signer sign again.",
                )
    lines = dict.fromkeys(line for item in files for line in item.note.signatures)
    return replace(first, note=Note(first.note.text, tuple(lines)))


def replace_file(path: Path, data: bytes) -> None:
    """Give a file new bytes; a crash leaves the old ones or the new ones."""
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _issuers(record: Record, policy: PolicyRecord) -> tuple[Issuer, ...]:
    """Members, and those whom a policy record would make members."""
    own = record.issuers if isinstance(record, PolicyRecord) else ()
    return (*policy.issuers, *own)


def _check_may_sign(record: Record, authority: str, network: str) -> None:
    if record.network != network:
        raise RefusedError(
            f"record: expected one of network {network}, got {record.network}",
            advice="Sign with the configuration of a node of that network.",
        )
    if isinstance(record, BlockRecord):
        raise RefusedError(
            "record: expected one that people sign, got a block",
            advice="Blocks are made and signed by nodes, from what was uploaded.",
        )
    if isinstance(record, RevocationRecord) and record.issuer != authority:
        raise RefusedError(
            f"issuer: expected this node's authority {authority}, got {record.issuer}",
            advice="Only the authority that issued a block can revoke it.",
        )
