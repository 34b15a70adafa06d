"""Count what goes over the wire, by place and by kind of file.

What this module guarantees:

* Every byte that a session's sockets send or receive is counted once: heads, packed
  bodies, redirects and retries, and TLS with its handshakes. What lies below, TCP and
  IP with their own heads, is not.
* The sum over all kinds is what the sockets saw; what came before a connection's first
  request is of kind `CONNECTING`.
* Nothing is kept but sums: not when, and not which file.

It counts where asyncio's selector loop, the usual one on Linux and macOS, calls its
sockets; a loop that reads file descriptors by itself would show zeros. Writing sums
down is for the caller.

Source: https://docs.aiohttp.org/en/stable/client_reference.html (`socket_factory`).
"""

import asyncio
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import aiohttp
from aiohttp.connector import Connection

#: What a socket is made of: family, type, protocol, name, address.
AddressInfo = tuple[Any, Any, int, str, tuple[Any, ...]]


class Kind(StrEnum):
    """What bytes were spent on."""

    CHECKPOINT = "checkpoint"
    ENTRIES = "entries"
    BODIES = "bodies"
    #: Policies, lists, tiles, proofs, evidence.
    OTHER = "other"
    #: Everything that is not a GET: what a person or chaff sends.
    UPLOADS = "uploads"
    #: Before the first request on a connection: TLS handshakes.
    CONNECTING = "connecting"


_KINDS = (
    (re.compile(r"/chain/[0-9]+/checkpoint$"), Kind.CHECKPOINT),
    (re.compile(r"/chain/[0-9]+/tile/entries/"), Kind.ENTRIES),
    (re.compile(r"/chain/[0-9]+/body/"), Kind.BODIES),
)


def kind_of(method: str, path: str) -> Kind:
    """What a request is for.

    Args:
        method: Of the request.
        path: Of its URL; a mirror may live below any path.

    Returns:
        Its kind, never `CONNECTING`.
    """
    if method not in ("GET", "HEAD"):
        return Kind.UPLOADS
    return next((kind for form, kind in _KINDS if form.search(path)), Kind.OTHER)


@dataclass(frozen=True, slots=True)
class Amount:
    """What was spent.

    Attributes:
        requests: Requests sent; for `CONNECTING`, connections opened.
        sent: Bytes up.
        received: Bytes down.
    """

    requests: int = 0
    sent: int = 0
    received: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        """Both together."""
        return Amount(
            self.requests + other.requests,
            self.sent + other.sent,
            self.received + other.received,
        )

    def __sub__(self, other: "Amount") -> "Amount":
        """What came to `other` since."""
        return Amount(
            self.requests - other.requests,
            self.sent - other.sent,
            self.received - other.received,
        )

    @property
    def bytes(self) -> int:
        """Both ways."""
        return self.sent + self.received


def total(amounts: Mapping[Kind, Amount]) -> Amount:
    """Add up all kinds; connections are no requests.

    Args:
        amounts: By kind.
    """
    spent = sum(amounts.values(), Amount())
    opened = amounts.get(Kind.CONNECTING, Amount()).requests
    return Amount(spent.requests - opened, spent.sent, spent.received)


@dataclass(frozen=True, slots=True)
class Account:
    """Sums at one moment.

    Attributes:
        amounts: By source, a URL's origin such as `https://mirror.example`, and kind.
    """

    amounts: Mapping[tuple[str, Kind], Amount]

    @property
    def total(self) -> Amount:
        """All bytes, and all requests; connections are no requests."""
        return total({kind: self.of_kind(kind) for kind in Kind})

    @property
    def connections(self) -> int:
        """Connections opened."""
        return self.of_kind(Kind.CONNECTING).requests

    def of_kind(self, kind: Kind) -> Amount:
        """The sum over all sources."""
        found = (item for (_, each), item in self.amounts.items() if each == kind)
        return sum(found, Amount())

    def of_source(self, source: str) -> "Account":
        """What one source took."""
        return Account(
            {key: item for key, item in self.amounts.items() if key[0] == source}
        )

    def since(self, earlier: "Account") -> "Account":
        """What was spent after an earlier moment.

        Args:
            earlier: Of the same `Traffic`.
        """
        return Account(
            {
                key: item - earlier.amounts.get(key, Amount())
                for key, item in self.amounts.items()
            }
        )


