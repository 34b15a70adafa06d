"""Say of every route what goes in and out, once, for server and OpenAPI alike.

Each module of this package lists its routes as `Route` values. `app` serves them and
`operations` describes them, so that no route is undocumented.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import msgspec
from aiohttp import hdrs, web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

JSON = "application/json"
BYTES = "application/octet-stream"
TEXT = "text/plain"
PROBLEM = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Reply:
    """One possible answer.

    Attributes:
        summary: When it is given.
        model: Struct of a JSON answer; None for other media.
        media: Its media type; None for an answer without body.
    """

    summary: str
    model: type[msgspec.Struct] | None = None
    media: str | None = JSON


@dataclass(frozen=True, slots=True)
class Route:
    """One method on one path.

    Attributes:
        method: `GET` or `POST`.
        path: In aiohttp's form, for example `/chain/{shard}/body/{commit}`.
        handler: Answers it.
        summary: What it is for, one sentence.
        replies: By status.
        request: Struct of a JSON request, if it takes one.
        request_media: Media type of the request body, if it takes one.
        audience: Which API key it needs: `device`, `issuing`, or None.
        google: Whether errors have Google's shape instead of problem+json.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    replies: Mapping[int, Reply] = field(default_factory=dict)
    request: type[msgspec.Struct] | None = None
    request_media: str | None = None
    audience: str | None = None
    google: bool = False


async def read_body(request: web.Request, limit: int) -> bytes:
    """Read a request's body, but not more than allowed.

    Args:
        request: Whose body.
        limit: Most bytes.

    Returns:
        The bytes.

    Raises:
        web.HTTPRequestEntityTooLarge: There are more.
    """
    announced = request.content_length
    if announced is not None and announced > limit:
        raise web.HTTPRequestEntityTooLarge(max_size=limit, actual_size=announced)
    chunks: list[bytes] = []
    size = 0
    while chunk := await request.content.readany():
        size += len(chunk)
        if size > limit:
            raise web.HTTPRequestEntityTooLarge(max_size=limit, actual_size=size)
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def json_response(
    value: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Answer with JSON.

    Args:
        value: A struct, or what JSON knows.
        status: HTTP status.
        headers: More headers.

    Returns:
        The answer.
    """
    return web.Response(
        body=msgspec.json.encode(value),
        status=status,
        headers={hdrs.CONTENT_TYPE: JSON, **(headers or {})},
    )
