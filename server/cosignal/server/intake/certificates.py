"""Turn a used code into a token, and a token into one certificate.

What this module guarantees:

* A token works for one set of keys: its digest, and one of both together, are durable
  before the certificate is sent. A phone that lost the answer gets another certificate
  for the same keys.
* A certificate names the HMAC of a key set and lives a quarter of an hour. The node
  keeps neither, so nothing leads from a code to the keys.

Source: exposure-notifications-verification-server, docs/api.md.
"""

from datetime import UTC, datetime
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cosignal.protocol.certificates import (
    KEY_MAC_BYTES,
    Certificate,
    issue_certificate,
    issue_token,
    verify_certificate,
    verify_token,
)
from cosignal.protocol.errors import CosignalError, ExpiredError, MalformedError
from cosignal.protocol.intervals import interval_at
from cosignal.protocol.json_web_tokens import TokenSigner, parse_any_base64
from cosignal.server.clock import Clock
from cosignal.server.config import Intake as IntakeSettings
from cosignal.server.intake.codes import Redeemed
from cosignal.server.intake.refusals import RequestError
from cosignal.server.storage.codes import use_token
from cosignal.server.storage.database import Database

_KID_CHARACTERS = 16
_TAG = b"cosignal/token/v1\n"
_BINDING_TAG = b"cosignal/token-keys/v1\n"


class Certificates:
    """Tokens and certificates of one node."""

    def __init__(
        self,
        settings: IntakeSettings,
        database: Database,
        key: ec.EllipticCurvePrivateKey,
        clock: Clock,
    ) -> None:
        """Sign with the node's certificate key, `key`."""
        public = key.public_key()
        spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        # A version that follows from the key cannot name another one by mistake.
        kid = sha256(spki).hexdigest()[:_KID_CHARACTERS]
        self._signer = TokenSigner(kid, key)
        self._keys = {kid: public}
        self._settings = settings
        self._database = database
        self._clock = clock

    @property
    def _token_issuer(self) -> str:
        # Certificates have another issuer and audience, so neither passes for the
        # other although one key signs both.
        return f"{self._settings.health_authority_id}/token"

    def token(self, redeemed: Redeemed) -> str:
        """Write the token that a phone gets for its code.

        Args:
            redeemed: What the code gave.

        Returns:
            An ES256 JSON web token.
        """
        now = self._clock()
        return issue_token(
            self._signer,
            issuer=self._token_issuer,
            token_id=redeemed.token_id,
            report_type=redeemed.test.report,
            symptom_date=redeemed.test.symptom_date,
            test_date=redeemed.test.test_date,
            now=now,
            lifetime_seconds=redeemed.token_expires - now,
        )

    async def certify(self, token: str, key_mac: str) -> str:
        """Exchange a token.

        Args:
            token: From `token`.
            key_mac: Base64 of the HMAC of the key set.

        Returns:
            The certificate. The token is used up, durably, but for the same keys.

        Raises:
            RequestError: The token is not ours, used or too old; or the HMAC is not 32
                bytes.
        """
        now = self._clock()
        mac = _read_mac(key_mac)
        try:
            verified = verify_token(
                token, self._keys, issuer=self._token_issuer, now=now
            )
        except ExpiredError as error:
            raise RequestError(400, "token_expired", "the token expired") from error
        except CosignalError as error:
            raise _invalid() from error
        token_id = verified.token_id.encode()
        digest = sha256(_TAG + token_id).digest()
        # With the token's id, which is stored nowhere: the HMAC's own digest stands
        # with the upload, and would lead from one to the other.
        binding = sha256(_BINDING_TAG + token_id + b"\n" + mac).digest()
        # An hour's precision is enough to forget it, and says less about the person.
        expires = -(-verified.expires // 3600) * 3600
        usable = await self._database.write(
            lambda c: use_token(c, digest, binding, expires)
        )
        if not usable:
            raise _invalid()
        return issue_certificate(
            self._signer,
            issuer=self._settings.health_authority_id,
            audience=self._settings.audience,
            report_type=verified.report_type,
            tekmac=mac,
            now=now,
            symptom_onset_interval=_onset(verified.symptom_date),
            lifetime_seconds=self._settings.certificate_minutes * 60,
        )

    def verify(self, certificate: str, now: int) -> Certificate:
        """Check a certificate that came with an upload.

        Args:
            certificate: As the phone sent it.
            now: Unix seconds.

        Returns:
            What it certifies.

        Raises:
            CosignalError: It is not ours, or not good now.
        """
        return verify_certificate(
            certificate,
            self._keys,
            issuer=self._settings.health_authority_id,
            audience=self._settings.audience,
            now=now,
        )


def _read_mac(text: str) -> bytes:
    try:
        mac = parse_any_base64(text.encode("utf-8", "surrogatepass"))
    except MalformedError:
        mac = b""
    if len(mac) != KEY_MAC_BYTES:
        raise RequestError(
            400, "hmac_invalid", f"ekeyhmac: expected base64 of {KEY_MAC_BYTES} bytes"
        )
    return mac


def _onset(symptom_date: str) -> int | None:
    """The interval in which the day of first symptoms began."""
    if not symptom_date:
        return None
    midnight = datetime.fromisoformat(symptom_date).replace(tzinfo=UTC)
    return interval_at(int(midnight.timestamp()))


def _invalid() -> RequestError:
    return RequestError(400, "token_invalid", "the token is invalid or used")
