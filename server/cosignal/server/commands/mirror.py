"""`cosignal mirror`: keep a verified copy of a chain for any static web server."""

import asyncio
import time
from pathlib import Path
from typing import Annotated

import typer

from cosignal.client.folders import Folder
from cosignal.client.mirror import Mirrored, mirror
from cosignal.client.sources import open_source
from cosignal.client.store import Store
from cosignal.protocol.errors import CosignalError
from cosignal.server.clock import system_clock
from cosignal.server.commands.terminal import (
    Json,
    PolicyFile,
    complain,
    progress_bars,
    read_policy,
    say,
)


def command(
    source: Annotated[str, typer.Argument(help="URL or folder of a node or mirror.")],
    folder: Annotated[Path, typer.Argument(help="The mirror's folder.")],
    policy: PolicyFile,
    *,
    every: Annotated[
        int, typer.Option(min=0, help="Repeat after so many seconds; 0: run once.")
    ] = 0,
    as_json: Json = False,
) -> None:
    """Copy a whole chain into a folder, verify all of it, and keep it servable.

    Run it again, or with --every, to stay up to date; an interrupted run goes on where
    it was. Bodies are erased when they expire.

    Example: cosignal mirror https://authority-1.example mirror --policy policy
    """
    pinned = read_policy(policy)
    with Store(Folder(folder), pinned) as store:
        while True:
            try:
                _report(_run(source, store, as_json=as_json), as_json=as_json)
            except CosignalError as error:
                if not every:
                    raise
                complain(error)
            if not every:
                return
            time.sleep(every)


def _run(source: str, store: Store, *, as_json: bool) -> Mirrored:
    async def run() -> Mirrored:
        async with open_source(source) as place:
            with progress_bars(as_json=as_json) as progress:
                return await mirror(place, store, system_clock(), progress)

    return asyncio.run(run())


def _report(done: Mirrored, *, as_json: bool) -> None:
    synced, head = done.synced, done.synced.certified.checkpoint
    say(
        [
            (
                f"{head.origin} at size {head.size}: {synced.entries} new entries, "
                f"{synced.bodies} new bodies, {synced.erased} erased"
            )
        ],
        {
            "origin": head.origin,
            "size": head.size,
            "root": head.root.hex(),
            "entries": synced.entries,
            "bodies": synced.bodies,
            "erased": synced.erased,
            "tiles": done.tiles,
        },
        as_json=as_json,
    )
