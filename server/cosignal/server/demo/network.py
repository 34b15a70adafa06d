"""Four authorities as processes, and what can be seen of them from outside.

What this module guarantees:

* Whatever is read is read as anybody could: static files, the upload API, `/metrics`,
  and of the nodes' own machines only their logs.
* Waiting has an end, and says what it waited for.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from cosignal.client.folders import Folder
from cosignal.client.mirror import mirror
from cosignal.client.paths import checkpoint_path
from cosignal.client.phone.chaff import Conditions, Network
from cosignal.client.phone.phone import Phone
from cosignal.client.phone.upload_jobs import Job
from cosignal.client.sources import HttpSource, new_session
from cosignal.client.store import Store
from cosignal.protocol.checkpoints import CertifiedCheckpoint, verify_checkpoint
from cosignal.protocol.errors import CosignalError, SourceError
from cosignal.protocol.policy import Policy, parse_policy
from cosignal.server.clock import Entropy
from cosignal.server.config import Config, load_config
from cosignal.server.demo.phones import QuickClock
from cosignal.server.demo.processes import Child, free_ports, run
from cosignal.server.network import NetworkPlan, write_network

AUTHORITIES = 4
SHARD = "1"
NETWORK = "demo.cosignal.example"
SEAL_SECONDS = 1
#: Fewest keys in a block: one patient hides among as many as in a small region.
MINIMUM_KEYS = 200
#: How long anything may take before the demonstration gives up.
PATIENCE_SECONDS = 30.0
POLL_SECONDS = 0.1


class DemoFailedError(CosignalError):
    """Something did not happen as it must."""


class Authority:
    """One authority's node.

    Attributes:
        number: From 1.
        config: Its configuration.
        process: Its process.
        source: Its chain files.
    """

    def __init__(self, number: int, path: Path, session: aiohttp.ClientSession) -> None:
        """Use a configuration that `write_network` made."""
        self.number = number
        self.config: Config = load_config(path)
        arguments = ["-m", "cosignal.server", "serve", "--exit-with-stdin"]
        self.process = Child(
            self.config.node.name,
            [*arguments, "--config", str(path)],
            path.with_name("node.log"),
        )
        self.source = HttpSource(self.config.node.url, session)
        self._session = session

    @property
    def name(self) -> str:
        """Its name."""
        return self.config.node.name

    @property
    def url(self) -> str:
        """Base URL of its node."""
        return self.config.node.url

    async def diagnose(self, phone: Phone, date: str, clock: QuickClock) -> Job:
        """Issue a code, as a clinic does, and let a phone upload with it.

        Args:
            phone: The patient's.
            date: Of the first symptoms, YYYY-MM-DD.
            clock: The phone's.

        Returns:
            The upload, as it ended.
        """
        phone.uploads.begin(await self._issue_code(date), clock())
        conditions = Conditions(battery=1, charging=True, network=Network.UNMETERED)
        async with phone.uploads.client(
            self.url,
            api_key=self._api_key("device"),
            health_authority=self.config.intake.health_authority_id,
        ) as client:
            await phone.uploads.carry_on(
                client, clock, lambda: conditions, sleep=clock.sleep
            )
        return phone.uploads.jobs()[-1]

    async def figure(self, name: str) -> float:
        """Read one of its metrics."""
        text = (await self.source.get("metrics")).decode()
        for line in text.splitlines():
            key, _, value = line.rpartition(" ")
            if key == f"cosignal_{name}":
                return float(value)
        raise DemoFailedError(f"{self.name}: expected the metric {name}, got none")

    def event_times(self, event: str) -> list[float]:
        """When its log says that something happened, Unix seconds."""
        text = self.process.log.read_text(errors="replace")
        # The last line may be half written.
        lines = text[: text.rfind("\n") + 1].splitlines()
        found = (json.loads(line) for line in lines if line.startswith("{"))
        return [
            datetime.fromisoformat(item["timestamp"]).timestamp()
            for item in found
            if item.get("event") == event
        ]

    async def _issue_code(self, symptom_date: str) -> str:
        headers = {"X-API-Key": self._api_key("issuing")}
        request = {"testType": "confirmed", "symptomDate": symptom_date}
        url = f"{self.url}/api/issue"
        try:
            async with self._session.post(url, json=request, headers=headers) as answer:
                answer.raise_for_status()
                return str((await answer.json())["code"])
        except (aiohttp.ClientError, TimeoutError) as error:
            raise DemoFailedError(
                f"{self.name}: expected a code, got {type(error).__name__}"
            ) from error

    def _api_key(self, audience: str) -> str:
        folder = self.process.log.parent / "api-keys"
        return (folder / f"{audience}.key").read_text().strip()


class DemoNetwork:
    """The authorities, the mirrors, and one session to talk to all of them.

    Attributes:
        folder: Holds everything.
        policy_path: The pinned policy.
        pinned: The same, parsed.
        session: For whoever reads.
        authorities: By number, from 1.
    """

    def __init__(self, folder: Path, entropy: Entropy) -> None:
        """Found the network; nothing runs yet."""
        self.folder = folder
        self.policy_path = folder / "network" / "policy"
        self._mirrors: list[Child] = []
        self._entropy = entropy

    async def __aenter__(self) -> Self:
        """Write keys and configurations, and start every node."""
        self.session = new_session()
        plan = NetworkPlan.on_loopback(
            NETWORK,
            free_ports(AUTHORITIES),
            minimum=MINIMUM_KEYS,
            seal_seconds=SEAL_SECONDS,
        )
        paths = write_network(self.folder / "network", plan, self._entropy)
        for path in paths:
            with path.open("a") as file:
                file.write("\n[ledger]\ncatch_up_seconds = 1\n")
        self.pinned: Policy = parse_policy(self.policy_path.read_bytes())
        self.authorities = {
            number: Authority(number, path, self.session)
            for number, path in enumerate(paths, start=1)
        }
        try:
            for authority in self.authorities.values():
                await authority.process.start()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End every process."""
        await self._close()

    @property
    def log_key(self) -> bytes:
        """The key that is going to be stolen."""
        path = self.authorities[1].config.keys.log
        if path is None:
            raise DemoFailedError("authority-1: expected the log's key")
        return path.read_bytes()

    def living(self) -> list[Authority]:
        """Authorities whose node runs."""
        return [item for item in self.authorities.values() if item.process.running]

    async def checkpoint(self, authority: Authority) -> CertifiedCheckpoint | None:
        """The verified checkpoint that a node shows; None while it shows none."""
        try:
            note = await authority.source.get(checkpoint_path(SHARD))
        except SourceError:
            return None
        return verify_checkpoint(note, self.pinned)

    async def all_reach(self, size: int, cosignatures: int = 0) -> None:
        """Wait until every living node shows a checkpoint of at least that size."""

        async def reached() -> bool:
            found = [await self.checkpoint(item) for item in self.living()]
            return bool(found) and all(
                item is not None
                and item.checkpoint.size >= size
                and len(item.cosignatures) >= cosignatures
                for item in found
            )

        await self.eventually(f"a certified checkpoint of size {size}", reached)

    async def eventually(self, what: str, probe: Callable[[], Awaitable[bool]]) -> None:
        """Wait until something is so.

        Raises:
            DemoFailedError: It was not so in time, or a node has ended.
        """
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not await probe():  # noqa: ASYNC110 - another process's state
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise DemoFailedError(
                f"expected {what} within {PATIENCE_SECONDS:.0f} s, got none",
                advice="\n".join(
                    f"{item.name}: {item.process.last_lines()}"
                    for item in self.authorities.values()
                ),
            ) from None

    async def make_mirror(self, name: str, authority: Authority) -> Path:
        """Run `cosignal mirror` into a folder of that name."""
        folder = self.folder / name
        policy = str(self.policy_path)
        await run("mirror", authority.url, str(folder), "--policy", policy)
        return folder

    async def update_mirror(self, folder: Path, authority: Authority, now: int) -> None:
        """Do again what `cosignal mirror` did, without waiting for its start."""
        with Store(Folder(folder), self.pinned) as store:
            await mirror(authority.source, store, now)

    async def serve_folder(self, folder: Path) -> HttpSource:
        """Put a folder behind a plain static web server."""
        (port,) = free_ports(1)
        module = ["-m", "cosignal.server.demo.static_mirror", str(folder), str(port)]
        child = Child(folder.name, module, self.folder / f"{folder.name}.log")
        self._mirrors.append(child)
        await child.start()
        source = HttpSource(f"http://127.0.0.1:{port}", self.session)

        async def answers() -> bool:
            try:
                await source.get(checkpoint_path(SHARD))
            except SourceError:
                return False
            return True

        await self.eventually(f"{folder.name} to be served", answers)
        return source

    async def _close(self) -> None:
        nodes = [item.process for item in self.authorities.values()]
        await asyncio.gather(*(child.stop() for child in [*self._mirrors, *nodes]))
        await self.session.close()
