"""From verified blocks and a phone's sightings to exposures.

What this module guarantees:

* Each block is matched once; what was found is remembered until its body expires.
* A revoked block, and a key of report type `REVOKED`, exposes nobody.
* A key that stands on the chain twice counts where it stands first.
* Nothing leaves the phone: sightings are not written down here.

This is what tools need: one file, made again at will, and no rules of risk. A phone has
`cosignal.client.phone` instead: it forgets key by key, folds revisions, and weighs how
close and how long an encounter was.

Source: docs/reference/protocol.md, "Block rules".
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import msgspec

from cosignal.client.folders import PRIVATE
from cosignal.client.store import Block, Store
from cosignal.protocol.bodies import Body, parse_body
from cosignal.protocol.diagnosis_keys import Infectiousness, ReportType
from cosignal.protocol.errors import MalformedError
from cosignal.protocol.intervals import Interval, day_start
from cosignal.protocol.matching import Hit, Sightings, match

MATCHES_PATH = f"{PRIVATE}/matches.json"


@dataclass(frozen=True, slots=True)
class Exposure:
    """A published key that the phone heard.

    Attributes:
        interval: First interval in which it was heard, 10-minute units since 1970.
        sightings: How often it was heard.
        report_type: How the authority knows of the infection.
        infectiousness: Class of the key's day.
        issuer: Authority that published it.
        region: Where the key matters.
        shard: Where its block stands.
        index: The block's entry there.
        commit: The block's commitment, 32 bytes.
    """

    interval: Interval
    sightings: int
    report_type: ReportType
    infectiousness: Infectiousness
    issuer: str
    region: str
    shard: str
    index: int
    commit: bytes

    @property
    def day(self) -> Interval:
        """First interval of the UTC day on which the key was heard."""
        return day_start(self.interval)


class _Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A matched key, as remembered; the key itself tells repetitions apart."""

    key: bytes
    interval: int
    sightings: int
    report_type: int
    infectiousness: int


class _Matches(msgspec.Struct, forbid_unknown_fields=True):
    """What was found, by shard and commitment of each matched block."""

    blocks: dict[str, list[_Match]] = {}


def find_exposures(store: Store, sightings: Sightings) -> list[Exposure]:
    """Match every block that was not matched before, and report all exposures.

    A crash while the matches are written leaves the old ones; the blocks are matched
    again.

    Args:
        store: What a follower kept.
        sightings: What the phone heard.

    Returns:
        All exposures of unexpired blocks, in chain order.
    """
    known = _load(store)
    blocks = {_name(block): block for block in store.blocks}
    found = {name: known[name] for name in blocks if name in known}
    for name, block in blocks.items():
        if name not in found and (data := store.body(block)) is not None:
            found[name] = list(_match_body(parse_body(data), sightings))
    if found != known:
        store.folder.put(MATCHES_PATH, msgspec.json.encode(_Matches(found)))
    return list(_report(store, found))


def _load(store: Store) -> dict[str, list[_Match]]:
    data = store.folder.read(MATCHES_PATH)
    if data is None:
        return {}
    try:
        return msgspec.json.decode(data, type=_Matches).blocks
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedError(
            f"matches: {error}", advice=f"Delete {MATCHES_PATH}; it is made again."
        ) from None


def _name(block: Block) -> str:
    # A copy of a record is another place on the chain with the same commitment.
    return f"{block.shard}/{block.index}/{block.record.commit.hex()}"


def _match_body(body: Body, sightings: Sightings) -> Iterator[_Match]:
    hits = match(body.columns(), sightings)
    for index, group in groupby(hits, key=lambda hit: hit.key):
        yield _describe(body, index, list(group))


def _describe(body: Body, index: int, hits: list[Hit]) -> _Match:
    about = body.diagnosis_key(index)
    return _Match(
        about.data,
        min(hit.interval for hit in hits),
        len(hits),
        about.report_type,
        about.infectiousness,
    )


def _report(store: Store, found: dict[str, list[_Match]]) -> Iterator[Exposure]:
    seen: set[bytes] = set()
    for block in store.blocks:
        if store.revoked(block):
            continue
        for item in found.get(_name(block), ()):
            if item.key in seen or item.report_type == ReportType.REVOKED:
                continue
            seen.add(item.key)
            yield _exposure(block, item)


def _exposure(block: Block, item: _Match) -> Exposure:
    return Exposure(
        Interval(item.interval),
        item.sightings,
        ReportType(item.report_type),
        Infectiousness(item.infectiousness),
        block.record.issuer,
        block.record.region,
        block.shard,
        block.index,
        block.record.commit,
    )
