"""Run one node: listen, say where, and stop without dropping what was accepted."""

import asyncio
import gc
import signal
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from cosignal.protocol.errors import RefusedError
from cosignal.server.app import build_app
from cosignal.server.app_keys import LEDGER
from cosignal.server.clock import Clock, Entropy
from cosignal.server.config import Config, Tls
from cosignal.server.logs import get_logger

#: How long a stop waits for requests in progress; more than one request may take.
GRACE_SECONDS = 5
#: How long the rest of a refused request is read, so that its sender sees the answer.
LINGER_SECONDS = 1.0
#: Connections that may wait to be accepted; one too many waits a second to try again.
BACKLOG = 1024
#: New objects between two searches for unreachable cycles.
GARBAGE_THRESHOLD = 50_000

_log = get_logger("serving")


@dataclass(frozen=True, slots=True)
class RunningNode:
    """A node that listens.

    Attributes:
        app: Its application.
        url: Where it listens.
    """

    app: web.Application
    url: str


@asynccontextmanager
async def running_node(
    config: Config, *, clock: Clock, entropy: Entropy
) -> AsyncIterator[RunningNode]:
    """Listen as long as the context lasts; then answer what was accepted, and close.

    Args:
        config: The node's configuration.
        clock: Gives Unix seconds.
        entropy: Gives random bytes.

    Yields:
        The node, listening.

    Raises:
        RefusedError: The configuration does not fit the files, or the port is taken.
    """
    app = build_app(config, clock=clock, entropy=entropy)
    runner = web.AppRunner(
        app,
        access_log=None,  # its lines would hold addresses
        lingering_time=LINGER_SECONDS,
        shutdown_timeout=config.limits.request_seconds + GRACE_SECONDS,
    )
    await runner.setup()
    try:
        yield RunningNode(app, await _listen(runner, config))
    finally:
        await runner.cleanup()


async def serve(
    config: Config, *, clock: Clock, entropy: Entropy, ready: Callable[[str], None]
) -> None:
    """Run a node until SIGTERM or SIGINT.

    Args:
        config: The node's configuration.
        clock: Gives Unix seconds.
        entropy: Gives random bytes.
        ready: Called with the URL once the node listens.

    Raises:
        RefusedError: As for `running_node`.
        FatalError: What the node found on its disk made it stop.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running_node(config, clock=clock, entropy=entropy) as node:
        _settle_memory()
        _log.info("node_started", tls=config.tls is not None)
        ready(node.url)
        await _first(stop, node.app[LEDGER].failed)
        _log.info("node_stopping")
        failure = node.app[LEDGER].failure
    _log.info("node_stopped")
    if failure is not None:
        raise failure


def _settle_memory() -> None:
    """Spare the collector what lives as long as the process.

    An upload makes hundreds of short-lived objects; with the standard thresholds,
    looking for cycles among them takes a tenth of the node's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 100)


async def _first(*events: asyncio.Event) -> None:
    waiters = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
    for waiter in waiters:
        waiter.cancel()


async def _listen(runner: web.AppRunner, config: Config) -> str:
    context = _tls(config.tls) if config.tls else None
    site = web.TCPSite(
        runner,
        config.node.host,
        config.node.port,
        ssl_context=context,
        backlog=BACKLOG,
    )
    try:
        await site.start()
    except OSError as error:
        raise RefusedError(
            f"node.listen: expected {config.node.listen} to be free, "
            f"got {error.strerror}",
            advice="Stop what listens there, or choose another address or port.",
        ) from error
    port = runner.addresses[0][1]
    host = f"[{config.node.host}]" if ":" in config.node.host else config.node.host
    return f"{'https' if context else 'http'}://{host}:{port}"


def _tls(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(tls.certificate, tls.key)
    except ssl.SSLError as error:
        raise RefusedError(
            "tls: expected a PEM certificate and its own private key",
            advice="Check that tls.certificate and tls.key belong together.",
        ) from error
    return context
