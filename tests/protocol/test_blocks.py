from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.protocol.blocks import verify_body
from cosignal.protocol.bodies import commit
from cosignal.protocol.diagnosis_keys import DiagnosisKey
from cosignal.protocol.errors import BodyMismatchError, UsageError
from cosignal.protocol.records import BlockRecord, parse_record
from tests.protocol.reference_set import reference_set
from tests.protocol.sample_chain import SampleChain
from tests.strategies import DAY, NOW, TODAY

SAMPLE = SampleChain()


def sealed(keys: list[DiagnosisKey]) -> tuple[BlockRecord, bytes]:
    data, body = SAMPLE.block(keys)
    record = parse_record(data).record
    assert isinstance(record, BlockRecord)
    return record, body


KEYS = reference_set(20)
RECORD, BODY = sealed(KEYS)


def test_a_sealed_block_is_verified() -> None:
    body = verify_body(RECORD, BODY, SAMPLE.policy, NOW)

    assert sorted(KEYS) == sorted(body.diagnosis_keys())


@given(st.integers(0, len(BODY) * 8 - 1))
def test_any_flipped_bit_in_a_body_is_refused(bit: int) -> None:
    changed = bytearray(BODY)
    changed[bit // 8] ^= 1 << bit % 8

    with pytest.raises(BodyMismatchError, match="that the record commits to"):
        verify_body(RECORD, bytes(changed), SAMPLE.policy, NOW)


@pytest.mark.parametrize("name", ["keys", "body_bytes", "first_interval"])
def test_a_header_that_miscounts_is_refused(name: str) -> None:
    wrong = replace(RECORD, **{name: getattr(RECORD, name) + 1})

    with pytest.raises(BodyMismatchError, match=name.replace("_", " ")):
        verify_body(wrong, BODY, SAMPLE.policy, NOW)


def test_fewer_keys_than_the_policys_minimum_are_refused() -> None:
    record, body = sealed(KEYS[:9])

    with pytest.raises(BodyMismatchError, match="at least the policy's 10, got 9"):
        verify_body(record, body, SAMPLE.policy, NOW)


@pytest.mark.parametrize(
    ("start", "period"),
    [(TODAY - 16 * DAY, 144), (TODAY - 15 * DAY, 1), (TODAY, 144), (TODAY + DAY, 1)],
)
def test_a_key_outside_its_time_is_refused(start: int, period: int) -> None:
    late = replace(KEYS[0], start=start, period=period)
    record, body = sealed([*KEYS[1:], late])

    with pytest.raises(BodyMismatchError, match="key end"):
        verify_body(record, body, SAMPLE.policy, NOW)


def test_onset_is_published_only_where_the_policy_says_so() -> None:
    exact = SAMPLE.policy_record(1, onset="exact")
    record, body = sealed([replace(key, onset=-2) for key in KEYS])

    with pytest.raises(BodyMismatchError, match="without days since onset"):
        verify_body(record, body, SAMPLE.policy, NOW)
    with pytest.raises(BodyMismatchError, match="with days since onset"):
        verify_body(RECORD, BODY, exact, NOW)
    assert verify_body(record, body, exact, NOW).count == 20


def test_a_body_that_does_not_parse_is_refused_even_when_committed() -> None:
    junk = bytes(40)

    with pytest.raises(BodyMismatchError):
        verify_body(replace(RECORD, commit=commit(junk)), junk, SAMPLE.policy, NOW)


def test_an_empty_block_is_not_sealed() -> None:
    with pytest.raises(UsageError):
        SAMPLE.block([replace(KEYS[0], period=200)])
