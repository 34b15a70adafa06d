"""Signed notes: text that one or more named Ed25519 keys signed (C2SP signed-note).

What this module guarantees:

* A note is split at its last blank line; it is valid UTF-8 without ASCII control
  characters but newline; it carries 1 to `MAX_SIGNATURES` signature lines.
* One note, one byte string: what `parse_note` accepts, `Note.encode` gives back.
* A signature by an unknown key is ignored; by a known key it must verify, or the whole
  note is refused; without any by a known key nothing is believed.

`MAX_SIGNATURES` is 68: 64 authorities and 4 keys of the log. The specification asks for
16 or more; Go's `sumdb/note` reads up to 100, so stock tools can read all ours.

What a text means is left to `checkpoints` and `records`; the keys, which this module
gives along, to `keys`.

Source: c2sp.org/signed-note v1.0.0.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cosignal.protocol.encoding import encode_base64, parse_base64
from cosignal.protocol.errors import (
    CosignalError,
    MalformedError,
    SignatureInvalidError,
    UsageError,
)
from cosignal.protocol.keys import (
    ALG_COSIGNATURE,
    ALG_ED25519,
    KEY_ID_BYTES,
    SignerKey,
    VerifierKey,
    check_key_name,
    parse_signer_key,
    parse_verifier_key,
)

__all__ = [
    "ALG_COSIGNATURE",
    "ALG_ED25519",
    "MAX_NOTE_BYTES",
    "MAX_SIGNATURES",
    "Note",
    "NoteSignature",
    "SignerKey",
    "VerifierKey",
    "parse_note",
    "parse_signatures",
    "parse_signer_key",
    "parse_verifier_key",
    "sign_note",
    "verified_signatures",
    "verify_note",
]

MAX_SIGNATURES = 68
MAX_NOTE_BYTES = 1_000_000

_DASH = "\N{EM DASH} "
_CONTROL = re.compile(rb"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line, unchecked.

    Attributes:
        name: Name of the key that claims to have signed.
        key_id: 4 bytes.
        signature: What the key's type says; at least one byte.
    """

    name: str
    key_id: bytes
    signature: bytes

    def encode(self) -> bytes:
        """Write the line, newline included."""
        blob = encode_base64(self.key_id + self.signature)
        return f"{_DASH}{self.name} {blob}\n".encode()


@dataclass(frozen=True, slots=True)
class Note:
    """A parsed note; nothing in it is verified yet.

    Attributes:
        text: UTF-8 with its final newline.
        signatures: In the order of their lines; may repeat.
    """

    text: bytes
    signatures: tuple[NoteSignature, ...]

    def encode(self) -> bytes:
        """Write text, blank line and signature lines."""
        lines = b"".join(signature.encode() for signature in self.signatures)
        return self.text + b"\n" + lines


def parse_note(data: bytes) -> Note:
    """Read a signed note; check nothing but its form.

    Args:
        data: The whole note, at most `MAX_NOTE_BYTES`.

    Returns:
        Text and signatures.

    Raises:
        MalformedError: The bytes are not a signed note.
    """
    if len(data) > MAX_NOTE_BYTES:
        raise MalformedError(
            f"note: expected at most {MAX_NOTE_BYTES} bytes, got {len(data)}"
        )
    _check_characters(data, MalformedError)
    # The text may hold blank lines, signature lines cannot: the last one divides.
    split = data.rfind(b"\n\n")
    if split < 0:
        raise MalformedError("note: expected a blank line before the signatures")
    return Note(data[: split + 1], parse_signatures(data[split + 2 :]))


