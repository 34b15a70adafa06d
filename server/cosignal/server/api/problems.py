"""Answer every error in the shape its caller reads, without saying too much.

What this module guarantees:

* Native routes answer ``application/problem+json`` (RFC 9457); routes that apps built
  for Google's servers call answer ``{"error", "errorCode", "error_code"}``.
* What a caller did wrong is 4xx with advice; what went wrong here is 5xx without
  detail, and leaves one line in the log.
* No answer repeats a code, a token, a key or a certificate; a parser's message may
  quote the start of another malformed field.

Source: RFC 9457; exposure-notifications-verification-server, docs/api.md.
"""

import asyncio
from http import HTTPStatus

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from cosignal.protocol.errors import (
    CosignalError,
    FatalError,
    MalformedError,
    RefusedError,
    VerificationError,
)
from cosignal.server.api.routing import PROBLEM, json_response
from cosignal.server.app_keys import ENTROPY, METRICS
from cosignal.server.intake.chaff import random_padding
from cosignal.server.intake.refusals import RequestError
from cosignal.server.logs import get_logger

PROBLEM_TYPE = "urn:cosignal:problem:"

_STATUSES = (
    (MalformedError, HTTPStatus.BAD_REQUEST),
    (VerificationError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (RefusedError, HTTPStatus.CONFLICT),
)

_log = get_logger("api")


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error as RFC 9457 writes it."""

    type: str
    title: str
    status: int
    detail: str = ""
    advice: str = ""


class GoogleError(msgspec.Struct, frozen=True, kw_only=True):
    """An error as Google's servers write it, in all their spellings of the code."""

    #: What went wrong, for people.
    error: str
    #: What went wrong, for programs.
    code: str
    #: The same.
    error_code: str
    #: The same.
    errorCode: str  # noqa: N815 - the wire's own spelling
    #: Random base64 that hides the length of the rest.
    padding: str

    @classmethod
    def of(cls, failure: RequestError, padding: str) -> "GoogleError":
        """Fill all spellings."""
        code = failure.code
        return cls(
            error=str(failure),
            code=code,
            error_code=code,
            errorCode=code,
            padding=padding,
        )


@web.middleware
async def count_middleware(
    request: web.Request, handler: Handler
) -> web.StreamResponse:
    """Count every answer by the pattern of its route, never by its path."""
    response = await handler(request)
    resource = request.match_info.route.resource
    route = resource.canonical if resource else "none"
    request.app[METRICS].count_request(route, response.status)
    return response


def error_middleware(google_paths: frozenset[str], seconds: int) -> Middleware:
    """Make the middleware that turns errors into answers.

    Args:
        google_paths: Paths whose errors have Google's shape.
        seconds: Longest time for one request.

    Returns:
        An aiohttp middleware.
    """

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            async with asyncio.timeout(seconds):
                return await handler(request)
        except web.HTTPException as error:
            if error.status < HTTPStatus.BAD_REQUEST:
                raise
            failure = _from_http(error, google=request.path in google_paths)
        except Exception as error:  # noqa: BLE001 - the last line of defence
            failure = _from_exception(error, request)
        if request.path in google_paths:
            return google_response(failure, random_padding(request.app[ENTROPY]))
        return problem_response(failure)

    return answer


def google_response(failure: RequestError, padding: str) -> web.Response:
    """Write one failure in Google's shape.

    Args:
        failure: What went wrong.
        padding: Random base64.

    Returns:
        The answer.
    """
    error = GoogleError.of(failure, padding)
    return json_response(error, status=failure.status, headers=_wait(failure))


def problem_response(failure: RequestError) -> web.Response:
    """Write one failure as a problem.

    Args:
        failure: What went wrong.

    Returns:
        The answer.
    """
    problem = Problem(
        type=PROBLEM_TYPE + failure.code.replace("_", "-"),
        title=HTTPStatus(failure.status).phrase,
        status=failure.status,
        detail=str(failure),
        advice=failure.advice,
    )
    response = json_response(problem, status=failure.status, headers=_wait(failure))
    response.content_type = PROBLEM
    return response


def _wait(failure: RequestError) -> dict[str, str]:
    return {"Retry-After": str(failure.retry_after)} if failure.retry_after else {}


# Python 3.13 renamed this phrase, and the error code is made of it.
_PHRASES = {413: "Request Entity Too Large"}


def _from_http(error: web.HTTPException, *, google: bool) -> RequestError:
    phrase = _PHRASES.get(error.status) or HTTPStatus(error.status).phrase
    # Google's clients know one code for every request that was not even read.
    code = "bad_request" if google else phrase.lower().replace(" ", "_")
    return RequestError(error.status, code, phrase)


def _from_exception(error: Exception, request: web.Request) -> RequestError:
    if isinstance(error, RequestError):
        return error
    if isinstance(error, FatalError) or not isinstance(error, CosignalError):
        return _internal(error, request)
    status = next(
        (status for kind, status in _STATUSES if isinstance(error, kind)),
        HTTPStatus.BAD_REQUEST,
    )
    code = _kebab(type(error).__name__.removesuffix("Error"))
    return RequestError(status, code, str(error), advice=error.advice)


def _internal(error: Exception, request: web.Request) -> RequestError:
    slow = isinstance(error, TimeoutError)
    route = request.match_info.route.resource
    _log.error("request_failed", error=error, route=route and route.canonical)
    status = 503 if slow else 500
    return RequestError(
        status,
        "internal_error",
        "the node could not finish this request",
        retry_after=1 if slow else 0,
        advice="Try again; if it stays so, the operator finds the cause in the log.",
    )


def _kebab(name: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name)[1:]
