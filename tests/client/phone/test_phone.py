import asyncio
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cosignal.client.configurations import verify_configuration
from cosignal.client.phone.phone import Phone
from cosignal.client.phone.sighting_log import Heard
from cosignal.client.sources import MAX_FILE_BYTES
from cosignal.protocol.diagnosis_keys import Infectiousness, ReportType
from cosignal.protocol.errors import (
    CosignalError,
    FatalError,
    RefusedError,
    UnavailableError,
    UsageError,
)
from cosignal.protocol.exposure.configuration import ExposureConfiguration
from cosignal.protocol.exposure.metadata import Metadata
from tests.client.phone.people import (
    NEAR_RSSI,
    THREE_DAYS_AGO,
    keys_of,
    meet,
    phone,
    sync,
)
from tests.network_in_memory import NetworkInMemory, sample_keys
from tests.strategies import NOW, counted_entropy

DAY = THREE_DAYS_AGO // 86400


@pytest.fixture
def network() -> NetworkInMemory:
    network = NetworkInMemory()
    network.configure()
    return network


@pytest.fixture
def alice(tmp_path: Path, network: NetworkInMemory) -> Iterator[Phone]:
    """Alice will test positive."""
    with phone(tmp_path, network, "alice") as alice:
        yield alice


@pytest.fixture
def bob(tmp_path: Path, network: NetworkInMemory) -> Iterator[Phone]:
    with phone(tmp_path, network, "bob") as bob:
        yield bob


