"""`cosignal verify`: check a proof, a chain or evidence, believing only a policy."""

import asyncio
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cosignal.client.folders import Folder
from cosignal.client.follower import Synced
from cosignal.client.sources import open_source
from cosignal.client.store import Store
from cosignal.client.verify import (
    ProvenEntry,
    check_chain,
    check_evidence,
    check_proof,
    fetch_entry,
    is_evidence,
)
from cosignal.protocol.errors import CosignalError, UsageError
from cosignal.protocol.evidence import Statement
from cosignal.protocol.policy import Policy
from cosignal.server.clock import system_clock
from cosignal.server.commands.terminal import (
    EXIT_FALSE,
    Json,
    PolicyFile,
    complain,
    progress_bars,
    read_file,
    read_policy,
    say,
)


def command(
    claim: Annotated[
        str,
        typer.Argument(help="A proof or evidence file, or URL or folder of a chain."),
    ],
    policy: PolicyFile,
    *,
    entry: Annotated[
        Path | None, typer.Option(help="The entry that a proof is about.")
    ] = None,
    chain: Annotated[
        str, typer.Option(help="URL or folder to read a proof's entry from.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Check a claim; exit with 0 if it is true and 1 if it is not.

    A proof file: a quorum certified the entry. An evidence file: somebody lied, and
    who. A URL or folder: every entry, every body and every signature from the first.

    Examples: cosignal verify https://authority-1.example --policy policy;
    cosignal verify 42.tlog-proof --entry 42.entry --policy policy;
    cosignal verify 1f3a.evidence --policy policy
    """
    pinned = read_policy(policy)
    try:
        lines, value = _check(claim, pinned, entry, chain, as_json=as_json)
    except UsageError:
        raise
    except CosignalError as error:
        complain(error)
        say([], {"ok": False, "error": str(error)}, as_json=as_json)
        raise typer.Exit(EXIT_FALSE) from error
    say(lines, {"ok": True, **value}, as_json=as_json)


def _check(
    claim: str, pinned: Policy, entry: Path | None, chain: str, *, as_json: bool
) -> tuple[list[str], Mapping[str, Any]]:
    path = Path(claim)
    if claim.startswith(("http://", "https://")) or path.is_dir():
        return _say_chain(_check_chain(claim, pinned, as_json=as_json))
    data = read_file(path, "claim")
    if is_evidence(data):
        return _say_evidence(check_evidence(data, pinned))
    return _say_proof(check_proof(data, _entry(data, entry, chain), pinned))


def _check_chain(address: str, pinned: Policy, *, as_json: bool) -> Synced:
    async def run(store: Store) -> Synced:
        async with open_source(address) as source:
            with progress_bars(as_json=as_json) as progress:
                return await check_chain(source, store, system_clock(), progress)

    with (
        tempfile.TemporaryDirectory(prefix="cosignal-verify-") as folder,
        Store(Folder(Path(folder)), pinned) as store,
    ):
        return asyncio.run(run(store))


def _entry(data: bytes, entry: Path | None, chain: str) -> bytes:
    if entry is not None:
        return read_file(entry, "--entry")
    if not chain:
        raise UsageError(
            "verify: expected --entry FILE or --chain URL with a proof, got neither"
        )

    async def read() -> bytes:
        async with open_source(chain) as source:
            return await fetch_entry(source, data)

    return asyncio.run(read())


def _say_chain(synced: Synced) -> tuple[list[str], Mapping[str, Any]]:
    certified = synced.certified
    head = certified.checkpoint
    names = ", ".join(name for name, _ in certified.cosignatures)
    return (
        [
            (
                f"true: {head.origin} at size {head.size}, every entry and "
                f"{synced.bodies} bodies checked"
            ),
            f"co-signed by {names}",
        ],
        {
            "claim": "chain",
            "origin": head.origin,
            "size": head.size,
            "root": head.root.hex(),
            "entries": synced.entries,
            "bodies": synced.bodies,
            "cosigners": [name for name, _ in certified.cosignatures],
            "time": certified.time,
        },
    )


def _say_proof(proven: ProvenEntry) -> tuple[list[str], Mapping[str, Any]]:
    head = proven.certified.checkpoint
    text = proven.record.text()
    return (
        [
            (
                f"true: entry {proven.entry.index} of {head.origin}, certified at size "
                f"{head.size}"
            ),
            *text.rstrip("\n").split("\n"),
        ],
        {
            "claim": "proof",
            "origin": head.origin,
            "index": proven.entry.index,
            "size": head.size,
            "time": proven.entry.time,
            "record": text,
            "cosigners": [name for name, _ in proven.certified.cosignatures],
        },
    )


def _say_evidence(statement: Statement) -> tuple[list[str], Mapping[str, Any]]:
    return (
        [f"true: {statement.text()}"],
        {
            "claim": "evidence",
            "kind": statement.kind,
            "accused": [key.name for key in statement.accused],
            "statement": statement.text(),
        },
    )
