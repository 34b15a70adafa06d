import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from cosignal.protocol.certificates import (
    Certificate,
    CertifiedReport,
    UploadedKey,
    VerificationToken,
    issue_certificate,
    issue_token,
    tek_mac,
    verify_certificate,
    verify_tek_mac,
    verify_token,
)
from cosignal.protocol.diagnosis_keys import ReportType
from cosignal.protocol.errors import (
    ExpiredError,
    MalformedError,
    SignatureInvalidError,
    UsageError,
    VerificationError,
)
from cosignal.protocol.json_web_tokens import TokenSigner, sign_web_token
from tests.protocol import naive_p256
from tests.strategies import NOW
from tests.vectors import generate

VECTORS = Path(generate.__file__).parent / "certificates.json"
STORED: dict[str, Any] = json.loads(VECTORS.read_bytes())
KEY = ec.derive_private_key(generate.PRIVATE, ec.SECP256R1())
SIGNER = TokenSigner("v1", KEY)
KEYS = {"v1": KEY.public_key()}
ISSUER, AUDIENCE = "authority", "exposure-notifications-server"
MAC = bytes(range(32))
SECRET = b"sixteen bytes or"
UPLOAD = [
    UploadedKey("dPCphLzfG4uzXneNimkPRQ==", 144, 144, 5),
    UploadedKey("z2Cx9hdz2SlxZ8GEgqTYpA==", 1, 144, 3),
]
CLAIMS: dict[str, object] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "iat": NOW - 5,
    "nbf": NOW - 5,
    "exp": NOW + 900,
    "reportType": "confirmed",
    "tekmac": base64.b64encode(MAC).decode(),
}
TOKEN_CLAIMS: dict[str, object] = {
    "iss": ISSUER,
    "aud": ISSUER,
    "iat": NOW,
    "exp": NOW + 86400,
    "jti": "once",
    "sub": "likely.2025-11-20.",
}


def certificate(
    report_type: CertifiedReport = CertifiedReport.CONFIRMED,
    onset: int | None = None,
) -> str:
    return issue_certificate(
        SIGNER,
        issuer=ISSUER,
        audience=AUDIENCE,
        report_type=report_type,
        tekmac=MAC,
        now=NOW,
        symptom_onset_interval=onset,
    )


def verified(token: str, now: int = NOW) -> Certificate:
    return verify_certificate(token, KEYS, issuer=ISSUER, audience=AUDIENCE, now=now)


def changed(**claims: object) -> str:
    """Sign a certificate whose claims are other ones; None leaves a claim out."""
    merged = CLAIMS | claims
    kept = {name: value for name, value in merged.items() if value is not None}
    return sign_web_token(SIGNER, kept)


def changed_token(**claims: object) -> str:
    merged = TOKEN_CLAIMS | claims
    kept = {name: value for name, value in merged.items() if value is not None}
    return sign_web_token(SIGNER, kept)


@pytest.mark.parametrize("report_type", CertifiedReport)
@pytest.mark.parametrize("onset", [None, 2_939_904])
def test_a_certificate_says_what_was_certified(
    report_type: CertifiedReport, onset: int | None
) -> None:
    expected = Certificate(report_type, MAC, NOW - 5, NOW + 900, onset)

    assert verified(certificate(report_type, onset)) == expected


def test_a_certificate_is_good_for_readers_whose_clocks_differ_a_little() -> None:
    assert verified(certificate(), NOW - 5).issued == NOW - 5
    assert verified(certificate(), NOW + 899).expires == NOW + 900


def test_a_certificate_from_the_future_is_refused() -> None:
    with pytest.raises(VerificationError, match=f"iat: .* got {NOW - 5}"):
        verified(certificate(), NOW - 6)
    with pytest.raises(VerificationError, match="nbf"):
        verified(changed(nbf=NOW + 1))


