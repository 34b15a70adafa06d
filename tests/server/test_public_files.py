"""The public folder as it is answered from memory."""

import asyncio
from pathlib import Path

from cosignal.server.ledger.public_files import PublicFiles
from cosignal.server.storage.files import DurableFiles


class ReadWhileErasing(DurableFiles):
    """Somebody reads each file at the last moment before it is gone."""

    public: PublicFiles
    loop: asyncio.AbstractEventLoop

    def erase(self, path: str) -> bool:
        reading = self.public.read(path)
        asyncio.run_coroutine_threadsafe(reading, self.loop).result(10)
        return super().erase(path)


async def test_a_file_read_while_it_is_erased_does_not_stay_in_memory(
    tmp_path: Path,
) -> None:
    files = ReadWhileErasing(tmp_path)
    files.public = public = PublicFiles(files, 1 << 20)
    files.loop = asyncio.get_running_loop()
    await public.write_new([("body/x", b"keys")])

    await public.erase("body/x")

    assert await public.read("body/x") is None
