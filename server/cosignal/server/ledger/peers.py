"""The other authorities' nodes, and what this one asks them.

What this module guarantees:

* Every call ends within the session's time, takes no more bytes than it should, and
  fails with a `SourceError`.
* One client session with keep-alive serves all calls.

What answers mean is for `collector`, `recovery` and `delivery` to say.
"""

import io
from dataclasses import dataclass
from hashlib import sha256

import aiohttp

from cosignal.client.sources import HttpSource
from cosignal.protocol.errors import UnavailableError
from cosignal.protocol.notes import MAX_NOTE_BYTES, VerifierKey
from cosignal.protocol.policy import Policy
from cosignal.server.ledger.readers import NodeReader

MAX_ANSWER = 1 << 16
LENGTH_BYTES = 4
TIME_HEADER = "Cosignal-Time"


@dataclass(frozen=True, slots=True)
class Peer:
    """An authority's node.

    Attributes:
        name: The authority, as the policy names it.
        key: Its cosigner key.
        url: Base URL of its node.
    """

    name: str
    key: VerifierKey
    url: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a node answered.

    Attributes:
        status: HTTP status.
        content_type: Media type of the body.
        body: At most 64 KiB.
    """

    status: int
    content_type: str
    body: bytes


def peers_of(policy: Policy, without: str | None = None) -> tuple[Peer, ...]:
    """The authorities of a policy that have a node to ask, all but one."""
    return tuple(
        Peer(witness.name, witness.key, witness.url)
        for witness in policy.witnesses
        if witness.url is not None and witness.name != without
    )


class PeerCalls:
    """Calls to other nodes."""

    def __init__(self, session: aiohttp.ClientSession, shard: str, origin: str) -> None:
        """Call over `session`, about the log of `origin`."""
        self._session = session
        self._shard = shard
        self._origin_hash = sha256(origin.encode()).hexdigest()

    def reader(self, url: str) -> NodeReader:
        """The static files of a node."""
        return NodeReader(HttpSource(url, self._session), self._shard)

    async def add_checkpoint(self, peer: Peer, body: bytes) -> Answer:
        """Ask for a cosignature."""
        return await self._post(f"{peer.url}/add-checkpoint", body)

    async def push_checkpoint(self, peer: Peer, note: bytes) -> Answer:
        """Show a certified checkpoint."""
        return await self._post(f"{peer.url}/ledger/v1/checkpoint", note)

    async def submit(self, url: str, record: bytes, body: bytes, now: int) -> Answer:
        """Send a record and its body to the sequencer, and this node's time."""
        return await self._post(
            f"{url}/ledger/v1/records",
            encode_submission(record, body),
            {TIME_HEADER: str(now)},
        )

    async def witnessed(self, peer: Peer) -> bytes:
        """The checkpoint that a node last cosigned, from its monitoring path.

        Raises:
            NotFoundError: It has cosigned none.
            UnavailableError: It does not answer.
        """
        source = HttpSource(peer.url, self._session)
        return await source.get(f"{self._origin_hash}/checkpoint", MAX_NOTE_BYTES)

    async def _post(
        self, url: str, body: bytes, headers: dict[str, str] | None = None
    ) -> Answer:
        try:
            async with self._session.post(
                url, data=io.BytesIO(body), headers=headers, allow_redirects=False
            ) as answer:
                data = await _read(answer)
                return Answer(answer.status, answer.content_type, data)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UnavailableError(
                f"node: expected an answer, got {type(error).__name__}"
            ) from error


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    chunks, size = list[bytes](), 0
    async for chunk in answer.content.iter_any():
        size += len(chunk)
        if size > MAX_ANSWER:
            raise UnavailableError(f"node: expected at most {MAX_ANSWER} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def encode_submission(record: bytes, body: bytes) -> bytes:
    """Write the request that brings a record to the sequencer.

    Args:
        record: The signed record.
        body: The body file; empty for records without one.

    Returns:
        The record's length (4 bytes, big-endian), the record, the body.
    """
    return len(record).to_bytes(LENGTH_BYTES, "big") + record + body
