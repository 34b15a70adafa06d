"""Named Ed25519 keys, public and private, in the text forms of C2SP signed-note.

What this module guarantees:

* A key's ID belongs to its name, type and public key; another ID is refused.
* A key signs one type of statement only: `0x01` a note's text, `0x04` a checkpoint with
  a time (C2SP tlog-cosignature), told apart by key ID and by the signed bytes.
* No message, and no printed key, shows a secret.

Other signature types of the specification are refused. Where private keys are kept is
left to the caller.

Source: c2sp.org/signed-note v1.0.0, c2sp.org/tlog-cosignature v1.0.1;
golang.org/x/mod/sumdb/note for private keys.
"""

import re
from dataclasses import dataclass, field
from hashlib import sha256

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from cosignal.protocol.encoding import MAX_INTEGER, encode_base64, parse_base64
from cosignal.protocol.errors import (
    CosignalError,
    MalformedError,
    SignatureInvalidError,
    UsageError,
)

ALG_ED25519 = 0x01
ALG_COSIGNATURE = 0x04

KEY_ID_BYTES = 4
PUBLIC_KEY_BYTES = 32
SEED_BYTES = 32
SIGNATURE_BYTES = 64
TIME_BYTES = 8

_TYPES = (ALG_ED25519, ALG_COSIGNATURE)
_VERIFIER = re.compile(r"([^+]+)\+([0-9a-f]{8})\+(.+)")
_SIGNER_PREFIX = "PRIVATE+KEY+"


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with the name it signs under.

    Attributes:
        name: Non-empty, without spaces or plus.
        key_id: 4 bytes that tell keys of one name apart; not a secure hash.
        type: `ALG_ED25519` or `ALG_COSIGNATURE`.
        public_key: 32 bytes, Ed25519.
    """

    name: str
    key_id: bytes
    type: int
    public_key: bytes

    @classmethod
    def named(cls, name: str, key_type: int, public_key: bytes) -> "VerifierKey":
        """Make a key, computing its ID from name, type and public key.

        Args:
            name: Non-empty, without spaces or plus.
            key_type: `ALG_ED25519` or `ALG_COSIGNATURE`.
            public_key: 32 bytes.

        Returns:
            The key.

        Raises:
            UsageError: The name, type or length is wrong.
        """
        _check_key(name, key_type, public_key, UsageError)
        return cls(name, _key_id(name, key_type, public_key), key_type, public_key)

    def encode(self) -> str:
        """Write the key as a C2SP vkey, `<name>+<key id>+<base64>`."""
        material = encode_base64(bytes([self.type]) + self.public_key)
        return f"{self.name}+{self.key_id.hex()}+{material}"

    def verify(self, text: bytes, signature: bytes) -> bytes:
        """Check one signature over a note's text.

        Args:
            text: The note's text with its final newline.
            signature: What follows the key ID: 64 bytes for type 0x01, 8 bytes of time
                and 64 bytes for type 0x04.

        Returns:
            The text.

        Raises:
            SignatureInvalidError: The signature is not this key's over this text.
        """
        if self.type == ALG_COSIGNATURE:
            message = cosignature_message(text, _time_of(signature))
            signature = signature[TIME_BYTES:]
        else:
            message = text
        # PyNaCl raises other errors for other lengths, so these are refused first.
        if len(signature) != SIGNATURE_BYTES:
            raise SignatureInvalidError(
                f"signature by {self.name}: expected {SIGNATURE_BYTES} bytes, "
                f"got {len(signature)}"
            )
        try:
            VerifyKey(self.public_key).verify(message, signature)
        except BadSignatureError:
            raise SignatureInvalidError(
                f"signature by {self.name}: expected one that verifies",
                advice="Fetch the file again; if it stays wrong, it was altered.",
            ) from None
        return text


@dataclass(frozen=True, slots=True)
class SignerKey:
    """A private key with the name it signs under.

    Attributes:
        name: Non-empty, without spaces or plus.
        type: `ALG_ED25519` or `ALG_COSIGNATURE`.
        seed: 32 secret bytes; never shown.
        verifier: The public half.
    """

    name: str
    type: int
    seed: bytes = field(repr=False)
    verifier: VerifierKey = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Derive the public half once; it is asked for with every signature."""
        if len(self.seed) != SEED_BYTES:
            raise UsageError(f"seed: expected {SEED_BYTES} bytes, got {len(self.seed)}")
        public_key = bytes(SigningKey(self.seed).verify_key)
        verifier = VerifierKey.named(self.name, self.type, public_key)
        object.__setattr__(self, "verifier", verifier)

    def encode(self) -> str:
        """Write the secret key as Go's `sumdb/note` does, for a file of mode 0600."""
        material = encode_base64(bytes([self.type]) + self.seed)
        return f"{_SIGNER_PREFIX}{self.name}+{self.verifier.key_id.hex()}+{material}"

    def sign(self, text: bytes) -> bytes:
        """Sign a note's text with a key of type 0x01.

        Args:
            text: The note's text with its final newline.

        Returns:
            64 bytes.

        Raises:
            UsageError: The key is of another type; `checkpoints.cosign` uses those.
        """
        if self.type != ALG_ED25519:
            raise UsageError(
                f"key {self.name}: expected type 0x01, got {self.type:#04x}",
                advice="Sign checkpoints with a cosigner key through cosign().",
            )
        return SigningKey(self.seed).sign(text).signature

    def sign_at(self, text: bytes, time: int) -> bytes:
        """Sign a note's text and a time with a key of type 0x04.

        Args:
            text: A checkpoint's text with its final newline.
            time: Unix seconds.

        Returns:
            8 bytes of time, big-endian, and 64 bytes of signature.

        Raises:
            UsageError: The key is of another type, or the time out of range.
        """
        if self.type != ALG_COSIGNATURE:
            raise UsageError(
                f"key {self.name}: expected type 0x04, got {self.type:#04x}"
            )
        if not 0 <= time <= MAX_INTEGER:
            raise UsageError(f"time: expected 0 to 2**63 - 1, got {time}")
        message = cosignature_message(text, time)
        signature = SigningKey(self.seed).sign(message).signature
        return time.to_bytes(TIME_BYTES, "big") + signature


