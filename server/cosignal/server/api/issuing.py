"""What clinics call: issue a verification code."""

from datetime import UTC, datetime

import msgspec
from aiohttp import web

from cosignal.protocol.certificates import CertifiedReport
from cosignal.server.api.device import decode
from cosignal.server.api.problems import GoogleError
from cosignal.server.api.routing import Reply, Route, json_response, read_body
from cosignal.server.app_keys import CONFIG, ENTROPY, INTAKE
from cosignal.server.config import ISSUING
from cosignal.server.intake.chaff import random_padding
from cosignal.server.intake.codes import IssuedCode
from cosignal.server.intake.diagnosis import Diagnosis
from cosignal.server.intake.messages import IssueReply, IssueRequest
from cosignal.server.intake.refusals import RequestError

_decoder = msgspec.json.Decoder(IssueRequest)
#: A clinic certifies tests; a user report comes from the person alone.
ISSUABLE = frozenset(CertifiedReport) - {CertifiedReport.USER_REPORT}


async def issue(request: web.Request) -> web.Response:
    """Issue one code in its two forms."""
    body = await read_body(request, request.app[CONFIG].intake.max_body_bytes)
    message = decode(request, body, _decoder, "unparsable_request")
    if message.test_type not in ISSUABLE:
        raise RequestError(
            400,
            "invalid_test_type",
            f"testType: expected one of {', '.join(sorted(ISSUABLE))}",
        )
    test = Diagnosis(
        CertifiedReport(message.test_type), message.symptom_date, message.test_date
    )
    issued = await request.app[INTAKE].codes.issue(test, message.uuid)
    return json_response(_reply(issued, random_padding(request.app[ENTROPY])))


def _reply(issued: IssuedCode, padding: str) -> IssueReply:
    return IssueReply(
        uuid=issued.uuid,
        code=issued.short,
        long_code=issued.long,
        expires_at=_rfc1123(issued.short_expires),
        expires_at_timestamp=issued.short_expires,
        long_expires_at=_rfc1123(issued.long_expires),
        long_expires_at_timestamp=issued.long_expires,
        padding=padding,
    )


def _rfc1123(unix: int) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%a, %d %b %Y %H:%M:%S UTC")


ROUTES = (
    Route(
        "POST",
        "/api/issue",
        issue,
        "Issue a verification code; its answer is the only place that shows it.",
        {
            200: Reply("the code exists, durably, as an HMAC", IssueReply),
            400: Reply(
                "`invalid_test_type`, `invalid_date`, `unparsable_request`", GoogleError
            ),
            401: Reply("unknown API key", GoogleError),
            409: Reply("`uuid_already_exists`", GoogleError),
            413: Reply("body over the limit", GoogleError),
            415: Reply("Content-Type is not application/json", GoogleError),
            503: Reply("no free short code; try later", GoogleError),
        },
        request=IssueRequest,
        audience=ISSUING,
        google=True,
    ),
)
