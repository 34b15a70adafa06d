"""A clinic and its phones, talking to a real node over HTTP.

::

    code = (await desk.issue())["code"]
    upload = Upload.of(desk, count=3)
    answer = await desk.publish(await desk.certified(upload, code))
"""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp

from cosignal.protocol.certificates import UploadedKey, tek_mac
from cosignal.server.app_keys import DATABASE, INTAKE
from cosignal.server.config import Config
from cosignal.server.intake.intake import Intake
from cosignal.server.storage.database import Database
from tests.server.authorities import Authorities, ManualClock
from tests.strategies import DAY, TODAY

Json = dict[str, Any]


@dataclass
class Answer:
    """What came back."""

    status: int
    json: Json
    headers: Any
    size: int

    @property
    def code(self) -> str:
        """Google's error code."""
        return str(self.json.get("errorCode", ""))


@dataclass(frozen=True)
class Upload:
    """The keys of one phone and the secret of their HMAC."""

    keys: tuple[UploadedKey, ...]
    secret: bytes
    certificate: str = ""
    fields: Json = field(default_factory=dict)

    @classmethod
    def of(cls, entropy: Callable[[int], bytes], count: int = 3) -> "Upload":
        """Keys of the days before today."""
        keys = tuple(
            UploadedKey(b64encode(entropy(16)).decode(), TODAY - day * DAY, DAY, 0)
            for day in range(1, count + 1)
        )
        return cls(keys, entropy(16))

    @property
    def mac(self) -> str:
        return b64encode(tek_mac(self.secret, self.keys)).decode()

    def request(self, authority: str) -> Json:
        return {
            "temporaryExposureKeys": [
                {
                    "key": key.key_text,
                    "rollingStartNumber": key.start,
                    "rollingPeriod": key.period,
                    "transmissionRisk": key.risk,
                }
                for key in self.keys
            ],
            "healthAuthorityID": authority,
            "verificationPayload": self.certificate,
            "hmacKey": b64encode(self.secret).decode(),
        } | self.fields


@dataclass
class Desk:
    """Calls one node's intake."""

    network: Authorities
    number: int

    @property
    def config(self) -> Config:
        return self.network.config(self.number)

    @property
    def clock(self) -> ManualClock:
        return self.network.clocks[self.number - 1]

    @property
    def database(self) -> Database:
        return self.network.running[self.number][1].app[DATABASE]

    @property
    def intake(self) -> Intake:
        return self.network.running[self.number][1].app[INTAKE]

    @property
    def folder(self) -> Path:
        return self.network.folder / self.config.node.name

    @property
    def authority(self) -> str:
        return self.config.intake.health_authority_id

    def api_key(self, audience: str) -> str:
        return (self.folder / "api-keys" / f"{audience}.key").read_text().strip()

    async def post(
        self, path: str, body: object, api_key: str = "", **headers: str
    ) -> Answer:
        extra = {"X-API-Key": api_key} if api_key else {}
        data = {"data": body} if isinstance(body, bytes) else {"json": body}
        async with self.network.session.post(
            f"{self.network.url(self.number)}{path}",
            headers={**extra, **headers},
            **data,
        ) as answer:
            return await _read(answer)

    async def get(self, path: str) -> Answer:
        url = f"{self.network.url(self.number)}{path}"
        async with self.network.session.get(url) as answer:
            return await _read(answer)

    async def issue(self, **fields: object) -> Answer:
        body: Json = {"testType": "confirmed"} | fields
        return await self.post("/api/issue", body, self.api_key("issuing"))

    async def verify(self, code: str, **fields: object) -> Answer:
        body: Json = {"code": code} | fields
        return await self.post("/api/verify", body, self.api_key("device"))

    async def certify(self, token: str, mac: str) -> Answer:
        body = {"token": token, "ekeyhmac": mac}
        return await self.post("/api/certificate", body, self.api_key("device"))

    async def certified(
        self, upload: Upload, nonce: str = "", **fields: object
    ) -> Upload:
        """Everything from the clinic to the certificate."""
        code = (await self.issue(**fields)).json["code"]
        accept = ["negative"]
        verified = await self.verify(code, accept=accept, nonce=nonce)
        token = verified.json["token"]
        certificate = (await self.certify(token, upload.mac)).json["certificate"]
        return replace(upload, certificate=certificate)

    async def publish(self, upload: Upload, **fields: object) -> Answer:
        return await self.post("/v1/publish", upload.request(self.authority) | fields)


async def _read(answer: aiohttp.ClientResponse) -> Answer:
    data = await answer.read()
    value = await answer.json(content_type=None) if data[:1] == b"{" else {}
    return Answer(answer.status, value, answer.headers, len(data))
