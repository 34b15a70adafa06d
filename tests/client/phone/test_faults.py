import asyncio
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cosignal.client.phone.phone import Phone, PhoneSynced
from cosignal.client.phone.sighting_log import Heard
from cosignal.protocol.errors import (
    RefusedError,
    StaleError,
    UnavailableError,
    UsageError,
)
from cosignal.protocol.exposure.metadata import Metadata
from tests.client.phone.mirrors import Absent, Stalling
from tests.client.phone.people import (
    THREE_DAYS_AGO,
    keys_of,
    meet,
    phone,
    sync,
    warn,
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
    with pytest.raises(StaleError, match="quorum's word"):
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


#: What may happen to what was downloaded.
DAMAGE = {
    "entries are gone": "DELETE FROM files WHERE path LIKE '%entries%'",
    "entries are no entries": "UPDATE files SET data = x'00'"
    " WHERE path LIKE '%entries%'",
    "the state is cut": "UPDATE files SET data = substr(data, 1, 99)"
    " WHERE path LIKE '%state.json'",
    "a bit has changed": "UPDATE files SET data ="
    " CAST(substr(data, 1, length(data) - 5)"
    " || CASE substr(data, -5, 1) WHEN x'41' THEN x'42' ELSE x'41' END"
    " || substr(data, -4) AS BLOB) WHERE path LIKE '%entries%'",
}


@pytest.mark.parametrize("damage", DAMAGE)
async def test_a_phone_whose_download_is_damaged_starts_over_and_keeps_the_rest(
    alice: Phone, tmp_path: Path, network: NetworkInMemory, damage: str
) -> None:
    network.block()
    with phone(tmp_path, network) as bob:
        meet(alice, bob, THREE_DAYS_AGO)
        network.block(keys_of(alice))
        network.publish()
        await sync(bob, network)
        on_air = bob.broadcast(Metadata(-15), NOW)
        bob._store.keep_refused(b"a note")
        bob._database.read(DAMAGE[damage])

    with phone(tmp_path, network) as bob:
        assert bob.restarted is not None
        assert bob.broadcast(Metadata(-15), NOW) == on_air
        assert bob.uploads.begin("12345678", NOW)
        assert len(bob._store.folder.names("chain/evidence")) == 1
        bob.tidy(NOW)
        (alert,) = bob.alerts()

        done = await sync(bob, network)

        assert (done.chain.synced.bodies, done.keys) == (2, 30)
        assert bob.alerts() == [alert]
        assert len(bob.exposure_windows(NOW)) == 1
    with phone(tmp_path, network) as bob:
        assert bob.restarted is None


async def test_an_alert_stands_while_what_it_rests_on_is_downloaded_again(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    await warn(alice, bob, network)
    bob.start_over()
    poor = network.fork()
    for path in [path for path in poor.published if "/body/" in path]:
        poor.drop(path)

    await sync(bob, poor)

    (alert,) = bob.alerts()
    assert alert.withdrawn is None


def test_a_phone_that_starts_over_can_be_deleted(
    tmp_path: Path, network: NetworkInMemory
) -> None:
    bob = phone(tmp_path, network)
    bob.start_over()

    bob.delete_everything()

    assert list(tmp_path.iterdir()) == []


async def test_what_is_there_is_matched_even_if_no_mirror_serves(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    await warn(alice, bob, network)
    with bob._database.write() as connection:
        # As if the phone had died before it matched.
        connection.execute("DELETE FROM matched_blocks")
        connection.execute("DELETE FROM alerts")

    with pytest.raises(UnavailableError):
        await sync(bob, network, [Absent("nobody", network)])

    assert len(bob.news().raised) == 1


async def test_one_damaged_body_hides_no_other_encounter(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    meet(alice, bob, THREE_DAYS_AGO)
    bad = network.block()
    network.block(keys_of(alice))
    network.publish()
    network.change(f"chain/1/body/{bad.commit.hex()}", lambda data: data[:-1])

    done = await sync(bob, network)

    assert len(done.news.raised) == 1
    assert [block.record.commit for block in done.chain.synced.missing] == [bad.commit]
    assert "body" in str(done.chain.attempts[0].error)


async def test_a_flipped_bit_in_what_was_kept_stops_no_sync(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    meet(alice, bob, THREE_DAYS_AGO)
    network.block()
    network.publish()
    await sync(bob, network)
    bob._database.read(DAMAGE["a bit has changed"])
    network.now += 3600
    network.block(keys_of(alice))
    network.publish()

    assert len((await sync(bob, network)).news.raised) == 1


def test_erased_keys_and_sightings_are_gone_from_the_journal_too(
    tmp_path: Path, network: NetworkInMemory
) -> None:
    with phone(tmp_path, network) as bob:
        on_air = bob.broadcast(Metadata(-15), NOW)
        bob.hear([Heard(on_air.payload[::-1], -60)], NOW)
        ((tek,),) = bob._database.read("SELECT tek FROM own_keys")
        ((identifier,),) = bob._database.read("SELECT identifier FROM sightings")
        for day in range(1, 18):
            bob.tidy(NOW + day * 86400)
        bob.broadcast(Metadata(-15), NOW + 18 * 86400)
        bob.tidy(NOW + 18 * 86400)

        raw = b"".join(path.read_bytes() for path in tmp_path.glob("phone*"))

    assert tek not in raw
    assert identifier not in raw


async def test_a_phone_is_not_deleted_before_a_sync_that_waits_for_its_turn(
    tmp_path: Path, network: NetworkInMemory
) -> None:
    network.publish()
    bob = phone(tmp_path, network)

    async def sync_and_delete() -> None:
        await sync(bob, network)
        bob.delete_everything()

    first, second = await asyncio.gather(
        sync_and_delete(), sync(bob, network), return_exceptions=True
    )

    assert isinstance(first, RefusedError)
    assert isinstance(second, PhoneSynced)
    bob.delete_everything()


async def test_a_sync_that_is_cancelled_after_closing_is_cancelled(
    tmp_path: Path, network: NetworkInMemory
) -> None:
    bob = phone(tmp_path, network)
    task = asyncio.create_task(sync(bob, network, [Stalling("slow", network)]))
    await asyncio.sleep(0)
    bob.close()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_phone_that_is_closed_says_so(
    tmp_path: Path, network: NetworkInMemory
) -> None:
    bob = phone(tmp_path, network)
    bob.delete_everything()

    for call in (bob.news, bob.delete_everything, lambda: bob.hear([], NOW)):
        with pytest.raises(RefusedError, match="closed"):
            call()
    with pytest.raises(RefusedError, match="closed"):
        await sync(bob, network)


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
