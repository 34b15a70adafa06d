"""TCN, temporary contact numbers with signed reports, for comparison with what we run.

What this module guarantees:

* The bytes are those of the TCN Coalition's specification.
* A report's numbers come only from `verify_report`'s answer: one without a good
  signature by the key that its numbers are bound to gives none.
* A report costs whoever reads it the work of 1,344 numbers at most.
* No message, and no printed key, shows a secret.

A *report authorization key* (rak, an Ed25519 secret) and its public half (rvk) start a
ratchet of *temporary contact keys* (tck); each gives one *temporary contact number*
(TCN). A report opens the ratchet before its first number, so it costs little and ties
all its numbers together. The first key, index 0, is never broadcast, since it is not
bound to rvk.

Cosignal does not broadcast these; docs/explanation/identifier-schemes.md says why.

Source: TCN Protocol, "Key Derivation" and "Reporting"; TCNCoalition/TCN at 6b64d09.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from cosignal.protocol.errors import (
    MalformedError,
    SignatureInvalidError,
    UsageError,
)

#: Length of a report authorization key, bytes.
RAK_BYTES: Final = 32
#: Length of its public half, the report verification key, bytes.
RVK_BYTES: Final = 32
#: Length of a temporary contact key, bytes.
TCK_BYTES: Final = 32
#: Length of a temporary contact number, bytes.
TCN_BYTES: Final = 16
#: Numbers are counted in 16 bits.
MAX_INDEX: Final = (1 << 16) - 1
#: Numbers of one report at most: those of the 14 days that phones remember, one for
#: each 15 minutes. The specification allows 65,535, and with it 134 bytes that cost
#: every phone a tenth of a second.
MAX_NUMBERS: Final = 14 * 96
#: Length of a memo's data at most, bytes.
MAX_MEMO_BYTES: Final = 255
SIGNATURE_BYTES: Final = 64

_MAX_TYPE: Final = 255
#: rvk, tck before the first number, first and last index, memo's type and length.
_HEAD: Final = struct.Struct("<32s32sHHBB")


@dataclass(frozen=True, slots=True)
class ContactKey:
    """One step of the ratchet.

    Attributes:
        rvk: 32 bytes, the public key that all numbers are bound to.
        index: 0 to 65,535.
        data: 32 bytes; whoever has them knows all later numbers.
    """

    rvk: bytes
    index: int
    data: bytes = field(repr=False)

    def ratchet(self) -> "ContactKey":
        """Take the next step.

        Returns:
            The next key.

        Raises:
            UsageError: This is the last one.
        """
        if self.index >= MAX_INDEX:
            raise UsageError(
                f"index: expected at most {MAX_INDEX}, the ratchet's end",
                advice="Start a new report authorization key.",
            )
        data = sha256(b"H_TCK" + self.rvk + self.data).digest()
        return ContactKey(self.rvk, self.index + 1, data)

    def number(self) -> bytes:
        """Derive what a phone broadcasts with this key.

        Returns:
            16 bytes.

        Raises:
            UsageError: The index is 0, which is never broadcast.
        """
        if not self.index:
            raise UsageError("index: expected 1 or more, got 0", advice="Ratchet once.")
        counted = self.index.to_bytes(2, "little") + self.data
        return sha256(b"H_TCN" + counted).digest()[:TCN_BYTES]


@dataclass(frozen=True, slots=True)
class Report:
    """What somebody infected publishes.

    Attributes:
        rvk: 32 bytes, the public key that the numbers are bound to.
        key: 32 bytes, the ratchet before the first number.
        first: Index of the first number, 1 or more.
        last: Index of the last number, not before the first; at most 1,344 numbers.
        memo_type: 0 to 255; which application wrote the memo.
        memo: Up to 255 bytes.
    """

    rvk: bytes
    key: bytes
    first: int
    last: int
    memo_type: int = 0
    memo: bytes = b""

    def __post_init__(self) -> None:
        """Refuse what could not be written."""
        if len(self.rvk) != RVK_BYTES or len(self.key) != TCK_BYTES:
            raise UsageError(
                f"rvk, key: expected {RVK_BYTES} and {TCK_BYTES} bytes, "
                f"got {len(self.rvk)} and {len(self.key)}"
            )
        _check_indexes(self.first, self.last)
        if len(self.memo) > MAX_MEMO_BYTES:
            raise UsageError(
                f"memo: expected at most {MAX_MEMO_BYTES} bytes, got {len(self.memo)}"
            )
        if not 0 <= self.memo_type <= _MAX_TYPE:
            raise UsageError(
                f"memo_type: expected 0 to {_MAX_TYPE}, got {self.memo_type}"
            )

    def encode(self) -> bytes:
        """Write the bytes that are signed."""
        head = (self.rvk, self.key, self.first, self.last, self.memo_type)
        return _HEAD.pack(*head, len(self.memo)) + self.memo

    def numbers(self) -> Iterator[bytes]:
        """Derive every number of the report: three blocks of SHA-256 each."""
        key = ContactKey(self.rvk, self.first - 1, self.key)
        while key.index < self.last:
            key = key.ratchet()
            yield key.number()


@dataclass(frozen=True, slots=True)
class SignedReport:
    """A report of which nothing is verified yet.

    Attributes:
        report: What is claimed.
        signature: 64 bytes.
    """

    report: Report
    signature: bytes

    def encode(self) -> bytes:
        """Write the report and its signature."""
        return self.report.encode() + self.signature


def initial_key(rak: bytes) -> ContactKey:
    """Start a ratchet.

    Args:
        rak: 32 secret bytes, an Ed25519 seed.

    Returns:
        The key with index 0; ratchet it before broadcasting.

    Raises:
        UsageError: `rak` is not 32 bytes.
    """
    if len(rak) != RAK_BYTES:
        raise UsageError(f"rak: expected {RAK_BYTES} bytes, got {len(rak)}")
    rvk = bytes(SigningKey(rak).verify_key)
    return ContactKey(rvk, 0, sha256(b"H_TCK" + rak).digest())


def sign_report(
    rak: bytes, first: int, last: int, memo: bytes = b"", memo_type: int = 0
) -> SignedReport:
    """Write and sign a report.

    It opens all numbers from `first` on, also those after `last`: take a new key after
    reporting.

    Args:
        rak: 32 secret bytes.
        first: Index of the first number, 1 or more.
        last: Index of the last number, not before the first, at most 65,535; at most
            1,344 numbers.
        memo: Up to 255 bytes. What only one person would write links their reports.
        memo_type: 0 to 255; which application wrote the memo.

    Returns:
        The signed report.

    Raises:
        UsageError: An argument is out of range.
    """
    _check_indexes(first, last)
    key = initial_key(rak)
    while key.index < first - 1:
        key = key.ratchet()
    report = Report(key.rvk, key.data, first, last, memo_type, memo)
    return SignedReport(report, SigningKey(rak).sign(report.encode()).signature)


def parse_report(data: bytes) -> SignedReport:
    """Read one signed report.

    Args:
        data: 134 to 389 bytes.

    Returns:
        The report; `verify_report` says whether it can be believed.

    Raises:
        MalformedError: Another form, a first index of 0, a last before the first, or
            more than 1,344 numbers.
    """
    found = parse_reports(data)
    if len(found) != 1:
        raise MalformedError(f"report: expected one, got {len(found)}")
    return found[0]


def parse_reports(data: bytes) -> list[SignedReport]:
    """Read signed reports that stand one after the other.

    Args:
        data: The whole file.

    Returns:
        The reports, none verified.

    Raises:
        MalformedError: As `parse_report`.
    """
    found: list[SignedReport] = []
    position = 0
    while position < len(data):
        report = _parse_one(data, position)
        position += len(report.encode())
        found.append(report)
    return found


def verify_report(signed: SignedReport) -> Report:
    """Check that whoever reports the numbers could also broadcast them.

    It proves nothing about an infection.

    Args:
        signed: As parsed.

    Returns:
        The report.

    Raises:
        SignatureInvalidError: The signature is not by the report's own key.
    """
    # PyNaCl raises another error for another length, so this is refused first.
    if len(signed.signature) != SIGNATURE_BYTES:
        raise SignatureInvalidError(
            f"signature: expected {SIGNATURE_BYTES} bytes, got {len(signed.signature)}"
        )
    try:
        VerifyKey(signed.report.rvk).verify(signed.report.encode(), signed.signature)
    except BadSignatureError:
        raise SignatureInvalidError(
            "report: expected a signature by the key that its numbers are bound to",
            advice="Discard the report: it was altered, or claims another's numbers.",
        ) from None
    return signed.report


def _check_indexes(first: int, last: int) -> None:
    if not 1 <= first <= last <= MAX_INDEX:
        raise UsageError(
            f"first, last: expected 1 <= first <= last <= {MAX_INDEX}, "
            f"got {first} and {last}"
        )
    _check_numbers(last - first + 1, UsageError)


def _check_numbers(count: int, error: type[UsageError | MalformedError]) -> None:
    if count > MAX_NUMBERS:
        raise error(f"report: expected at most {MAX_NUMBERS} numbers, got {count}")


def _parse_one(data: bytes, position: int) -> SignedReport:
    memo_at = position + _HEAD.size
    if memo_at > len(data):
        raise MalformedError(
            f"report: expected a head of {_HEAD.size} bytes, got {len(data) - position}"
        )
    rvk, key, first, last, kind, size = _HEAD.unpack_from(data, position)
    if not 1 <= first <= last:
        raise MalformedError(
            f"report: indexes: expected 1 <= first <= last, got {first} and {last}"
        )
    _check_numbers(last - first + 1, MalformedError)
    signature_at = memo_at + size
    signature = data[signature_at : signature_at + SIGNATURE_BYTES]
    if len(signature) != SIGNATURE_BYTES:
        raise MalformedError(
            f"report: expected a memo of {size} bytes and a signature of "
            f"{SIGNATURE_BYTES}, got {len(data) - memo_at} bytes"
        )
    memo = data[memo_at:signature_at]
    return SignedReport(Report(rvk, key, first, last, kind, memo), signature)
