"""A phone that uploads, with a clock that moves when it sleeps."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from cosignal.client.phone import chaff, upload_jobs, uploads
from cosignal.client.phone.database import Database
from cosignal.client.phone.upload_jobs import Job
from cosignal.client.upload import UploadClient
from cosignal.protocol.diagnosis_keys import DiagnosisKey
from tests.strategies import NOW, counted_entropy

SCHEMAS = (upload_jobs.SCHEMA, chaff.SCHEMA)


@dataclass
class Uploader:
    """Its file, its clock, and where it uploads to."""

    path: Path
    session: aiohttp.ClientSession
    url: str
    api_key: str = "key"
    authority: str = "authority"
    seed: str = "phone"
    now: int = NOW
    slept: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.entropy = counted_entropy(self.seed)
        self.database = Database(self.path, SCHEMAS)
        self.client = UploadClient(
            self.session,
            self.url,
            api_key=self.api_key,
            health_authority=self.authority,
            entropy=self.entropy,
        )

    def clock(self) -> int:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += int(seconds)

    def begin(
        self,
        code: str,
        keys: Sequence[DiagnosisKey],
        at: int | None = None,
        onset: int | None = None,
    ) -> int:
        return uploads.begin(
            self.database,
            code,
            keys,
            onset=onset,
            now=self.now,
            entropy=self.entropy,
            at=at,
        )

    async def advance(self, number: int) -> Job:
        return await uploads.advance(
            self.database, self.client, number, self.now, self.entropy
        )

    async def run(self, number: int, patience: int = 60) -> Job:
        return await uploads.run(
            self.database,
            self.client,
            number,
            self.clock,
            self.entropy,
            sleep=self.sleep,
            patience=patience,
        )

    async def run_all(self) -> None:
        """Carry on everything, fake ones too, until nothing is left to do."""
        while (when := uploads.next_time(self.database)) is not None:
            self.now = max(self.now, when)
            for number in uploads.due(self.database, self.now, good=True):
                await self.advance(number)

    def raw(self) -> bytes:
        """Every byte of the file and its journal."""
        return b"".join(
            path.read_bytes() for path in self.path.parent.glob(f"{self.path.name}*")
        )
