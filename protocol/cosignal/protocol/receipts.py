"""Receipts: an authority's written promise that uploaded keys will be on the chain.

What this module guarantees:

* One receipt, one text: parsing writes the text again and compares.
* It promises something: at least one key, at a time that comes after its own.
* A receipt names no key: whoever finds it learns nothing, its owner can prove
  everything.

Source: docs/reference/protocol.md, "Upload receipt".
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cosignal.protocol.encoding import encode_base64, parse_decimal, parse_hash
from cosignal.protocol.errors import MalformedError, SignatureInvalidError
from cosignal.protocol.notes import parse_note, verify_note
from cosignal.protocol.record_kinds import PolicyRecord

MAX_RECEIPT: Final = 4096

_TAG: Final = b"cosignal/receipt-keys/v1\n"
_NAMES: Final = ("network", "issuer", "keys", "digest", "time", "by")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an authority promises.

    Attributes:
        network: The network's name.
        issuer: The authority.
        keys: How many keys it took.
        digest: `receipt_digest` of them.
        time: When it took them, Unix seconds.
        by: When the chain will have them, Unix seconds.
    """

    network: str
    issuer: str
    keys: int
    digest: bytes
    time: int
    by: int

    def text(self) -> str:
        """The lines that the authority signs."""
        return (
            f"cosignal/receipt/v1\nnetwork {self.network}\nissuer {self.issuer}\n"
            f"keys {self.keys}\ndigest {encode_base64(self.digest)}\n"
            f"time {self.time}\nby {self.by}\n"
        )


def receipt_digest(keys: Iterable[bytes]) -> bytes:
    """Commit to a set of keys.

    Args:
        keys: 16 bytes each, in any order.

    Returns:
        32 bytes, SHA-256.
    """
    return sha256(_TAG + b"".join(sorted(keys))).digest()


def parse_receipt(data: bytes) -> Receipt:
    """Read a receipt; whether it is the authority's, `verify_receipt` says.

    Args:
        data: A signed note.

    Returns:
        What it promises.

    Raises:
        MalformedError: Not a note, not the one text of a receipt, or it promises
            nothing.
    """
    if len(data) > MAX_RECEIPT:
        raise MalformedError(
            f"receipt: expected at most {MAX_RECEIPT} bytes, got {len(data)}"
        )
    text = parse_note(data).text.decode()
    lines = [line.partition(" ") for line in text.splitlines()[1:]]
    if tuple(name for name, _, _ in lines) != _NAMES:
        raise MalformedError(f"receipt: expected lines of {', '.join(_NAMES)}")
    network, issuer, keys, digest, time, by = (value for _, _, value in lines)
    receipt = Receipt(
        network,
        issuer,
        parse_decimal(keys, "keys"),
        parse_hash(digest, "digest"),
        parse_decimal(time, "time"),
        parse_decimal(by, "by"),
    )
    if receipt.text() != text:
        raise MalformedError("receipt: expected its canonical text")
    if receipt.keys < 1:
        raise MalformedError("receipt: keys: expected 1 or more, got 0")
    if receipt.by < receipt.time:
        raise MalformedError(
            f"receipt: by: expected {receipt.time} or later, got {receipt.by}"
        )
    return receipt


def verify_receipt(data: bytes, policy: PolicyRecord) -> Receipt:
    """Check that an authority of this network gave a receipt.

    Args:
        data: A signed note.
        policy: In force when it was given.

    Returns:
        What it promises.

    Raises:
        MalformedError: The bytes are no receipt.
        SignatureInvalidError: It is of another network, or the authority that it names
            is no member or did not sign it.
    """
    receipt = parse_receipt(data)
    issuer = policy.issuer(receipt.issuer)
    if receipt.network != policy.network or issuer is None:
        raise SignatureInvalidError(
            f"receipt: expected an authority of {policy.network}, "
            f"got {receipt.issuer[:64]!r} of {receipt.network[:64]!r}"
        )
    verify_note(parse_note(data), [issuer.key])
    return receipt
