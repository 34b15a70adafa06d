"""Run one node as `cosignal serve` does, and do what a benchmark orders.

Orders come as lines on standard input, answers go as JSON lines to standard output; the
node ends when its standard input does. Times are of the monotonic clock, nanoseconds,
which all processes of one machine share.

    python -m tests.benchmarks.node CONFIG

    fill COUNT SEED     store keys that may be published at once: {"filled": 1000}
    seal                seal them: {"seal_began": 1, "seal_ended": 2}

Unasked, it says {"published": size, "at": 3} when its public checkpoint was replaced.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic_ns

from aiohttp import web

from cosignal.server import serving
from cosignal.server.app import build_app
from cosignal.server.app_keys import CLOCK, DATABASE, FILES, LEDGER
from cosignal.server.clock import Clock, Entropy, system_clock, system_entropy
from cosignal.server.config import Config, load_config
from cosignal.server.logs import configure
from cosignal.server.storage.files import DurableFiles
from cosignal.server.storage.uploads import insert_uploads
from tests.benchmarks.fresh_keys import fresh_keys

# After the folder's lock and the storage, before whoever uses the storage.
AFTER_STORAGE = 2


class ObservedFiles(DurableFiles):
    """The public folder; says when the checkpoint in it was replaced."""

    def replace(self, path: str, data: bytes) -> None:
        """Replace a file, durably; then say so."""
        super().replace(path, data)
        if path.endswith("/checkpoint"):
            _, size, _ = data.split(b"\n", 2)
            _say(published=int(size), at=monotonic_ns())


async def run(config_path: Path) -> None:
    """Serve until standard input ends."""
    config = load_config(config_path)
    configure(config.node.name)
    apps: list[web.Application] = []

    def build(config: Config, *, clock: Clock, entropy: Entropy) -> web.Application:
        app = build_app(config, clock=clock, entropy=entropy)
        app.cleanup_ctx.insert(AFTER_STORAGE, _observe)
        apps.append(app)
        return app

    # All but the way in is as `cosignal serve` has it, down to the garbage collector.
    setattr(serving, "build_app", build)  # noqa: B010 - the type checker forbids it
    ready = asyncio.Event()
    orders = asyncio.create_task(_take_orders(apps, ready))
    await serving.serve(
        config,
        clock=system_clock,
        entropy=system_entropy,
        ready=lambda _: ready.set(),
    )
    orders.cancel()


async def _take_orders(apps: list[web.Application], ready: asyncio.Event) -> None:
    orders = await _standard_input()
    await ready.wait()
    while order := (await orders.readline()).split():
        await _obey(apps[0], *order)
    os.kill(os.getpid(), signal.SIGTERM)


async def _observe(app: web.Application) -> AsyncIterator[None]:
    app[FILES] = ObservedFiles(app[FILES].root)
    yield


async def _obey(app: web.Application, word: bytes, *values: bytes) -> None:
    if word == b"fill":
        count, seed = map(int, values)
        await _fill(app, count, seed)
        _say(filled=count)
    else:
        began = monotonic_ns()
        await app[LEDGER].sealer.seal_now()
        _say(seal_began=began, seal_ended=monotonic_ns())


async def _fill(app: web.Application, count: int, seed: int) -> None:
    """Store keys as uploads of many people do that were taken some time ago."""
    now = app[CLOCK]()
    keys = [(key, now) for key in fresh_keys(count, seed, now)]
    await app[DATABASE].write(lambda conn: insert_uploads(conn, [], keys))


async def _standard_input() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    pipe = os.fdopen(0, "rb", buffering=0)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    return reader


def _say(**values: int) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1])))
