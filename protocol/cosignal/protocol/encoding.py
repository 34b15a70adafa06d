"""Strict readers for the few text encodings that the log's files use.

What this module guarantees:

* One value, one text: what these readers accept, the writers give back byte for byte.
* Wrong input is a `MalformedError` that names the field; nothing else escapes.

What may stand where is left to the module that owns the file format.
"""

import re
from base64 import b64decode, b64encode

from cosignal.protocol.errors import MalformedError

HASH_BYTES = 32
MAX_INTEGER = (1 << 63) - 1

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_SHOWN = 40


def encode_base64(data: bytes) -> str:
    """Write bytes in standard base64, padded (RFC 4648, section 4)."""
    return b64encode(data).decode("ascii")


def parse_base64(text: str | bytes, field: str) -> bytes:
    """Read standard base64 in its one canonical form.

    Args:
        text: Padded base64, nothing around it.
        field: What the text stands for, named in the error.

    Returns:
        The decoded bytes.

    Raises:
        MalformedError: Another alphabet, missing padding, or bits left over.
    """
    try:
        data = b64decode(text, validate=True)
    except ValueError:
        raise MalformedError(f"{field}: expected standard base64") from None
    # Python drops the unused bits of the last character, so several texts would give
    # the same bytes, and a changed file could still be accepted.
    if b64encode(data) != (text.encode() if isinstance(text, str) else text):
        raise MalformedError(f"{field}: expected canonical base64")
    return data


def parse_hash(text: str | bytes, field: str) -> bytes:
    """Read a SHA-256 hash in base64.

    Args:
        text: 44 characters.
        field: What the text stands for, named in the error.

    Returns:
        32 bytes.

    Raises:
        MalformedError: Not canonical base64, or not 32 bytes.
    """
    data = parse_base64(text, field)
    if len(data) != HASH_BYTES:
        raise MalformedError(
            f"{field}: expected {HASH_BYTES} bytes in base64, got {len(data)}"
        )
    return data


def parse_decimal(text: str, field: str) -> int:
    """Read a non-negative ASCII decimal without leading zeroes, below 2**63.

    Args:
        text: The digits.
        field: What the number stands for, named in the error.

    Returns:
        The number.

    Raises:
        MalformedError: Anything else, such as a sign, a leading zero or another
            script's digits.
    """
    if not _DECIMAL.fullmatch(text) or int(text) > MAX_INTEGER:
        raise MalformedError(
            f"{field}: expected a decimal number below 2**63 without leading zeroes, "
            f"got {text[:_SHOWN]!r}"
        )
    return int(text)
