"""A network of real nodes in one process, each on a free loopback port.

::

    async with authorities(tmp_path) as network:
        await network.start_all()
        commit = await network.publish(2, some_keys(20))
        await network.certified(commit)
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp
import msgspec

from cosignal.protocol.diagnosis_keys import DiagnosisKey, Infectiousness, ReportType
from cosignal.protocol.policy import Policy, parse_policy
from cosignal.server.app_keys import DATABASE, LEDGER
from cosignal.server.config import Config, load_config
from cosignal.server.ledger.ledger import Ledger
from cosignal.server.network import NetworkPlan, write_network
from cosignal.server.serving import RunningNode, running_node
from cosignal.server.storage.database import Database
from cosignal.server.storage.tree import find_body
from cosignal.server.storage.uploads import insert_uploads
from tests.strategies import DAY, NOW, TODAY, counted_entropy

NETWORK = "test.cosignal.example"
PATIENCE_SECONDS = 20.0
NEVER_SECONDS = 36_000


@dataclass
class ManualClock:
    """A clock that moves only when told to."""

    now: int = NOW

    def __call__(self) -> int:
        return self.now


def some_keys(
    count: int, seed: str = "keys", start: int = TODAY - 2 * DAY
) -> list[DiagnosisKey]:
    """Different keys of one day that may be published at `NOW`."""
    entropy = counted_entropy(seed)
    return [
        DiagnosisKey(
            entropy(16),
            start,
            DAY,
            ReportType.CONFIRMED_TEST,
            Infectiousness.STANDARD,
        )
        for _ in range(count)
    ]


async def until(condition: Callable[[], object], what: str = "condition") -> None:
    """Wait until a condition holds, or fail."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():  # noqa: ASYNC110 - whatever it looks at
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"waited {PATIENCE_SECONDS} s in vain: {what}") from None


@dataclass
class Authorities:
    """Nodes numbered from 1; node 1 sequences."""

    folder: Path
    configs: list[Config]
    clocks: list[ManualClock]
    session: aiohttp.ClientSession
    running: dict[int, tuple[AsyncExitStack, RunningNode]] = field(default_factory=dict)

    @property
    def policy(self) -> Policy:
        return parse_policy((self.folder / "policy").read_bytes())

    @property
    def begins_with(self) -> int:
        """How many entries a new chain has: policy, and configuration if it has one."""
        return 2 if (self.folder / "configuration").exists() else 1

    def config(self, number: int) -> Config:
        return self.configs[number - 1]

    def url(self, number: int) -> str:
        return self.config(number).node.url

    def ledger(self, number: int) -> Ledger:
        return self.running[number][1].app[LEDGER]

    def database(self, number: int) -> Database:
        return self.running[number][1].app[DATABASE]

    def public(self, number: int) -> Path:
        return self.config(number).node.data / "public"

    @property
    def ledgers(self) -> list[Ledger]:
        return [self.ledger(number) for number in sorted(self.running)]

    def set_time(self, now: int) -> None:
        for clock in self.clocks:
            clock.now = now

    async def start(self, number: int) -> Ledger:
        stack = AsyncExitStack()
        node = await stack.enter_async_context(
            running_node(
                self.config(number),
                clock=self.clocks[number - 1],
                entropy=counted_entropy(f"{number} {len(self.running)}"),
            )
        )
        self.running[number] = (stack, node)
        return self.ledger(number)

    async def stop(self, number: int) -> None:
        stack, _ = self.running.pop(number)
        await stack.aclose()

    async def start_all(self) -> None:
        for number in range(1, len(self.configs) + 1):
            if number not in self.running:
                await self.start(number)
        await self.reach(self.begins_with)

    async def stop_all(self) -> None:
        for number in list(self.running):
            await self.stop(number)

    async def ready(self, number: int) -> None:
        """Wait until a node has learnt what it signed before."""
        await until(self.ledger(number).cosigner.ready.is_set, f"node {number} ready")

    async def reach(self, size: int, *numbers: int) -> None:
        """Wait until the nodes publish a checkpoint at least that large."""
        for number in numbers or sorted(self.running):
            ledger = self.ledger(number)
            await until(
                lambda ledger=ledger: ledger.publisher.size >= size,  # type: ignore[misc]
                f"size {size} at node {number}",
            )

    async def upload(self, number: int, keys: Sequence[DiagnosisKey]) -> None:
        """Put keys where the intake puts them, to be released at once."""
        pairs = [(key, 0) for key in keys]
        await self.database(number).write(
            lambda connection: insert_uploads(connection, [], pairs)
        )

    async def publish(self, number: int, keys: Sequence[DiagnosisKey]) -> bytes:
        """Upload and seal keys at a node; return the block's commitment."""
        await self.upload(number, keys)
        commit = await self.ledger(number).sealer.seal_now()
        assert commit is not None
        return commit

    async def index_of(self, number: int, commit: bytes) -> int | None:
        async with self.database(number).read() as connection:
            place = await find_body(connection, commit)
        return place.index if place else None

    async def get(
        self, number: int, path: str, **headers: str
    ) -> tuple[int, bytes, Mapping[str, str]]:
        url = f"{self.url(number)}/{path}"
        async with self.session.get(url, headers=headers) as answer:
            return answer.status, await answer.read(), answer.headers

    async def post(
        self, number: int, path: str, body: bytes
    ) -> tuple[int, bytes, Mapping[str, str]]:
        url = f"{self.url(number)}/{path}"
        async with self.session.post(url, data=body) as answer:
            return answer.status, await answer.read(), answer.headers


@asynccontextmanager
async def authorities(
    folder: Path,
    count: int = 4,
    *,
    minimum: int = 10,
    retention_days: int = 14,
    configured: bool = True,
    **ledger: int,
) -> AsyncIterator[Authorities]:
    """A network that is founded and not started; everything ends with the context."""
    plan = NetworkPlan.on_loopback(
        NETWORK, free_ports(count), minimum=minimum, retention_days=retention_days
    )
    if not configured:
        plan = replace(plan, parameters=None)
    paths = write_network(folder / "network", plan, counted_entropy("network"))
    configs = [_patient(load_config(path), ledger) for path in paths]
    clocks = [ManualClock() for _ in configs]
    async with aiohttp.ClientSession() as session:
        network = Authorities(folder / "network", configs, clocks, session)
        try:
            yield network
        finally:
            await network.stop_all()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on; all are held until all are chosen."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for item in sockets:
            item.bind(("127.0.0.1", 0))
        return [item.getsockname()[1] for item in sockets]


def _patient(config: Config, ledger: dict[str, int]) -> Config:
    """Nothing happens by a timer, unless the test asks for it."""
    change = msgspec.structs.replace
    ledger = {"catch_up_seconds": NEVER_SECONDS, "cosign_timeout_seconds": 5} | ledger
    return change(
        config,
        sealing=change(config.sealing, interval_seconds=NEVER_SECONDS),
        retention=change(config.retention, sweep_seconds=NEVER_SECONDS),
        ledger=change(config.ledger, **ledger),
    )
