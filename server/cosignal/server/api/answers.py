"""Answer with a public file, unless the reader has it already.

What this module guarantees:

* An ETag names a file's exact bytes; its packed copy has the same one with `-gzip`,
  whatever library packed it.
* An answer that depends on `Accept-Encoding` says so in `Vary`, a 304 as well.
* A file is sent whole: a `Range` is not looked at, as RFC 9110 allows.

Source: RFC 9110, sections 8.8.3, 12.5.5, 13.1.2 and 14.2.
"""

from aiohttp import hdrs, web

from cosignal.server.api.encodings import GZIP, wants_gzip
from cosignal.server.ledger.packing import PackedFiles
from cosignal.server.ledger.public_files import PublicFile

TEXT_UTF8 = "text/plain; charset=utf-8"
YEAR_SECONDS = 31_536_000
DAY_SECONDS = 86_400
MOMENT_SECONDS = 2


async def answer(
    request: web.Request,
    file: PublicFile,
    content_type: str,
    seconds: int,
    *,
    immutable: bool = False,
    packed: PackedFiles | None = None,
) -> web.Response:
    """Send a file.

    Args:
        request: Whose.
        file: What it asks for.
        content_type: Of the file as it is.
        seconds: How long it may be cached.
        immutable: Whether it never changes.
        packed: Where packed copies are; None for files that do not get smaller.

    Returns:
        200, or 304 where the reader has exactly what would be sent.
    """
    copy = None
    if packed is not None and _takes_gzip(request):
        copy = await packed.of(file)
    sent = copy or file
    cache = f"public, max-age={seconds}{', immutable' if immutable else ''}"
    headers = {hdrs.ETAG: f'"{sent.tag}"', hdrs.CACHE_CONTROL: cache}
    if packed is not None:
        headers[hdrs.VARY] = hdrs.ACCEPT_ENCODING
    if _has(request, sent):
        return web.Response(status=304, headers=headers)
    if copy is not None:
        headers[hdrs.CONTENT_ENCODING] = GZIP
    headers[hdrs.CONTENT_TYPE] = content_type
    return web.Response(body=sent.data, headers=headers)


def _takes_gzip(request: web.Request) -> bool:
    return wants_gzip(",".join(request.headers.getall(hdrs.ACCEPT_ENCODING, ())))


def _has(request: web.Request, file: PublicFile) -> bool:
    known = request.if_none_match or ()
    return any(tag.value in (file.tag, "*") for tag in known)
