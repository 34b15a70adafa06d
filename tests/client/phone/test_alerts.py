"""What becomes of an alert once it was raised."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from cosignal.client.configurations import configurations
from cosignal.client.phone import alerts, heard_keys
from cosignal.client.phone.assessment import Assessment, assess
from cosignal.client.phone.phone import Phone
from cosignal.protocol.diagnosis_keys import DiagnosisKey, ReportType
from cosignal.protocol.exposure.configuration import ExposureConfiguration
from tests.client.phone.people import THREE_DAYS_AGO, keys_of, meet, phone, sync, warn
from tests.network_in_memory import NetworkInMemory

DAY = THREE_DAYS_AGO // 86400
#: By the one everything counts but what a test confirmed, by the other that alone.
ALL_BUT_TESTS = ExposureConfiguration(report_type_weights=(0, 0, 100, 100, 0, 0))
TESTS = ExposureConfiguration(report_type_weights=(0, 100, 0, 0, 0, 0))


def reported(keys: Sequence[DiagnosisKey], how: ReportType) -> list[DiagnosisKey]:
    return [replace(key, report_type=how) for key in keys]


async def test_that_a_day_is_long_ago_takes_no_alert_back(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    network.configure(ExposureConfiguration(days_since_exposure=7))
    await warn(alice, bob, network)
    network.now += 5 * 86400
    network.publish()
    await sync(bob, network)

    (alert,) = bob.alerts()

    assert alert.withdrawn is None


async def test_a_day_beyond_the_limit_raises_nothing(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    network.configure(ExposureConfiguration(days_since_exposure=2))
    meet(alice, bob, THREE_DAYS_AGO)
    network.block(keys_of(alice))
    network.publish()

    assert (await sync(bob, network)).news.raised == ()


async def test_what_came_after_the_news_was_shown_is_still_news(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    meet(alice, bob, THREE_DAYS_AGO)
    shown = bob.news()
    network.block(keys_of(alice))
    network.publish()
    await sync(bob, network)

    bob.mark_told(shown)

    assert [alert.day for alert in bob.news().raised] == [DAY]


async def test_an_alert_withdrawn_while_it_is_shown_is_told_to_be(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    meet(alice, bob, THREE_DAYS_AGO)
    block = network.block(keys_of(alice))
    network.publish()
    shown = (await sync(bob, network)).news
    network.revoke(block)
    network.publish()
    await sync(bob, network)

    bob.mark_told(shown)
    withdrawn = bob.news()
    bob.mark_told(withdrawn)

    assert [alert.day for alert in withdrawn.withdrawn] == [DAY]
    assert bob.news() == alerts.News((), ())


async def test_an_alert_that_the_new_rule_raises_as_well_is_not_withdrawn(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    meet(alice, bob, THREE_DAYS_AGO)
    network.configure(ALL_BUT_TESTS)
    network.block(reported(keys_of(alice), ReportType.SELF_REPORT))
    network.publish()
    bob.mark_told((await sync(bob, network)).news)
    network.configure(TESTS)
    network.block(keys_of(alice))
    network.publish()
    news = (await sync(bob, network)).news

    (alert,) = bob.alerts()

    assert (news.raised, news.withdrawn) == ((), ())
    assert (alert.withdrawn, alert.ground.configuration) == (None, 3)
    assert alert.ground.report_types == (ReportType.CONFIRMED_TEST,)


async def test_a_ground_names_the_block_that_is_left(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    meet(alice, bob, THREE_DAYS_AGO)
    first = network.block(keys_of(alice), issuer=2)
    network.block(keys_of(alice), issuer=3)
    network.publish()
    bob.mark_told((await sync(bob, network)).news)
    network.revoke(first, issuer=2)
    network.publish()
    news = (await sync(bob, network)).news

    (alert,) = bob.alerts()

    assert [place.issuer for place in alert.ground.blocks] == ["authority-3"]
    assert (news.raised, news.withdrawn) == ((), ())


async def test_what_adds_to_a_day_is_told_by_its_alert_and_is_no_news(
    alice: Phone, bob: Phone, network: NetworkInMemory, tmp_path: Path
) -> None:
    meet(alice, bob, THREE_DAYS_AGO)
    network.block(keys_of(alice))
    with phone(tmp_path, network, "carol") as carol:
        meet(carol, bob, THREE_DAYS_AGO + 7200)
        later = keys_of(carol)
    network.publish()
    bob.mark_told((await sync(bob, network)).news)
    (before,) = bob.alerts()
    network.now += 3600
    network.block(later, issuer=3)
    network.publish()
    news = (await sync(bob, network)).news

    (alert,) = bob.alerts()

    assert news.raised == ()
    assert (alert.raised, alert.ground.score) == (before.raised, 2 * 1920)
    assert len(alert.ground.blocks) == 2


async def test_a_phone_that_stays_offline_forgets_its_alerts(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    await warn(alice, bob, network)
    kept = []
    for days in range(14):
        bob.tidy(network.now + days * 86400)
        kept.append(len(bob.alerts()))

    assert kept == [1] * 13 + [0]


@pytest.mark.parametrize("damage", [b"{}", b"\xff", b'{"day": 1}'])
async def test_a_damaged_alert_is_left_out_and_raised_again(
    alice: Phone, bob: Phone, network: NetworkInMemory, damage: bytes
) -> None:
    await warn(alice, bob, network)
    with bob._database.write() as connection:
        connection.execute("UPDATE alerts SET facts = ?", (damage,))

    assert bob.alerts() == []
    assert len((await sync(bob, network)).news.raised) == 1


async def test_everything_is_weighed_once_for_each_configuration(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    for day in range(5):
        meet(alice, bob, THREE_DAYS_AGO - day * 86400)
    network.block(keys_of(alice))
    network.publish()
    await sync(bob, network)
    network.configure()
    network.publish()
    await sync(bob, network)
    weighed: list[ExposureConfiguration] = []

    def weigh(by: ExposureConfiguration) -> Assessment:
        weighed.append(by)
        heard = heard_keys.heard_keys(bob._database, bob._store)
        return assess(heard, lambda _: False, by, network.now)

    alerts.update_alerts(
        bob._database,
        configurations(bob._store.state),
        weigh,
        lambda _: True,
        network.now,
    )

    assert len(bob.alerts()) == 5
    assert len(weighed) == 2
