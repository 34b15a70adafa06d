import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.protocol.bodies import (
    SALT_BYTES,
    commit,
    encode_body,
    parse_body,
)
from cosignal.protocol.diagnosis_keys import DiagnosisKey, Infectiousness, ReportType
from cosignal.protocol.errors import MalformedError, UsageError
from tests.protocol.reference_set import reference_set
from tests.strategies import diagnosis_keys, key_sets

SALT = bytes(range(32))
KEY = DiagnosisKey(
    bytes(16), 2_930_000, 144, ReportType.CONFIRMED_TEST, Infectiousness.HIGH
)


def naive_parse(data: bytes) -> list[DiagnosisKey]:
    """Read a body as the reference page says it, with no thought for speed."""
    rest = list(data[SALT_BYTES:])

    def varint() -> int:
        value = shift = 0
        while True:
            byte = rest.pop(0)
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    shapes, start = [], 0
    for _ in range(varint()):
        start += varint()
        kind = rest.pop(0)
        onset = None
        if kind & 32:
            onset = int.from_bytes([rest.pop(0)], signed=True)
        full, short = varint(), varint()
        periods = [144] * full + [rest.pop(0) for _ in range(short)]
        shapes += [(start, kind & 31, onset, period) for period in periods]
    column = bytes(rest)
    return [
        DiagnosisKey(
            column[16 * i : 16 * i + 16],
            start,
            period,
            ReportType(kind & 7),
            Infectiousness(kind >> 3),
            onset,
        )
        for i, (start, kind, onset, period) in enumerate(shapes)
    ]


@given(key_sets())
def test_what_is_encoded_can_be_read_back(keys: list[DiagnosisKey]) -> None:
    body = parse_body(encode_body(keys, SALT))

    assert sorted(keys) == sorted(body.diagnosis_keys())
    assert body.salt == SALT
    assert len(keys) == body.count


@given(key_sets(exact_onset=True))
def test_a_body_with_exact_onset_can_be_read_back(keys: list[DiagnosisKey]) -> None:
    body = parse_body(encode_body(keys, SALT))

    assert Counter(keys) == Counter(body.diagnosis_keys())


@given(key_sets())
def test_a_naive_reader_finds_the_same_keys(keys: list[DiagnosisKey]) -> None:
    data = encode_body(keys, SALT)

    assert naive_parse(data) == list(parse_body(data).diagnosis_keys())


@given(key_sets(), st.randoms(use_true_random=False))
def test_the_order_of_uploads_leaves_no_trace(
    keys: list[DiagnosisKey], shuffler: random.Random
) -> None:
    first = encode_body(keys, SALT)
    shuffler.shuffle(keys)

    assert first == encode_body(keys, SALT)


