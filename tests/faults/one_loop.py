"""A network whose nodes share this process and event loop, for many quick faults.

The nodes are the real ones and talk over real sockets; what is missing is only that a
process can die. `processes` has that.
"""

import asyncio
from pathlib import Path

from aiohttp import web

from cosignal.server.app import build_app
from cosignal.server.clock import system_clock, system_entropy
from cosignal.server.config import load_config
from tests.faults.durable_steps import DurableSteps, stand_in_front
from tests.faults.observed import PATIENCE, Node, ObservedNetwork


class LocalNode(Node):
    """One authority's node in this event loop.

    Attributes:
        steps: Its durable steps, over all runs.
    """

    def __init__(self, folder: Path, port: int) -> None:
        """Use the folder that `write_network` made."""
        super().__init__(folder, port)
        self.steps = DurableSteps()
        self._runner: web.AppRunner | None = None

    @property
    def running(self) -> bool:
        """Whether it was started, and not stopped since."""
        return self._runner is not None

    async def start(self, network: "LocalNetwork") -> None:
        """Serve; raises what a start raises."""
        config = load_config(self.folder / "config.toml")
        app = build_app(config, clock=network.clock, entropy=system_entropy)
        stand_in_front(app, self.steps)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        try:
            # Alembic keeps the migration in progress in globals: one at a time.
            async with network.starting:
                await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", self.port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner

    async def stop(self) -> None:
        """Close everything that is open."""
        runner, self._runner = self._runner, None
        if runner is not None:
            async with asyncio.timeout(PATIENCE):
                await runner.cleanup()


class LocalNetwork(ObservedNetwork[LocalNode]):
    """Four authorities in one event loop, whose time a test can move forward."""

    def __init__(self, folder: Path, starting: asyncio.Lock) -> None:
        """Write keys, policies and configurations; nothing runs yet.

        Args:
            folder: Where; empty.
            starting: Held while a node of this event loop opens its storage.
        """
        super().__init__(folder, LocalNode)
        self.starting = starting
        self._ahead = 0
        self.clock = lambda: system_clock() + self._ahead

    async def start(self) -> None:
        """Start all nodes, and wait until the first policy is certified."""
        await asyncio.gather(*(node.start(self) for node in self.nodes))
        await self.grows(*self.nodes, beyond=0)

    async def get(
        self, node: Node, path: str, *, any_status: bool = False
    ) -> bytes | None:
        """What lies in the public folder, or any other answer of a node."""
        if not path.startswith("chain/"):
            return await super().get(node, path, any_status=any_status)
        file = node.public / path
        return file.read_bytes() if file.is_file() else None

    async def restart(self, node: LocalNode) -> None:
        """Stop a node and start it on what is on its disk."""
        await node.stop()
        await node.start(self)

    async def __aexit__(self, *_: object) -> None:
        """Stop all nodes."""
        await asyncio.gather(*(node.stop() for node in self.nodes))
        await super().__aexit__()

    def pass_time(self, seconds: int) -> None:
        """Let all nodes' clocks go forward at once."""
        self._ahead += seconds
