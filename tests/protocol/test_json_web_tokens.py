import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from cosignal.protocol.errors import (
    MalformedError,
    SignatureInvalidError,
    UsageError,
)
from cosignal.protocol.json_web_tokens import (
    MAX_TOKEN_BYTES,
    TokenSigner,
    WebToken,
    parse_any_base64,
    parse_web_token,
    sign_web_token,
    verify_web_token,
)
from tests.protocol import naive_p256
from tests.vectors.generate import PRIVATE

KEY = ec.derive_private_key(PRIVATE, ec.SECP256R1())
SIGNER = TokenSigner("v1", KEY)
KEYS = {"v1": KEY.public_key()}
CLAIMS: dict[str, object] = {"iss": "somebody", "n": 1}
TOKEN = sign_web_token(SIGNER, CLAIMS).encode()
HEAD, BODY, SIGNATURE = TOKEN.split(b".")
HEADER = {"alg": "ES256", "kid": "v1", "typ": "JWT"}


def part(value: object) -> bytes:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def token(header: object = HEADER, claims: object = CLAIMS) -> bytes:
    return b".".join((part(header), part(claims), SIGNATURE))


def test_a_signed_token_gives_its_claims_back() -> None:
    assert verify_web_token(TOKEN, KEYS) == CLAIMS


def test_the_same_claims_give_the_same_token() -> None:
    assert sign_web_token(SIGNER, CLAIMS).encode() == TOKEN


def test_a_second_implementation_signs_the_same() -> None:
    signed = HEAD + b"." + BODY

    assert part(naive_p256.sign(PRIVATE, signed)) == SIGNATURE


def test_the_second_implementation_is_deterministic_ecdsa() -> None:
    # RFC 6979, A.2.5, SHA-256, message "sample".
    expected = (
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
        "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
    )

    assert naive_p256.sign(PRIVATE, b"sample").hex() == expected


@given(st.integers(0, len(TOKEN) - 1), st.integers(1, 255))
def test_any_changed_byte_is_refused(position: int, change: int) -> None:
    changed = bytearray(TOKEN)
    changed[position] ^= change

    with pytest.raises((MalformedError, SignatureInvalidError)):
        verify_web_token(bytes(changed), KEYS)


def test_a_signature_by_another_key_is_refused() -> None:
    other = TokenSigner("v1", ec.derive_private_key(PRIVATE - 1, ec.SECP256R1()))
    forged = sign_web_token(other, CLAIMS).encode()

    with pytest.raises(SignatureInvalidError, match="signature"):
        verify_web_token(forged, KEYS)


def test_an_unknown_key_version_is_refused() -> None:
    with pytest.raises(SignatureInvalidError, match="kid: expected one of 1 known"):
        verify_web_token(TOKEN, {"v2": KEY.public_key()})


@pytest.mark.parametrize("signature", [bytes(64), b"\xff" * 64])
def test_a_signature_of_zeros_or_out_of_range_is_refused(signature: bytes) -> None:
    forged = b".".join((HEAD, BODY, part(signature)))

    with pytest.raises(SignatureInvalidError, match="signature"):
        verify_web_token(forged, KEYS)


def test_keys_of_another_curve_are_the_callers_mistake() -> None:
    other = ec.derive_private_key(7, ec.SECP384R1())

    with pytest.raises(UsageError, match="expected P-256, got secp384r1"):
        sign_web_token(TokenSigner("v1", other), CLAIMS)
    with pytest.raises(UsageError, match="expected P-256, got secp384r1"):
        verify_web_token(TOKEN, {"v1": other.public_key()})


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "3 parts, got 1"),
        (HEAD + b"." + BODY, "3 parts, got 2"),
        (TOKEN + b".", "3 parts, got 4"),
        (TOKEN + b"=", "base64"),
        (TOKEN + b"==", "without padding"),
        (TOKEN + b"\n", "base64"),
        (b".".join((HEAD, BODY, SIGNATURE[:-2])), "64 bytes"),
        (b".".join((HEAD, BODY, b"")), "64 bytes, got 0"),
        (token(HEADER | {"alg": "none"}), "alg"),
        (token(HEADER | {"alg": "HS256"}), "alg"),
        (token(HEADER | {"alg": ["ES256"]}), "alg"),
        (token({"alg": "ES256"}), "kid"),
        (token(HEADER | {"kid": ""}), "kid"),
        (token(HEADER | {"kid": 1}), "kid"),
        (token(HEADER | {"crit": ["b64"]}), "crit"),
        (token([1]), "header: expected a JSON object"),
        (token(claims="text"), "claims: expected a JSON object"),
        (token(claims=b'{"a":1,"a":2}'), "claims: expected strict JSON"),
        (token(claims=b'{"a":NaN}'), "claims: expected strict JSON"),
        (token(claims=b'{"a":1} {}'), "claims: expected strict JSON"),
        (token(claims=b"\xff\xfe{\x00}\x00"), "claims: expected strict JSON"),
        (token(claims=b'{"a":' + b"[" * 2000), "claims: expected strict JSON"),
        (b"a" * (MAX_TOKEN_BYTES + 1), "at most 4096 bytes, got 4097"),
    ],
)
def test_what_is_no_strict_token_is_refused(data: bytes, what: str) -> None:
    with pytest.raises(MalformedError, match=what):
        parse_web_token(data)


def test_headers_that_ask_for_nothing_are_ignored() -> None:
    parsed = parse_web_token(token(HEADER | {"typ": "other", "jku": "https://x"}))

    assert parsed.kid == "v1"


def parses(data: bytes) -> WebToken | None:
    try:
        return parse_web_token(data)
    except MalformedError:
        return None


@given(st.binary(max_size=300))
def test_random_bytes_are_refused_as_malformed(data: bytes) -> None:
    assert parses(data) is None


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(JSON | st.binary(max_size=60), JSON | st.binary(max_size=60))
def test_random_parts_are_parsed_or_refused_as_malformed(
    header: object, claims: object
) -> None:
    parses(token(header, claims))
    parses(token(HEADER, claims))


@given(st.binary(max_size=60))
def test_every_writing_of_base64_is_read(data: bytes) -> None:
    standard, url = base64.b64encode(data), base64.urlsafe_b64encode(data)

    for text in (standard, standard.rstrip(b"="), url, url.rstrip(b"=")):
        assert parse_any_base64(text) == data


@given(st.binary(max_size=40) | st.text("AQgw+/-_= \n", max_size=10))
def test_other_base64_is_refused_as_malformed(text: bytes | str) -> None:
    data = text.encode() if isinstance(text, str) else text
    try:
        decoded = parse_any_base64(data)
    except MalformedError:
        return

    assert base64.b64encode(decoded).rstrip(b"=") == data.translate(
        bytes.maketrans(b"-_", b"+/")
    ).rstrip(b"=")


@pytest.mark.parametrize("text", [b"AA=", b"AA===", b"A", b"AB", b"AA==\n", b"=", b"!"])
def test_loose_base64_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedError, match="base64"):
        parse_any_base64(text)


def test_neither_keys_nor_claims_stand_in_a_repr() -> None:
    shown = repr(SIGNER) + repr(parse_web_token(TOKEN))

    assert "somebody" not in shown
    assert "PrivateKey" not in shown