@given(key_sets(), st.data())
def test_any_flipped_bit_changes_the_commitment_and_what_is_read(
    keys: list[DiagnosisKey], data: st.DataObject
) -> None:
    body = bytearray(encode_body(keys, SALT))
    bit = data.draw(st.integers(0, len(body) * 8 - 1))
    good = commit(bytes(body))
    body[bit // 8] ^= 1 << bit % 8

    assert good != commit(bytes(body))
    try:
        read = parse_body(bytes(body))
    except MalformedError:
        return
    assert (SALT, sorted(keys)) != (read.salt, sorted(read.diagnosis_keys()))


@given(st.binary(max_size=300))
def test_random_bytes_are_refused_or_canonical(data: bytes) -> None:
    try:
        body = parse_body(data)
    except MalformedError:
        return

    assert data == encode_body(body.diagnosis_keys(), body.salt)


@given(st.binary(max_size=120))
def test_random_bytes_after_a_salt_are_refused_or_canonical(data: bytes) -> None:
    try:
        body = parse_body(SALT + data)
    except MalformedError:
        return

    assert SALT + data == encode_body(body.diagnosis_keys(), body.salt)


@given(st.lists(diagnosis_keys(), min_size=2, max_size=6, unique_by=lambda k: k.data))
def test_two_keys_swapped_in_one_run_are_refused(keys: list[DiagnosisKey]) -> None:
    same = [key.__class__(key.data, KEY.start, 144, *key_kind(KEY)) for key in keys]
    data = encode_body(same, SALT)
    swapped = data[:-32] + data[-16:] + data[-32:-16]

    with pytest.raises(MalformedError, match="ascending keys"):
        parse_body(swapped)


def key_kind(key: DiagnosisKey) -> tuple[ReportType, Infectiousness]:
    return key.report_type, key.infectiousness


def test_keys_that_differ_only_in_their_last_byte_are_kept_in_order() -> None:
    keys = [
        DiagnosisKey(bytes(15) + bytes([i]), KEY.start, 144, *key_kind(KEY))
        for i in range(5)
    ]

    assert keys == list(parse_body(encode_body(keys[::-1], SALT)).diagnosis_keys())


def test_the_same_key_twice_with_the_same_metadata_is_refused() -> None:
    with pytest.raises(UsageError, match="stands twice"):
        encode_body([KEY, KEY], SALT)


def test_a_salt_of_another_length_is_refused() -> None:
    with pytest.raises(UsageError, match="expected 32 bytes, got 31"):
        encode_body([KEY], SALT[:-1])


@pytest.mark.parametrize(
    ("table", "what"),
    [
        (b"\x81\x00", "shortest-form"),
        (b"\xff\xff\xff\xff\x7f", "shortest-form"),
        (b"\x01\x05\x09\x00\x00", "none empty"),
        (b"\x01\x05\x40\x01\x00" + bytes(16), "kind"),
        (b"\x01\x05\x19\x01\x00" + bytes(16), "kind"),
        (b"\x01\x05\x29\x10\x01\x00" + bytes(16), "onset"),
        (b"\x01\x05\x09\x00\x01\x90" + bytes(16), "1 to 143"),
        (b"\x01\x05\x09\x00\x01\x00" + bytes(16), "1 to 143"),
        (b"\x01\x05\x09\x00\x02\x05\x04" + bytes(32), "periods"),
        (b"\x02\x05\x09\x01\x00\x00\x09\x01\x00" + bytes(32), "ascending"),
        (b"\x01\x05\x09\x01\x00" + bytes(17), "nothing else"),
        (b"\x01\x05\x09\x01", "got the end"),
        (b"\x01\x05\x09\x00\x01", "got the end"),
        (b"\xff\xff\x7f", "groups"),
    ],
)
def test_what_is_not_canonical_is_refused(table: bytes, what: str) -> None:
    with pytest.raises(MalformedError, match=what):
        parse_body(SALT + table)


def test_the_key_column_is_read_in_place() -> None:
    data = encode_body([KEY], SALT)

    assert parse_body(data).keys.obj is data


def test_columns_say_start_and_period_of_each_key() -> None:
    keys = reference_set(500)
    body = parse_body(encode_body(keys, SALT))
    columns = body.columns()

    listed = list(body.diagnosis_keys())
    assert [key.start for key in listed] == columns.starts.tolist()
    assert [key.period for key in listed] == columns.periods.tolist()
    assert np.int64 == columns.periods.dtype


def test_each_key_can_be_looked_up_by_its_place() -> None:
    body = parse_body(encode_body(reference_set(50), SALT))

    assert list(body.diagnosis_keys()) == [
        body.diagnosis_key(place) for place in range(50)
    ]
    with pytest.raises(UsageError, match="key 50 past the end"):
        body.diagnosis_key(50)


@pytest.mark.parametrize(
    ("count", "budget"), [(1_000, 16.8), (10_000, 16.3), (100_000, 16.2)]
)
def test_a_body_meets_its_budget_of_bytes_a_key(count: int, budget: float) -> None:
    data = encode_body(reference_set(count), SALT)

    assert len(data) / count <= budget
