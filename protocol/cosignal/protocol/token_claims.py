"""Claims of a web token whose signature holds: their types, parties and times.

What this module guarantees:

* A claim has the type it should have, or the token is refused; nothing is converted.
* A token counts from `iat` and `nbf` on, without leeway, and no longer at `exp`.

Source: RFC 7519, section 4.1; docs/reference/protocol.md, "Certificates".
"""

from collections.abc import Mapping
from typing import Final

from cosignal.protocol.errors import ExpiredError, MalformedError, VerificationError

_UINT63_LIMIT: Final = 1 << 63


def check_parties(claims: Mapping[str, object], *, issuer: str, audience: str) -> None:
    """Refuse a token that another authority issued, or that is for another reader.

    Args:
        claims: As signed.
        issuer: Expected `iss`.
        audience: Expected `aud`.

    Raises:
        MalformedError: A claim is missing or no text.
        VerificationError: A claim is another.
    """
    for name, expected in (("iss", issuer), ("aud", audience)):
        if text_claim(claims, name) != expected:
            raise VerificationError(
                f"{name}: expected {expected}, got another",
                advice="Compare issuer and audience in the settings of both servers.",
            )


def check_times(claims: Mapping[str, object], now: int) -> tuple[int, int]:
    """Refuse a token that is not good now.

    Args:
        claims: As signed; `nbf` may be missing.
        now: Unix seconds.

    Returns:
        When it was issued, and the first moment at which it no longer holds.

    Raises:
        MalformedError: A claim is missing or no whole number.
        ExpiredError: Its time is over.
        VerificationError: Its time has not come.
    """
    issued = number_claim(claims, "iat")
    not_before = number_claim(claims, "nbf", default=issued)
    expires = number_claim(claims, "exp")
    for name, begins in (("iat", issued), ("nbf", not_before)):
        if begins > now:
            raise VerificationError(
                f"{name}: expected a time up to {now}, which is now, got {begins}",
                advice="Set the clocks of both servers; they differ.",
            )
    if now >= expires:
        raise ExpiredError(
            f"exp: expected a time after {now}, which is now, got {expires}",
            advice="Ask for a new one.",
        )
    return issued, expires


def text_claim(claims: Mapping[str, object], name: str) -> str:
    """Read a text.

    Args:
        claims: As signed.
        name: Which claim.

    Returns:
        The text.

    Raises:
        MalformedError: The claim is missing or no text.
    """
    value = claims.get(name)
    if not isinstance(value, str):
        raise MalformedError(f"{name}: expected text, got {type(value).__name__}")
    return value


def number_claim(
    claims: Mapping[str, object],
    name: str,
    *,
    default: int | None = None,
    limit: int = _UINT63_LIMIT,
) -> int:
    """Read a whole number; JSON's true is none.

    Args:
        claims: As signed.
        name: Which claim.
        default: Its value where it is missing; None if it must be there.
        limit: First number too large.

    Returns:
        The number, from 0 to below `limit`.

    Raises:
        MalformedError: The claim is missing, no whole number, or too large.
    """
    value = claims.get(name, default)
    if type(value) is not int or not 0 <= value < limit:
        raise MalformedError(f"{name}: expected a whole number from 0 to below {limit}")
    return value
