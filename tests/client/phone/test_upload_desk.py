"""A whole phone and a real node: from a test result to somebody else's alert."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cosignal.client.phone.chaff import Conditions, Network
from cosignal.client.phone.phone import Phone
from cosignal.client.phone.receipts import Standing
from cosignal.client.phone.upload_jobs import State
from cosignal.client.traffic import Kind
from cosignal.protocol.diagnosis_keys import HOLD_SECONDS
from cosignal.protocol.errors import RefusedError, UsageError
from cosignal.protocol.exposure.metadata import Metadata
from tests.client.phone.lossy import STEPS, Lossy
from tests.client.phone.people import meet
from tests.client.phone.test_uploads import a_code, stored
from tests.server.desk import Desk
from tests.strategies import NOW, counted_entropy

AT_HOME = Conditions(battery=0.8, charging=False, network=Network.UNMETERED)
ON_THE_ROAD = Conditions(battery=0.05, charging=False, network=Network.METERED)
#: Meetings three days ago, at noon.
MET = NOW // 86400 * 86400 - 3 * 86400 + 43_200


@pytest.fixture
def alice(tmp_path: Path, desk: Desk) -> Iterator[Phone]:
    """Alice tests positive. Her phone pretends so rarely that it does not show."""
    path, pinned = tmp_path / "alice", desk.network.policy
    with Phone(
        path, pinned, entropy=counted_entropy("alice"), chaff_per_day=0.01
    ) as alice:
        alice.broadcast(Metadata(-15), NOW - 86400)
        yield alice


async def carry_on(
    who: Phone, desk: Desk, url: str, conditions: Conditions = AT_HOME
) -> int:
    clock = [NOW]

    async def sleep(seconds: float) -> None:
        clock[0] += int(seconds)

    async with who.uploads.client(
        url, api_key=desk.api_key("device"), health_authority=desk.authority
    ) as client:
        return await who.uploads.carry_on(
            client, lambda: clock[0], lambda: conditions, sleep=sleep
        )


async def test_from_a_meeting_to_an_alert_through_a_real_node(
    alice: Phone, desk: Desk, tmp_path: Path
) -> None:
    network = desk.network
    with Phone(tmp_path / "bob", network.policy, entropy=counted_entropy("b")) as bob:
        meet(alice, bob, MET)
        number = alice.uploads.begin(await a_code(desk), NOW)
        await carry_on(alice, desk, network.url(1))
        (job,) = alice.uploads.jobs()
        assert (job.id, job.state, job.inserted) == (number, State.DONE, 2)
        await network.ready(1)
        # Policy and configuration come before the block.
        await network.reach(2)
        assert await network.ledger(1).sealer.seal_now()
        await network.reach(3)

        async with bob.mirrors(network.url(1)) as sources:
            done = await bob.sync(sources, NOW)

        assert [alert.day for alert in done.news.raised] == [MET // 86400]
        assert bob.bandwidth()[0].amounts[Kind.BODIES].requests == 1
        # Alice finds her keys, and that the authority kept its word.
        async with alice.mirrors(network.url(1)) as sources:
            await alice.sync(sources, NOW)
        assert alice.standing(job, NOW) is Standing.PUBLISHED
    assert alice.bandwidth()[0].amounts[Kind.UPLOADS].requests == 3


async def test_todays_key_ends_with_the_upload_and_is_held_back(
    alice: Phone, desk: Desk
) -> None:
    before = alice.broadcast(Metadata(-15), NOW)
    alice.uploads.begin(await a_code(desk), NOW)
    after = alice.broadcast(Metadata(-15), NOW)
    await carry_on(alice, desk, desk.network.url(1))

    assert after.payload == before.payload
    assert after.until == (NOW // 600 + 1) * 600
    assert len(await stored(desk)) == 2
    # The node waits until nobody can replay what was just on air.
    assert after.until + HOLD_SECONDS > NOW


async def test_keys_of_a_refused_upload_go_up_with_the_next_code(
    alice: Phone, desk: Desk
) -> None:
    alice.uploads.begin("12345678", NOW)
    await carry_on(alice, desk, desk.network.url(1))
    (refused,) = alice.uploads.jobs()
    assert (refused.state, refused.error) == (State.REFUSED, "code_invalid")
    assert "Compare the code" in alice.uploads.advice(refused)

    alice.uploads.begin(await a_code(desk), NOW)
    await carry_on(alice, desk, desk.network.url(1))

    assert [job.state for job in alice.uploads.jobs()] == [State.REFUSED, State.DONE]
    assert len(await stored(desk)) == 1


async def test_published_keys_are_not_taken_for_another_upload(
    alice: Phone, desk: Desk
) -> None:
    number = alice.uploads.begin(await a_code(desk), NOW)
    await carry_on(alice, desk, desk.network.url(1))
    alice.uploads.forget(number)

    with pytest.raises(RefusedError, match="not published yet, got none"):
        alice.uploads.begin("12345678", NOW)

    assert alice.uploads.jobs() == []


async def test_an_upload_that_is_given_up_gives_its_keys_back(
    alice: Phone, desk: Desk
) -> None:
    alice.uploads.forget(alice.uploads.begin("12345678", NOW))

    assert alice.uploads.begin(await a_code(desk), NOW)


def test_a_code_that_cannot_be_one_takes_no_keys(alice: Phone) -> None:
    for code in (
        "",
        "12345",
        "l2 3-4",
        "1234567\N{ARABIC-INDIC DIGIT EIGHT}",
        "a" * 65,
    ):
        with pytest.raises(UsageError, match="code: expected"):
            alice.uploads.begin(code, NOW)

    assert alice.uploads.begin("12345678", NOW)


async def test_fake_uploads_wait_for_good_conditions_and_real_ones_do_not(
    desk: Desk, way: Lossy, tmp_path: Path
) -> None:
    with Phone(
        tmp_path / "often",
        desk.network.policy,
        entropy=counted_entropy("often"),
        chaff_per_day=24,
    ) as often:
        often.broadcast(Metadata(-15), NOW - 86400)
        # So many times pass that one of them is now.
        with often._database.write() as connection:
            connection.execute("INSERT INTO chaff VALUES (1, ?, ?)", (NOW - 2, NOW - 1))
        await carry_on(often, desk, way.url, ON_THE_ROAD)
        assert way.paths == []
        often.uploads.begin(await a_code(desk), NOW)
        await carry_on(often, desk, way.url, ON_THE_ROAD)
        assert way.paths == list(STEPS)

        again = await carry_on(often, desk, way.url, AT_HOME)

        assert way.paths == list(STEPS) * 2
        assert [fake for _, _, fake in way.seen] == [False] * 3 + [True] * 3
        assert again > NOW


async def test_an_upload_that_can_wait_takes_the_place_of_a_fake_one(
    desk: Desk, way: Lossy, tmp_path: Path
) -> None:
    with Phone(
        tmp_path / "often",
        desk.network.policy,
        entropy=counted_entropy("often"),
        chaff_per_day=24,
    ) as often:
        often.broadcast(Metadata(-15), NOW - 86400)
        code = await a_code(desk, "longCode")
        often.uploads.begin(code, NOW, wait_until=NOW + 20 * 3600)

        await carry_on(often, desk, way.url)

        (job,) = often.uploads.jobs()
        assert way.paths == []
        assert job.next_attempt > NOW


def test_uploads_that_ended_long_ago_are_forgotten(alice: Phone) -> None:
    number = alice.uploads.begin("12345678", NOW)
    with alice._database.write() as connection:
        connection.execute("UPDATE upload_jobs SET state = 'refused'")
    alice.uploads.tidy(NOW + 30 * 86400)
    assert [job.id for job in alice.uploads.jobs()] == [number]

    alice.uploads.tidy(NOW + 32 * 86400)

    assert alice.uploads.jobs() == []


def test_an_upload_under_way_is_named_as_the_reason(alice: Phone) -> None:
    alice.uploads.begin("12345678", NOW)

    with pytest.raises(RefusedError) as caught:
        alice.uploads.begin("12345679", NOW)

    assert "call carry_on" in caught.value.advice


def test_a_phone_without_fake_uploads_is_refused(tmp_path: Path, desk: Desk) -> None:
    with pytest.raises(UsageError, match="per_day"):
        Phone(
            tmp_path / "p",
            desk.network.policy,
            entropy=counted_entropy(),
            chaff_per_day=0,
        )
