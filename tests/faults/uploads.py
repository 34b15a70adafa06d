"""Phones that upload, the way a phone does: code, token, certificate, publish.

A phone that got no answer asks again with the same certificate, so it learns what
happened. `Uploads` remembers which keys were acknowledged: those must be on the chain.
"""

import asyncio
import random
from base64 import b64encode
from collections.abc import Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from cosignal.protocol.certificates import UploadedKey, tek_mac
from cosignal.protocol.intervals import DAY_INTERVALS, interval_at
from tests.faults.observed import NAME, Node, ObservedNetwork

# Two hours and a bit: keys that ended earlier are published at once.
HELD_INTERVALS = 13
PAUSE_SECONDS = 0.05
Json = dict[str, Any]


class RefusedUploadError(Exception):
    """A node answered that it does not accept an upload."""

    def __init__(self, path: str, status: int, text: str) -> None:
        """Keep the status."""
        super().__init__(f"{path}: {status} {text}")
        self.status = status


class Uploads:
    """All uploads of one test.

    Attributes:
        acknowledged: Keys that a node said it had stored.
        sent: Keys that were sent at all.
    """

    def __init__(self, network: ObservedNetwork[Any], seed: str) -> None:
        """Draw keys and choices from `seed`."""
        self._network = network
        self._draw = random.Random(seed)  # noqa: S311 - must be repeatable
        self.acknowledged: set[bytes] = set()
        self.sent: set[bytes] = set()
        self.refusals: list[str] = []

    async def upload(self, node: Node, *, count: int = 2) -> set[bytes]:
        """Upload once.

        Returns:
            The keys, acknowledged.

        Raises:
            RefusedUploadError: The node answered with an error.
            aiohttp.ClientError: It did not answer.
        """
        request, keys = await self._certified(node, count)
        await self._publish(node, request, keys)
        return keys

    @asynccontextmanager
    async def load(self, nodes: Sequence[Node], phones: int = 4) -> Any:  # noqa: ANN401
        """Keep phones uploading to `nodes`, some of which may be down, meanwhile."""
        stop = asyncio.Event()
        tasks = [
            asyncio.create_task(self._phone(nodes, stop.is_set)) for _ in range(phones)
        ]
        try:
            yield self
        finally:
            stop.set()
            await asyncio.gather(*tasks)

    async def _phone(self, nodes: Sequence[Node], stopped: Callable[[], bool]) -> None:
        while not stopped():
            node = self._draw.choice(nodes)
            try:
                request, keys = await self._certified(node, self._draw.randint(1, 4))
            except (aiohttp.ClientError, TimeoutError, RefusedUploadError) as error:
                self.refusals.append(repr(error))
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            while not stopped():
                try:
                    await self._publish(node, request, keys)
                    break
                except (aiohttp.ClientError, TimeoutError, RefusedUploadError) as error:
                    self.refusals.append(repr(error))
                    await asyncio.sleep(PAUSE_SECONDS)

    async def _certified(self, node: Node, count: int) -> tuple[Json, set[bytes]]:
        """Everything up to the publish request."""
        issuing = (node.folder / "api-keys" / "issuing.key").read_text().strip()
        device = (node.folder / "api-keys" / "device.key").read_text().strip()
        now = self._network.clock()
        issued = await self._call(node, "api/issue", {"testType": "confirmed"}, issuing)
        accept = {"code": issued["code"], "accept": ["confirmed"]}
        verified = await self._call(node, "api/verify", accept, device)
        secret = self._draw.randbytes(32)
        keys = [self._draw.randbytes(16) for _ in range(count)]
        uploaded = [
            UploadedKey(
                b64encode(key).decode(),
                interval_at(now) - HELD_INTERVALS - DAY_INTERVALS * (day + 1),
                DAY_INTERVALS,
            )
            for day, key in enumerate(keys)
        ]
        mac = b64encode(tek_mac(secret, uploaded)).decode()
        wanted = {"token": verified["token"], "ekeyhmac": mac}
        certified = await self._call(node, "api/certificate", wanted, device)
        request = {
            "temporaryExposureKeys": [
                {
                    "key": key.key_text,
                    "rollingStartNumber": key.start,
                    "rollingPeriod": key.period,
                    "transmissionRisk": 0,
                }
                for key in uploaded
            ],
            "healthAuthorityID": f"{node.name}.{NAME}",
            "verificationPayload": certified["certificate"],
            "hmacKey": b64encode(secret).decode(),
        }
        return request, set(keys)

    async def _publish(self, node: Node, request: Json, keys: set[bytes]) -> None:
        self.sent |= keys
        answer = await self._call(node, "v1/publish", request, None)
        assert answer["insertedExposures"] == len(keys), answer
        self.acknowledged |= keys

    async def _call(
        self, node: Node, path: str, request: Json, key: str | None
    ) -> Json:
        headers = {} if key is None else {"X-API-Key": key}
        async with self._network.session.post(
            f"{node.url}/{path}", json=request, headers=headers
        ) as answer:
            if answer.status != 200:
                text = await answer.text()
                raise RefusedUploadError(path, answer.status, text)
            found: Json = await answer.json()
            return found
