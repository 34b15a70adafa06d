"""Put a node together: the one place where its parts meet.

What this module guarantees:

* Everything a part needs is handed to it: configuration, clock, entropy, files,
  database. Nothing is global, nothing reads the environment.
* Lock, database, ledger and intake open in this order and close in reverse, after the
  requests in progress have been answered.
* Two processes never run on one data folder.

The ledger is one object to this module: `ledger.start` makes it, `close` ends it,
`policy` is the policy record in force, once there is one.
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from cosignal.protocol.errors import RefusedError
from cosignal.server.api import chain, device, issuing, operations, peers
from cosignal.server.api.access import guarded
from cosignal.server.api.problems import count_middleware, error_middleware
from cosignal.server.app_keys import (
    CLOCK,
    CONFIG,
    DATABASE,
    ENTROPY,
    FILES,
    INTAKE,
    KEYRING,
    LEDGER,
    METRICS,
    ROUTES,
    TRUST,
)
from cosignal.server.clock import Clock, Entropy
from cosignal.server.config import Config
from cosignal.server.intake.intake import build_intake, keep_sweeping
from cosignal.server.keyring import load_keyring, load_trust
from cosignal.server.ledger import ledger
from cosignal.server.metrics import Metrics
from cosignal.server.storage.database import Database
from cosignal.server.storage.files import DurableFiles


def build_app(config: Config, *, clock: Clock, entropy: Entropy) -> web.Application:
    """Build one authority's node, ready to be served.

    Args:
        config: What it was told.
        clock: Gives Unix seconds.
        entropy: Gives as many random bytes as asked for.

    Returns:
        The application; its resources open when it starts.

    Raises:
        RefusedError: A key or policy file is not what the configuration says.
    """
    routes = (
        *device.ROUTES,
        *issuing.ROUTES,
        *operations.ROUTES,
        *chain.ROUTES,
        *peers.ROUTES,
    )
    google = frozenset(route.path for route in routes if route.google)
    app = web.Application(
        middlewares=[
            count_middleware,
            error_middleware(google, config.limits.request_seconds),
        ]
    )
    app[CONFIG], app[CLOCK], app[ENTROPY] = config, clock, entropy
    app[TRUST] = load_trust(config)
    app[KEYRING] = load_keyring(config, app[TRUST])
    app[ROUTES] = routes
    app[METRICS] = Metrics()
    app.add_routes(
        web.route(route.method, route.path, guarded(route, config.api_keys))
        for route in routes
    )
    app.cleanup_ctx.extend([_lock, _storage, _ledger, _intake])
    return app


async def _lock(app: web.Application) -> AsyncIterator[None]:
    """Hold the data folder for this process; the kernel frees it after a crash."""
    handle = await asyncio.to_thread(_hold, app[CONFIG].node.data)
    yield
    os.close(handle)


def _hold(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise RefusedError(
            f"node.data: expected {folder} to be free, got one in use",
            advice="Stop the other process, or give this node its own folder.",
        ) from error
    return handle


async def _storage(app: web.Application) -> AsyncIterator[None]:
    node = app[CONFIG].node
    app[FILES] = await asyncio.to_thread(DurableFiles, node.data / "public")
    app[DATABASE] = await Database.open(
        node.data / "node.sqlite", network=node.network, node=node.name
    )
    yield
    await app[DATABASE].close()


async def _ledger(app: web.Application) -> AsyncIterator[None]:
    app[LEDGER] = await ledger.start(
        app,
        app[CONFIG],
        app[DATABASE],
        app[FILES],
        app[TRUST],
        app[CLOCK],
        app[ENTROPY],
    )
    yield
    await app[LEDGER].close()


async def _intake(app: web.Application) -> AsyncIterator[None]:
    config, clock = app[CONFIG], app[CLOCK]
    app[INTAKE] = build_intake(
        config,
        app[DATABASE],
        app[KEYRING],
        lambda: app[LEDGER].policy or app[TRUST].record,
        clock=clock,
        entropy=app[ENTROPY],
    )
    seconds = config.retention.sweep_seconds
    sweeper = asyncio.create_task(
        keep_sweeping(app[INTAKE], app[DATABASE], clock, seconds)
    )
    yield
    sweeper.cancel()
    await asyncio.wait([sweeper])
