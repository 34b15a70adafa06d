from dataclasses import replace
from pathlib import Path

import pytest

from cosignal.client.configurations import verify_configuration
from cosignal.client.phone.phone import Phone
from cosignal.client.phone.sighting_log import Heard
from cosignal.client.store import DamagedError
from cosignal.client.verify import check_proof
from cosignal.protocol.diagnosis_keys import Infectiousness, ReportType
from cosignal.protocol.exposure.configuration import ExposureConfiguration
from cosignal.protocol.exposure.metadata import Metadata
from cosignal.protocol.records import BlockRecord
from tests.client.phone.people import (
    NEAR_RSSI,
    THREE_DAYS_AGO,
    keys_of,
    meet,
    phone,
    sync,
    warn,
)
from tests.network_in_memory import NetworkInMemory
from tests.strategies import NOW

DAY = THREE_DAYS_AGO // 86400


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
    await warn(alice, bob, network)

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
        carol.mark_told(carol.news())
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
    bob.mark_told(bob.news())
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
    bob.mark_told(bob.news())
    network.block([replace(key, report_type=ReportType.REVOKED)])
    network.publish()

    news = (await sync(bob, network)).news

    assert [alert.day for alert in news.withdrawn] == [DAY]


async def test_stricter_rules_take_no_alert_back(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    await warn(alice, bob, network)
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


async def test_infectiousness_decides_whether_a_meeting_counts(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    meet(alice, bob, THREE_DAYS_AGO)
    network.block(
        [replace(key, infectiousness=Infectiousness.NONE) for key in keys_of(alice)]
    )
    network.publish()

    assert (await sync(bob, network)).news.raised == ()


async def test_a_phone_that_heard_itself_met_nobody(
    alice: Phone, network: NetworkInMemory
) -> None:
    meet(alice, alice, THREE_DAYS_AGO)
    network.block(keys_of(alice))
    network.publish()

    assert (await sync(alice, network)).news.raised == ()
    assert alice.exposure_windows(network.now) == ()


async def test_the_block_of_an_alert_can_be_proved_as_well(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    await warn(alice, bob, network)
    (place,) = bob.alerts()[0].ground.blocks

    proof = bob.prove_entry(place.shard, place.index)

    proven = check_proof(proof.proof, proof.entry, bob.trust)
    assert isinstance(proven.record, BlockRecord)
    assert proven.record.commit == place.commit


async def test_no_proof_is_made_of_a_damaged_download(
    bob: Phone, network: NetworkInMemory
) -> None:
    network.block()
    network.publish()
    await sync(bob, network)
    (path,) = [path for path in bob._store.folder.files() if "entries" in path]
    data = bob._store.folder.read(path) or b""
    bob._store.folder.put(path, data.replace(b"class", b"clasp", 1))
    assert data != bob._store.folder.read(path)

    with pytest.raises(DamagedError) as caught:
        bob.prove_entry("1", 1)

    assert "Phone.start_over" in caught.value.advice
