"""`cosignal record`: draft, sign, merge and submit what authorities decide together.

What this module guarantees:

* What is signed is shown, word for word, and was understood.
* A record counts as submitted only once a quorum has certified the entry that holds
  exactly these bytes, verified here from the pinned policy on.
"""

import asyncio
import json
import time
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from cosignal.client.sources import new_session
from cosignal.protocol.entries import parse_entry
from cosignal.protocol.errors import (
    CosignalError,
    MalformedError,
    UnavailableError,
    UsageError,
    VerificationError,
)
from cosignal.server.clock import system_clock
from cosignal.server.commands import draft
from cosignal.server.commands.chains import ReadChain, reading
from cosignal.server.commands.terminal import (
    Json,
    PolicyFile,
    count,
    read_file,
    read_policy,
    say,
)
from cosignal.server.config import load_config
from cosignal.server.keyring import load_issuer, load_trust
from cosignal.server.record_files import (
    RecordFile,
    merge,
    parse_record_file,
    replace_file,
    sign,
)

app = typer.Typer(
    help="What authorities decide: configuration, policy, revocation.",
    no_args_is_help=True,
)
app.add_typer(draft.app, name="draft")

POLL_SECONDS = 0.5


@app.command("sign")
def sign_file(
    file: Annotated[Path, typer.Argument(help="A draft, or one that others signed.")],
    config: Annotated[
        Path, typer.Option(help="The TOML file of this authority's node.")
    ],
    *,
    as_json: Json = False,
) -> None:
    """Show a record, and add this authority's signature to the file.

    Read what it prints before you send the file on: a signature cannot be taken back.

    Example: cosignal record sign next --config trial/authority-1/config.toml
    """
    settings = load_config(config)
    # The record to be signed may be the very one that this field names.
    node = msgspec.structs.replace(settings.node, configuration=None)
    settings = msgspec.structs.replace(settings, node=node)
    trust = load_trust(settings)
    unsigned = _read(file)
    signed = sign(unsigned, settings.node.name, load_issuer(settings), trust.record)
    if signed != unsigned:
        replace_file(file, signed.encode())
    _say_signed(file, signed, as_json=as_json)


@app.command("merge")
def merge_files(
    output: Annotated[Path, typer.Argument(help="File to make or replace.")],
    files: Annotated[list[Path], typer.Argument(help="Copies that others signed.")],
    *,
    as_json: Json = False,
) -> None:
    """Put the signatures of several copies of one record into one file.

    Example: cosignal record merge next north/next south/next east/next
    """
    merged = merge([_read(file) for file in files])
    replace_file(output, merged.encode())
    _say_signed(output, merged, as_json=as_json)


@app.command("submit")
def submit(
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
    record = _read(file)
    if not record.note.signatures:
        raise UsageError(
            f"{file}: expected a signed record, got a draft",
            advice="Let the authorities sign it with `cosignal record sign`.",
        )
    with reading(chain, read_policy(policy), as_json=as_json) as found:
        target = url.rstrip("/") or _sequencer(found)
        index, leaf = asyncio.run(_order(found, target, record.encode()))
        _await_certified(found, index, record.encode(), wait)
        origin, size = found.chain.origin, found.chain.size
    say(
        [f"entry {index} of {origin}, certified at size {size}"],
        {
            "origin": origin,
            "index": index,
            "leaf": leaf,
            "size": size,
            "record": record.record.text(),
        },
        as_json=as_json,
    )


def _read(file: Path) -> RecordFile:
    try:
        return parse_record_file(read_file(file, str(file)))
    except MalformedError as error:
        raise UsageError(
            f"{file}: {error}",
            advice=error.advice or "Make one with `cosignal record draft`.",
        ) from error


def _say_signed(file: Path, signed: RecordFile, *, as_json: bool) -> None:
    text = signed.record.text()
    signers = signed.signers
    say(
        [
            *text.rstrip("\n").split("\n"),
            f"{file}: {count(len(signers), 'signature')}: {', '.join(signers)}",
        ],
        {"file": str(file), "record": text, "signers": signers},
        as_json=as_json,
    )


def _sequencer(found: ReadChain) -> str:
    logs = found.chain.trust.logs_of(found.chain.origin)
    address = next((log.url for log in logs if log.url), None)
    if address is None:
        raise UsageError(
            "sequencer: expected its URL in the policy in force, got none",
            advice="Name its node with --url.",
        )
    return address


async def _order(found: ReadChain, url: str, record: bytes) -> tuple[int, str]:
    """Send a record to the sequencer; say where it stands."""
    # Only here: whoever drafts or signs need not wait for the ledger's code.
    from cosignal.server.ledger.peers import PeerCalls  # noqa: PLC0415

    async with new_session() as session:
        calls = PeerCalls(session, found.chain.shard, found.chain.origin)
        answer = await calls.submit(url, record, b"", system_clock())
    try:
        value = json.loads(answer.body)
        if answer.status == HTTPStatus.OK:
            return int(value["index"]), str(value["leaf"])
        detail, advice = str(value.get("detail", "")), str(value.get("advice", ""))
    except (ValueError, TypeError, KeyError, AttributeError):
        detail, advice = "not what a node says", "Check --url."
    raise CosignalError(
        f"sequencer: expected it to order the record, got {answer.status}: {detail}",
        advice=advice or "Correct the record, or let more authorities sign it.",
    )


def _await_certified(found: ReadChain, index: int, record: bytes, wait: int) -> None:
    """Sync until a certified checkpoint holds the record."""
    deadline = time.monotonic() + wait
    while found.chain.size <= index:
        if time.monotonic() > deadline:
            raise UnavailableError(
                f"entry {index}: expected a quorum's word within {wait} s, got none",
                advice="The record is ordered and stays so. Look at the other nodes; "
                "submit it again to wait longer.",
            )
        time.sleep(POLL_SECONDS)
        found.sync()
    (entry,) = found.store.entries(found.chain.shard, index, index + 1)
    if parse_entry(entry).record != record:
        raise VerificationError(
            f"entry {index}: expected the record sent, got another one",
            advice="The sequencer said where it stands, and that is not true.",
        )
