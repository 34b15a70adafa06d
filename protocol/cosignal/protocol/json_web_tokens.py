"""ES256 JSON web tokens, read strictly.

What this module guarantees:

* One algorithm: ECDSA on P-256 with SHA-256. Nothing in a token can choose another, or
  bring a key of its own; a token that needs an extension to be understood is refused.
* One reading: canonical base64url without padding, no member twice, no other JSON than
  objects of the standard's own values.
* Signing needs no randomness (RFC 6979): the same claims give the same token.

What the claims mean is left to `certificates`.

Source: RFC 7515 and RFC 7519; RFC 7518, section 3.4; docs/reference/protocol.md,
"Certificates".
"""

import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from cosignal.protocol.errors import MalformedError, SignatureInvalidError, UsageError

#: Longest token that is looked at, bytes; real ones have 400 to 600.
MAX_TOKEN_BYTES: Final = 4096

_PARTS: Final = 3
_SCALAR_BYTES: Final = 32
_VERIFYING: Final = ec.ECDSA(hashes.SHA256())
_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_QUANTUM: Final = 4


@dataclass(frozen=True, slots=True)
class TokenSigner:
    """Who signs tokens.

    Attributes:
        kid: Version of the key; verifiers find the public key by it.
        key: P-256 private key.
    """

    kid: str
    key: ec.EllipticCurvePrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class WebToken:
    """A token whose form is right; its signature proves nothing yet.

    Attributes:
        kid: Version of the key that claims to have signed.
        claims: The payload.
        signed: The exact bytes under the signature.
        signature: 64 bytes, r and s.
    """

    kid: str
    claims: Mapping[str, object] = field(repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def sign_web_token(signer: TokenSigner, claims: Mapping[str, object]) -> str:
    """Write a token.

    Args:
        signer: Key and its version.
        claims: Values that JSON can hold.

    Returns:
        The token in its compact form.

    Raises:
        UsageError: The key is not on P-256.
        cryptography.exceptions.UnsupportedAlgorithm: `cryptography` was built with an
            OpenSSL older than 3.2, which cannot sign without randomness.
    """
    if not isinstance(signer.key.curve, ec.SECP256R1):
        raise UsageError(f"key: expected P-256, got {signer.key.curve.name}")
    header = {"alg": "ES256", "kid": signer.kid, "typ": "JWT"}
    signed = b".".join(_encode_part(_encode_json(part)) for part in (header, claims))
    algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    r, s = decode_dss_signature(signer.key.sign(signed, algorithm))
    signature = r.to_bytes(_SCALAR_BYTES, "big") + s.to_bytes(_SCALAR_BYTES, "big")
    return b".".join((signed, _encode_part(signature))).decode("ascii")


def parse_web_token(data: bytes) -> WebToken:
    """Read a token's form.

    Args:
        data: The compact form, ASCII.

    Returns:
        The token, unverified.

    Raises:
        MalformedError: Anything but an ES256 token with a `kid`.
    """
    if len(data) > MAX_TOKEN_BYTES:
        raise MalformedError(
            f"token: expected at most {MAX_TOKEN_BYTES} bytes, got {len(data)}"
        )
    parts = data.split(b".")
    if len(parts) != _PARTS:
        raise MalformedError(f"token: expected {_PARTS} parts, got {len(parts)}")
    kid = _check_header(_parse_object("header", _decode_part(parts[0])))
    claims = _parse_object("claims", _decode_part(parts[1]))
    signature = _decode_part(parts[2])
    if len(signature) != 2 * _SCALAR_BYTES:
        raise MalformedError(
            f"signature: expected {2 * _SCALAR_BYTES} bytes, got {len(signature)}"
        )
    return WebToken(kid, claims, data[: data.rindex(b".")], signature)


def verify_web_token(
    data: bytes, keys: Mapping[str, ec.EllipticCurvePublicKey]
) -> Mapping[str, object]:
    """Check a token's signature.

    Args:
        data: The compact form, ASCII.
        keys: P-256 public keys by `kid`, loaded once.

    Returns:
        The claims, as signed.

    Raises:
        MalformedError: The form is wrong.
        SignatureInvalidError: The key is unknown, or did not sign this.
    """
    token = parse_web_token(data)
    key = keys.get(token.kid)
    if key is None:
        raise SignatureInvalidError(
            f"kid: expected one of {len(keys)} known keys, got another",
            advice="Compare the issuer's key version with this server's settings.",
        )
    if not isinstance(key.curve, ec.SECP256R1):
        raise UsageError(f"key: expected P-256, got {key.curve.name}")
    r = int.from_bytes(token.signature[:_SCALAR_BYTES], "big")
    s = int.from_bytes(token.signature[_SCALAR_BYTES:], "big")
    try:
        key.verify(encode_dss_signature(r, s), token.signed, _VERIFYING)
    except InvalidSignature:
        raise SignatureInvalidError(
            "signature: expected one by the key that `kid` names, got another"
        ) from None
    return token.claims


def parse_any_base64(data: bytes) -> bytes:
    """Read base64 as phones write it: either alphabet, padded or not.

    Args:
        data: The text, ASCII.

    Returns:
        What it stands for.

    Raises:
        MalformedError: Another character, wrong padding, or bits left over.

    >>> parse_any_base64(b"-_8") == parse_any_base64(b"+/8=")
    True
    """
    text = data.translate(_TO_STANDARD)
    bare = text.rstrip(b"=")
    padded = bare + b"=" * (-len(bare) % _QUANTUM)
    if text not in (bare, padded):
        raise MalformedError("base64: expected none or all of its padding")
    try:
        decoded = binascii.a2b_base64(padded)
    except binascii.Error:
        raise MalformedError(
            "base64: expected whole bytes, got a part of one"
        ) from None
    # The decoder skips foreign characters and ignores spare bits; encoding again finds
    # both, so that no two texts stand for the same bytes but for alphabet and padding.
    if binascii.b2a_base64(decoded, newline=False) != padded:
        raise MalformedError("base64: expected its 64 characters and no spare bits")
    return decoded


def _encode_json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def _encode_part(data: bytes) -> bytes:
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL).rstrip(b"=")


def _decode_part(part: bytes) -> bytes:
    decoded = parse_any_base64(part)
    if _encode_part(decoded) != part:
        raise MalformedError("token: expected base64url without padding")
    return decoded


def _parse_object(what: str, data: bytes) -> dict[str, object]:
    try:
        value = _DECODER.decode(data.decode("utf-8"))
    # A few thousand opening brackets exhaust the parser's recursion.
    except (ValueError, RecursionError):
        raise MalformedError(f"{what}: expected strict JSON") from None
    if not isinstance(value, dict):
        raise MalformedError(f"{what}: expected a JSON object")
    return value


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _check_header(header: dict[str, object]) -> str:
    """Refuse any header that asks for more than an ES256 signature by a known key."""
    if header.get("alg") != "ES256":
        raise MalformedError("alg: expected ES256, got another")
    if "crit" in header:
        raise MalformedError("crit: expected no critical extension, got some")
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise MalformedError("kid: expected the version of the signing key, got none")
    return kid


# Built once: a decoder costs as much as reading a certificate with it.
_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_members, parse_constant=_refuse_constant
)
