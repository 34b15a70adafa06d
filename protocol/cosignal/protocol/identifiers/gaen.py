"""What a phone derives from its daily key and broadcasts.

What this module guarantees:

* The bytes are those of Exposure Notification v1.2, which Android and iOS speak.
* Identifiers of a whole key come from one call of the cipher, since a phone that
  matches derives hundreds of thousands of them.

Names: temporary exposure key (TEK), rolling proximity identifier (RPI) and its key
(RPIK), associated encrypted metadata (AEM) and its key (AEMK). Comparing identifiers
with what a phone heard is left to `matching`.

Source: Exposure Notification, Cryptography Specification v1.2;
docs/reference/protocol.md, "Identifiers"; vectors `tests/vectors/identifiers.json`.
"""

import hashlib
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from cosignal.protocol.errors import UsageError
from cosignal.protocol.intervals import DAY_INTERVALS

#: Length of a temporary exposure key, bytes.
TEK_BYTES: Final = 16
#: Length of a rolling proximity identifier, bytes.
RPI_BYTES: Final = 16
#: Length of the metadata that travels with an identifier, bytes.
METADATA_BYTES: Final = 4
#: Length of a key derived from a temporary exposure key, bytes.
DERIVED_KEY_BYTES: Final = 16

_INTERVAL_LIMIT: Final = 1 << 32
_PADDED_DATA: Final = np.frombuffer(b"EN-RPI" + bytes(10), "<u4")
_INTERVAL_WORD: Final = 3

# HMAC-SHA-256 hashes its key, xored with one constant byte, before the message. HKDF
# without a salt starts with an HMAC whose key is 32 zero bytes, so the state after
# those blocks is the same for every exposure key and is computed once, here. The
# second HMAC's key is the 32-byte output of the first; `translate` xors it. Six
# compressions are left instead of eight, and no HMAC object is built: a key takes half
# the time of the library's HKDF, and a phone derives one for every key it downloads.
_INNER_XOR: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_XOR: Final = bytes(byte ^ 0x5C for byte in range(256))
_INNER_PAD: Final = b"\x36" * 32
_OUTER_PAD: Final = b"\x5c" * 32
_INNER_STATE: Final = hashlib.sha256(_INNER_PAD * 2)
_OUTER_STATE: Final = hashlib.sha256(_OUTER_PAD * 2)
#: Number of HKDF's first, and here only, block of output.
_COUNTER: Final = b"\x01"


def rolling_proximity_identifier_key(tek: bytes | memoryview) -> bytes:
    """Derive the key that identifiers come from.

    Args:
        tek: 16 bytes, a temporary exposure key.

    Returns:
        16 bytes.

    Raises:
        UsageError: `tek` is not 16 bytes.

    Source: Cryptography Specification v1.2, "Rolling Proximity Identifier Key".

    >>> tek = bytes.fromhex("75c734c6dd1a782de7a965da5eb93125")
    >>> rolling_proximity_identifier_key(tek).hex()
    '185ad91db69ec7dd048960f1f3ba6175'
    """
    return _derive(tek, b"EN-RPIK")


def associated_encrypted_metadata_key(tek: bytes | memoryview) -> bytes:
    """Derive the key that hides the metadata of a broadcast.

    Args:
        tek: 16 bytes, a temporary exposure key.

    Returns:
        16 bytes.

    Raises:
        UsageError: `tek` is not 16 bytes.

    Source: Cryptography Specification v1.2, "Associated Encrypted Metadata Key".

    >>> tek = bytes.fromhex("75c734c6dd1a782de7a965da5eb93125")
    >>> associated_encrypted_metadata_key(tek).hex()
    'd57c46af7a1d83965b9bed8bd152936a'
    """
    return _derive(tek, b"EN-AEMK")


def rolling_proximity_identifier(rpik: bytes, interval: int) -> bytes:
    """Derive the identifier that a phone broadcasts during one interval.

    Two intervals of one key give unrelated identifiers; nobody without the key can
    link them.

    Args:
        rpik: 16 bytes, from `rolling_proximity_identifier_key`.
        interval: The interval's number, 10-minute units since 1970.

    Returns:
        16 bytes.

    Raises:
        UsageError: `rpik` is not 16 bytes, or the interval does not fit in 32 bits.

    Source: Cryptography Specification v1.2, "Rolling Proximity Identifier".

    >>> rpik = bytes.fromhex("185ad91db69ec7dd048960f1f3ba6175")
    >>> rolling_proximity_identifier(rpik, 2_642_976).hex()
    '8be6cd371c5c891604bfbe49df845096'
    """
    return identifier_cipher(rpik).encryptor().update(padded_intervals(interval, 1))


