"""`cosignal demo`: the whole thing, working, between real processes."""

import asyncio
import json
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from cosignal.server.clock import system_clock, system_entropy
from cosignal.server.commands.terminal import EXIT_FALSE, Json
from cosignal.server.demo.network import SHARD, DemoNetwork
from cosignal.server.demo.people import gather_people
from cosignal.server.demo.phones import Phones
from cosignal.server.demo.result import Result
from cosignal.server.demo.story import Story
from cosignal.server.demo.view import Stage, shown

PHONES = 60
STRANGERS = 2
EXIT_INTERRUPTED = 130


def command(
    *,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the network up until Ctrl-C.")
    ] = False,
    seed: Annotated[
        int, typer.Option(help="Decides who meets whom; the same one, the same story.")
    ] = 1,
    as_json: Json = False,
) -> None:
    """Show a network of four authorities and sixty phones, and what it withstands.

    Somebody is diagnosed, exactly those who met them are alerted, authorities are
    killed and come back, and a forged history is refused. Everything runs on this
    machine, in a temporary folder.

    Example: cosignal demo --seed 7
    """
    code = asyncio.run(_until_signal(_demo(seed, keep=keep, as_json=as_json)))
    if code:
        raise typer.Exit(code)


async def _until_signal(run: Any) -> int:  # noqa: ANN401 - a coroutine
    """Run to the end, or to the first SIGINT or SIGTERM."""
    task = asyncio.ensure_future(run)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        return int(await task)
    except asyncio.CancelledError:
        return EXIT_INTERRUPTED
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _demo(seed: int, *, keep: bool, as_json: bool) -> int:
    started = time.monotonic()
    stage = Stage(lambda: time.monotonic() - started)
    stream = sys.stderr if as_json else sys.stdout
    with tempfile.TemporaryDirectory(prefix="cosignal-demo-") as folder:
        async with DemoNetwork(Path(folder), system_entropy) as network:
            with shown(stage, live=stream.isatty(), stream=stream):
                result = await _story(network, stage, seed).tell()
                failures = _conclude(stage, result)
            value: dict[str, Any] = msgspec.to_builtins(result)
            if keep:
                _write(value | _whereabouts(network))
                sys.stderr.write("The network stays up until Ctrl-C.\n")
                with suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
            elif as_json:
                _write(value)
    return EXIT_FALSE if failures else 0


def _story(network: DemoNetwork, stage: Stage, seed: int) -> Story:
    now = system_clock()
    stage.say(f"Seed {seed}")
    people = gather_people(seed, PHONES, now)
    phones = Phones(network.folder / "phones", network.pinned, seed, system_entropy)
    strangers = range(PHONES + 1, PHONES + STRANGERS + 1)
    return Story(network, people, phones, stage, system_clock, strangers)


def _conclude(stage: Stage, result: Result) -> list[str]:
    """Say how it ended; return what went wrong."""
    failures = result.failures()
    for failure in failures:
        stage.say(f"FAILED: {failure}")
    if not failures:
        stage.say(
            f"Exactly those {result.alerts} who met the patient were alerted; "
            f"{result.keys_published} keys in {result.blocks} blocks, most of them "
            "padding that nobody can tell apart, "
            f"{result.body_bytes_per_key} bytes a key, checkpoint of size "
            f"{result.checkpoint_size} with {result.cosignatures} co-signatures"
        )
    return failures


def _whereabouts(network: DemoNetwork) -> dict[str, object]:
    nodes = [item.url for item in network.authorities.values()]
    return {
        "nodes": nodes,
        "urls": [f"{url}/chain/{SHARD}" for url in nodes],
        "policy": str(network.policy_path),
    }


def _write(value: Mapping[str, object]) -> None:
    sys.stdout.write(f"{json.dumps(value)}\n")
    sys.stdout.flush()