async def test_who_was_near_somebody_infected_is_told_why(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    meet(alice, bob, THREE_DAYS_AGO)
    network.block(keys_of(alice))
    network.publish()

    done = await sync(bob, network)

    (alert,) = done.news.raised
    assert alert.day == DAY
    # 8 scans of 4 minutes, near: weight 1.
    assert alert.ground.seconds == (0, 1920, 0, 0)
    assert alert.ground.score == 1920
    text = " ".join(alert.reasons())
    for part in (
        "On 2025-11-21",
        "near for about 32 minutes",
        "a test confirmed the infection",
        "authority-2 (R2)",
        "block 1/2",
        "configuration 1, entry 1/1",
        "15 minutes raises an alert",
    ):
        assert part in text
    assert str(THREE_DAYS_AGO) not in text
    assert "12:00" not in text


async def test_who_was_far_away_or_elsewhere_is_not_told(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    meet(alice, bob, THREE_DAYS_AGO, rssi=-95)
    network.block(keys_of(alice))
    network.block()
    network.publish()

    done = await sync(bob, network)

    assert done.news.raised == ()
    assert done.keys == 30
    (summary,) = bob.daily_summaries(network.now)
    assert (summary.day, summary.total.score_sum) == (DAY, 0)


async def test_an_alert_can_be_proved_offline_to_rest_on_the_common_rule(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    meet(alice, bob, THREE_DAYS_AGO)
    network.block(keys_of(alice))
    network.publish()
    await sync(bob, network)

    (alert,) = bob.alerts()
    proof = bob.prove(alert)
    proven = verify_configuration(proof.proof, proof.entry, network.pinned)

    assert (proven.shard, proven.index) == ("1", 1)
    assert proven.record.version == alert.ground.configuration
    assert proven.record.parameters.alert_day_score == alert.ground.needed


async def test_news_is_told_once_and_survives_a_restart(
    alice: Phone, tmp_path: Path, network: NetworkInMemory
) -> None:
    with phone(tmp_path, network) as carol:
        meet(alice, carol, THREE_DAYS_AGO)
        network.block(keys_of(alice))
        network.publish()
        await sync(carol, network)
    with phone(tmp_path, network) as carol:
        assert len(carol.news().raised) == 1
        carol.mark_told()
        assert (await sync(carol, network)).news.raised == ()
    with phone(tmp_path, network) as carol:
        assert carol.news().raised == ()
        assert len(carol.alerts()) == 1


async def test_a_revoked_block_withdraws_the_alert_and_says_so(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    meet(alice, bob, THREE_DAYS_AGO)
    block = network.block(keys_of(alice))
    network.publish()
    await sync(bob, network)
    bob.mark_told()
    network.now += 3600
    network.revoke(block)
    network.publish()

    news = (await sync(bob, network)).news

    (withdrawn,) = news.withdrawn
    assert withdrawn.withdrawn == network.now
    assert "withdrawn" in withdrawn.reasons()[-1]
    assert bob.daily_summaries(network.now) == ()


async def test_a_self_report_that_a_test_confirms_changes_its_reason(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    meet(alice, bob, THREE_DAYS_AGO)
    (key, *_) = keys_of(alice)
    network.block([replace(key, report_type=ReportType.SELF_REPORT)])
    network.block([replace(key, report_type=ReportType.REVOKED)], issuer=3)
    network.publish()
    await sync(bob, network)
    (window, *_) = bob.exposure_windows(network.now)
    assert window.report_type is ReportType.SELF_REPORT
    network.block([key])
    network.publish()
    await sync(bob, network)

    (window, *_) = bob.exposure_windows(network.now)

    assert window.report_type is ReportType.CONFIRMED_TEST


async def test_a_key_its_authority_revokes_withdraws_the_alert(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    meet(alice, bob, THREE_DAYS_AGO)
    (key, *_) = keys_of(alice)
    network.block([replace(key, report_type=ReportType.SELF_REPORT)])
    network.publish()
    await sync(bob, network)
    bob.mark_told()
    network.block([replace(key, report_type=ReportType.REVOKED)])
    network.publish()

    news = (await sync(bob, network)).news

    assert [alert.day for alert in news.withdrawn] == [DAY]


async def test_stricter_rules_take_no_alert_back(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    meet(alice, bob, THREE_DAYS_AGO)
    network.block(keys_of(alice))
    network.publish()
    await sync(bob, network)
    network.configure(ExposureConfiguration(alert_day_score=10_000))
    network.publish()
    await sync(bob, network)

    (alert,) = bob.alerts()

    assert (alert.withdrawn, alert.ground.configuration) == (None, 1)


async def test_milder_rules_raise_what_was_below_them(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    meet(alice, bob, THREE_DAYS_AGO, minutes=10)
    network.block(keys_of(alice))
    network.publish()
    assert (await sync(bob, network)).news.raised == ()
    network.configure(ExposureConfiguration(alert_day_score=300))
    network.publish()

    (alert,) = (await sync(bob, network)).news.raised

    assert (alert.ground.configuration, alert.ground.needed) == (2, 300)


async def test_a_network_without_a_configuration_raises_nothing_yet(
    tmp_path: Path,
) -> None:
    network = NetworkInMemory()
    with phone(tmp_path, network, "a") as alice, phone(tmp_path, network) as bob:
        meet(alice, bob, THREE_DAYS_AGO)
        network.block(keys_of(alice))
        network.publish()
        assert (await sync(bob, network)).news.raised == ()
        assert bob.configuration is None
        assert bob.exposure_windows(network.now) == ()
        network.configure()
        network.publish()

        # What was matched before is weighed now.
        assert len((await sync(bob, network)).news.raised) == 1


async def test_an_alert_outlives_the_block_and_then_goes(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    meet(alice, bob, THREE_DAYS_AGO)
    network.block(keys_of(alice), expires=NOW + 86400)
    network.publish()
    await sync(bob, network)
    for days, kept in [(2, 1), (11, 1), (12, 1), (13, 0)]:
        network.now = NOW + days * 86400
        network.publish()
        await sync(bob, network)
        assert len(bob.alerts()) == kept
        assert all(alert.withdrawn is None for alert in bob.alerts())


async def test_the_same_person_seen_by_many_blocks_counts_once(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    meet(alice, bob, THREE_DAYS_AGO)
    keys = keys_of(alice)
    for issuer in (2, 3, 4):
        network.block(keys, issuer=issuer)
    network.publish()
    await sync(bob, network)

    (alert,) = bob.alerts()

    assert alert.ground.score == 1920
    assert [block.issuer for block in alert.ground.blocks] == ["authority-2"]


async def test_a_replayed_identifier_counts_for_twenty_minutes(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    payload = alice.broadcast(Metadata(-15), THREE_DAYS_AGO).payload
    for minute in range(0, 90, 4):
        bob.hear([Heard(payload, NEAR_RSSI)], THREE_DAYS_AGO + minute * 60)
    network.block(keys_of(alice))
    network.publish()
    await sync(bob, network)

    (window,) = bob.exposure_windows(network.now)

    assert len(window.scans) == 6


# Mirrors ---------------------------------------------------------------------


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


def lying(network: NetworkInMemory) -> Elsewhere:
    thief = network.fork()
    thief.block(sample_keys(20, "made up"))
    thief.publish(signers=[])
    return Elsewhere("the thief", thief)


async def test_mirrors_that_lie_or_fail_are_passed_over_and_asked_last(
    bob: Phone, network: NetworkInMemory
) -> None:
    network.block()
    network.publish()
    absent, thief = Absent("nobody", network), lying(network)
    honest = Elsewhere("the library", network)

    first = (await sync(bob, network, [absent, thief, honest])).chain
    second = (await sync(bob, network, [absent, thief, honest])).chain

    assert [item.mirror for item in first.attempts] == [
        "nobody",
        "the thief",
        "the library",
    ]
    assert first.synced.bodies == 1
    assert [item.mirror for item in second.attempts] == ["the library"]


async def test_a_mirror_that_stalls_is_not_waited_for(
    bob: Phone, network: NetworkInMemory
) -> None:
    network.publish()
    mirrors = [Stalling("slow", network), Elsewhere("quick", network)]

    done = await bob.sync(mirrors, network.now, patience=0.05)

    (slow, quick) = done.chain.attempts
    assert "in time" in str(slow.error)
    assert quick.error is None


async def test_a_mirror_that_withholds_news_is_noticed(
    bob: Phone, network: NetworkInMemory
) -> None:
    network.publish()
    old = network.fork()
    network.now += 3 * 3600
    network.block()
    network.publish()
    mirrors = [Elsewhere("old", old), Elsewhere("new", network)]

    done = await sync(bob, network, mirrors)

    assert [item.mirror for item in done.chain.attempts] == ["old", "new"]
    assert done.chain.synced.certified.checkpoint.size == 3


async def test_a_body_that_one_mirror_lacks_comes_from_another(
    bob: Phone, network: NetworkInMemory
) -> None:
    network.block()
    network.publish()
    poor = network.fork()
    for path in [path for path in poor.published if "/body/" in path]:
        poor.drop(path)

    done = await sync(
        bob, network, [Elsewhere("poor", poor), Elsewhere("rich", network)]
    )

    assert (done.chain.synced.bodies, done.chain.synced.missing) == (1, ())
    assert done.keys == 20


async def test_when_no_mirror_serves_the_first_ones_error_is_told(
    bob: Phone, network: NetworkInMemory
) -> None:
    network.publish()

    with pytest.raises(CosignalError, match="excuses"):
        await sync(bob, network, [Absent("nobody", network), lying(network)])


async def test_a_second_history_is_kept_as_evidence_and_the_sync_goes_on(
    bob: Phone, network: NetworkInMemory
) -> None:
    network.block()
    network.publish()
    await sync(bob, network)
    fork = network.fork()
    fork.entries[-1] = b""
    fork.entries.pop()
    fork.block(sample_keys(20, "another story"))
    fork.publish()
    mirrors = [Elsewhere("fork", fork), Elsewhere("honest", network)]

    done = await sync(bob, network, mirrors)

    assert len(done.chain.evidence) == 1
    assert done.chain.attempts[-1].error is None


async def test_no_mirror_is_a_mistake_of_the_app(
    bob: Phone, network: NetworkInMemory
) -> None:
    with pytest.raises(UsageError, match="mirrors: expected one or more"):
        await sync(bob, network, [])


# Clocks, crashes, deletion -----------------------------------------------------


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
from tests.client.phone.people import phone, sync
from tests.client.phone.test_phone import published_meeting

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


async def test_infectiousness_decides_whether_a_meeting_counts(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    meet(alice, bob, THREE_DAYS_AGO)
    network.block(
        [replace(key, infectiousness=Infectiousness.NONE) for key in keys_of(alice)]
    )
    network.publish()

    assert (await sync(bob, network)).news.raised == ()