def parse_verifier_key(data: bytes) -> VerifierKey:
    """Read a C2SP vkey.

    Args:
        data: `<name>+<8 hex digits>+<base64 of type and public key>`.

    Returns:
        The key.

    Raises:
        MalformedError: Another form, a type other than 0x01 and 0x04, or a key ID that
            is not the key's.
    """
    name, key_id, material = _split_key(_decode(data, "vkey"))
    public_key = material[1:]
    _check_key(name, material[0], public_key, MalformedError)
    if key_id != _key_id(name, material[0], public_key):
        raise MalformedError(
            f"vkey: key ID of {name}: expected the one computed from name and key",
            advice="Copy the verifier key again, whole and on one line.",
        )
    return VerifierKey(name, key_id, material[0], public_key)


def parse_signer_key(data: bytes) -> SignerKey:
    """Read a private key in the form of Go's `sumdb/note`.

    Args:
        data: `PRIVATE+KEY+<name>+<8 hex digits>+<base64 of type and seed>`.

    Returns:
        The key.

    Raises:
        MalformedError: Another form; the message never shows the secret.
    """
    text = _decode(data, "private key")
    if not text.startswith(_SIGNER_PREFIX):
        raise MalformedError(f"private key: expected {_SIGNER_PREFIX} at its start")
    name, key_id, material = _split_key(text.removeprefix(_SIGNER_PREFIX))
    try:
        key = SignerKey(name, material[0], material[1:])
    except UsageError as error:
        raise MalformedError(f"private key: {error}") from None
    if key_id != key.verifier.key_id:
        raise MalformedError(
            f"private key: key ID of {name}: expected the one computed from the key"
        )
    return key


def cosignature_message(text: bytes, time: int) -> bytes:
    """Bytes that a key of type 0x04 signs for a checkpoint's text and a time."""
    return b"cosignature/v1\ntime %d\n" % time + text


def check_key_name(name: str, error: type[CosignalError]) -> None:
    """Refuse a name that a signature line could not carry.

    Args:
        name: Of a key.
        error: What to raise.

    Raises:
        CosignalError: `error`; the name is empty, or holds a space or a plus.
    """
    if not name or "+" in name or any(c.isspace() or c < " " for c in name):
        raise error("key name: expected one or more characters, no space, no plus")


def _key_id(name: str, key_type: int, public_key: bytes) -> bytes:
    digest = sha256(name.encode() + b"\n" + bytes([key_type]) + public_key)
    return digest.digest()[:KEY_ID_BYTES]


def _check_key(
    name: str, key_type: int, public_key: bytes, error: type[CosignalError]
) -> None:
    check_key_name(name, error)
    if key_type not in _TYPES:
        raise error(
            f"key {name}: expected type 0x01 or 0x04, got {key_type:#04x}",
            advice="Use an Ed25519 key; other signature types are not supported.",
        )
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise error(
            f"key {name}: expected {PUBLIC_KEY_BYTES} bytes, got {len(public_key)}"
        )


def _split_key(text: str) -> tuple[str, bytes, bytes]:
    """Name, key ID and non-empty material of an encoded key, public or private."""
    match = _VERIFIER.fullmatch(text)
    if not match:
        raise MalformedError(
            "key: expected <name>+<8 lower-case hex digits>+<base64>",
            advice="Copy the key again, whole and on one line.",
        )
    name, key_id, material = match.groups()
    check_key_name(name, MalformedError)
    return name, bytes.fromhex(key_id), parse_base64(material, "key")


def _decode(data: bytes, field_name: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise MalformedError(f"{field_name}: expected valid UTF-8") from None


def _time_of(signature: bytes) -> int:
    time = int.from_bytes(signature[:TIME_BYTES], "big")
    if len(signature) != TIME_BYTES + SIGNATURE_BYTES or time > MAX_INTEGER:
        raise SignatureInvalidError(
            f"cosignature: expected a time below 2**63 and {SIGNATURE_BYTES} bytes"
        )
    return time
