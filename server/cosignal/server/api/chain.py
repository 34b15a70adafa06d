"""Serve the chain to phones, mirrors and anyone: static files, from memory.

What this module guarantees:

* Everything but the checkpoint and the lists is immutable and says so; every answer has
  an ETag, and one that the reader has already is answered 304 without a body.
* Checkpoints, entry bundles and policies travel packed to readers who take gzip; the
  rest is random bytes or too short, and never does.
* No answer may be kept longer than the body in it lives; an erased body is 410.
* No cookie is set, and nothing is asked or noted about the reader.

Source: c2sp.org/tlog-tiles, c2sp.org/tlog-proof.
"""

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter

from aiohttp import web

from cosignal.client.paths import configuration_path, policy_path
from cosignal.protocol.errors import GoneError, MalformedError
from cosignal.protocol.proofs import Proof
from cosignal.protocol.tiles import Bundle, parse_tile_path
from cosignal.server.api.answers import (
    DAY_SECONDS,
    MOMENT_SECONDS,
    TEXT_UTF8,
    YEAR_SECONDS,
    answer,
)
from cosignal.server.api.routing import BYTES, TEXT, Reply, Route
from cosignal.server.app_keys import CLOCK, LEDGER
from cosignal.server.intake.refusals import RequestError
from cosignal.server.ledger.evidence import FOLDER as EVIDENCE
from cosignal.server.ledger.ledger import Ledger
from cosignal.server.ledger.policies import Policies
from cosignal.server.ledger.public_files import PublicFile

_HEX = "[0-9a-f]{64}"


async def checkpoint(request: web.Request) -> web.Response:
    """The newest checkpoint that a quorum has co-signed."""
    ledger = _ledger(request)
    if not ledger.publisher.data:
        raise RequestError(
            404,
            "no_checkpoint",
            "no quorum has co-signed a checkpoint yet",
            advice="Ask again in a moment, or another authority.",
        )
    file = PublicFile.of(ledger.publisher.data)
    packed = ledger.holdings.packed
    return await answer(request, file, TEXT_UTF8, MOMENT_SECONDS, packed=packed)


async def tile(request: web.Request) -> web.Response:
    """A tile of hashes, or a bundle of entries."""
    ledger = _ledger(request)
    path = f"tile/{request.match_info['path']}"
    try:
        item = parse_tile_path(path.encode())
    except MalformedError as error:
        raise RequestError(404, "not_found", str(error)) from error
    file = await ledger.holdings.public.read(f"chain/{ledger.shard}/{path}")
    if file is None:
        raise _absent("tile", "A partial tile may have given way to the full one.")
    # Entries are text that repeats itself; hashes are not.
    packed = ledger.holdings.packed if isinstance(item, Bundle) else None
    return await answer(
        request, file, BYTES, YEAR_SECONDS, immutable=True, packed=packed
    )


async def body(request: web.Request) -> web.Response:
    """A block's body, while it lives."""
    ledger, now = _ledger(request), request.app[CLOCK]()
    commit = bytes.fromhex(request.match_info["commit"])
    try:
        found = await ledger.holdings.bodies.living(commit, now)
    except GoneError as error:
        raise RequestError(
            410,
            "erased",
            "the body's time is over and it has been erased; its record stays",
            advice="Verify the record; the keys in it concern nobody any more.",
        ) from error
    if found is None:
        raise _absent("body", "Take the commitment from a record on the chain.")
    life = min(found.expires - now, YEAR_SECONDS)
    return await answer(request, found.file, BYTES, life, immutable=True)


async def proof(request: web.Request) -> web.Response:
    """Proof that an entry is in the published tree, for keeping and offline checks."""
    ledger, index = _ledger(request), int(request.match_info["index"])
    size, data = ledger.publisher.size, ledger.publisher.data
    if index >= size:
        raise _absent("entry", "Only entries below the checkpoint's size have proofs.")
    hashes = await ledger.holdings.tree.inclusion(index, size)
    file = PublicFile.of(Proof(index, tuple(hashes), data).encode())
    # Later ones differ, but none ever becomes wrong.
    return await answer(request, file, TEXT_UTF8, DAY_SECONDS)


async def shards(request: web.Request) -> web.Response:
    """The names of the shards, newest first, one a line."""
    data = request.app[LEDGER].holdings.policies.shards
    if not data:
        raise _absent("list of shards", "Ask again when the chain has begun.")
    return await answer(request, PublicFile.of(data), TEXT_UTF8, MOMENT_SECONDS)


