"""Records on their way to a quorum."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.protocol.errors import (
    MalformedError,
    RefusedError,
    SignatureInvalidError,
)
from cosignal.protocol.exposure.configuration import ExposureConfiguration
from cosignal.protocol.records import (
    ConfigurationRecord,
    Record,
    RevocationRecord,
    SealRecord,
    parse_record,
    verify_record,
)
from cosignal.server.record_files import (
    RecordFile,
    draft_of,
    merge,
    parse_record_file,
    replace_file,
    sign,
)
from tests.protocol.sample_chain import NETWORK, SampleChain, signer
from tests.protocol.sample_log import parses_or_is_malformed

SAMPLE = SampleChain()
CONFIGURATION = ConfigurationRecord(NETWORK, 1, ExposureConfiguration())
RECORDS: list[Record] = [
    CONFIGURATION,
    SAMPLE.policy_record(2),
    RevocationRecord(NETWORK, "authority-1", bytes(32), "faulty-test"),
    SealRecord(NETWORK, "1"),
]


def signed_by(file: RecordFile, *numbers: int) -> RecordFile:
    for number in numbers:
        file = sign(file, SAMPLE.names[number], SAMPLE.issuers[number], SAMPLE.policy)
    return file


@pytest.mark.parametrize("record", RECORDS, ids=lambda item: type(item).__name__)
def test_a_record_is_the_same_file_with_and_without_signatures(record: Record) -> None:
    draft = draft_of(record)
    signed = signed_by(draft, 0)

    assert draft == parse_record_file(draft.encode())
    assert signed == parse_record_file(signed.encode())
    assert draft.encode() == record.text().encode()
    assert parse_record(signed.encode()).record == record


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_what_is_no_record_is_malformed(data: bytes) -> None:
    assert parses_or_is_malformed(parse_record_file, data) is None
    tagged = b"cosignal/configuration/v1\n" + data
    assert parses_or_is_malformed(parse_record_file, tagged) is None


def test_a_quorum_signs_one_after_the_other() -> None:
    file = draft_of(CONFIGURATION)
    for number in (2, 0, 3):
        file = parse_record_file(signed_by(file, number).encode())

    assert file.signers == [SAMPLE.issuers[number].name for number in (2, 0, 3)]
    assert verify_record(parse_record(file.encode()), SAMPLE.policy) == CONFIGURATION


def test_signing_again_changes_nothing() -> None:
    once = signed_by(draft_of(CONFIGURATION), 1)

    assert once == signed_by(once, 1)


def test_copies_signed_apart_are_merged() -> None:
    copies = [
        signed_by(draft_of(CONFIGURATION), *who) for who in ((0, 1), (1, 2), (3,))
    ]

    merged = merge(copies)

    assert merged == signed_by(draft_of(CONFIGURATION), 0, 1, 2, 3)
    assert merged == merge([merged])
    assert verify_record(parse_record(merged.encode()), SAMPLE.policy) == CONFIGURATION


def test_copies_of_different_records_are_not_merged() -> None:
    other = replace(CONFIGURATION, version=2)

    with pytest.raises(RefusedError, match="file 2: expected the same record"):
        merge([signed_by(draft_of(CONFIGURATION), 0), signed_by(draft_of(other), 1)])


def test_two_different_signatures_by_one_key_are_not_merged() -> None:
    good = signed_by(draft_of(CONFIGURATION), 0)
    (line,) = good.note.signatures
    bad = replace(line, signature=bytes(64))
    damaged = replace(good, note=replace(good.note, signatures=(bad,)))

    with pytest.raises(RefusedError, match="file 2: expected one signature by"):
        merge([good, damaged])


def test_a_damaged_signature_is_found_before_another_is_added() -> None:
    good = signed_by(draft_of(CONFIGURATION), 0)
    (line,) = good.note.signatures
    bad = replace(line, signature=bytes(64))
    damaged = replace(good, note=replace(good.note, signatures=(bad,)))

    with pytest.raises(SignatureInvalidError, match="authority-1"):
        signed_by(damaged, 1)


def test_only_what_an_authority_may_say_is_signed() -> None:
    block, _ = SAMPLE.block()
    elsewhere = replace(CONFIGURATION, network="other.example")
    cases = [
        (draft_of(elsewhere), 0, "network sample.example, got other.example"),
        (parse_record_file(block), 1, "got a block"),
        (draft_of(RECORDS[2]), 1, "expected this node's authority authority-2"),
    ]
    for file, number, problem in cases:
        with pytest.raises(RefusedError, match=problem) as caught:
            signed_by(file, number)
        assert caught.value.advice


def test_a_key_that_the_policy_does_not_name_signs_nothing() -> None:
    stranger = signer("stranger.example/issuer", 1)
    cases = [("authority-1", stranger), ("authority-9", SAMPLE.issuers[0])]

    for name, key in cases:
        with pytest.raises(RefusedError, match=r"keys\.issuer"):
            sign(draft_of(CONFIGURATION), name, key, SAMPLE.policy)


def test_a_member_to_be_signs_the_policy_that_takes_it_in() -> None:
    larger = SampleChain(members=7)
    file = draft_of(larger.policy_record(2))
    for number in range(2, 7):
        name, key = larger.names[number], larger.issuers[number]
        file = sign(file, name, key, SAMPLE.policy)
    file = sign(file, larger.names[0], larger.issuers[0], SAMPLE.policy)

    signed = parse_record(file.encode())
    assert file.record == verify_record(signed, SAMPLE.policy)


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "record"
    path.write_bytes(b"old")

    replace_file(path, b"new")

    assert {item.name: item.read_bytes() for item in tmp_path.iterdir()} == {
        "record": b"new"
    }


@pytest.mark.parametrize("data", [b"\xff\xfe", b"x" * 60_001])
def test_a_file_of_another_form_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_record_file(data)
