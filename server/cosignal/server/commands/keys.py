"""`cosignal keys match`: find published keys among sightings."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cosignal.client.exposures import Exposure, find_exposures
from cosignal.client.folders import Folder
from cosignal.client.follower import Follower, Synced
from cosignal.client.sightings import parse_sightings
from cosignal.client.sources import open_source
from cosignal.client.store import Store
from cosignal.protocol.intervals import unix_at
from cosignal.protocol.policy import Policy
from cosignal.server.clock import system_clock
from cosignal.server.commands.terminal import (
    Json,
    PolicyFile,
    count,
    progress_bars,
    read_file,
    read_policy,
    say,
)

app = typer.Typer(help="Published diagnosis keys.", no_args_is_help=True)


@app.command("match")
def match(
    sightings: Annotated[
        Path,
        typer.Option(help="Lines of an identifier in hexadecimal and its interval."),
    ],
    chain: Annotated[str, typer.Option(help="URL or folder of a node or mirror.")],
    policy: PolicyFile,
    *,
    region: Annotated[
        list[str] | None, typer.Option(help="Only keys of this region; repeatable.")
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(help="Folder to keep what is verified, for the next run."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Verify a chain and print the published keys that were heard.

    The sightings never leave this machine.

    Example: cosignal keys match --sightings heard.txt --chain mirror --policy policy
    """
    heard = parse_sightings(read_file(sightings, "--sightings"))
    regions = frozenset(region) if region else None
    with _store(state, read_policy(policy)) as store:
        synced = asyncio.run(_sync(store, chain, regions, as_json=as_json))
        found = find_exposures(store, heard)
    head = synced.certified.checkpoint
    say(
        [
            *map(_line, found),
            (
                f"{count(len(found), 'exposure')} among "
                f"{count(len(heard.intervals), 'sighting')}; "
                f"{head.origin} verified to size {head.size}"
            ),
        ],
        {
            "origin": head.origin,
            "size": head.size,
            "sightings": len(heard.intervals),
            "missing_bodies": len(synced.missing),
            "exposures": [_value(item) for item in found],
        },
        as_json=as_json,
    )


@contextmanager
def _store(folder: Path | None, pinned: Policy) -> Iterator[Store]:
    with (
        tempfile.TemporaryDirectory(prefix="cosignal-match-") as temporary,
        Store(Folder(folder or Path(temporary)), pinned) as store,
    ):
        yield store


async def _sync(
    store: Store, address: str, regions: frozenset[str] | None, *, as_json: bool
) -> Synced:
    async with open_source(address) as source:
        with progress_bars(as_json=as_json) as progress:
            follower = Follower(store, source, regions=regions, progress=progress)
            return await follower.sync(system_clock())


def _line(item: Exposure) -> str:
    day = datetime.fromtimestamp(unix_at(item.interval), UTC).strftime("%Y-%m-%d")
    return (
        f"{day}  heard {item.sightings} times  {item.infectiousness.name.lower()} "
        f"infectiousness  {item.report_type.name.lower()}  {item.issuer} "
        f"({item.region})  block {item.shard}/{item.index}"
    )


def _value(item: Exposure) -> dict[str, object]:
    return {
        "interval": item.interval,
        "day": item.day,
        "sightings": item.sightings,
        "report_type": item.report_type.name.lower(),
        "infectiousness": item.infectiousness.name.lower(),
        "issuer": item.issuer,
        "region": item.region,
        "shard": item.shard,
        "index": item.index,
        "commit": item.commit.hex(),
    }
