"""What a phone keeps of the published keys that it heard, and for how long."""

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

from cosignal.client.phone.heard_keys import MAX_OCCURRENCES, Finding, keep
from cosignal.client.phone.phone import Phone
from cosignal.protocol.diagnosis_keys import DiagnosisKey, ReportType
from cosignal.protocol.matching import Hit, KeyColumns, Sightings, match
from tests.client.phone.people import THREE_DAYS_AGO, keys_of, meet, sync, warn
from tests.client.phone.test_alerts import reported
from tests.network_in_memory import NetworkInMemory
from tests.strategies import NOW, counted_entropy


def rows(who: Phone, table: str) -> int:
    count: int = who._database.read(f"SELECT count(*) FROM {table}")[0][0]  # noqa: S608
    return count


async def days_later(who: Phone, network: NetworkInMemory, days: int) -> None:
    for _ in range(days):
        network.now += 86400
        network.publish()
        await sync(who, network)


async def test_a_revoked_key_stays_revoked_when_its_blocks_have_expired(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    meet(alice, bob, THREE_DAYS_AGO)
    keys, soon = keys_of(alice), network.now + 3 * 86400
    network.block(reported(keys, ReportType.SELF_REPORT), issuer=2, expires=soon)
    network.block(reported(keys, ReportType.REVOKED), issuer=2, expires=soon)
    network.block(keys, issuer=3)
    network.publish()
    await sync(bob, network)

    await days_later(bob, network, 4)

    assert len(bob.blocks) == 1
    assert bob.alerts() == []


async def test_a_copy_that_comes_later_does_not_revive_a_revoked_key(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    meet(alice, bob, THREE_DAYS_AGO)
    keys, soon = keys_of(alice), network.now + 86400
    network.block(reported(keys, ReportType.SELF_REPORT), issuer=2, expires=soon)
    network.block(reported(keys, ReportType.REVOKED), issuer=2, expires=soon)
    network.publish()
    await sync(bob, network)
    await days_later(bob, network, 2)
    network.block(keys, issuer=3)

    await days_later(bob, network, 1)

    assert bob.alerts() == []


async def test_an_expired_key_is_gone_though_its_hash_stays(
    alice: Phone, bob: Phone, network: NetworkInMemory, tmp_path: Path
) -> None:
    meet(alice, bob, THREE_DAYS_AGO)
    (key, *_) = keys_of(alice)
    network.block([key], expires=network.now + 86400)
    network.publish()
    await sync(bob, network)
    assert bob._database.read("SELECT tek FROM heard_keys") == [(key.data,)]

    await days_later(bob, network, 2)

    assert bob._database.read("SELECT tek FROM heard_keys") == [(None,)]
    bob.close()
    assert key.data not in (tmp_path / "bob").read_bytes()


async def test_of_a_key_nothing_is_left_when_its_sightings_are_erased(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    await warn(alice, bob, network)
    tables = ("heard_keys", "occurrences", "key_sightings")
    assert all(rows(bob, table) for table in tables)

    await days_later(bob, network, 13)

    assert [rows(bob, table) for table in tables] == [0, 0, 0]


def many(key: DiagnosisKey, count: int) -> list[DiagnosisKey]:
    """The same key with other starts."""
    return [replace(key, start=key.start - step, period=144) for step in range(count)]


async def test_a_key_published_over_and_over_is_kept_once(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    meet(alice, bob, THREE_DAYS_AGO)
    (key, *_) = keys_of(alice)
    for issuer in (2, 2, 3):
        network.block(many(key, 50), issuer=issuer)
    network.publish()
    await sync(bob, network)

    assert rows(bob, "heard_keys") == 1
    assert rows(bob, "occurrences") == 2 * MAX_OCCURRENCES
    assert rows(bob, "key_sightings") == 8


async def test_copies_of_another_authority_do_not_push_out_a_revision(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    meet(alice, bob, THREE_DAYS_AGO)
    (key, *_) = keys_of(alice)
    network.block(reported([key], ReportType.SELF_REPORT), issuer=2)
    network.block(many(key, 50), issuer=3)
    network.publish()
    await sync(bob, network)
    assert len(bob.alerts()) == 1
    network.block(reported([key], ReportType.REVOKED), issuer=2)
    network.publish()
    await sync(bob, network)

    assert bob.alerts()[0].withdrawn == network.now


async def test_sightings_erased_while_they_are_matched_are_left_out(
    alice: Phone, network: NetworkInMemory, tmp_path: Path
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(keys: KeyColumns, sightings: Sightings) -> list[Hit]:
        begun.set()
        go_on.wait(10)
        return match(keys, sightings)

    midnight = NOW // 86400 * 86400
    network.block(keys_of(alice))
    with Phone(
        tmp_path / "carol", network.pinned, entropy=counted_entropy(), matcher=slow
    ) as carol:
        meet(alice, carol, midnight - 13 * 86400 - 7200)
        network.block(keys_of(alice))
        network.now = midnight + 2 * 86400 - 600
        network.publish()
        task = asyncio.create_task(sync(carol, network))
        assert await asyncio.to_thread(begun.wait, 10)
        carol.tidy(network.now + 700)
        go_on.set()

        assert (await task).keys > 0
        assert (rows(carol, "sightings"), rows(carol, "heard_keys")) == (0, 0)


async def test_a_row_that_has_become_another_sighting_is_not_taken_for_it(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    meet(alice, bob, THREE_DAYS_AGO)
    network.block()
    network.publish()
    await sync(bob, network)
    ((row, identifier),) = bob._database.read(
        "SELECT id, identifier FROM sightings LIMIT 1"
    )
    (key, *_) = keys_of(alice)
    for heard, expected in ((bytes(16), 0), (identifier, 1)):
        with bob._database.write() as connection:
            keep(connection, bob.blocks[0], [Finding((key,), ((row, heard),))])

        assert rows(bob, "key_sightings") == expected


async def test_a_damaged_row_costs_no_other_key(
    alice: Phone, bob: Phone, network: NetworkInMemory
) -> None:
    for day in range(2):
        meet(alice, bob, THREE_DAYS_AGO - day * 86400)
    network.block(keys_of(alice))
    network.publish()
    await sync(bob, network)
    with bob._database.write() as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(
            "UPDATE occurrences SET report_type = 77 WHERE id ="
            " (SELECT min(id) FROM occurrences)"
        )

    assert len(bob.daily_summaries(network.now)) == 1
