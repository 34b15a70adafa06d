import hashlib
import math
from collections.abc import Iterator
from itertools import count, islice
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosignal.protocol.errors import MalformedError, UsageError
from cosignal.protocol.identifiers import cuckoo
from cosignal.protocol.identifiers.cuckoo import (
    CuckooFilter,
    build_filter,
    parse_filter,
)
from tests.protocol import naive_schemes as naive
from tests.protocol.sample_log import flipped, parses_or_is_malformed

SALTS = st.binary(min_size=16, max_size=16)
BITS = st.integers(8, 56)
SALT = bytes(range(16))


def items(number: int, name: str = "item") -> list[bytes]:
    return [hashlib.sha256(f"{name} {i}".encode()).digest() for i in range(number)]


def load(found: CuckooFilter) -> float:
    return found.count / found.table.size


@settings(max_examples=200)
@given(st.sets(st.binary(max_size=40), max_size=300), SALTS, BITS)
def test_no_member_is_ever_missed(members: set[bytes], salt: bytes, bits: int) -> None:
    data = build_filter(members, salt, bits).encode()
    read = parse_filter(data)

    assert read.contains(list(members)).all()
    assert read.count == len(members)
    assert data == read.encode()


@pytest.mark.parametrize("number", [45_600, 62_259, 31_001])
def test_at_95_percent_load_no_member_of_tens_of_thousands_is_missed(
    number: int,
) -> None:
    # The first gives 12,000 buckets, the second a power of two, the third an odd one.
    members = items(number)

    found = build_filter(members, SALT)

    assert found.contains(members).all()
    assert found.count == number
    assert load(found) > 0.9498


@pytest.mark.parametrize("bits", [8, 10, 13])
def test_false_positives_are_as_rare_as_the_formula_says(bits: int) -> None:
    found = build_filter(items(20_000), SALT, bits)
    strangers = items(150_000, "stranger")

    rate = found.contains(strangers).mean()

    expected = found.false_positive_rate
    deviation = math.sqrt(expected / len(strangers))
    assert expected == pytest.approx(8 * load(found) / 2**bits, rel=0.02)
    assert abs(rate - expected) < 4 * deviation


def test_an_empty_filter_holds_nothing() -> None:
    found = parse_filter(build_filter([], SALT).encode())

    assert not found.contains(items(1_000)).any()
    assert found.false_positive_rate == 0
    assert found.contains([]).tolist() == []


@settings(max_examples=50)
@given(st.lists(st.binary(max_size=3), max_size=60), st.randoms())
def test_the_file_depends_on_the_set_alone(
    members: list[bytes], random: Random
) -> None:
    mixed = members + members[:7]
    random.shuffle(mixed)

    assert build_filter(members, SALT).encode() == build_filter(mixed, SALT).encode()


@settings(max_examples=50)
@given(st.sets(st.binary(max_size=8), max_size=30), SALTS, BITS)
def test_a_second_implementation_reads_the_same_answers(
    members: set[bytes], salt: bytes, bits: int
) -> None:
    found = build_filter(members, salt, bits)
    data, asked = found.encode(), [*members, *items(20)]

    expected = [naive.Machine().filter_holds(data, item) for item in asked]

    assert expected == found.contains(asked).tolist()


def test_where_a_place_is_missing_the_table_grows_and_nothing_is_dropped() -> None:
    # Nine items that share two of three buckets: eight slots.
    crowd = list(islice(filter(tight, names()), 9))

    found = build_filter(crowd, SALT)

    assert len(found.table) > 3
    assert found.contains(crowd).all()


def names() -> Iterator[bytes]:
    return (f"crowd {number}".encode() for number in count())


def tight(item: bytes) -> bool:
    places = cuckoo._places([hashlib.sha256(SALT + item).digest()], 45, 3)
    first, total = int(places.first[0]), int(places.sums[0])
    return {first, (total - first) % 3} <= {0, 1}


def test_more_items_than_fit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuckoo, "MAX_BUCKETS", 10)

    assert build_filter(items(38), SALT).count <= 40
    with pytest.raises(UsageError, match="items: expected to fit into 10 buckets"):
        build_filter(items(41), SALT)


@pytest.mark.parametrize("size", [0, 15, 17])
def test_a_salt_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(UsageError, match=f"salt: expected 16 bytes, got {size}"):
        build_filter([], bytes(size))


@pytest.mark.parametrize("bits", [0, 7, 57, 64])
def test_fingerprints_out_of_range_are_refused(bits: int) -> None:
    data = build_filter([], SALT).encode()

    with pytest.raises(UsageError, match="fingerprint_bits: expected 8 to 56"):
        build_filter([], SALT, bits)
    with pytest.raises(MalformedError, match="fingerprint_bits: expected 8 to 56"):
        parse_filter(bytes([bits]) + data[1:])


@pytest.mark.parametrize("buckets", [0, 2**24 + 1, 2**32 - 1])
def test_a_number_of_buckets_out_of_range_is_refused(buckets: int) -> None:
    data = build_filter([], SALT).encode()

    with pytest.raises(MalformedError, match="buckets: expected 1 to"):
        parse_filter(data[:1] + buckets.to_bytes(4, "big") + data[5:])


@pytest.mark.parametrize("change", [b"", b"\0"])
def test_missing_or_additional_bytes_are_refused(change: bytes) -> None:
    data = build_filter(items(50), SALT).encode()

    with pytest.raises(MalformedError, match=f"expected {len(data)} bytes"):
        parse_filter(data + change if change else data[:-1])
    with pytest.raises(MalformedError, match="expected a header of 21 bytes, got 20"):
        parse_filter(data[:20])


def test_a_bucket_out_of_order_is_refused() -> None:
    data = build_filter(items(4), SALT, 8).encode()
    header, rows = data[:21], data[21:]
    row = rows[:4]
    assert row[0] < row[3]

    with pytest.raises(MalformedError, match="ascending fingerprints"):
        parse_filter(header + row[::-1] + rows[4:])


def test_bits_after_the_last_fingerprint_must_be_zero() -> None:
    data = build_filter(items(2), SALT, 13).encode()  # 52 bits, 4 left over

    parse_filter(data)
    for bit in range(4):
        with pytest.raises(MalformedError, match="expected zero bits"):
            parse_filter(data[:-1] + bytes([data[-1] | 1 << bit]))


@given(st.binary(max_size=120))
def test_random_bytes_are_malformed_or_read_back_as_they_are(data: bytes) -> None:
    found = parses_or_is_malformed(parse_filter, data)

    assert found is None or data == found.encode()


@given(st.integers(0, 8 * 60 - 1), st.sampled_from([8, 13, 45]))
def test_a_flipped_bit_is_malformed_or_read_back_as_it_is(bit: int, bits: int) -> None:
    data = build_filter(items(25), SALT, bits).encode()
    changed = flipped(data, bit % (8 * len(data)))

    found = parses_or_is_malformed(parse_filter, changed)

    assert found is None or changed == found.encode()