def parse_signatures(data: bytes) -> tuple[NoteSignature, ...]:
    """Read signature lines, such as a witness answers with.

    Args:
        data: One or more lines, each ending in a newline.

    Returns:
        The signatures in order.

    Raises:
        MalformedError: A line is not a signature line, or they are none or too many.
    """
    text = _decode(data, "signatures")
    if not text.endswith("\n"):
        raise MalformedError("signatures: expected one or more lines ending in newline")
    lines = text[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise MalformedError(
            f"signatures: expected at most {MAX_SIGNATURES} lines, got {len(lines)}"
        )
    return tuple(map(_parse_signature, lines))


def sign_note(text: bytes, *signers: SignerKey) -> Note:
    """Sign a text with every given key.

    Args:
        text: UTF-8 ending in a newline, without other control characters.
        signers: One or more keys of type 0x01.

    Returns:
        The note, with signatures in the order of the keys.

    Raises:
        UsageError: The text is not a note's text, or the keys are none, too many or of
            another type.
    """
    _check_characters(text, UsageError)
    if not text.endswith(b"\n"):
        raise UsageError("note: expected a text that ends in a newline")
    if not 0 < len(signers) <= MAX_SIGNATURES:
        raise UsageError(
            f"note: expected 1 to {MAX_SIGNATURES} signers, got {len(signers)}"
        )
    return Note(
        text,
        tuple(
            NoteSignature(signer.name, signer.verifier.key_id, signer.sign(text))
            for signer in signers
        ),
    )


def verify_note(note: Note, keys: Iterable[VerifierKey]) -> list[VerifierKey]:
    """Check every signature by a known key.

    Args:
        note: What was signed, by whomever.
        keys: Those whose word counts.

    Returns:
        The keys that signed, each once, in the order of their first lines.

    Raises:
        SignatureInvalidError: A known key's signature does not verify, no known key
            signed, or two known keys share name and key ID.
    """
    signed = dict.fromkeys(key for key, _ in verified_signatures(note, keys))
    if not signed:
        raise SignatureInvalidError(
            "note: expected a signature by a known key, got none",
            advice="Compare the signers' names with the policy that you pinned.",
        )
    return list(signed)


def verified_signatures(
    note: Note, keys: Iterable[VerifierKey]
) -> Iterator[tuple[VerifierKey, NoteSignature]]:
    """Check the signatures by known keys one after the other.

    Args:
        note: What was signed.
        keys: Those whose word counts.

    Yields:
        Each known key with its line; a repeated line comes once, a key that signed
        several times comes several times.

    Raises:
        SignatureInvalidError: A known key's signature does not verify, or two known
            keys share name and key ID.
    """
    known = _index(keys)
    for signature in dict.fromkeys(note.signatures):
        key = known.get((signature.name, signature.key_id))
        if key is not None:
            key.verify(note.text, signature.signature)
            yield key, signature


def _index(keys: Iterable[VerifierKey]) -> dict[tuple[str, bytes], VerifierKey]:
    known: dict[tuple[str, bytes], VerifierKey] = {}
    for key in keys:
        if known.setdefault((key.name, key.key_id), key) != key:
            raise SignatureInvalidError(
                f"keys: expected each name and key ID once, got {key.name} twice"
            )
    return known


def _decode(data: bytes, field_name: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise MalformedError(f"{field_name}: expected valid UTF-8") from None


def _check_characters(data: bytes, error: type[CosignalError]) -> None:
    if _CONTROL.search(data):
        raise error("note: expected no ASCII control character but newline")
    try:
        data.decode()
    except UnicodeDecodeError:
        raise error("note: expected valid UTF-8") from None


def _parse_signature(line: str) -> NoteSignature:
    if not line.startswith(_DASH):
        raise MalformedError("signature line: expected an em dash and a space first")
    name, _, text = line.removeprefix(_DASH).partition(" ")
    check_key_name(name, MalformedError)
    blob = parse_base64(text, "signature line")
    if len(blob) <= KEY_ID_BYTES:
        raise MalformedError(
            f"signature line: expected more than {KEY_ID_BYTES} bytes, got {len(blob)}"
        )
    return NoteSignature(name, blob[:KEY_ID_BYTES], blob[KEY_ID_BYTES:])
