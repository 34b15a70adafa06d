"""A network of real processes: start, kill, stop, copy, cut, mend.

Every node reaches every other one through a `Link` of its own, to which its event loop
leads it (`tests.faults.node`).
"""

import shutil
import signal
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Self

from tests.faults.durable_steps import Fault
from tests.faults.links import Link
from tests.faults.nursery import Nursery
from tests.faults.observed import PATIENCE, Node, ObservedNetwork, free_ports

LOG_LINES = 25


class NodeProcess(Node):
    """One authority's node, and its process while it runs."""

    def __init__(self, folder: Path, port: int, nursery: Nursery) -> None:
        """Use the folder that `write_network` made."""
        super().__init__(folder, port)
        self.log = folder / "node.log"
        #: Ports that this node reaches another way.
        self.routes: dict[int, int] = {}
        #: Whether something was to go wrong in the last run.
        self.altered = False
        self._nursery = nursery
        self._pid: int | None = None
        self._code: int | None = None

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        if self._pid is not None:
            self._code = self._nursery.poll(self._pid)
            self._pid = None if self._code is not None else self._pid
        return self._pid is not None

    @property
    def exit_code(self) -> int | None:
        """How it ended last, as `subprocess` says it."""
        return None if self.running else self._code

    def start(self, *, clock_offset: int = 0, fault: Fault | None = None) -> None:
        """Start the process; `Network.start` waits until it serves."""
        assert not self.running
        self.altered = bool(clock_offset or fault)
        arguments = ["--config", str(self.folder / "config.toml")]
        arguments += ["--clock-offset", str(clock_offset)]
        arguments += ["--fault", str(fault)] if fault else []
        for port, link in self.routes.items():
            arguments += ["--route", f"{port}:{link}"]
        self._pid = self._nursery.start(arguments, self.log)

    def kill(self) -> None:
        """Let it die as from a power cut, as far as the process is concerned."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end, as an operator does."""
        self._end(signal.SIGTERM)

    def last_log(self) -> str:
        """The end of its log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        lines = "\n    ".join(text.splitlines()[-LOG_LINES:])
        state = "running" if self.running else f"ended with {self._code}"
        return f"{self.name} ({state}):\n    {lines}"

    def _end(self, number: signal.Signals) -> None:
        if not self.running or self._pid is None:
            return
        pid, self._pid = self._pid, None
        self._code = self._nursery.end(pid, number, PATIENCE)
        if self._code is None:
            self._nursery.end(pid, signal.SIGKILL, PATIENCE)
            raise AssertionError(f"did not end: {self.last_log()}")


class Network(ObservedNetwork[NodeProcess]):
    """Four authorities, and the links between them."""

    def __init__(self, folder: Path, nursery: Nursery) -> None:
        """Write keys, policies and configurations; nothing runs yet."""
        super().__init__(folder, partial(NodeProcess, nursery=nursery))
        self._nursery = nursery
        self.links: dict[tuple[NodeProcess, NodeProcess], Link] = {}
        self._copies: list[NodeProcess] = []
        for node in self.nodes:
            self._link(node)

    async def __aenter__(self) -> Self:
        """Start the links, not the nodes."""
        for link in self.links.values():
            await link.start()
        return await super().__aenter__()

    async def __aexit__(self, *_: object) -> None:
        """End everything that was started here."""
        for node in [*self.nodes, *self._copies]:
            node.kill()
        for link in self.links.values():
            await link.stop()
        await super().__aexit__()

    async def start(
        self,
        *nodes: NodeProcess,
        clock_offset: int = 0,
        fault: Fault | None = None,
    ) -> None:
        """Start nodes, and wait until they answer."""
        for node in nodes:
            node.start(clock_offset=clock_offset, fault=fault)
        for node in nodes:
            await self.answers(node)

    async def heal(self) -> None:
        """Let all nodes run as they should, and reach each other."""
        self.mend()
        for node in self.nodes:
            if node.altered:
                node.stop()
        await self.start(*[node for node in self.nodes if not node.running])
        await self.grows(*self.nodes, beyond=0)

    async def answers(self, node: NodeProcess) -> None:
        """Wait until a node answers at all."""

        async def probe() -> bool:
            assert node.running, f"ended: {node.last_log()}"
            return await self.get(node, "healthz", any_status=True) is not None

        await self.eventually(f"{node.name} answers", probe)

    def cut(self, one: Collection[NodeProcess], other: Collection[NodeProcess]) -> None:
        """Let the two sides not reach each other."""
        for (start, end), link in self.links.items():
            if (start in one and end in other) or (start in other and end in one):
                link.cut()

    def mend(self) -> None:
        """Let everybody reach everybody again."""
        for (_, end), link in self.links.items():
            link.mend(end.port)

    async def copy_node(self, node: NodeProcess, name: str) -> NodeProcess:
        """A second instance of a stopped authority, which nobody is led to yet."""
        (port,) = free_ports(1)
        folder = node.folder.with_name(name)
        shutil.copytree(node.folder, folder)
        config = folder / "config.toml"
        config.write_text(config.read_text().replace(f":{node.port}", f":{port}"))
        copy = NodeProcess(folder, port, self._nursery)
        self._copies.append(copy)
        for link in self._link(copy, but=node):
            await link.start()
        return copy

    def logs(self) -> str:
        """What all nodes said last, copies included."""
        return "\n".join([super().logs(), *(copy.last_log() for copy in self._copies)])

    def _link(self, node: NodeProcess, but: NodeProcess | None = None) -> list[Link]:
        """Lead a node to each of the others by a link of its own."""
        ends = [end for end in self.nodes if end not in (node, but)]
        made = []
        for end, port in zip(ends, free_ports(len(ends)), strict=True):
            link = self.links[node, end] = Link(port, end.port, self.heard)
            node.routes[end.port] = port
            made.append(link)
        return made
