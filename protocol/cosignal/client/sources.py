"""Places to read a chain from: a node, any static mirror, or a folder.

What this module guarantees:

* A node's base URL, its `/chain` and a shard's prefix all mean the same place; so does
  the folder of a mirror.
* No cookie is kept or sent, no answer is larger than asked for, nothing waits for ever.
* A checkpoint's ETag is sent back, for 304 costs a mirror nothing; but any word that is
  sent back can be one of a kind, and tell a reader from the others. `anonymous` sources
  send none.
* An answer's size is what it unpacks to: a small file that swells is given up at the
  limit.
* Whatever goes wrong is a `SourceError`.

Nothing read here is believed: `follower` verifies it all.
"""

import asyncio
import os
import re
from contextlib import AbstractAsyncContextManager, nullcontext
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import aiohttp

from cosignal.client.traffic import Traffic
from cosignal.protocol.errors import (
    GoneError,
    NotFoundError,
    UnavailableError,
    UsageError,
)

#: A bundle of 256 entries of the largest size fits.
MAX_FILE_BYTES = 1 << 25
TIMEOUT_SECONDS = 30.0
CONNECT_SECONDS = 10.0

_CHAIN = re.compile(r"/chain(/[0-9]+)?/?$")


class TooLargeError(UnavailableError):
    """A file is larger than whoever asked for it can take."""


class Source(Protocol):
    """Where files of a chain come from."""

    @property
    def name(self) -> str:
        """What to call the place when talking to a person."""

    async def get(self, path: str, limit: int = MAX_FILE_BYTES) -> bytes:
        """Read a file.

        Args:
            path: Below the base, for example `chain/1/checkpoint`.
            limit: Most bytes to accept.

        Returns:
            Its bytes.

        Raises:
            NotFoundError: There is no such file.
            GoneError: It was erased.
            TooLargeError: It has more bytes.
            UnavailableError: No answer, or one that cannot be taken.
        """


class HttpSource:
    """A node or a mirror, over HTTP."""

    def __init__(
        self,
        url: str,
        session: aiohttp.ClientSession | None = None,
        *,
        traffic: Traffic | None = None,
        anonymous: bool = False,
    ) -> None:
        """Read below `url`.

        Args:
            url: Base URL of a node or mirror, its `/chain`, or a shard's prefix.
            session: To share among sources; without it the source makes its own.
            traffic: Counts what the source's own session moves.
            anonymous: Send nothing back that came in an earlier answer.

        Raises:
            UsageError: Session and traffic; a session counts what it was made to count.
        """
        if session is not None and traffic is not None:
            raise UsageError(
                "traffic: expected none beside a session, got both",
                advice="Make the session by new_session(traffic).",
            )
        self.base = _CHAIN.sub("", url.rstrip("/"))
        self._session = session
        self._traffic = traffic
        self._anonymous = anonymous
        self._own: aiohttp.ClientSession | None = None
        # Checkpoints by path with their ETags, owned by `get`: most polls find the
        # same one, and 304 costs the mirror nothing.
        self._known: dict[str, tuple[str, bytes]] = {}

    @property
    def name(self) -> str:
        """The base URL."""
        return self.base

    async def __aenter__(self) -> Self:
        """Open a session unless one was given."""
        if self._session is None:
            self._own = self._session = new_session(self._traffic)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the session that was opened here."""
        if self._own is not None:
            await self._own.close()
            self._own = self._session = None

    async def get(self, path: str, limit: int = MAX_FILE_BYTES) -> bytes:
        """Read a file; see `Source`."""
        if self._session is None:
            raise UnavailableError("source: expected to be used in 'async with'")
        known = self._known.get(path)
        headers = {"If-None-Match": known[0]} if known else {}
        url = f"{self.base}/{path}"
        try:
            async with self._session.get(url, headers=headers) as answer:
                if answer.status == HTTPStatus.NOT_MODIFIED and known:
                    return known[1]
                _check_status(answer.status, path)
                data = await read_answer(answer, path, limit)
        # UnicodeError: what the name raises that a redirect leads to.
        except (aiohttp.ClientError, TimeoutError, UnicodeError) as error:
            raise UnavailableError(
                f"{path}: expected an answer from {self.base}, got {reason(error)}",
                advice="Check the address and the network, or try another mirror.",
            ) from error
        self._remember(path, answer.headers.get("ETag"), data)
        return data

    def _remember(self, path: str, etag: str | None, data: bytes) -> None:
        if etag and not self._anonymous and path.endswith("/checkpoint"):
            self._known[path] = (etag, data)


class FolderSource:
    """A mirror's folder, or a node's public folder."""

    def __init__(self, path: Path) -> None:
        """Read below `path`: the folder, its `chain`, or one shard's folder."""
        found = path.resolve()
        if not (found / "chain").is_dir():
            found = Path(_CHAIN.sub("", found.as_posix()) or "/")
        self.root = found

    @property
    def name(self) -> str:
        """The folder's path."""
        return str(self.root)

    async def get(self, path: str, limit: int = MAX_FILE_BYTES) -> bytes:
        """Read a file; see `Source`."""
        return await asyncio.to_thread(self._read, path, limit)

    def _read(self, path: str, limit: int) -> bytes:
        try:
            with (self.root / path).open("rb") as file:
                data = file.read(limit + 1)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise _not_found(path) from None
        except OSError as error:
            raise UnavailableError(
                f"{path}: expected a readable file, got {error.strerror}"
            ) from error
        if len(data) > limit:
            raise _too_large(path, limit)
        return data


