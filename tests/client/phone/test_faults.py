import asyncio
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cosignal.client.phone.phone import Phone
from cosignal.client.phone.sighting_log import Heard
from cosignal.protocol.errors import (
    CosignalError,
    FatalError,
    RefusedError,
    UsageError,
)
from cosignal.protocol.exposure.metadata import Metadata
from tests.client.phone.mirrors import Stalling
from tests.client.phone.people import (
    THREE_DAYS_AGO,
    keys_of,
    meet,
    phone,
    sync,
)
from tests.network_in_memory import NetworkInMemory, sample_keys
from tests.strategies import NOW, counted_entropy


async def test_a_clock_that_is_behind_is_told(
    bob: Phone, network: NetworkInMemory
) -> None:
    network.publish()

    right = await bob.sync([network], network.now)
    wrong = await bob.sync([network], network.now - 86400)

    assert (right.clock_error, wrong.clock_error) == (0, 86400)


async def test_a_clock_that_jumps_ahead_loses_nothing(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    meet(alice, bob, THREE_DAYS_AGO)
    bob.tidy(NOW)
    bob.tidy(NOW + 400 * 86400)
    network.block(keys_of(alice))
    network.publish()
    with pytest.raises(CosignalError, match="quorum's word"):
        await bob.sync([network], NOW + 400 * 86400)

    assert len((await sync(bob, network)).news.raised) == 1


def test_a_time_before_1970_is_a_mistake_of_the_app(bob: Phone) -> None:
    with pytest.raises(UsageError, match="now: expected Unix seconds, got -1"):
        bob.broadcast(Metadata(-15), -1)


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from cosignal.client.phone import alerts, encounters, mirrors
from tests.client.phone.mirrors import Stalling
from tests.client.phone.people import phone, sync
from tests.client.phone.test_faults import published_meeting

folder, step = Path(sys.argv[1]), int(sys.argv[2])
network = published_meeting(folder)
bob = phone(folder, network, "bob")
written = 0
execute = type(bob._database).write

def write(database):
    global written
    written += 1
    if written > step:
        os.kill(os.getpid(), signal.SIGKILL)
    return execute(database)

type(bob._database).write = write
asyncio.run(sync(bob, network))
os._exit(7)
"""


def published_meeting(folder: Path) -> NetworkInMemory:
    """Alice's keys are published; the file `bob`, made once, heard her."""
    network = NetworkInMemory()
    network.configure()
    if not (folder / "bob").exists():
        with (
            phone(folder, network, "alice") as alice,
            phone(folder, network, "bob") as bob,
        ):
            meet(alice, bob, THREE_DAYS_AGO)
            (folder / "key").write_bytes(keys_of(alice)[0].data)
    (sample,) = sample_keys(1, now=THREE_DAYS_AGO + 2 * 86400)
    network.block([replace(sample, data=(folder / "key").read_bytes())])
    network.publish()
    return network


def killed_at(folder: Path, step: int) -> int:
    command = [sys.executable, "-c", KILLED, str(folder), str(step)]
    return subprocess.run(command, check=False).returncode


def test_a_phone_killed_at_any_step_goes_on_and_alerts_once(tmp_path: Path) -> None:
    network = published_meeting(tmp_path)
    ended = [killed_at(tmp_path, step) for step in range(0, 40, 4)]

    assert ended[0] == -9
    assert set(ended) <= {-9, 7}
    with phone(tmp_path, network, "bob") as bob:
        asyncio.run(sync(bob, network))
        (alert,) = bob.alerts()

    assert alert.ground.score == 1920


async def test_nothing_of_the_phone_is_left_after_deletion(
    tmp_path: Path, network: NetworkInMemory
) -> None:
    bob = phone(tmp_path, network)
    bob.broadcast(Metadata(-15), NOW)
    network.publish()
    await sync(bob, network)

    bob.delete_everything()

    assert not (tmp_path / "phone").exists()


async def test_a_phone_is_not_deleted_under_a_sync(
    tmp_path: Path, network: NetworkInMemory
) -> None:
    network.publish()
    bob = phone(tmp_path, network)
    task = asyncio.create_task(sync(bob, network, [Stalling("slow", network)]))
    await asyncio.sleep(0)

    with pytest.raises(RefusedError, match="no sync and no upload under way"):
        bob.delete_everything()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    bob.delete_everything()


async def test_the_state_of_another_network_is_refused(
    tmp_path: Path, network: NetworkInMemory
) -> None:
    network.publish()
    with phone(tmp_path, network) as bob:
        await sync(bob, network)
    other = replace(
        network.pinned,
        logs=tuple(
            replace(log, key=replace(log.key, name="other.example/1"))
            for log in network.pinned.logs
        ),
    )

    with pytest.raises(RefusedError, match=r"expected network other\.example"):
        Phone(tmp_path / "phone", other, entropy=counted_entropy())


async def test_a_chain_state_that_is_damaged_is_named(
    tmp_path: Path, network: NetworkInMemory
) -> None:
    network.block()
    network.publish()
    with phone(tmp_path, network) as bob:
        await sync(bob, network)
        with bob._database.write() as connection:
            connection.execute("DELETE FROM files WHERE path LIKE '%entries%'")

    with pytest.raises(FatalError, match="expected the entries verified before"):
        phone(tmp_path, network)


async def test_a_clock_that_jumps_on_a_new_phone_loses_nothing(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    meet(alice, bob, THREE_DAYS_AGO)
    bob.tidy(NOW + 365 * 86400)
    network.block(keys_of(alice))
    network.publish()

    assert len((await sync(bob, network)).news.raised) == 1


async def test_what_a_wrong_clock_dated_goes_with_the_next_sync(
    bob: Phone, network: NetworkInMemory
) -> None:
    wrong = NOW + 400 * 86400
    bob.hear([Heard(bytes(range(20)), -60)], wrong)
    bob.broadcast(Metadata(-15), wrong)
    network.publish()
    await sync(bob, network)

    for table in ("sightings", "own_keys"):
        assert bob._database.read(f"SELECT * FROM {table}") == []  # noqa: S608


@pytest.mark.parametrize("now", [NOW * 1000, -1, 1.5])
def test_another_unit_of_time_is_refused(bob: Phone, now: int) -> None:
    with pytest.raises(UsageError, match="now: expected Unix seconds"):
        bob.hear([], now)


async def test_an_address_that_is_none_is_refused(bob: Phone) -> None:
    with pytest.raises(UsageError, match="mirrors: expected http"):
        async with bob.mirrors("127.0.0.1:8081"):
            pass
