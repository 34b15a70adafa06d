"""A phone as a process of its own, to be killed: carry on the upload in a file.

::

    python -m tests.client.phone.uploading FILE URL API_KEY AUTHORITY NOW

It goes on until nothing is left to do, sleeping in its own time only.
"""

import asyncio
import sys
from pathlib import Path

from cosignal.client.sources import new_session
from tests.client.phone.uploaders import Uploader


async def main(path: str, url: str, api_key: str, authority: str, now: str) -> None:
    """Carry on whatever the file holds."""
    async with new_session() as session:
        phone = Uploader(Path(path), session, url, api_key, authority, now, int(now))
        await phone.run_all()
        phone.database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