def test_a_certificate_past_its_time_is_refused_as_such() -> None:
    with pytest.raises(ExpiredError, match="exp"):
        verified(certificate(), NOW + 900)


@pytest.mark.parametrize(("claim", "other"), [("iss", "mallory"), ("aud", "elsewhere")])
def test_a_certificate_of_or_for_others_is_refused(claim: str, other: str) -> None:
    with pytest.raises(VerificationError, match=claim):
        verified(changed(**{claim: other}))


def test_an_unknown_report_type_is_refused() -> None:
    with pytest.raises(VerificationError, match="reportType: expected one of"):
        verified(changed(reportType="rumour"))


def test_the_signature_is_checked_before_the_claims() -> None:
    other = TokenSigner("v1", ec.derive_private_key(7, ec.SECP256R1()))
    forged = sign_web_token(other, CLAIMS | {"iss": "mallory", "reportType": "rumour"})

    with pytest.raises(SignatureInvalidError):
        verified(forged)


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        *(
            (name, None)
            for name in ("iss", "aud", "iat", "exp", "reportType", "tekmac")
        ),
        ("aud", [AUDIENCE]),
        ("iat", True),
        ("iat", str(NOW)),
        ("iat", -1),
        ("exp", NOW + 0.5),
        ("exp", 2**63),
        ("reportType", 1),
        ("tekmac", base64.b64encode(MAC[:31]).decode()),
        ("tekmac", "not base64!"),
        ("tekmac", "\ud800"),
        ("symptomOnsetInterval", "2939904"),
        ("symptomOnsetInterval", 2**32),
    ],
)
def test_a_claim_of_the_wrong_form_is_refused(claim: str, value: object) -> None:
    with pytest.raises(MalformedError, match=r"tekmac|base64|expected"):
        verified(changed(**{claim: value}))


def test_what_other_servers_leave_out_or_add_is_accepted() -> None:
    mac = base64.urlsafe_b64encode(MAC).decode().rstrip("=")
    other = changed(nbf=None, symptomOnsetInterval=0, trisk=[], tekmac=mac)

    expected = Certificate(CertifiedReport.CONFIRMED, MAC, NOW - 5, NOW + 900)
    assert verified(other) == expected


def test_text_that_is_no_token_at_all_is_malformed() -> None:
    for text in ("", "a.b.c", "\ud800", "é.é.é"):
        with pytest.raises(MalformedError):
            verified(text)


@pytest.mark.parametrize(("size", "onset"), [(31, None), (32, 0), (32, 2**32)])
def test_a_certificate_that_nobody_could_verify_is_not_issued(
    size: int, onset: int | None
) -> None:
    with pytest.raises(UsageError, match="expected"):
        issue_certificate(
            SIGNER,
            issuer=ISSUER,
            audience=AUDIENCE,
            report_type=CertifiedReport.CONFIRMED,
            tekmac=bytes(size),
            now=NOW,
            symptom_onset_interval=onset,
        )


def test_a_negative_test_publishes_nothing() -> None:
    published = {report.value: report.published_as for report in CertifiedReport}

    assert published == {
        "confirmed": ReportType.CONFIRMED_TEST,
        "likely": ReportType.CONFIRMED_CLINICAL_DIAGNOSIS,
        "negative": None,
        "user-report": ReportType.SELF_REPORT,
    }


@pytest.mark.parametrize("symptom_date", ["", "2025-11-20"])
@pytest.mark.parametrize("test_date", ["", "2025-11-23"])
def test_a_token_says_what_its_code_was_issued_for(
    symptom_date: str, test_date: str
) -> None:
    token = issue_token(
        SIGNER,
        issuer=ISSUER,
        token_id="once",  # noqa: S106 - names a token, opens nothing
        report_type=CertifiedReport.USER_REPORT,
        symptom_date=symptom_date,
        test_date=test_date,
        now=NOW,
    )

    expected = VerificationToken(
        "once", CertifiedReport.USER_REPORT, symptom_date, test_date, NOW + 86400
    )
    assert verify_token(token, KEYS, issuer=ISSUER, now=NOW) == expected
    with pytest.raises(ExpiredError):
        verify_token(token, KEYS, issuer=ISSUER, now=NOW + 86400)


