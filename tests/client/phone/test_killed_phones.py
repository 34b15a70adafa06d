"""A phone's process dies between any two steps; the next one goes on."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from cosignal.client.phone import uploads
from cosignal.client.phone.database import Database
from cosignal.client.phone.upload_jobs import State
from tests.client.phone.dying import DyingDatabase, PowerCutError
from tests.client.phone.lossy import STEPS, Lossy
from tests.client.phone.test_uploads import KEYS, a_code, once, stored
from tests.client.phone.uploaders import SCHEMAS, Uploader
from tests.network_in_memory import sample_keys
from tests.server.desk import Desk
from tests.strategies import NOW

ROOT = Path(__file__).parents[3]


async def run_once(phone: Uploader, way: Lossy, step: str, when: str, now: int) -> int:
    """Run the phone as a process that dies at a step; say how it ended."""
    arguments = [phone.path, way.url, phone.api_key, phone.authority, now]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.client.phone.uploading",
        *map(str, arguments),
        cwd=ROOT,
    )
    if step:
        hooks = way.before if when == "before" else way.after
        way.lose_request |= {step} if when == "before" else set()
        hooks[step] = lambda: os.kill(process.pid, signal.SIGKILL)
    return await process.wait()


async def dies(phone: Uploader, number: int, change: int, *, after: bool) -> bool:
    """Carry an upload on until its process dies; say whether it did."""
    phone.database.close()
    dying = DyingDatabase(phone.path, SCHEMAS)
    dying.left, dying.after = change, after
    phone.database = dying
    try:
        await phone.run(number)
    except PowerCutError:
        return True
    finally:
        dying.left = 0
        dying.close()
        phone.database = Database(phone.path, SCHEMAS)
    return False


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_phone_may_die_at_every_change_of_its_file(
    desk: Desk, phone: Uploader, when: str
) -> None:
    keys = sample_keys(0)
    died, change = True, 0
    while died:
        change += 1
        mine = sample_keys(3, seed=str(change))
        number = phone.begin(await a_code(desk), mine)
        keys += mine
        died = await dies(phone, number, change, after=when == "after")
        job = await phone.run(number)
        assert (job.state, job.inserted) == (State.DONE, 3)

    assert change == 7  # two changes a step, and then none is left to die at
    assert await stored(desk) == once(keys)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_phone_that_is_killed_at_every_step_uploads_exactly_once(
    desk: Desk, way: Lossy, phone: Uploader, when: str
) -> None:
    """Killed when the node has not seen the request, or has answered it."""
    number = phone.begin(await a_code(desk), KEYS)
    phone.database.close()

    ends = [
        await run_once(phone, way, step, when, NOW + 60 * (run + 1))
        for run, step in enumerate((*STEPS, ""))
    ]

    assert ends == [-signal.SIGKILL] * 3 + [0]
    assert way.paths == [step for step in STEPS for _ in range(2)]
    assert await stored(desk) == once(KEYS)
    phone.__post_init__()
    (job,) = uploads.uploads(phone.database)
    assert (job.id, job.state, job.inserted) == (number, State.DONE, 6)
    assert job.receipt is not None
