import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.protocol.errors import MalformedError, UsageError
from cosignal.protocol.identifiers import dp3t
from cosignal.protocol.identifiers.dp3t import DayKey
from tests.protocol import naive_schemes as naive
from tests.protocol.sample_log import parses_or_is_malformed
from tests.vectors import generate_schemes as generate

VECTORS = generate.VECTORS
KEYS = st.binary(min_size=32, max_size=32)
DAY = 20_416
RELEASE = (DAY + 1) * 86_400


def vectors(name: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads(VECTORS.read_bytes())[name]


def test_the_stored_vectors_are_what_this_version_writes() -> None:
    assert VECTORS.read_text() == generate.encoded()


def test_a_second_implementation_finds_the_stored_low_cost_days() -> None:
    key = bytes.fromhex(vectors("dp3t_low_cost")[0]["key"])

    for day in vectors("dp3t_low_cost"):
        identifiers, following = naive.Machine().low_cost_day(key)
        joined = b"".join(identifiers)

        assert day["key"] == key.hex()
        assert day["first"] == identifiers[0].hex()
        assert day["last"] == identifiers[95].hex()
        assert day["identifiers_sha256"] == hashlib.sha256(joined).hexdigest()
        key = following


def test_a_second_implementation_finds_the_stored_unlinkable_epochs() -> None:
    stored, machine = vectors("dp3t_unlinkable"), naive.Machine()
    seeds = map(bytes.fromhex, stored["seeds"])
    identifiers = [naive.seed_identifier(seed) for seed in seeds]
    observed = [
        machine.hashed_observation(identifier, stored["first_epoch"] + number)
        for number, identifier in enumerate(identifiers)
    ]

    assert stored["identifiers"] == [item.hex() for item in identifiers]
    assert stored["hashed_observations"] == [item.hex() for item in observed]
    for data in map(bytes.fromhex, stored["filters"]):
        assert all(machine.filter_holds(data, item) for item in observed)
        rows = [naive.slots(data, bucket) for bucket in range(naive.shape(data)[1])]
        assert sum(slot > 0 for row in rows for slot in row) == len(observed)


@given(KEYS)
def test_a_day_has_96_different_identifiers(key: bytes) -> None:
    joined = dp3t.day_identifiers(key)

    assert len({joined[i : i + 16] for i in range(0, len(joined), 16)}) == 96
    assert len(joined) == 96 * 16


def test_what_is_heard_in_another_epoch_is_something_else() -> None:
    heard = dp3t.seed_identifier(bytes(32))
    seen = {dp3t.hashed_observation(heard, epoch) for epoch in range(100)}

    assert len(seen) == 100


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_keys_of_another_length_are_refused_without_showing_them(size: int) -> None:
    expected = f"expected 32 bytes, got {size}"

    with pytest.raises(UsageError, match=f"^key: {expected}$"):
        dp3t.next_day_key(bytes(size))
    with pytest.raises(UsageError, match=f"^key: {expected}$"):
        dp3t.day_identifiers(bytes(size))
    with pytest.raises(UsageError, match=f"^seed: {expected}$"):
        dp3t.seed_identifier(bytes(size))
    with pytest.raises(UsageError, match=f"^key: {expected}$"):
        dp3t.publish_day_keys([DayKey(bytes(size), DAY)], RELEASE)


def test_observations_out_of_range_are_refused() -> None:
    with pytest.raises(UsageError, match="identifier: expected 16 bytes, got 15"):
        dp3t.hashed_observation(bytes(15), 0)
    for epoch in (-1, 2**32):
        with pytest.raises(UsageError, match="epoch: expected 0 to"):
            dp3t.hashed_observation(bytes(16), epoch)


def test_a_key_does_not_show_itself() -> None:
    assert "data" not in repr(DayKey(b"secret" * 6, DAY))


@given(st.sets(st.tuples(KEYS, st.integers(DAY - 20, DAY)), max_size=20))
def test_published_keys_come_back_sorted(rows: set[tuple[bytes, int]]) -> None:
    keys = [DayKey(*row) for row in rows]
    data = dp3t.publish_day_keys(keys, RELEASE).encode()

    read = dp3t.parse_day_keys(data)

    assert list(read.keys) == sorted(keys)
    assert read.release == RELEASE
    assert data == read.encode()
    assert len(data) == 4 + 36 * len(keys)


def test_a_key_gives_each_day_up_to_the_release() -> None:
    key = bytes(range(32))
    batch = dp3t.publish_day_keys([DayKey(key, DAY - 1)], RELEASE - 7200)

    days = list(batch.identifiers())

    following = dp3t.day_identifiers(dp3t.next_day_key(key))
    assert days == [(0, DAY - 1, dp3t.day_identifiers(key)), (0, DAY, following)]


@pytest.mark.parametrize("day", [DAY - 21, DAY + 1, 0])
def test_a_key_of_too_many_days_or_of_tomorrow_is_refused(day: int) -> None:
    row = bytes(32) + day.to_bytes(4, "big")
    message = f"key 0: day: expected one of the 21 days up to {DAY}, got {day}"

    with pytest.raises(UsageError, match=message):
        dp3t.publish_day_keys([DayKey(bytes(32), day)], RELEASE)
    with pytest.raises(MalformedError, match=message):
        dp3t.parse_day_keys(RELEASE.to_bytes(4, "big") + row)


@pytest.mark.parametrize("release", [0, RELEASE + 1, -7200, 2**32])
def test_a_release_out_of_range_is_refused(release: int) -> None:
    with pytest.raises(UsageError, match="release: expected a positive multiple"):
        dp3t.publish_day_keys([], release)


def test_a_key_twice_is_refused() -> None:
    key = DayKey(bytes(32), DAY)
    data = dp3t.publish_day_keys([key], RELEASE).encode()

    with pytest.raises(UsageError, match="keys: expected each key once"):
        dp3t.publish_day_keys([key, key], RELEASE)
    with pytest.raises(MalformedError, match="strictly ascending keys"):
        dp3t.parse_day_keys(data + data[4:])


@given(st.binary(max_size=120))
def test_random_bytes_are_malformed_or_read_back_as_they_are(data: bytes) -> None:
    found = parses_or_is_malformed(dp3t.parse_day_keys, data)

    assert found is None or data == found.encode()


@given(st.binary(max_size=80))
def test_random_rows_are_malformed_or_read_back_as_they_are(rows: bytes) -> None:
    data = RELEASE.to_bytes(4, "big") + rows
    found = parses_or_is_malformed(dp3t.parse_day_keys, data)

    assert found is None or data == found.encode()
