"""Publish a person's keys: code, token, certificate, upload.

What this module guarantees:

* The certificate is bound to exactly these keys: whoever copies it on the way can
  upload nothing else with it.
* Every request of every phone has one size, whatever it carries, and whether it is
  real or fake: the same bytes on the line, headers included.
* An authority's refusal is an `UploadRefusedError` with its error code. No message
  holds a one-time code, a token or a key, even if the server echoes them.
* Nothing is sent on to where an answer redirects.
* What an answer says is bounded: no number or text in it is more than a phone can keep,
  or than fits the next request beside 30 keys.

The JSON is that of Google's verification and key servers, so this client drives those
as well. What outlives a crash, when to upload, and when to pretend to, are for
`phone.uploads` and `phone.chaff`.

Source: exposure-notifications-verification-server, docs/api.md;
exposure-notifications-server, pkg/api/v1.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, TypeVar

import aiohttp
import msgspec

from cosignal.client.sources import read_answer, reason
from cosignal.protocol.certificates import UploadedKey, tek_mac
from cosignal.protocol.diagnosis_keys import MAX_KEYS, DiagnosisKey
from cosignal.protocol.errors import RefusedError, UnavailableError

#: Size of every request's body: 30 keys and a certificate fit.
REQUEST_BYTES = 6_144
#: Tokens, certificates and receipts have less than 2 kB.
MAX_ANSWER_BYTES = 65_536
SECRET_BYTES = 32
#: Longest token or certificate that is taken; with it and 30 keys a request is full.
MAX_TEXT = 2_048
#: Longest receipt, a note with one signature.
MAX_RECEIPT = 4_096
#: What a phone takes: every report that publishes keys.
ACCEPTED_REPORTS = ["confirmed", "likely", "user-report"]

#: Stands for an error code where the answer has none that can be shown.
NO_CODE = "without a known code"
#: What `Retry-After` may ask for at most, seconds.
MAX_RETRY_SECONDS = 86_400

#: The servers look for the first one. The second means nothing; it is there because a
#: longer request would tell the two apart on the line.
_FAKE = {"X-Chaff": "1"}
_REAL = {"X-Plain": "1"}
#: Every code of the API but one has an underscore; what a person types has none.
_ERROR_CODE = re.compile(r"(?=.{1,60}$)[a-z]+(_[a-z]+)+|unauthorized")
_SECONDS = re.compile(r"[0-9]{1,9}")
#: A few thousand opening brackets exhaust the decoder's recursion.
_NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

T = TypeVar("T")
#: Tokens and certificates are printable and without blanks.
_Text = Annotated[str, msgspec.Meta(pattern=rf"\A[!-~]{{1,{MAX_TEXT}}}\Z")]
#: Text of any kind, but no half of a surrogate pair, which nothing can store.
_Receipt = Annotated[
    str, msgspec.Meta(pattern=rf"\A[^\ud800-\udfff]{{0,{MAX_RECEIPT}}}\Z")
]
_Opaque = Annotated[str, msgspec.Meta(pattern=rf"\A[!-~]{{0,{MAX_TEXT}}}\Z")]


class Step(StrEnum):
    """The requests of an upload, by their paths."""

    REDEEM = "api/verify"
    CERTIFY = "api/certificate"
    PUBLISH = "v1/publish"


class UploadRefusedError(RefusedError):
    """The authority refused a step.

    Attributes:
        status: HTTP status.
        code: Its error code, for example `code_expired`; `NO_CODE` if it gave none.
        retry_after: When to ask again at the earliest, seconds from now; 0 where it
            did not say.
    """

    def __init__(
        self, status: int, code: str, *, advice: str = "", retry_after: int = 0
    ) -> None:
        """Keep what the authority answered, and nothing that was sent."""
        super().__init__(
            f"upload: expected the authority to accept, got {status} {code}",
            advice=advice,
        )
        self.status = status
        self.code = code
        self.retry_after = retry_after

    @property
    def final(self) -> bool:
        """Whether it is of no use to ask again.

        What is no error of the API comes from something in between, such as a proxy;
        it says nothing about the code.
        """
        return (
            HTTPStatus.BAD_REQUEST <= self.status < HTTPStatus.INTERNAL_SERVER_ERROR
            and self.status != HTTPStatus.TOO_MANY_REQUESTS
            and self.code != NO_CODE
        )


@dataclass(frozen=True, slots=True)
class Uploaded:
    """An authority's word that it holds keys durably.

    Attributes:
        inserted: How many it took.
        revision_token: Needed to change the report later; opaque.
        receipt: Signed note of the issuing key that promises publication; None from
            servers that give none.
    """

    inserted: int
    revision_token: str
    receipt: str | None


class _Key(msgspec.Struct, rename="camel"):
    key: str
    rolling_start_number: int
    rolling_period: int
    transmission_risk: int = 0


class _Publish(msgspec.Struct, rename="camel", omit_defaults=True):
    temporary_exposure_keys: list[_Key]
    verification_payload: str
    hmac_key: str
    health_authority_id: str = msgspec.field(name="healthAuthorityID")
    symptom_onset_interval: int = 0


class _Token(msgspec.Struct):
    token: _Text


class _Certificate(msgspec.Struct):
    certificate: _Text


class _Published(msgspec.Struct, rename="camel"):
    # Google's server leaves 0 out, but then has the token.
    inserted_exposures: Annotated[int, msgspec.Meta(ge=0, le=MAX_KEYS)] | None = None
    revision_token: _Opaque = ""
    receipt: _Receipt = ""


class _Refusal(msgspec.Struct, rename="camel"):
    error_code: str = ""
    code: str = ""


class UploadClient:
    """Talks to one authority's node for one phone."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        *,
        api_key: str,
        health_authority: str,
        entropy: Callable[[int], bytes],
    ) -> None:
        """Upload to the node at base URL `url`.

        Args:
            session: Without cookies; see `sources.new_session`.
            url: The node's base URL.
            api_key: The app's device key.
            health_authority: The authority's id, as its configuration says.
            entropy: Gives as many random bytes as asked for.
        """
        self._session = session
        self._url = url.rstrip("/")
        self._api_key = api_key
        self._health_authority = health_authority
        self._entropy = entropy

    async def upload(
        self, code: str, keys: Sequence[DiagnosisKey], onset: int | None = None
    ) -> Uploaded:
        """Go through all steps.

        Args:
            code: From the authority; works once.
            keys: At most 30; report type and infectiousness are the authority's to set.
            onset: An interval of the day symptoms began, if known.

        Returns:
            What the authority promised.

        Raises:
            UploadRefusedError: It refused a step.
            UnavailableError: It does not answer, or not in this API.
        """
        secret = self._entropy(SECRET_BYTES)
        sent = [
            UploadedKey(b64encode(key.data).decode(), key.start, key.period)
            for key in keys
        ]
        token = await self.redeem(code)
        certificate = await self.certify(token, tek_mac(secret, sent))
        return await self.publish(certificate, secret, sent, onset)

    async def redeem(self, code: str, nonce: str = "") -> str:
        """Exchange a code for a token.

        Args:
            code: As typed.
            nonce: Random text of 43 characters or more, kept before this is called:
                with the same one the exchange can be repeated if the answer is lost.

        Returns:
            The token.

        Raises:
            UploadRefusedError: The authority refused.
            UnavailableError: It does not answer, or not in this API.
        """
        request = {"code": code, "accept": ACCEPTED_REPORTS}
        request |= {"nonce": nonce} if nonce else {}
        return (await self._post(Step.REDEEM, request, _Token)).token

    async def certify(self, token: str, mac: bytes) -> str:
        """Exchange a token for a certificate bound to the keys' HMAC."""
        request = {"token": token, "ekeyhmac": b64encode(mac).decode()}
        return (await self._post(Step.CERTIFY, request, _Certificate)).certificate

    async def publish(
        self,
        certificate: str,
        secret: bytes,
        keys: Sequence[UploadedKey],
        onset: int | None = None,
    ) -> Uploaded:
        """Upload the keys that a certificate is for."""
        request = _Publish(
            [_Key(key.key_text, key.start, key.period, key.risk) for key in keys],
            certificate,
            b64encode(secret).decode(),
            self._health_authority,
            onset or 0,
        )
        reply = await self._post(Step.PUBLISH, msgspec.to_builtins(request), _Published)
        if reply.inserted_exposures is None and not reply.revision_token:
            # Whoever answers so, the keys are not published.
            raise _other_answer(Step.PUBLISH, _Published)
        return Uploaded(
            reply.inserted_exposures or 0, reply.revision_token, reply.receipt or None
        )

    async def pretend(self, step: Step) -> None:
        """Send a fake request that nobody on the line can tell from a real one.

        Args:
            step: Which request to imitate.

        Raises:
            UploadRefusedError: The authority refused, as it would a real one.
            UnavailableError: It does not answer.
        """
        await self._send(step, {}, _FAKE)

    async def _post(
        self, step: Step, request: Mapping[str, object], reply: type[T]
    ) -> T:
        data = await self._send(step, request, _REAL)
        try:
            return msgspec.json.decode(data, type=reply)
        except _NO_JSON:
            raise _other_answer(step, reply) from None

    async def _send(
        self, step: Step, request: Mapping[str, object], mark: Mapping[str, str]
    ) -> bytes:
        headers = {"X-API-Key": self._api_key, "Content-Type": "application/json"}
        try:
            async with self._session.post(
                f"{self._url}/{step}",
                data=self._padded(request),
                headers={**headers, **mark},
                # A code and an app key are for this address and no other.
                allow_redirects=False,
            ) as answer:
                data = await read_answer(answer, step, MAX_ANSWER_BYTES)
        except (aiohttp.ClientError, TimeoutError, UnicodeError) as error:
            raise UnavailableError(
                f"{step}: expected an answer, got {reason(error)}",
                advice="Keep the keys and try again later.",
            ) from error
        if answer.status != HTTPStatus.OK:
            raise _refusal(answer.status, data, answer.headers.get("Retry-After", ""))
        return data

    def _padded(self, request: Mapping[str, object]) -> bytes:
        """Encode a request so that all have one size."""
        bare = len(msgspec.json.encode({**request, "padding": ""}))
        missing = max(REQUEST_BYTES - bare, 0)
        # Random text: a compressing proxy would show how long zeros are.
        padding = b64encode(self._entropy(missing)).decode()[:missing]
        return msgspec.json.encode({**request, "padding": padding})


def _other_answer(step: Step, reply: type) -> UnavailableError:
    return UnavailableError(
        f"{step}: expected {reply.__name__.strip('_')} JSON, got another answer",
        advice="Check the address and the network, and try again later.",
    )


def _refusal(status: int, data: bytes, retry_after: str) -> UploadRefusedError:
    try:
        refusal = msgspec.json.decode(data, type=_Refusal)
    except _NO_JSON:
        refusal = _Refusal()
    code = refusal.error_code or refusal.code
    # Anything else could be an echo of what was sent.
    code = code if _ERROR_CODE.fullmatch(code) else NO_CODE
    busy = status == HTTPStatus.TOO_MANY_REQUESTS
    fault = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    advice = (
        "Try again later; the code may still be good."
        if busy or fault
        else "Ask the health authority for a new code."
    )
    seconds = int(retry_after) if _SECONDS.fullmatch(retry_after) else 0
    return UploadRefusedError(
        status, code, advice=advice, retry_after=min(seconds, MAX_RETRY_SECONDS)
    )
