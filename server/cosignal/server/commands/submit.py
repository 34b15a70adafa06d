"""`cosignal record submit`: bring a signed record onto the chain.

What this module guarantees:

* A record counts as submitted only once a quorum has certified the entry that holds it,
  verified here from the pinned policy on.
* Signatures that do not count are not sent.
* Nothing is believed because the sequencer says so.
"""

import asyncio
import json
import time
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

import typer

from cosignal.client.sources import new_session
from cosignal.protocol.entries import parse_entry
from cosignal.protocol.errors import (
    CosignalError,
    RefusedError,
    UnavailableError,
    UsageError,
    VerificationError,
)
from cosignal.protocol.merkle import leaf_hash
from cosignal.server.clock import system_clock
from cosignal.server.commands.chains import ReadChain, reading
from cosignal.server.commands.record_options import (
    dropped_line,
    in_force_on,
    read_record,
)
from cosignal.server.commands.terminal import Json, PolicyFile, read_policy, say
from cosignal.server.record_files import RecordFile, without_strangers

POLL_SECONDS = 0.5
#: A record is ordered at once, so its place is near the end that was verified.
FARTHEST = 1_000_000
SHOWN = 40


@dataclass(frozen=True, slots=True)
class _Certified:
    """Where a record stands."""

    index: int
    leaf: bytes


def command(
    file: Annotated[Path, typer.Argument(help="A record that enough have signed.")],
    chain: Annotated[str, typer.Option(help="URL of a node.")],
    policy: PolicyFile,
    *,
    url: Annotated[
        str, typer.Option(help="The sequencer's node, if not as the policy says.")
    ] = "",
    wait: Annotated[
        int, typer.Option(min=1, max=3_600, help="Seconds to wait for the quorum.")
    ] = 60,
    as_json: Json = False,
) -> None:
    """Bring a record onto the chain, and wait until a quorum has certified it.

    The same record again gets the same answer.

    Example: cosignal record submit next --chain http://127.0.0.1:8081
    --policy trial/policy
    """
    record = read_record(file)
    if not record.note.signatures:
        raise UsageError(
            f"{file}: expected a signed record, got a draft",
            advice="Let the authorities sign it with `cosignal record sign`.",
        )
    with reading(chain, read_policy(policy), as_json=as_json) as found:
        place = _standing(found, record)
        if place is None:
            record = _counting(file, record, found)
            place = _order_and_wait(found, url, record.encode(), wait)
        _say(found, place, record, as_json=as_json)


def _say(
    found: ReadChain, place: _Certified, record: RecordFile, *, as_json: bool
) -> None:
    origin, size = found.chain.origin, found.chain.size
    lines = [f"entry {place.index} of {origin}, certified at size {size}"]
    if record.dropped:
        lines.insert(0, dropped_line(record))
    say(
        lines,
        {
            "origin": origin,
            "index": place.index,
            "leaf": place.leaf.hex(),
            "size": size,
            "record": record.record.text(),
            "dropped": list(record.dropped),
        },
        as_json=as_json,
    )


def _standing(found: ReadChain, record: RecordFile) -> _Certified | None:
    """Where the record stands already, whoever of its signers are counted there."""
    text = record.note.text
    shard, size = found.chain.shard, found.chain.size
    for index, entry in enumerate(found.store.entries(shard, 0, size)):
        if text in entry and parse_entry(entry).record.startswith(text + b"\n"):
            return _Certified(index, leaf_hash(entry))
    return None


def _counting(file: Path, record: RecordFile, found: ReadChain) -> RecordFile:
    counting = without_strangers(record, in_force_on(found))
    if not counting.note.signatures:
        raise RefusedError(
            f"{file}: expected signatures of members, got those of "
            f"{', '.join(counting.dropped)} alone",
            advice="Let the members of the policy in force sign it.",
        )
    return counting


def _order_and_wait(found: ReadChain, url: str, record: bytes, wait: int) -> _Certified:
    target = url.rstrip("/") or _sequencer(found)
    index = asyncio.run(_order(found, target, record))
    return _await_certified(found, index, record, wait)


def _sequencer(found: ReadChain) -> str:
    logs = found.chain.trust.logs_of(found.chain.origin)
    address = next((log.url for log in logs if log.url), None)
    if address is None:
        raise UsageError(
            "sequencer: expected its URL in the policy in force, got none",
            advice="Name its node with --url.",
        )
    return address


async def _order(found: ReadChain, url: str, record: bytes) -> int:
    """Send a record to the sequencer; say where it claims to have put it."""
    # Only here: whoever drafts or signs need not wait for the ledger's code.
    from cosignal.server.ledger.peers import PeerCalls  # noqa: PLC0415

    async with new_session() as session:
        calls = PeerCalls(session, found.chain.shard, found.chain.origin)
        answer = await calls.submit(url, record, b"", system_clock())
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError):
        value = None
    if answer.status == HTTPStatus.OK:
        return _place(value, found.chain.size)
    said = value if isinstance(value, dict) else {"detail": "not what a node says"}
    raise CosignalError(
        f"sequencer: expected it to order the record, got {answer.status}: "
        f"{said.get('detail', '')}",
        advice=str(said.get("advice") or "")
        or "Correct the record, or let more authorities sign it; or check --url.",
    )


def _place(value: object, size: int) -> int:
    index = value.get("index") if isinstance(value, dict) else None
    if type(index) is not int or not 0 <= index <= size + FARTHEST:
        raise VerificationError(
            f"sequencer: expected the record's place near entry {size}, got "
            f"{repr(index)[:SHOWN]}",
            advice="What answered is not a node that keeps to the protocol; check "
            "--url, and tell the other authorities.",
        )
    return index


def _await_certified(
    found: ReadChain, index: int, record: bytes, wait: int
) -> _Certified:
    """Sync until a certified checkpoint holds the record."""
    deadline = time.monotonic() + wait
    silence = "got none"
    while found.chain.size <= index:
        if time.monotonic() > deadline:
            raise UnavailableError(
                f"entry {index}: expected a quorum's word within {wait} s, {silence}",
                advice="The sequencer says that the record is ordered, and then it "
                "stays so. Look at the other nodes; submit it again to wait longer.",
            )
        time.sleep(POLL_SECONDS)
        try:
            found.sync()
        except UnavailableError as error:
            # A node that restarts is no reason to stop waiting.
            silence = f"got no answer at last: {error}"
    (entry,) = found.store.entries(found.chain.shard, index, index + 1)
    if parse_entry(entry).record != record:
        raise VerificationError(
            f"entry {index}: expected the record sent, got another one",
            advice="The sequencer said where it stands, and that is not true.",
        )
    return _Certified(index, leaf_hash(entry))
