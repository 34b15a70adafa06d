"""Run one node, as `cosignal serve` does, with what a test wants to go wrong.

It builds the real node through its composition root. The clock may be off, one durable
step may fail, and ports can be led elsewhere, so that a test stands between the nodes.
`tests.faults.nursery` starts it; it ends when its standard input does.

    --config FILE [--clock-offset SECONDS] [--fault FAULT] [--route PORT:PORT]...
"""

import argparse
import asyncio
import os
import signal
import socket
import threading
from pathlib import Path
from typing import Any

from aiohttp import web

from cosignal.server.app import build_app
from cosignal.server.app_keys import LEDGER
from cosignal.server.clock import system_clock, system_entropy
from cosignal.server.config import load_config
from cosignal.server.logs import configure
from tests.faults.durable_steps import DurableSteps, Fault, stand_in_front


class RoutedLoop(asyncio.SelectorEventLoop):
    """An event loop on which some ports of this machine are found at others."""

    def __init__(self, routes: dict[int, int]) -> None:
        """Lead connections to a port in `routes` to the port named there."""
        super().__init__()
        self._routes = routes

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:  # noqa: ANN401
        """Connect, perhaps elsewhere."""
        host, port, *rest = address
        await super().sock_connect(sock, (host, self._routes.get(port, port), *rest))


async def run(config_path: Path, clock_offset: int, steps: DurableSteps) -> None:
    """Serve until SIGTERM."""
    config = load_config(config_path)
    configure(config.node.name)
    app = build_app(
        config,
        clock=lambda: system_clock() + clock_offset,
        entropy=system_entropy,
    )
    stand_in_front(app, steps)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5)
    await runner.setup()
    try:
        await web.TCPSite(runner, config.node.host, config.node.port).start()
        ends = [stop.wait(), app[LEDGER].failed.wait()]
        waiters = [asyncio.create_task(end) for end in ends]
        await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await runner.cleanup()


def main(command_line: list[str]) -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--clock-offset", type=int, default=0)
    parser.add_argument("--fault", type=Fault.parse)
    parser.add_argument("--route", action="append", default=[])
    arguments = parser.parse_args(command_line)
    threading.Thread(target=_end_with_input, daemon=True).start()
    steps = DurableSteps(arguments.fault)
    pairs = [route.split(":") for route in arguments.route]
    routes = {int(port): int(link) for port, link in pairs}
    with asyncio.Runner(loop_factory=lambda: RoutedLoop(routes)) as runner:
        runner.run(run(arguments.config, arguments.clock_offset, steps))


def _end_with_input() -> None:
    while os.read(0, 1):
        pass
    os._exit(1)