def open_source(address: str) -> AbstractAsyncContextManager[Source]:
    """Open what a person named: a URL, or else a folder.

    Args:
        address: `http://...`, `https://...`, or a path.

    Returns:
        A context that gives the source.

    Raises:
        UsageError: It is neither.
    """
    if address.startswith(("http://", "https://")):
        return HttpSource(address)
    path = Path(address)
    if not path.is_dir():
        raise UsageError(
            f"source: expected a URL or a folder, got {address}",
            advice="URLs begin with http:// or https://; a folder must exist.",
        )
    return nullcontext(FolderSource(path))


def reason(error: Exception) -> str:
    """Say in people's words why there was no answer.

    Args:
        error: From aiohttp.

    Returns:
        The end of a sentence; no address in it.
    """
    if isinstance(error, TimeoutError):
        return "none in time"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "no such host name"
    if isinstance(error, aiohttp.ClientSSLError):
        return "a TLS certificate that is not trusted, or no TLS"
    if isinstance(error, aiohttp.ClientConnectorError):
        # What the event loop writes there instead holds the address once more.
        number = error.os_error.errno
        return os.strerror(number) if number else "no connection"
    if isinstance(error, aiohttp.InvalidURL | UnicodeError):
        return "no valid URL to ask"
    return "one that is not HTTP, or breaks off"


def new_session(traffic: Traffic | None = None) -> aiohttp.ClientSession:
    """Make a session that waits for nothing long and remembers nobody.

    Args:
        traffic: Counts what it moves.

    Returns:
        The session; its caller closes it.
    """
    return aiohttp.ClientSession(
        **(traffic.session_options() if traffic else {}),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(
            total=TIMEOUT_SECONDS, sock_connect=CONNECT_SECONDS
        ),
        # Gzip is all that chains are packed with, and all that is unpacked everywhere.
        headers={"User-Agent": "cosignal", "Accept-Encoding": "gzip"},
    )


def _check_status(status: int, path: str) -> None:
    if status == HTTPStatus.NOT_FOUND:
        raise _not_found(path)
    if status == HTTPStatus.GONE:
        raise GoneError(f"{path}: expected a file, got the answer that it was erased")
    if status != HTTPStatus.OK:
        raise UnavailableError(f"{path}: expected status 200, got {status}")


async def read_answer(answer: aiohttp.ClientResponse, path: str, limit: int) -> bytes:
    """Read a whole answer.

    Args:
        answer: Its status was looked at.
        path: What was asked for, named in the error.
        limit: Most bytes to accept, counted after decompression.

    Returns:
        Its body.

    Raises:
        TooLargeError: It is larger.
    """
    chunks, size = list[bytes](), 0
    async for chunk in answer.content.iter_any():
        size += len(chunk)
        if size > limit:
            raise _too_large(path, limit)
        chunks.append(chunk)
    return b"".join(chunks)


def _not_found(path: str) -> NotFoundError:
    return NotFoundError(
        f"{path}: expected a file, got none", advice="Try another mirror."
    )


def _too_large(path: str, limit: int) -> TooLargeError:
    return TooLargeError(
        f"{path}: expected at most {limit} bytes, got more",
        advice="The place serves something else; check the address, or try another.",
    )
