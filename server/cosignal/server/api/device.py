"""What phones call: verify a code, get a certificate, publish keys.

What this module guarantees:

* Requests, answers and error codes are those of Google's servers; every answer is
  padded with random bytes, errors as well.
* A request with the header ``X-Chaff`` is read, does nothing, and is answered like a
  recent real one.
"""

import asyncio
from typing import TypeVar

import msgspec
from aiohttp import hdrs, web

from cosignal.protocol.certificates import CertifiedReport
from cosignal.server.api.problems import GoogleError
from cosignal.server.api.routing import Reply, Route, json_response, read_body
from cosignal.server.app_keys import CONFIG, ENTROPY, INTAKE
from cosignal.server.config import DEVICE
from cosignal.server.intake.chaff import RecentAnswers, filler, random_padding
from cosignal.server.intake.messages import (
    CertificateReply,
    CertificateRequest,
    PublishReply,
    PublishRequest,
    VerifyReply,
    VerifyRequest,
)
from cosignal.server.intake.publish import Published
from cosignal.server.intake.refusals import RequestError

CHAFF_HEADER = "X-Chaff"
_VERSION = {"x-api-version": "v1"}
_EMPTY_FILLER = len('{"padding":""}')

M = TypeVar("M", bound=msgspec.Struct)
_publish_decoder = msgspec.json.Decoder(PublishRequest)
_verify_decoder = msgspec.json.Decoder(VerifyRequest)
_certificate_decoder = msgspec.json.Decoder(CertificateRequest)

# What an app accepts when it names one type: Google's hierarchy.
_IMPLIED = {
    CertifiedReport.CONFIRMED: {CertifiedReport.CONFIRMED},
    CertifiedReport.LIKELY: {CertifiedReport.CONFIRMED, CertifiedReport.LIKELY},
    CertifiedReport.NEGATIVE: {
        CertifiedReport.CONFIRMED,
        CertifiedReport.LIKELY,
        CertifiedReport.NEGATIVE,
    },
    CertifiedReport.USER_REPORT: {CertifiedReport.USER_REPORT},
}


async def verify(request: web.Request) -> web.Response:
    """Exchange a code for a token."""
    started, body, intake = _now(), await _read(request), request.app[INTAKE]
    if CHAFF_HEADER in request.headers:
        return await _chaff(request, intake.verify_answers, started)
    message = decode(request, body, _verify_decoder, "unparsable_request")
    accept = _accepted(message.accept)
    redeemed = await intake.codes.redeem(message.code, accept, message.nonce or "")
    test = redeemed.test
    reply = VerifyReply(
        test_type=test.report.value,
        symptom_date=test.symptom_date,
        test_date=test.test_date,
        token=intake.certificates.token(redeemed),
        padding=random_padding(request.app[ENTROPY]),
    )
    return _answer(reply, intake.verify_answers, started)


async def certificate(request: web.Request) -> web.Response:
    """Exchange a token for a certificate."""
    started, body, intake = _now(), await _read(request), request.app[INTAKE]
    if CHAFF_HEADER in request.headers:
        return await _chaff(request, intake.certificate_answers, started)
    message = decode(request, body, _certificate_decoder, "unparsable_request")
    reply = CertificateReply(
        certificate=await intake.certificates.certify(message.token, message.key_mac),
        padding=random_padding(request.app[ENTROPY]),
    )
    return _answer(reply, intake.certificate_answers, started)


async def publish(request: web.Request) -> web.Response:
    """Take diagnosis keys."""
    started, body, intake = _now(), await _read(request), request.app[INTAKE]
    if CHAFF_HEADER in request.headers:
        return await _chaff(request, intake.publish_answers, started)
    message = decode(request, body, _publish_decoder, "bad_request")
    outcome = await intake.publisher.publish(message)
    reply = _published(outcome, random_padding(request.app[ENTROPY]))
    return _answer(reply, intake.publish_answers, started)