@dataclass(frozen=True, slots=True)
class _Kind:
    """Records of which every version is a file of its own.

    Attributes:
        name: Also the path's last part.
        about: What its records say, after the name; may be empty.
        path: Where a version lies.
        newest: The newest version that a published checkpoint holds; 0 for none.
    """

    name: str
    about: str
    path: Callable[[int], str]
    newest: Callable[[Policies], int]

    async def in_force(self, request: web.Request) -> web.Response:
        """The newest record of the kind that a published checkpoint holds."""
        newest = self.newest(request.app[LEDGER].holdings.policies)
        return await self._answer(request, newest, immutable=False)

    async def version(self, request: web.Request) -> web.Response:
        """One version, as its signers signed it."""
        number = int(request.match_info["version"])
        return await self._answer(request, number, immutable=True)

    async def _answer(
        self, request: web.Request, version: int, *, immutable: bool
    ) -> web.Response:
        holdings = request.app[LEDGER].holdings
        file = await holdings.public.read(self.path(version)) if version else None
        if file is None:
            raise _absent(
                self.name,
                f"GET /chain/{self.name} is the newest; versions count from 1.",
            )
        seconds = YEAR_SECONDS if immutable else MOMENT_SECONDS
        packed = holdings.packed
        return await answer(
            request, file, TEXT_UTF8, seconds, immutable=immutable, packed=packed
        )

    def routes(self) -> tuple[Route, Route]:
        """The newest, and one version."""
        replies = {200: Reply("a signed record", media=TEXT), 304: _UNCHANGED}
        path = f"/chain/{self.name}"
        return (
            Route(
                "GET",
                path,
                self.in_force,
                f"The {self.name} record in force{self.about}.",
                replies,
            ),
            Route(
                "GET",
                f"{path}/{{version:[1-9][0-9]{{0,8}}}}",
                self.version,
                f"One version of the {self.name}.",
                replies,
            ),
        )


async def evidence_list(request: web.Request) -> web.Response:
    """Names of the evidence files, one a line."""
    names = await request.app[LEDGER].holdings.evidence.names()
    file = PublicFile.of("".join(f"{name}\n" for name in names).encode())
    return await answer(request, file, TEXT_UTF8, MOMENT_SECONDS)


async def evidence(request: web.Request) -> web.Response:
    """One file of evidence; `cosignal verify` checks it."""
    path = f"{EVIDENCE}/{request.match_info['name']}"
    file = await request.app[LEDGER].holdings.public.read(path)
    if file is None:
        raise _absent("evidence", "Take the name from /chain/evidence/.")
    return await answer(request, file, TEXT_UTF8, YEAR_SECONDS, immutable=True)


def _ledger(request: web.Request) -> Ledger:
    ledger = request.app[LEDGER]
    if request.match_info["shard"] != ledger.shard:
        raise _absent("shard", "GET /chain/shards names the shards.")
    return ledger


def _absent(what: str, advice: str) -> RequestError:
    return RequestError(404, "not_found", f"there is no such {what}", advice=advice)


_UNCHANGED = Reply("the reader has it already", media=None)

_POLICY = _Kind("policy", "", policy_path, attrgetter("newest_policy"))
_CONFIGURATION = _Kind(
    "configuration",
    ": how phones weigh encounters",
    configuration_path,
    attrgetter("newest_configuration"),
)

ROUTES = (
    Route(
        "GET",
        "/chain/{shard}/checkpoint",
        checkpoint,
        "The newest checkpoint that a quorum has co-signed (C2SP tlog-checkpoint).",
        {200: Reply("a signed note", media=TEXT), 304: _UNCHANGED},
    ),
    Route(
        "GET",
        "/chain/{shard}/tile/{path:.+}",
        tile,
        "A tile of hashes, or a bundle of entries (C2SP tlog-tiles).",
        {200: Reply("the tile", media=BYTES), 304: _UNCHANGED},
    ),
    Route(
        "GET",
        f"/chain/{{shard}}/body/{{commit:{_HEX}}}",
        body,
        "A block's body by its commitment, until it expires.",
        {200: Reply("the body file", media=BYTES), 304: _UNCHANGED},
    ),
    Route(
        "GET",
        "/chain/{shard}/proof/{index:0|[1-9][0-9]{0,17}}",
        proof,
        "Proof that an entry is in the published tree (C2SP tlog-proof).",
        {200: Reply("a .tlog-proof file", media=TEXT), 304: _UNCHANGED},
    ),
    Route(
        "GET",
        "/chain/shards",
        shards,
        "Names of the shards, newest first.",
        {200: Reply("one name a line", media=TEXT), 304: _UNCHANGED},
    ),
    *_POLICY.routes(),
    *_CONFIGURATION.routes(),
    Route(
        "GET",
        "/chain/evidence/",
        evidence_list,
        "Names of the files that prove somebody signed two histories.",
        {200: Reply("one name a line", media=TEXT), 304: _UNCHANGED},
    ),
    Route(
        "GET",
        f"/chain/evidence/{{name:{_HEX}\\.evidence}}",
        evidence,
        "One file of evidence.",
        {200: Reply("an evidence file", media=TEXT), 304: _UNCHANGED},
    ),
)
