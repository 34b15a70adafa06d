"""Mirrors that are good, absent or slow."""

import asyncio

from cosignal.client.sources import MAX_FILE_BYTES
from cosignal.protocol.errors import UnavailableError
from tests.network_in_memory import NetworkInMemory


class Elsewhere:
    """A mirror under another name, as good as what it reads from."""

    def __init__(self, name: str, network: NetworkInMemory) -> None:
        self.name = name
        self.network = network

    async def get(self, path: str, limit: int = MAX_FILE_BYTES) -> bytes:
        return await self.network.get(path, limit)


class Absent(Elsewhere):
    async def get(self, path: str, limit: int = MAX_FILE_BYTES) -> bytes:
        raise UnavailableError(f"{path}: expected an answer, got {limit} excuses")


class Stalling(Elsewhere):
    async def get(self, path: str, limit: int = MAX_FILE_BYTES) -> bytes:
        await asyncio.sleep(3600)
        return await super().get(path, limit)
