"""Pack files once, for all readers who take them packed.

What this module guarantees:

* A packed file is gzip of the same bytes. Its tag is made of theirs and not of what the
  library made of them: nodes with other libraries agree on it.
* One file is packed at a time: readers of many files do not take every thread from the
  node's disk.
* Each file is packed once, however many ask for it at the same moment; whether it pays
  is remembered as well.
* At most the given number of packed bytes is kept; what was not asked for longest goes
  first.

Copies are found by what is in the file, so a file that changes needs no care. Which
files are worth it is for `api.chain` to say: bodies are random keys, and packing them
would cost time and make them larger.

Source: RFC 1952; docs/reference/http-api.md, "Compression".
"""

import asyncio
import zlib
from collections import OrderedDict

from cosignal.server.ledger.public_files import PublicFile

#: Fewer bytes than this are not worth the header lines that announce them.
LEAST_SAVED = 64
# Against level 6 it saves one byte in a hundred for a tenth more time.
_LEVEL = 9
_GZIP_BITS = 31
# What a remembered "it does not pay" counts as.
_NOTHING_BYTES = 128


class PackedFiles:
    """Packed copies of public files, in memory."""

    def __init__(self, most_bytes: int) -> None:
        """Keep at most `most_bytes`."""
        self._most = most_bytes
        # All owned by the event loop's thread; only whole calls change them.
        self._kept: OrderedDict[str, PublicFile | None] = OrderedDict()
        self._bytes = 0
        self._at_work: dict[str, asyncio.Task[PublicFile | None]] = {}
        self._turn = asyncio.Lock()

    async def of(self, file: PublicFile) -> PublicFile | None:
        """The packed copy of a file.

        Args:
            file: Which.

        Returns:
            The copy, with a tag of its own; None where packing does not pay.
        """
        if file.tag in self._kept:
            self._kept.move_to_end(file.tag)
            return self._kept[file.tag]
        task = self._at_work.get(file.tag)
        if task is None:
            task = self._at_work[file.tag] = asyncio.create_task(self._pack(file))
        # A reader who goes away does not take the copy from those who wait with him.
        return await asyncio.shield(task)

    async def _pack(self, file: PublicFile) -> PublicFile | None:
        try:
            async with self._turn:
                packed = await asyncio.to_thread(pack, file)
        finally:
            del self._at_work[file.tag]
        self._keep(file.tag, packed)
        return packed

    def _keep(self, tag: str, packed: PublicFile | None) -> None:
        self._kept[tag] = packed
        self._bytes += _weight(packed)
        while self._bytes > self._most:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= _weight(oldest)


def pack(file: PublicFile) -> PublicFile | None:
    """Pack one file.

    Args:
        file: Which.

    Returns:
        Gzip of its bytes, tagged `<tag>-gzip`; None where that saves less than
        `LEAST_SAVED` bytes.
    """
    data = zlib.compress(file.data, _LEVEL, _GZIP_BITS)
    pays = len(data) + LEAST_SAVED <= len(file.data)
    return PublicFile(data, f"{file.tag}-gzip") if pays else None


def _weight(packed: PublicFile | None) -> int:
    return len(packed.data) if packed else _NOTHING_BYTES
