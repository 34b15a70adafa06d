"""Answer the other authorities, and stock witnesses' logs.

What this module guarantees:

* `add-checkpoint` answers with the status codes and media types of C2SP tlog-witness,
  and only after the new head is durable.
* A record is answered 200 only once it is ordered durably; where trying again makes
  sense the answer is 503 with `Retry-After`.
* Who asks is proved by what is signed in the request, nothing else is trusted.

Source: c2sp.org/tlog-witness.
"""

from base64 import b64encode
from hashlib import sha256
from http import HTTPStatus

import msgspec
from aiohttp import hdrs, web

from cosignal.protocol.encoding import parse_decimal
from cosignal.protocol.errors import MalformedError, SourceError
from cosignal.protocol.records import MAX_RECORD
from cosignal.server.api.routing import (
    BYTES,
    TEXT,
    Reply,
    Route,
    json_response,
    read_body,
)
from cosignal.server.app_keys import LEDGER
from cosignal.server.intake.refusals import RequestError
from cosignal.server.ledger.faults import STORAGE_FAULTS
from cosignal.server.ledger.peers import LENGTH_BYTES, TIME_HEADER
from cosignal.server.ledger.sequencer import MAX_BODY_BYTES
from cosignal.server.logs import get_logger

MAX_CHECKPOINT = 1 << 16
MAX_SUBMISSION = LENGTH_BYTES + MAX_RECORD + MAX_BODY_BYTES

_log = get_logger("api.peers")


class RecordReply(msgspec.Struct, frozen=True, kw_only=True):
    """Where a record stands in the log."""

    #: Position, from 0.
    index: int
    #: Leaf hash of its entry, base64.
    leaf: str


class CheckpointReply(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a pushed checkpoint."""

    #: Whether it is published here; otherwise this node catches up first.
    published: bool


async def records(request: web.Request) -> web.Response:
    """Order a record."""
    sequencer = request.app[LEDGER].sequencer
    if sequencer is None:
        raise RequestError(
            404,
            "not_the_sequencer",
            "this node does not order records",
            advice="Send it to the node that the policy's log line names.",
        )
    data = await read_body(request, MAX_SUBMISSION)
    record, body = _split(data)
    try:
        ordered = await sequencer.submit(record, body, _time(request))
    except (SourceError, *STORAGE_FAULTS) as error:
        raise _later(error) from error
    leaf = b64encode(ordered.leaf).decode()
    return json_response(RecordReply(index=ordered.index, leaf=leaf))


async def add_checkpoint(request: web.Request) -> web.Response:
    """Co-sign a checkpoint, as a C2SP witness that has checked everything."""
    data = await read_body(request, MAX_CHECKPOINT)
    answer = await request.app[LEDGER].cosigner.respond(data)
    headers = {hdrs.CONTENT_TYPE: answer.content_type}
    if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers[hdrs.RETRY_AFTER] = "1"
    return web.Response(status=answer.status, body=answer.body, headers=headers)


async def push_checkpoint(request: web.Request) -> web.Response:
    """Take a certified checkpoint from another authority."""
    data = await read_body(request, MAX_CHECKPOINT)
    try:
        published = await request.app[LEDGER].catch_up.receive(data)
    except STORAGE_FAULTS as error:
        raise _later(error) from error
    status = HTTPStatus.OK if published else HTTPStatus.ACCEPTED
    return json_response(CheckpointReply(published=published), status=status)


async def witnessed(request: web.Request) -> web.Response:
    """The checkpoint that this node co-signed last."""
    ledger = request.app[LEDGER]
    origin = ledger.cosigner.own.chain.origin
    note = ledger.witnessed()
    if request.match_info["origin"] != sha256(origin.encode()).hexdigest():
        note = None
    if note is None:
        raise RequestError(404, "not_found", "this node has co-signed no such log")
    headers = {
        hdrs.CONTENT_TYPE: "text/plain; charset=utf-8",
        hdrs.CACHE_CONTROL: "no-store",
    }
    return web.Response(body=note.encode(), headers=headers)


def _split(data: bytes) -> tuple[bytes, bytes]:
    length = int.from_bytes(data[:LENGTH_BYTES])
    record = data[LENGTH_BYTES : LENGTH_BYTES + length]
    if len(data) < LENGTH_BYTES or len(record) != length:
        raise MalformedError(
            "submission: expected a length and a record of that length"
        )
    return record, data[LENGTH_BYTES + length :]


def _time(request: web.Request) -> int | None:
    text = request.headers.get(TIME_HEADER)
    if text is None:
        return None
    return parse_decimal(text, TIME_HEADER)


def _later(error: Exception) -> RequestError:
    _log.warning("peer_put_off", error=error)
    detail = str(error) if isinstance(error, SourceError) else "storage fault"
    return RequestError(503, "try_again", detail, retry_after=1)


ROUTES = (
    Route(
        "POST",
        "/ledger/v1/records",
        records,
        "Order a record: its length (4 bytes, big-endian), the record, the body file.",
        {200: Reply("the record is ordered durably", RecordReply)},
        request_media=BYTES,
    ),
    Route(
        "POST",
        "/add-checkpoint",
        add_checkpoint,
        "Co-sign a checkpoint (C2SP tlog-witness).",
        {
            200: Reply("a co-signature line", media=TEXT),
            409: Reply("the size last co-signed", media="text/x.tlog.size"),
        },
        request_media=TEXT,
    ),
    Route(
        "POST",
        "/ledger/v1/checkpoint",
        push_checkpoint,
        "Show a certified checkpoint to this node.",
        {
            200: Reply("it is published here", CheckpointReply),
            202: Reply("this node catches up first", CheckpointReply),
        },
        request_media=TEXT,
    ),
    Route(
        "GET",
        "/{origin:[0-9a-f]{64}}/checkpoint",
        witnessed,
        "The checkpoint of a log that this node co-signed last (C2SP tlog-witness).",
        {200: Reply("a signed note", media=TEXT)},
    ),
)