@pytest.mark.parametrize("date", ["2025-13-01", "20-11-2025", "2025-11-20.", "today"])
def test_a_token_with_another_date_is_not_issued(date: str) -> None:
    with pytest.raises(UsageError, match="symptom_date: expected YYYY-MM-DD"):
        issue_token(
            SIGNER,
            issuer=ISSUER,
            token_id="once",  # noqa: S106 - names a token, opens nothing
            report_type=CertifiedReport.LIKELY,
            symptom_date=date,
            test_date="",
            now=NOW,
        )


@pytest.mark.parametrize(
    ("claims", "kind"),
    [
        ({"sub": "likely."}, MalformedError),
        ({"sub": "likely.yesterday."}, MalformedError),
        ({"sub": "likely..2025-11-20.1"}, MalformedError),
        ({"sub": "rumour.."}, VerificationError),
        ({"sub": None}, MalformedError),
        ({"jti": None}, MalformedError),
        ({"aud": AUDIENCE}, VerificationError),
        ({"iss": "mallory"}, VerificationError),
        ({"iat": NOW + 1}, VerificationError),
    ],
)
def test_another_token_is_refused(
    claims: dict[str, object], kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        verify_token(changed_token(**claims), KEYS, issuer=ISSUER, now=NOW)


def test_a_certificate_is_no_token_and_a_token_no_certificate() -> None:
    with pytest.raises(VerificationError, match="aud"):
        verify_token(certificate(), KEYS, issuer=ISSUER, now=NOW)
    with pytest.raises(VerificationError, match="aud"):
        verified(changed_token())


KEY_SETS = st.lists(
    st.builds(
        UploadedKey,
        key_text=st.binary(min_size=16, max_size=16).map(
            lambda data: base64.b64encode(data).decode()
        ),
        start=st.integers(0, 2**32 - 1),
        period=st.integers(1, 144),
        risk=st.integers(0, 8),
    ),
    max_size=6,
    unique_by=lambda key: key.key_text,
)


def naive_mac(keys: list[UploadedKey], *, with_risk: bool) -> bytes:
    """HMAC by its definition, RFC 2104."""
    rows = sorted(
        (key.key_text.encode(), f".{key.start}.{key.period}", f".{key.risk}")
        for key in keys
    )
    text = b",".join(
        name + (span + risk * with_risk).encode() for name, span, risk in rows
    )
    block = SECRET.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in block) + text).digest()
    return hashlib.sha256(bytes(b ^ 0x5C for b in block) + inner).digest()


@given(KEY_SETS, st.booleans(), st.randoms(use_true_random=False))
def test_the_mac_of_a_key_set_does_not_depend_on_order(
    keys: list[UploadedKey],
    with_risk: bool,  # noqa: FBT001 - hypothesis passes by position
    shuffler: Any,  # noqa: ANN401 - hypothesis names no type
) -> None:
    expected = naive_mac(keys, with_risk=with_risk)
    shuffler.shuffle(keys)

    assert tek_mac(SECRET, keys, with_risk=with_risk) == expected


@given(KEY_SETS)
def test_the_mac_that_phones_compute_is_accepted(keys: list[UploadedKey]) -> None:
    assert verify_tek_mac(tek_mac(SECRET, keys), SECRET, keys) == keys


def test_risks_may_be_left_out_only_when_there_are_none() -> None:
    without = [UploadedKey(key.key_text, key.start, key.period) for key in UPLOAD]
    mac = tek_mac(SECRET, UPLOAD, with_risk=False)

    assert verify_tek_mac(mac, SECRET, without) == without
    with pytest.raises(VerificationError, match="key set"):
        verify_tek_mac(mac, SECRET, UPLOAD)


