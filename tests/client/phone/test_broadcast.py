from pathlib import Path
from statistics import mean

import pytest

from cosignal.client.phone import own_keys
from cosignal.client.phone.broadcast import (
    SCHEMA,
    Broadcast,
    current_broadcast,
    end_broadcast,
)
from cosignal.client.phone.database import Database
from cosignal.client.phone.own_keys import key_for
from cosignal.protocol.exposure.metadata import Metadata, parse_metadata
from cosignal.protocol.identifiers import (
    associated_encrypted_metadata_key,
    decrypt_metadata,
    rolling_proximity_identifiers,
)
from cosignal.protocol.intervals import interval_at, unix_at
from tests.strategies import NOW, TODAY, counted_entropy

METADATA = Metadata(tx_power=-15, calibration_confidence=3)
entropy = counted_entropy("broadcasts")


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "phone", [SCHEMA, own_keys.SCHEMA])


def on_air(database: Database, now: int) -> Broadcast:
    return current_broadcast(database, METADATA, now, entropy)


def test_what_is_on_air_is_the_identifier_of_the_interval(database: Database) -> None:
    found = on_air(database, NOW)

    key = key_for(database, interval_at(NOW), entropy)
    offset = interval_at(NOW) - key.start
    rpis = rolling_proximity_identifiers(key.tek, key.start, key.period)
    assert found.payload[:16] == rpis[16 * offset : 16 * offset + 16]
    aemk = associated_encrypted_metadata_key(key.tek)
    plain = decrypt_metadata(aemk, found.payload[:16], found.payload[16:])
    assert parse_metadata(plain) == METADATA


def test_an_identifier_stays_until_its_time_and_over_a_restart(tmp_path: Path) -> None:
    schemas = [SCHEMA, own_keys.SCHEMA]
    database = Database(tmp_path / "phone", schemas)
    first = on_air(database, NOW)
    assert first == on_air(database, first.until - 1)
    database.close()
    database = Database(tmp_path / "phone", schemas)

    assert first == on_air(database, first.until - 1)
    assert on_air(database, first.until).payload != first.payload


def test_times_on_air_are_drawn_between_10_and_20_minutes(database: Database) -> None:
    # 80 draws from 06:00 on, so that no key ends in between.
    now, lengths = unix_at(TODAY + 36), list[int]()
    while len(lengths) < 40:
        found = on_air(database, now)
        lengths.append(found.until - now)
        now = found.until

    assert 600 <= min(lengths) < 700
    assert 1100 < max(lengths) <= 1200
    # The mean of 40 draws has a standard deviation of 27 s; the seed is fixed.
    assert 800 < mean(lengths) < 1000


def test_no_identifier_outlasts_its_key(database: Database) -> None:
    midnight = unix_at(TODAY + 144)

    assert on_air(database, midnight - 60).until == midnight
    after = on_air(database, midnight)
    assert key_for(database, TODAY + 144, entropy).start == TODAY + 144
    assert after.until >= midnight + 600


def test_after_giving_out_the_broadcast_ends_with_its_interval(
    database: Database,
) -> None:
    on_air(database, NOW)
    own_keys.give_out(database, 0, NOW)
    end_broadcast(database, unix_at(interval_at(NOW) + 1))

    assert on_air(database, NOW).until == unix_at(interval_at(NOW) + 1)


def test_a_clock_that_is_set_back_gets_an_identifier_of_its_own_time(
    database: Database,
) -> None:
    late = on_air(database, NOW)
    early = on_air(database, NOW - 7200)

    assert early.payload != late.payload
    assert early.since == NOW - 7200