def rolling_proximity_identifiers(tek: bytes, start: int, period: int) -> bytes:
    """Derive every identifier of one key.

    Args:
        tek: 16 bytes, a temporary exposure key.
        start: The key's first interval, 10-minute units since 1970.
        period: Number of intervals, 1 to 144.

    Returns:
        `period` times 16 bytes, in the order of the intervals.

    Raises:
        UsageError: `tek` is not 16 bytes, or start or period is out of range.
    """
    blocks = padded_intervals(start, period)
    rpik = rolling_proximity_identifier_key(tek)
    return identifier_cipher(rpik).encryptor().update(blocks)


def encrypt_metadata(aemk: bytes, rpi: bytes, metadata: bytes) -> bytes:
    """Hide what travels with an identifier: protocol version and transmit power.

    Args:
        aemk: 16 bytes, from `associated_encrypted_metadata_key`.
        rpi: 16 bytes, the identifier it travels with.
        metadata: 4 bytes.

    Returns:
        4 bytes.

    Raises:
        UsageError: An argument has another length.

    Source: Cryptography Specification v1.2, "Associated Encrypted Metadata".
    """
    _check_length("aemk", aemk, DERIVED_KEY_BYTES)
    _check_length("rpi", rpi, RPI_BYTES)
    _check_length("metadata", metadata, METADATA_BYTES)
    cipher = Cipher(algorithms.AES(aemk), modes.CTR(rpi))
    return cipher.encryptor().update(metadata)


def decrypt_metadata(aemk: bytes, rpi: bytes, encrypted: bytes) -> bytes:
    """Read what travelled with an identifier, once its key is published.

    Nothing authenticates these bytes: who relays an identifier can flip bits in them.

    Args:
        aemk: 16 bytes, from `associated_encrypted_metadata_key`.
        rpi: 16 bytes, the identifier it travelled with.
        encrypted: 4 bytes, as heard.

    Returns:
        4 bytes.

    Raises:
        UsageError: An argument has another length.

    Source: Cryptography Specification v1.2, "Associated Encrypted Metadata".
    """
    return encrypt_metadata(aemk, rpi, encrypted)


def identifier_cipher(rpik: bytes) -> Cipher[modes.ECB]:
    """Set up the cipher that turns `padded_intervals` into identifiers.

    Args:
        rpik: 16 bytes, from `rolling_proximity_identifier_key`.

    Returns:
        AES-128 in ECB mode.

    Raises:
        UsageError: `rpik` is not 16 bytes.
    """
    _check_length("rpik", rpik, DERIVED_KEY_BYTES)
    # The specification encrypts single blocks, no two of them equal: ECB is exactly
    # that, for many blocks at once.
    return Cipher(algorithms.AES(rpik), modes.ECB())  # noqa: S305


def padded_intervals(start: int, period: int) -> bytes:
    """Write the blocks that encrypt to the identifiers of one key.

    Args:
        start: First interval, 10-minute units since 1970.
        period: Number of intervals, 1 to 144.

    Returns:
        `period` times 16 bytes: "EN-RPI", six zero bytes, the interval as 32 bits,
        least significant byte first.

    Raises:
        UsageError: Start or period is out of range.
    """
    if not 1 <= period <= DAY_INTERVALS:
        raise UsageError(f"period: expected 1 to {DAY_INTERVALS}, got {period}")
    if not 0 <= start <= _INTERVAL_LIMIT - period:
        raise UsageError(f"start: expected intervals of 32 bits, got {start}")
    blocks = np.empty((period, len(_PADDED_DATA)), "<u4")
    blocks[:] = _PADDED_DATA
    blocks[:, _INTERVAL_WORD] = np.arange(start, start + period, dtype=np.uint32)
    return blocks.tobytes()


def _derive(tek: bytes | memoryview, info: bytes) -> bytes:
    """HKDF-SHA-256 without salt, 16 bytes long."""
    _check_length("tek", tek, TEK_BYTES)
    inner = _INNER_STATE.copy()
    inner.update(tek)
    outer = _OUTER_STATE.copy()
    outer.update(inner.digest())
    extracted = outer.digest()
    padded = extracted.translate(_INNER_XOR) + _INNER_PAD
    message = hashlib.sha256(padded + info + _COUNTER).digest()
    key = extracted.translate(_OUTER_XOR) + _OUTER_PAD
    return hashlib.sha256(key + message).digest()[:DERIVED_KEY_BYTES]


def _check_length(name: str, value: bytes | memoryview, expected: int) -> None:
    if len(value) != expected:
        raise UsageError(f"{name}: expected {expected} bytes, got {len(value)}")