class Traffic:
    """Counts for the sessions that it is given to; used in one event loop."""

    def __init__(self) -> None:
        """Begin at zero."""
        self._tallies: dict[tuple[str, Kind], _Tally] = {}
        self._open: dict[int, _CountedSocket] = {}

    def snapshot(self) -> Account:
        """The sums so far.

        Bytes of a connection that has not sent its first request are added when it
        does, or when it closes.
        """
        return Account({key: each.amount() for key, each in self._tallies.items()})

    def session_options(self) -> dict[str, Any]:
        """What `aiohttp.ClientSession` must be made with, to be counted.

        Returns:
            Its `connector` and `request_class`. Call it in the event loop, once for
            each session.
        """
        return {
            "connector": aiohttp.TCPConnector(socket_factory=self._make_socket),
            "request_class": _counted_request(self),
        }

    def begin(
        self, transport: asyncio.BaseTransport | None, source: str, kind: Kind
    ) -> None:
        """Book what a connection moves from now on.

        Args:
            transport: The connection.
            source: Where it leads.
            kind: Of the request that it sends next.
        """
        place = transport.get_extra_info("socket") if transport else None
        counted = self._open.get(place.fileno()) if place is not None else None
        if counted is None:
            return
        if not counted.named:
            self._book(source, counted)
        counted.tally = self._tally(source, kind)
        counted.tally.requests += 1

    def closed(self, handle: int) -> None:
        """Forget a socket; what it moved stays, and if that is nothing it never was."""
        counted = self._open.pop(handle, None)
        if counted is not None and not counted.named and counted.tally.moved:
            self._book(counted.address, counted)

    def _book(self, source: str, counted: "_CountedSocket") -> None:
        """Say whose the bytes before the first request are."""
        self._tally(source, Kind.CONNECTING).add(counted.tally)
        counted.named = True

    def _tally(self, source: str, kind: Kind) -> "_Tally":
        return self._tallies.setdefault((source, kind), _Tally())

    def _make_socket(self, info: AddressInfo) -> socket.socket:
        counted = _CountedSocket(self, info)
        self._open[counted.fileno()] = counted
        return counted


class _Tally:
    """Sums that grow."""

    def __init__(self, requests: int = 0) -> None:
        self.requests = requests
        self.sent = 0
        self.received = 0

    def add(self, other: "_Tally") -> None:
        self.requests += other.requests
        self.sent += other.sent
        self.received += other.received

    @property
    def moved(self) -> bool:
        return bool(self.sent or self.received)

    def amount(self) -> Amount:
        return Amount(self.requests, self.sent, self.received)


class _CountedSocket(socket.socket):
    """A socket that counts what the event loop moves through it."""

    def __init__(self, traffic: Traffic, info: AddressInfo) -> None:
        family, kind, protocol, _, address = info
        super().__init__(family, kind, protocol)
        self._traffic = traffic
        self.address = f"{address[0]}:{address[1]}"
        #: Whether it is known what the first bytes were for.
        self.named = False
        # One connection, and what it moves before its first request.
        self.tally = _Tally(1)

    def send(self, *arguments: Any) -> int:  # noqa: ANN401 - as socket's own
        size = super().send(*arguments)
        self.tally.sent += size
        return size

    def sendmsg(self, *arguments: Any) -> int:  # noqa: ANN401 - as socket's own
        size = super().sendmsg(*arguments)
        self.tally.sent += size
        return size

    def recv(self, *arguments: Any) -> bytes:  # noqa: ANN401 - as socket's own
        data = super().recv(*arguments)
        self.tally.received += len(data)
        return data

    def recv_into(self, *arguments: Any, **more: Any) -> int:  # noqa: ANN401 - the same
        size = super().recv_into(*arguments, **more)
        self.tally.received += size
        return size

    def close(self) -> None:
        self._traffic.closed(self.fileno())
        super().close()


def _counted_request(traffic: Traffic) -> type[aiohttp.ClientRequest]:
    """Requests that say on which connection they go."""

    class CountedRequest(aiohttp.ClientRequest):
        async def send(self, conn: Connection) -> aiohttp.ClientResponse:
            kind = kind_of(self.method, self.url.path)
            traffic.begin(conn.transport, str(self.url.origin()), kind)
            return await super().send(conn)

    return CountedRequest
