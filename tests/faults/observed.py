"""What any test network has: nodes in folders, and ways to ask them.

Waiting means asking again until a deadline; a failure shows the nodes' logs.
"""

import asyncio
import os
import random
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Generic, Self, TypeVar

import aiohttp

from cosignal.protocol.policy import Policy, parse_policy
from cosignal.server.clock import Clock, system_clock
from cosignal.server.network import NetworkPlan, write_network
from tests.faults.links import SignedHeads
from tests.strategies import counted_entropy

NAME = "faults.example"
SHARD = "1"
ORIGIN = f"{NAME}/{SHARD}"
AUTHORITIES = 4
SEQUENCER, ISSUER, COSIGNER = range(3)
PATIENCE = 20.0
POLL_SECONDS = 0.05
# Below the range from which the kernel takes ports for outgoing connections, so that
# none of those takes a node's port while the node is down.
PORTS = range(20_000, 32_000)
SETTINGS = """
[ledger]
catch_up_seconds = 2
cosign_timeout_seconds = 3
resign_seconds = 3

[retention]
sweep_seconds = 2
"""

# Given out by `free_ports`; a node that is down still owns its port.
_given: set[int] = set()


class Node:
    """One authority's node: its folder and where it listens."""

    def __init__(self, folder: Path, port: int) -> None:
        """Use the folder that `write_network` made."""
        self.folder = folder
        self.name = folder.name
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    @property
    def data(self) -> Path:
        """Database and public files."""
        return self.folder / "data"

    @property
    def public(self) -> Path:
        """What phones may read."""
        return self.data / "public"

    @property
    def cosigner(self) -> str:
        """Name of its cosigner key."""
        return f"{self.name}.{NAME}"

    def last_log(self) -> str:
        """What it said last."""
        return self.name


N = TypeVar("N", bound=Node)
T = TypeVar("T")


class ObservedNetwork(Generic[N]):
    """A network's folder and nodes; the first one sequences.

    Attributes:
        nodes: In the order of their numbers.
        policy: What everybody pinned.
        heard: What was signed on links between nodes.
        clock: The nodes' time.
    """

    def __init__(
        self,
        folder: Path,
        make: Callable[[Path, int], N],
        *,
        minimum: int = 2,
    ) -> None:
        """Write keys, policies and configurations; nothing runs yet.

        Args:
            folder: Where; empty.
            make: Makes a node of a folder and a port.
            minimum: Fewest keys in a block.
        """
        ports = free_ports(AUTHORITIES)
        plan = NetworkPlan.on_loopback(NAME, ports, minimum=minimum, seal_seconds=1)
        home = folder / "network"
        write_network(home, plan, counted_entropy(folder.name))
        self.policy: Policy = parse_policy((home / "policy").read_bytes())
        self.heard = SignedHeads(self.policy.keys)
        self.clock: Clock = system_clock
        self.nodes = [
            make(home / f"authority-{number}", port)
            for number, port in enumerate(ports, start=1)
        ]
        for node in self.nodes:
            with (node.folder / "config.toml").open("a") as config:
                config.write(SETTINGS)
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """For questions to nodes."""
        assert self._session is not None
        return self._session

    @property
    def sequencer(self) -> N:
        """The node that orders records."""
        return self.nodes[SEQUENCER]

    async def __aenter__(self) -> Self:
        """Be ready to ask."""
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=5),
            # A node that was killed leaves dead connections behind.
            connector=aiohttp.TCPConnector(force_close=True),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Ask no more."""
        await self.session.close()

    async def get(
        self, node: Node, path: str, *, any_status: bool = False
    ) -> bytes | None:
        """A file or an answer of a node; None when there is none."""
        with suppress(aiohttp.ClientError, TimeoutError):
            async with self.session.get(f"{node.url}/{path}") as answer:
                if answer.status == 200 or any_status:
                    return await answer.read()
        return None

    async def health(self, node: Node) -> tuple[int, str]:
        """Status and text of `/healthz`."""
        async with self.session.get(f"{node.url}/healthz") as answer:
            return answer.status, await answer.text()

    async def published(self, node: Node) -> int:
        """Size of the checkpoint that a node publishes; 0 for none."""
        note = await self.get(node, f"chain/{SHARD}/checkpoint")
        return 0 if note is None else int(note.split(b"\n")[1])

    async def grows(self, *nodes: Node, beyond: int, seconds: float = PATIENCE) -> None:
        """Wait until each of the nodes publishes more than `beyond` entries."""

        async def probe() -> bool:
            sizes = [await self.published(node) for node in nodes]
            return min(sizes) > beyond

        names = ", ".join(node.name for node in nodes)
        await self.eventually(f"{names} publish > {beyond} entries", probe, seconds)

    async def cosigned(self, node: Node, beyond: int) -> None:
        """Wait until others heard a node co-sign a larger tree."""

        async def probe() -> bool:
            return max(self.heard.of(node.cosigner), default=0) > beyond

        await self.eventually(f"{node.name} co-signs more than {beyond}", probe)

    async def eventually(
        self,
        what: str,
        probe: Callable[[], Awaitable[T | None]],
        seconds: float = PATIENCE,
    ) -> T:
        """Ask until the answer is true; fail with the nodes' logs after `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            answer = await probe()
            if answer:
                return answer
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {seconds} s: {what}\n{self.logs()}")
            await asyncio.sleep(POLL_SECONDS)

    def logs(self) -> str:
        """What all nodes said last."""
        return "\n".join(node.last_log() for node in self.nodes)


def free_ports(count: int) -> Sequence[int]:
    """Ports on which nothing listens now."""
    draw = random.Random(os.getpid() ^ time.monotonic_ns())  # noqa: S311 - not a secret
    found: list[int] = []
    while len(found) < count:
        port = draw.choice(PORTS)
        if port in _given:
            continue
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            found.append(port)
            _given.add(port)
    return found