@pytest.mark.parametrize(
    "keys",
    [
        [],
        UPLOAD[:1],
        [*UPLOAD, UploadedKey("AAAAAAAAAAAAAAAAAAAAAA==", 1, 1)],
        [UPLOAD[0], UploadedKey(UPLOAD[1].key_text, 2, 144, 3)],
        [UPLOAD[0], UploadedKey(UPLOAD[1].key_text, 1, 143, 3)],
        [UPLOAD[0], UploadedKey(UPLOAD[1].key_text, 1, 144, 4)],
        [UPLOAD[0], UploadedKey(UPLOAD[1].key_text.rstrip("="), 1, 144, 3)],
    ],
)
def test_another_key_set_is_refused(keys: list[UploadedKey]) -> None:
    mac = tek_mac(SECRET, UPLOAD)

    with pytest.raises(VerificationError, match="key set") as caught:
        verify_tek_mac(mac, SECRET, keys)

    assert all(key.key_text not in str(caught.value) for key in UPLOAD)


def test_another_secret_is_refused() -> None:
    with pytest.raises(VerificationError, match="key set"):
        verify_tek_mac(tek_mac(SECRET, UPLOAD), SECRET[1:], UPLOAD)


def test_what_must_stay_secret_stands_in_no_repr() -> None:
    token = VerificationToken("once", CertifiedReport.LIKELY, "", "", NOW)
    shown = f"{UPLOAD} {verified(certificate())} {token}"

    assert "dPCph" not in shown
    assert "once" not in shown
    assert repr(MAC)[2:-1] not in shown


def test_the_stored_vectors_are_what_this_version_writes() -> None:
    assert VECTORS.read_text() == generate.encoded("certificates")


def read_naively(token: str) -> dict[str, Any]:
    """Check a token with the textbook's P-256 and read its claims."""
    head, body, signature = (
        base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        for part in token.split(".")
    )
    public = naive_p256.multiply(int(STORED["private_key"], 16), naive_p256.G)
    signed = token.rsplit(".", 1)[0].encode()
    assert json.loads(head) == {"alg": "ES256", "kid": STORED["kid"], "typ": "JWT"}
    assert naive_p256.verifies(public, signed, signature)
    claims: dict[str, Any] = json.loads(body)
    return claims


@pytest.mark.parametrize("case", STORED["certificates"])
def test_a_second_implementation_reads_the_stored_certificates(
    case: dict[str, str],
) -> None:
    claims = read_naively(case["token"])

    onset = claims.pop("symptomOnsetInterval", None)
    assert (onset is not None) == (case["report_type"] == "confirmed")
    assert claims == {
        "iss": STORED["issuer"],
        "aud": STORED["audience"],
        "iat": STORED["now"] - 5,
        "nbf": STORED["now"] - 5,
        "exp": STORED["now"] + 900,
        "reportType": case["report_type"],
        "tekmac": base64.b64encode(bytes.fromhex(STORED["tek_mac"])).decode(),
    }


def test_a_second_implementation_reads_the_stored_token() -> None:
    assert read_naively(STORED["verification_token"]) == {
        "iss": STORED["issuer"],
        "aud": STORED["issuer"],
        "iat": STORED["now"],
        "exp": STORED["now"] + 86400,
        "jti": "example-token",
        "sub": "likely.2025-11-20.",
    }


@pytest.mark.parametrize(
    ("field", "row"),
    [("tek_mac", "{0}.{1}.{2}.{3}"), ("tek_mac_without_risk", "{0}.{1}.{2}")],
)
def test_a_second_implementation_finds_the_stored_macs(field: str, row: str) -> None:
    text = ",".join(row.format(*key) for key in sorted(STORED["keys"]))
    mac = hmac.new(bytes.fromhex(STORED["secret"]), text.encode(), "sha256")

    assert mac.hexdigest() == STORED[field]
