"""`cosignal watch`: compare what several places show."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cosignal.client.folders import Folder
from cosignal.client.sources import open_source
from cosignal.client.store import MAX_KEPT
from cosignal.client.watch import HARMLESS, Sight, Watch
from cosignal.protocol.policy import Policy
from cosignal.server.clock import system_clock
from cosignal.server.commands.terminal import (
    EXIT_FALSE,
    Json,
    PolicyFile,
    read_policy,
    say,
)


def command(
    sources: Annotated[
        list[str], typer.Argument(help="URLs or folders of nodes and mirrors.")
    ],
    policy: PolicyFile,
    *,
    once: Annotated[bool, typer.Option("--once", help="Look once and stop.")] = False,
    every: Annotated[int, typer.Option(min=1, help="Seconds between two looks.")] = 60,
    evidence: Annotated[
        Path, typer.Option(help="Folder for evidence, made when needed.")
    ] = Path("evidence"),
    as_json: Json = False,
) -> None:
    """Compare checkpoints of several places; find split views, staleness and lag.

    With --once it exits with 1 when a place is unreachable, stale, or shows what it
    must not. With --json it prints one object a look.

    Example: cosignal watch https://a.example https://b.example --policy policy --once
    """
    pinned = read_policy(policy)
    run = _watch(sources, pinned, evidence, every, once=once, as_json=as_json)
    if not asyncio.run(run):
        raise typer.Exit(EXIT_FALSE)


async def _watch(
    addresses: list[str],
    pinned: Policy,
    folder: Path,
    every: int,
    *,
    once: bool,
    as_json: bool,
) -> bool:
    """Look until told to stop; say whether all was well in the last look."""
    async with AsyncExitStack() as stack:
        places = [
            await stack.enter_async_context(open_source(item)) for item in addresses
        ]
        watch = Watch(places, pinned)
        while True:
            now = system_clock()
            sights = await watch.look(now)
            _keep(sights, folder)
            _report(sights, now, as_json=as_json)
            if once:
                return all(sight.finding in HARMLESS for sight in sights)
            await asyncio.sleep(every)


def _keep(sights: list[Sight], folder: Path) -> None:
    files = {item.file_name: item for sight in sights for item in sight.evidence}
    if not files:
        return
    place = Folder(folder)
    kept = [name for name in place.names(".") if name.endswith(".evidence")]
    # One lie can be shown in any number of forms; a full folder proves it already.
    room = max(MAX_KEPT - len(kept), 0)
    fresh = [name for name in files if name not in kept][:room]
    place.put_all((name, files[name].encode()) for name in fresh)


def _report(sights: list[Sight], now: int, *, as_json: bool) -> None:
    clock = datetime.fromtimestamp(now, UTC).strftime("%H:%M:%S")
    lines = [f"{clock}  {sight.line(now)}" for sight in sights]
    lines += [
        f"{clock}  evidence    {item.file_name}"
        for sight in sights
        for item in sight.evidence
    ]
    value = {"time": now, "places": [_value(sight, now) for sight in sights]}
    say(lines, value, as_json=as_json)


def _value(sight: Sight, now: int) -> dict[str, object]:
    head, certified = sight.head, sight.certified
    return {
        "source": sight.source.name,
        "finding": sight.finding.value,
        "reason": sight.reason,
        "size": head.size if head else None,
        "root": head.root.hex() if head else None,
        "age_seconds": now - certified.fresh_time if certified else None,
        "lag": sight.lag,
        "evidence": [item.file_name for item in sight.evidence],
    }