def decode(
    request: web.Request, body: bytes, decoder: msgspec.json.Decoder[M], code: str
) -> M:
    """Read a JSON body.

    Args:
        request: Its content type must be JSON.
        body: What came.
        decoder: Of the expected struct.
        code: Error code for anything else.

    Returns:
        The struct.

    Raises:
        RequestError: 415 for another content type, 400 for other JSON.
    """
    if not request.headers.get(hdrs.CONTENT_TYPE, "").startswith("application/json"):
        raise RequestError(415, code, "Content-Type: expected application/json")
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(400, code, f"body: {error}") from error


async def _read(request: web.Request) -> bytes:
    return await read_body(request, request.app[CONFIG].intake.max_body_bytes)


def _accepted(names: list[str] | None) -> frozenset[CertifiedReport]:
    try:
        reports = [CertifiedReport(name) for name in names or ["confirmed"]]
    except ValueError:
        raise RequestError(
            400, "invalid_test_type", "accept: expected known test types"
        ) from None
    return frozenset().union(*(_IMPLIED[report] for report in reports))


def _published(outcome: Published, padding: str) -> PublishReply:
    if not outcome.warnings:
        return PublishReply(
            inserted=outcome.inserted, padding=padding, receipt=outcome.receipt
        )
    return PublishReply(
        inserted=outcome.inserted,
        padding=padding,
        error="some keys were dropped: " + "; ".join(outcome.warnings),
        code="partial_failure",
        warnings=outcome.warnings,
        receipt=outcome.receipt,
    )


def _answer(
    reply: msgspec.Struct, answers: RecentAnswers, started: float
) -> web.Response:
    response = json_response(reply, headers=_VERSION)
    answers.record(_now() - started, response.content_length or 0)
    return response


async def _chaff(
    request: web.Request, answers: RecentAnswers, started: float
) -> web.Response:
    seconds, size = answers.draw()
    padding = filler(request.app[ENTROPY], size - _EMPTY_FILLER)
    response = json_response({"padding": padding}, headers=_VERSION)
    # The request may have taken longer to arrive than the answer it imitates took.
    await asyncio.sleep(max(0.0, started + seconds - _now()))
    return response


def _now() -> float:
    """Monotonic seconds: durations only, never a time of day."""
    return asyncio.get_running_loop().time()


_ERRORS = {
    401: Reply("unknown API key, authority, certificate or HMAC", GoogleError),
    413: Reply("body over the limit", GoogleError),
    415: Reply("Content-Type is not application/json", GoogleError),
    500: Reply("`internal_error`; try again", GoogleError),
    503: Reply("`internal_error`; try again after `Retry-After` seconds", GoogleError),
}

ROUTES = (
    Route(
        "POST",
        "/api/verify",
        verify,
        "Exchange a verification code for a token.",
        {
            200: Reply("the code is used up, durably", VerifyReply),
            400: Reply(
                "`code_invalid`, `code_expired`, `invalid_test_type`, "
                "`unparsable_request`",
                GoogleError,
            ),
            412: Reply("`unsupported_test_type`", GoogleError),
            429: Reply("`quota_exceeded`: too many wrong short codes", GoogleError),
            **_ERRORS,
        },
        request=VerifyRequest,
        audience=DEVICE,
        google=True,
    ),
    Route(
        "POST",
        "/api/certificate",
        certificate,
        "Exchange a token for a certificate bound to a key set.",
        {
            200: Reply("the token is bound to these keys, durably", CertificateReply),
            400: Reply(
                "`token_invalid`, `token_expired`, `hmac_invalid`, "
                "`unparsable_request`",
                GoogleError,
            ),
            **_ERRORS,
        },
        request=CertificateRequest,
        audience=DEVICE,
        google=True,
    ),
    Route(
        "POST",
        "/v1/publish",
        publish,
        "Upload diagnosis keys under a certificate.",
        {
            200: Reply(
                "the keys are on the disk; `partial_failure` if not all", PublishReply
            ),
            400: Reply(
                "`bad_request`, `missing_revision_token`, `invalid_revision_token`",
                GoogleError,
            ),
            **_ERRORS,
        },
        request=PublishRequest,
        google=True,
    ),
)
