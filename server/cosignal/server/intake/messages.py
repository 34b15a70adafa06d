"""The JSON of the intake's calls, as Google's servers spell it.

A field that is not listed is refused; a field that may be missing may also be null.

Source: exposure-notifications-server, pkg/api/v1/exposure_types.go;
exposure-notifications-verification-server, pkg/api/api.go.
"""

from typing import Annotated

import msgspec
from msgspec import field

Int32 = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]


class _Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A body that came in."""


class _Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A body that goes out."""


class SentKey(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, gc=False
):
    """One temporary exposure key of an upload."""

    #: Base64 of 16 bytes, either alphabet, padding optional.
    key_text: str = field(name="key")
    #: First interval, 10-minute units since 1970.
    start: Int32 = field(name="rollingStartNumber")
    #: Number of intervals, 1 to 144. Missing means 0, which is refused.
    period: Int32 = field(name="rollingPeriod", default=0)
    #: Transmission risk, 0 to 8. Only the HMAC needs it.
    risk: Int32 = field(name="transmissionRisk", default=0)


class PublishRequest(_Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Body of `POST /v1/publish`."""

    #: 1 to 30 keys.
    keys: list[SentKey] = field(name="temporaryExposureKeys")
    #: Must be the node's own.
    health_authority_id: str = field(name="healthAuthorityID")
    #: The certificate, an ES256 JSON web token.
    certificate: str = field(name="verificationPayload", default="")
    #: Base64 of the HMAC's secret.
    hmac_key: str | None = field(name="hmacKey", default=None)
    #: The same; Google's documentation spells it so.
    hmackey: str | None = None
    #: Used where the certificate names no onset.
    onset_interval: Int32 | None = field(name="symptomOnsetInterval", default=None)
    #: Accepted and not used: blocks are not sorted by travel.
    traveler: bool | None = None
    #: Opaque; this node makes none yet.
    revision_token: str | None = field(name="revisionToken", default=None)
    #: Ignored.
    padding: str | None = None

    @property
    def mac_secret(self) -> str:
        """The HMAC's secret, by whichever name it came."""
        return self.hmac_key or self.hmackey or ""


class PublishReply(_Reply, frozen=True, kw_only=True, omit_defaults=True):
    """Answer of `POST /v1/publish`."""

    #: How many keys were stored.
    inserted: int = field(name="insertedExposures")
    #: Random base64 that hides the length of the rest.
    padding: str
    #: Says which keys were dropped.
    error: str = ""
    #: `partial_failure` when some keys were dropped.
    code: str = ""
    #: One for each dropped key.
    warnings: tuple[str, ...] = ()
    #: A signed note: these keys will be on the chain. Only Cosignal has it.
    receipt: str = ""


class VerifyRequest(_Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Body of `POST /api/verify`."""

    #: The code as typed, short or long.
    code: str
    #: Test types that the app understands; missing means confirmed only.
    accept: list[str] | None = None
    #: Random text of the phone, 43 characters or more: with the same one it may ask
    #: again while the code lives. Shorter ones are ignored.
    nonce: str | None = None
    #: Ignored.
    padding: str | None = None


class VerifyReply(_Reply, frozen=True, kw_only=True):
    """Answer of `POST /api/verify`."""

    #: `confirmed`, `likely` or `negative`.
    test_type: str = field(name="testtype")
    #: `YYYY-MM-DD`, or empty.
    symptom_date: str = field(name="symptomDate")
    #: `YYYY-MM-DD`, or empty.
    test_date: str = field(name="testDate")
    #: To be exchanged at `/api/certificate`, once, within 24 hours.
    token: str
    #: Random base64.
    padding: str


class CertificateRequest(
    _Request, frozen=True, forbid_unknown_fields=True, kw_only=True
):
    """Body of `POST /api/certificate`."""

    #: From `/api/verify`.
    token: str
    #: Base64 of the key set's HMAC, 32 bytes.
    key_mac: str = field(name="ekeyhmac")
    #: Ignored.
    padding: str | None = None


class CertificateReply(_Reply, frozen=True, kw_only=True):
    """Answer of `POST /api/certificate`."""

    #: For `/v1/publish`, good for 15 minutes.
    certificate: str
    #: Random base64.
    padding: str


class IssueRequest(_Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Body of `POST /api/issue`."""

    #: `confirmed`, `likely` or `negative`.
    test_type: str = field(name="testType")
    #: First day of symptoms, `YYYY-MM-DD`.
    symptom_date: str = field(name="symptomDate", default="")
    #: Day of the test, `YYYY-MM-DD`.
    test_date: str = field(name="testDate", default="")
    #: Minutes east of Greenwich; dates are taken as they are.
    tz_offset: Int32 = field(name="tzOffset", default=0)
    #: The clinic's own handle on the code.
    uuid: str = ""
    #: Ignored.
    padding: str | None = None


class IssueReply(_Reply, frozen=True, kw_only=True):
    """Answer of `POST /api/issue`."""

    #: Handle on the code.
    uuid: str
    #: Short form, digits.
    code: str
    #: Long form, letters and digits.
    long_code: str = field(name="longCode")
    #: End of the short form, RFC 1123.
    expires_at: str = field(name="expiresAt")
    #: The same, Unix seconds.
    expires_at_timestamp: int = field(name="expiresAtTimestamp")
    #: End of the long form, RFC 1123.
    long_expires_at: str = field(name="longExpiresAt")
    #: The same, Unix seconds.
    long_expires_at_timestamp: int = field(name="longExpiresAtTimestamp")
    #: Random base64.
    padding: str = ""
