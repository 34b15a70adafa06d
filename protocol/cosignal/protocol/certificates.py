"""A health authority's word on a person's test, bound to the keys they upload.

What this module guarantees:

* A certificate holds for the key set whose HMAC it carries and for no other. The
  authority that signs sees only the HMAC; the server that takes keys learns no name.
* Checks run in the order of Google's key server: signature, issuer and audience, times,
  report type. The HMAC is last, by `verify_tek_mac`.
* Keys, tokens and MACs stand in no message and in no `repr`.

Whether a code may be used, and once only, is left to the intake.

Source: Google's Exposure Notifications servers, whose clients these bytes serve;
docs/reference/protocol.md, "Certificates"; vectors `tests/vectors/certificates.json`.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from cosignal.protocol.diagnosis_keys import ReportType
from cosignal.protocol.errors import (
    MalformedError,
    UsageError,
    VerificationError,
)
from cosignal.protocol.json_web_tokens import (
    TokenSigner,
    parse_any_base64,
    sign_web_token,
    verify_web_token,
)
from cosignal.protocol.token_claims import (
    check_parties,
    check_times,
    number_claim,
    text_claim,
)

#: Length of a key set's HMAC, bytes.
KEY_MAC_BYTES: Final = 32
#: How long a certificate is good for, seconds, unless its issuer says otherwise.
CERTIFICATE_SECONDS: Final = 15 * 60
#: How long a verification token is good for, seconds, unless its issuer says otherwise.
TOKEN_SECONDS: Final = 24 * 3600
#: A certificate is dated back by this, seconds, since its reader's clock may be behind
#: and certificates of the future are refused.
BACKDATED_SECONDS: Final = 5

_UINT32_LIMIT: Final = 1 << 32
_DATE: Final = re.compile(r"(?:[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01]))?")


class CertifiedReport(StrEnum):
    """What an authority certifies; the values are those of certificates and codes."""

    CONFIRMED = "confirmed"
    LIKELY = "likely"
    NEGATIVE = "negative"
    USER_REPORT = "user-report"

    @property
    def published_as(self) -> ReportType | None:
        """Report type of the published keys; None: a negative test publishes none."""
        return _PUBLISHED_AS.get(self)


_PUBLISHED_AS: Final = {
    CertifiedReport.CONFIRMED: ReportType.CONFIRMED_TEST,
    CertifiedReport.LIKELY: ReportType.CONFIRMED_CLINICAL_DIAGNOSIS,
    CertifiedReport.USER_REPORT: ReportType.SELF_REPORT,
}


@dataclass(frozen=True, slots=True)
class UploadedKey:
    """What the HMAC covers of a key, as the phone sent it.

    Attributes:
        key_text: Base64 of the key, the phone's own text: encoding it again could
            change it, and with it the HMAC.
        start: First interval.
        period: Number of intervals.
        risk: Transmission risk, 0 to 8; 0 where the phone names none.
    """

    key_text: str = field(repr=False)
    start: int
    period: int
    risk: int = 0


@dataclass(frozen=True, slots=True)
class Certificate:
    """A verified certificate.

    Attributes:
        report_type: What the authority certifies.
        tekmac: 32 bytes, HMAC of the key set it is for.
        issued: Unix seconds.
        expires: First moment at which it no longer holds, Unix seconds.
        symptom_onset_interval: An interval of the day symptoms began, or None.
    """

    report_type: CertifiedReport
    tekmac: bytes = field(repr=False)
    issued: int
    expires: int
    symptom_onset_interval: int | None = None


@dataclass(frozen=True, slots=True)
class VerificationToken:
    """A verified token: what a phone holds between its code and its certificate.

    Attributes:
        token_id: Names the token, so that it is used once.
        report_type: What the code was issued for.
        symptom_date: `YYYY-MM-DD`, or empty.
        test_date: `YYYY-MM-DD`, or empty.
        expires: First moment at which it no longer holds, Unix seconds.
    """

    token_id: str = field(repr=False)
    report_type: CertifiedReport
    symptom_date: str
    test_date: str
    expires: int


def issue_certificate(
    signer: TokenSigner,
    *,
    issuer: str,
    audience: str,
    report_type: CertifiedReport,
    tekmac: bytes,
    now: int,
    symptom_onset_interval: int | None = None,
    lifetime_seconds: int = CERTIFICATE_SECONDS,
) -> str:
    """Certify that the keys with this HMAC belong to somebody with this result.

    Args:
        signer: The authority's certificate key.
        issuer: The authority's name towards the key server.
        audience: The key server's name.
        report_type: What is certified.
        tekmac: 32 bytes, from the phone.
        now: Unix seconds.
        symptom_onset_interval: An interval of the day symptoms began, if known.
        lifetime_seconds: How long it holds from `now` on.

    Returns:
        The certificate, an ES256 JSON web token.

    Raises:
        UsageError: `tekmac` is not 32 bytes, the onset no interval, or the key not on
            P-256.
    """
    if len(tekmac) != KEY_MAC_BYTES:
        raise UsageError(f"tekmac: expected {KEY_MAC_BYTES} bytes, got {len(tekmac)}")
    claims: dict[str, object] = {
        "iss": issuer,
        "aud": audience,
        "iat": now - BACKDATED_SECONDS,
        "nbf": now - BACKDATED_SECONDS,
        "exp": now + lifetime_seconds,
        "reportType": report_type.value,
        "tekmac": base64.b64encode(tekmac).decode("ascii"),
    }
    if symptom_onset_interval is not None:
        if not 0 < symptom_onset_interval < _UINT32_LIMIT:
            raise UsageError("symptom_onset_interval: expected an interval of 32 bits")
        claims["symptomOnsetInterval"] = symptom_onset_interval
    return sign_web_token(signer, claims)


def verify_certificate(
    certificate: str,
    keys: Mapping[str, ec.EllipticCurvePublicKey],
    *,
    issuer: str,
    audience: str,
    now: int,
) -> Certificate:
    """Check a certificate. The keys it came with are checked by `verify_tek_mac`.

    Args:
        certificate: As the phone sent it.
        keys: The issuer's P-256 public keys by version, loaded once.
        issuer: The authority's name towards the key server.
        audience: The key server's name.
        now: Unix seconds.

    Returns:
        What it certifies.

    Raises:
        MalformedError: It is no certificate.
        SignatureInvalidError: None of the keys signed it.
        ExpiredError: Its time is over.
        VerificationError: It is another issuer's, for another audience, from the
            future, or of an unknown report type.
    """
    claims = verify_web_token(_utf8(certificate), keys)
    check_parties(claims, issuer=issuer, audience=audience)
    issued, expires = check_times(claims, now)
    report_type = _report_type("reportType", text_claim(claims, "reportType"))
    tekmac = parse_any_base64(_utf8(text_claim(claims, "tekmac")))
    if len(tekmac) != KEY_MAC_BYTES:
        raise MalformedError(
            f"tekmac: expected {KEY_MAC_BYTES} bytes, got {len(tekmac)}"
        )
    # Go leaves a zero out of JSON, so zero and nothing mean the same.
    onset = number_claim(claims, "symptomOnsetInterval", default=0, limit=_UINT32_LIMIT)
    return Certificate(report_type, tekmac, issued, expires, onset or None)


def issue_token(
    signer: TokenSigner,
    *,
    issuer: str,
    token_id: str,
    report_type: CertifiedReport,
    symptom_date: str,
    test_date: str,
    now: int,
    lifetime_seconds: int = TOKEN_SECONDS,
) -> str:
    """Write the token that a phone gets for its code.

    Args:
        signer: The authority's token key.
        issuer: The authority's name, also the token's audience.
        token_id: Fresh and random; the intake lets it be used once.
        report_type: What the code was issued for.
        symptom_date: `YYYY-MM-DD`, or empty.
        test_date: `YYYY-MM-DD`, or empty.
        now: Unix seconds.
        lifetime_seconds: How long it holds.

    Returns:
        The token, an ES256 JSON web token.

    Raises:
        UsageError: A date has another form, or the key is not on P-256.
    """
    for name, date in (("symptom_date", symptom_date), ("test_date", test_date)):
        if not _DATE.fullmatch(date):
            raise UsageError(f"{name}: expected YYYY-MM-DD or nothing")
    claims: dict[str, object] = {
        "aud": issuer,
        "iss": issuer,
        "iat": now,
        "exp": now + lifetime_seconds,
        "jti": token_id,
        "sub": f"{report_type.value}.{symptom_date}.{test_date}",
    }
    return sign_web_token(signer, claims)


def verify_token(
    token: str,
    keys: Mapping[str, ec.EllipticCurvePublicKey],
    *,
    issuer: str,
    now: int,
) -> VerificationToken:
    """Check a verification token. Whether it was used before, the intake knows.

    Args:
        token: As the phone sent it.
        keys: The issuer's P-256 public keys by version, loaded once.
        issuer: The authority's name.
        now: Unix seconds.

    Returns:
        What the code was issued for.

    Raises:
        MalformedError: It is no verification token.
        SignatureInvalidError: None of the keys signed it.
        ExpiredError: Its time is over.
        VerificationError: It is another issuer's, from the future, or of an unknown
            report type.
    """
    claims = verify_web_token(_utf8(token), keys)
    check_parties(claims, issuer=issuer, audience=issuer)
    _, expires = check_times(claims, now)
    match text_claim(claims, "sub").split("."):
        case [name, symptom_date, test_date] if _DATE.fullmatch(
            symptom_date
        ) and _DATE.fullmatch(test_date):
            report_type = _report_type("sub", name)
        case _:
            raise MalformedError("sub: expected test type and two dates")
    token_id = text_claim(claims, "jti")
    return VerificationToken(token_id, report_type, symptom_date, test_date, expires)


def tek_mac(
    secret: bytes, keys: Iterable[UploadedKey], *, with_risk: bool = True
) -> bytes:
    """Bind a key set to a certificate without showing it to who signs.

    Args:
        secret: Made by the phone for this upload, at least 16 random bytes.
        keys: In any order.
        with_risk: Whether each key's transmission risk is covered.

    Returns:
        32 bytes, HMAC-SHA-256.

    Source: docs/reference/protocol.md, "Key set HMAC".

    >>> secret = bytes(range(1, 17))
    >>> key = UploadedKey("dPCphLzfG4uzXneNimkPRQ==", 144, 144, 5)
    >>> other = UploadedKey("z2Cx9hdz2SlxZ8GEgqTYpA==", 1, 144, 3)
    >>> tek_mac(secret, [other, key]).hex()[:16]
    'daed671ede565aea'
    """
    rows = []
    for key in sorted(keys, key=lambda key: key.key_text):
        row = f"{key.key_text}.{key.start}.{key.period}"
        rows.append(f"{row}.{key.risk}" if with_risk else row)
    return hmac.digest(secret, _utf8(",".join(rows)), hashlib.sha256)


def verify_tek_mac(
    mac: bytes, secret: bytes, keys: Sequence[UploadedKey]
) -> Sequence[UploadedKey]:
    """Check that a key set is the one a certificate is for.

    Args:
        mac: 32 bytes, the certificate's `tekmac`.
        secret: As the phone sent it.
        keys: As the phone sent them.

    Returns:
        The keys.

    Raises:
        VerificationError: The HMAC is another key set's, or made with another secret.

    Source: docs/reference/protocol.md, "Key set HMAC".
    """
    if hmac.compare_digest(mac, tek_mac(secret, keys)):
        return keys
    # Phones that know no transmission risk may leave it out; only if no key has one,
    # or else the risks would not be covered by anything.
    bare = all(key.risk == 0 for key in keys)
    if not (bare and hmac.compare_digest(mac, tek_mac(secret, keys, with_risk=False))):
        raise VerificationError(
            "keys: expected the key set that the certificate is for, got another",
            advice="Send keys, in unchanged base64, and hmacKey as when the HMAC was "
            "computed.",
        )
    return keys


def _utf8(text: str) -> bytes:
    """Encode any text at all: JSON can spell characters that UTF-8 cannot."""
    return text.encode("utf-8", "surrogatepass")


def _report_type(claim: str, name: str) -> CertifiedReport:
    try:
        return CertifiedReport(name)
    except ValueError:
        known = ", ".join(CertifiedReport)
        raise VerificationError(
            f"{claim}: expected one of {known}, got another"
        ) from None
