"""`cosignal client costs`: what reading the chain costs a phone in a day."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from cosignal.client.follower import Progress
from cosignal.server.clock import system_clock
from cosignal.server.commands.terminal import Json, progress_bars, say
from cosignal.server.costs.day import DayCosts, live_day
from cosignal.server.costs.report import Report
from cosignal.server.costs.scenarios import DAY_HOURS, Scenario
from cosignal.server.costs.tls import handshake_bytes

AUTHORITIES = (1, 4, 27)
BLOCK_HOURS = (1, 4)

app = typer.Typer(help="What a phone does.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """What a phone does."""


@app.command("costs")
def costs(
    authorities: Annotated[
        list[int] | None,
        typer.Option(help="How many publish; repeatable. Default: 1, 4 and 27."),
    ] = None,
    block_hours: Annotated[
        list[int] | None,
        typer.Option(
            help="Hours between an authority's blocks; repeatable. Default: 1 and 4."
        ),
    ] = None,
    sync_hours: Annotated[
        int, typer.Option(help="Hours between two syncs of the phone.")
    ] = 4,
    keys: Annotated[
        int, typer.Option(help="Keys that all authorities together publish in a day.")
    ] = 50_000,
    *,
    seed: Annotated[
        int, typer.Option(help="Decides the keys; the same one, the same bytes.")
    ] = 1,
    as_json: Json = False,
) -> None:
    """Measure what a day of the chain costs a phone, and show others' figures beside.

    A network of real keys publishes for a day, and the real client follows it over
    HTTP on this machine, verifying everything. No node has to run.

    Example: cosignal client costs --authorities 4 --block-hours 1 --keys 20000
    """
    scenarios = [
        Scenario(count, hours, sync_hours, keys)
        for count in authorities or AUTHORITIES
        for hours in block_hours or BLOCK_HOURS
    ]
    with progress_bars(as_json=as_json) as progress:
        days = asyncio.run(_live(scenarios, seed, progress))
    report = Report(days, handshake_bytes())
    say(report.lines(), report.value(), as_json=as_json)


async def _live(
    scenarios: Sequence[Scenario], seed: int, progress: Progress
) -> list[DayCosts]:
    total, days = len(scenarios) * DAY_HOURS, list[DayCosts]()
    for scenario in scenarios:

        def show(hours: int) -> None:
            progress("hours", len(days) * DAY_HOURS + hours, total)

        days.append(await live_day(scenario, system_clock(), seed, show))
    return days
