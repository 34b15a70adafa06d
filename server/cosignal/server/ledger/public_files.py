"""The public folder: written durably, read from memory.

What this module guarantees:

* A file is on the disk before it is in memory, and off the disk after `erase`.
* At most the configured number of bytes is kept in memory; what was not asked for
  longest goes first, and what was erased goes at once.
* An ETag is a hash of the bytes, so it is the same on every node and after a restart.

It waits for the disk in threads, so that the node goes on answering meanwhile.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from cosignal.server.storage.files import DurableFiles

TAG_CHARACTERS = 32


@dataclass(frozen=True, slots=True)
class PublicFile:
    """A file's bytes and the tag by which readers compare them.

    Attributes:
        data: The bytes.
        tag: Part of their SHA-256, hexadecimal; without quotation marks. A packed
            copy's is that of the file, and `-gzip`.
    """

    data: bytes
    tag: str

    @classmethod
    def of(cls, data: bytes) -> "PublicFile":
        """Tag some bytes."""
        return cls(data, sha256(data).hexdigest()[:TAG_CHARACTERS])


class PublicFiles:
    """A node's public folder."""

    def __init__(self, files: DurableFiles, most_bytes: int) -> None:
        """Keep at most `most_bytes` of `files` in memory."""
        self._files = files
        self._most = most_bytes
        # All owned by the event loop's thread; only whole calls change them.
        self._kept: OrderedDict[str, PublicFile] = OrderedDict()
        self._bytes = 0
        self._erased = 0

    async def read(self, path: str) -> PublicFile | None:
        """An immutable file, or None when there is none."""
        kept = self._kept.get(path)
        if kept is not None:
            self._kept.move_to_end(path)
            return kept
        erased = self._erased
        data = await asyncio.to_thread(self._files.read, path)
        if data is None:
            return None
        file = PublicFile.of(data)
        # Erased while it was being read: it may be answered, but not be kept.
        if erased == self._erased:
            self._keep(path, file)
        return file

    async def write_new(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Make immutable files.

        Args:
            files: Path and bytes of each. They are remembered, because others will
                ask for new files at once.

        Raises:
            FatalError: A file exists with other bytes.
        """
        await asyncio.to_thread(self._files.write_many, files)
        for path, data in files:
            self._keep(path, PublicFile.of(data))

    async def read_current(self, path: str) -> bytes | None:
        """A file that changes, or None when there is none."""
        return await asyncio.to_thread(self._files.read, path)

    async def replace(self, path: str, data: bytes) -> None:
        """Give a file that changes new bytes."""
        await asyncio.to_thread(self._files.replace, path, data)

    async def missing(self, paths: Sequence[str]) -> set[str]:
        """Which of these files do not exist."""

        def look() -> set[str]:
            return {path for path in paths if not self._files.exists(path)}

        return await asyncio.to_thread(look)

    async def names(self, folder: str) -> list[str]:
        """The names of the files in one folder, sorted."""
        return await asyncio.to_thread(self._files.names, folder)

    async def erase(self, *paths: str) -> int:
        """Remove files from memory and disk.

        Args:
            paths: Below the public folder.

        Returns:
            How many there were.
        """
        for path in paths:
            self._forget(path)
        try:
            return await asyncio.to_thread(
                lambda: sum(self._files.erase(path) for path in paths)
            )
        finally:
            # Somebody may have read them again until they were gone from the disk.
            for path in paths:
                self._forget(path)

    def _keep(self, path: str, file: PublicFile) -> None:
        if len(file.data) > self._most or path in self._kept:
            return
        self._kept[path] = file
        self._bytes += len(file.data)
        while self._bytes > self._most:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= len(oldest.data)

    def _forget(self, path: str) -> None:
        self._erased += 1
        kept = self._kept.pop(path, None)
        if kept is not None:
            self._bytes -= len(kept.data)
