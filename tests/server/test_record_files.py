"""Records on their way to a quorum."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.protocol.errors import MalformedError, RefusedError
from cosignal.protocol.exposure.configuration import ExposureConfiguration
from cosignal.protocol.keys import ALG_ED25519, SignerKey
from cosignal.protocol.notes import NoteSignature, sign_note
from cosignal.protocol.records import (
    MAX_RECORD,
    ConfigurationRecord,
    GenesisRecord,
    Record,
    RevocationRecord,
    SealRecord,
    parse_record,
    verify_record,
)
from cosignal.server.in_force import InForce
from cosignal.server.record_files import (
    RecordFile,
    check_may_sign,
    draft_of,
    merge,
    parse_record_file,
    sign,
    without_strangers,
)
from tests.protocol.sample_chain import NETWORK, SampleChain, signer
from tests.protocol.sample_log import parses_or_is_malformed

SAMPLE = SampleChain()
CONFIGURATION = ConfigurationRecord(NETWORK, 1, ExposureConfiguration())
RECORDS: list[Record] = [
    CONFIGURATION,
    SAMPLE.policy_record(2),
    RevocationRecord(NETWORK, "authority-1", bytes(32), "faulty-test"),
]


BEFORE = InForce(SAMPLE.policy)


def signed_by(
    file: RecordFile,
    *numbers: int,
    before: InForce = BEFORE,
    sample: SampleChain = SAMPLE,
) -> RecordFile:
    """Signed as the command does, one member after the other."""
    for number in numbers:
        name, key = sample.names[number], sample.issuers[number]
        check_may_sign(file.record, name, key.verifier, before)
        file = sign(without_strangers(file, before), key)
    return file


def with_lines(file: RecordFile, *lines: NoteSignature) -> RecordFile:
    note = replace(file.note, signatures=(*file.note.signatures, *lines))
    return replace(file, note=note)


def line_of(file: RecordFile, key: SignerKey) -> NoteSignature:
    (line,) = sign_note(file.note.text, key).signatures
    return line


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

    merged = merge(copies, BEFORE)

    assert merged == signed_by(draft_of(CONFIGURATION), 0, 1, 2, 3)
    assert merged == merge([merged], BEFORE)
    assert verify_record(parse_record(merged.encode()), SAMPLE.policy) == CONFIGURATION


def test_copies_of_different_records_are_not_merged() -> None:
    one = signed_by(draft_of(CONFIGURATION), 0)
    other = draft_of(replace(CONFIGURATION, version=2))

    with pytest.raises(RefusedError, match="file 2: expected the same record"):
        merge([one, other], BEFORE)


def test_lines_that_do_not_count_are_dropped_and_named() -> None:
    good = signed_by(draft_of(CONFIGURATION), 0)
    (line,) = good.note.signatures
    damaged = replace(line_of(good, SAMPLE.issuers[1]), signature=bytes(64))
    stranger = line_of(good, signer("stranger.example/issuer", ALG_ED25519))
    thief = replace(line, key_id=bytes(4))
    junk = with_lines(draft_of(CONFIGURATION), damaged, line, stranger, thief, line)

    kept = without_strangers(junk, BEFORE)

    names = (SAMPLE.issuers[1].name, "stranger.example/issuer", line.name)
    assert kept == replace(good, dropped=names)
    assert merge([good, junk], BEFORE) == replace(good, dropped=names)
    signed = signed_by(junk, 1, 2)
    assert verify_record(parse_record(signed.encode()), SAMPLE.policy) == CONFIGURATION


def test_under_a_revocation_its_issuer_alone_counts() -> None:
    file = draft_of(RevocationRecord(NETWORK, "authority-1", bytes(32), "faulty-test"))
    signed = with_lines(
        file, *(line_of(file, SAMPLE.issuers[number]) for number in (1, 0))
    )

    kept = without_strangers(signed, BEFORE)

    assert kept.signers == [SAMPLE.issuers[0].name]
    assert verify_record(parse_record(kept.encode()), SAMPLE.policy) == file.record


def test_only_what_an_authority_may_say_is_signed() -> None:
    block, _ = SAMPLE.block()
    elsewhere = replace(CONFIGURATION, network="other.example")
    cases = [
        (draft_of(elsewhere), 0, "network sample.example, got other.example"),
        (parse_record_file(block), 1, "got a block"),
        (draft_of(SealRecord(NETWORK, "1")), 0, "got a seal or genesis"),
        (
            draft_of(GenesisRecord(NETWORK, "2", "1", 5, bytes(32))),
            0,
            "got a seal or genesis",
        ),
        (draft_of(RECORDS[2]), 1, "expected this node's authority authority-2"),
    ]
    for file, number, problem in cases:
        with pytest.raises(RefusedError, match=problem) as caught:
            signed_by(file, number)
        assert caught.value.advice


def test_only_the_next_version_is_signed() -> None:
    before = InForce(SAMPLE.policy_record(4), replace(CONFIGURATION, version=7))
    records = [
        replace(record, version=version)
        for record, versions in ((SAMPLE.policy, (4, 6)), (CONFIGURATION, (1, 7, 9)))
        for version in versions
    ]

    for record in records:
        with pytest.raises(RefusedError, match=r"version: expected [58], the one"):
            signed_by(draft_of(record), 0, before=before)
    for good in (SAMPLE.policy_record(5), replace(CONFIGURATION, version=8)):
        assert signed_by(draft_of(good), 0, before=before).signers


def test_a_member_whose_key_changed_signs_with_the_new_one_only() -> None:
    new = SignerKey(SAMPLE.issuers[0].name, ALG_ED25519, bytes(range(32)))
    issuers = (replace(SAMPLE.policy.issuers[0], key=new.verifier),)
    changed = SAMPLE.policy_record(2, issuers=issuers + SAMPLE.policy.issuers[1:])
    before = InForce(changed)

    check_may_sign(CONFIGURATION, "authority-1", new.verifier, before)
    with pytest.raises(RefusedError, match="policy 2 names for authority-1"):
        check_may_sign(CONFIGURATION, "authority-1", SAMPLE.issuers[0].verifier, before)
    # The policy that changes it needs the old quorum's word and the new one's.
    for item in (new, SAMPLE.issuers[0]):
        check_may_sign(changed, "authority-1", item.verifier, BEFORE)


def test_who_is_no_member_any_more_signs_nothing_and_counts_no_more() -> None:
    larger = SampleChain(members=5)
    before = InForce(SAMPLE.policy_record(2))
    file = draft_of(CONFIGURATION)

    with pytest.raises(RefusedError, match="authority-5"):
        signed_by(file, 4, before=before, sample=larger)
    left = with_lines(file, line_of(file, larger.issuers[4]))
    assert without_strangers(left, before).signers == []


def test_a_key_that_the_policy_does_not_name_signs_nothing() -> None:
    stranger = signer("stranger.example/issuer", 1)
    cases = [("authority-1", stranger), ("authority-9", SAMPLE.issuers[0])]

    for name, key in cases:
        with pytest.raises(RefusedError, match=r"keys\.issuer"):
            check_may_sign(CONFIGURATION, name, key.verifier, BEFORE)


def test_a_member_to_be_signs_the_policy_that_takes_it_in() -> None:
    larger = SampleChain(members=7)
    file = draft_of(larger.policy_record(2))

    file = signed_by(file, *range(2, 7), 0, sample=larger)

    signed = parse_record(file.encode())
    assert file.record == verify_record(signed, SAMPLE.policy)


@pytest.mark.parametrize(
    "hidden", ["\x9b2K", "\u202e", "\u2028minimum 1", "\x85", "\u200b", "\ufeff"]
)
def test_what_cannot_be_seen_is_not_signed(hidden: str) -> None:
    text = f"{SAMPLE.trust_text()}# a comment{hidden}\n"
    file = parse_record_file(
        draft_of(SAMPLE.policy_record(2, trust_text=text)).encode()
    )

    with pytest.raises(RefusedError, match="printable characters only") as caught:
        signed_by(file, 0)
    assert str(caught.value).isprintable()


def test_a_record_leaves_room_for_all_who_may_sign_it() -> None:
    def padded(size: int) -> RecordFile:
        text = SAMPLE.trust_text()
        have = len(SAMPLE.policy_record(2).text())
        text += f"# {'x' * (size - have - 3)}\n"
        return draft_of(SAMPLE.policy_record(2, trust_text=text))

    with pytest.raises(RefusedError, match="with all signatures"):
        signed_by(padded(MAX_RECORD - 300), 0)
    signed = signed_by(padded(MAX_RECORD - 1_000), 0, 1, 2, 3)
    assert parse_record_file(signed.encode()) == signed


def test_a_file_that_no_command_would_read_is_not_made() -> None:
    sizes = SampleChain(members=64)
    others = [
        replace(item, key=signer(f"{item.name}.new.example/issuer", 1).verifier)
        for item in sizes.policy.issuers
    ]
    record = sizes.policy_record(2, issuers=tuple(others))
    file = draft_of(record)
    new = [signer(item.key.name, 1) for item in others]
    full = with_lines(
        file, *(line_of(file, key) for key in [*sizes.issuers, *new[: 68 - 64]])
    )

    with pytest.raises(RefusedError, match="could not be read again"):
        sign(full, new[10])
    with pytest.raises(RefusedError, match="could not be read again"):
        merge([full, with_lines(file, line_of(file, new[10]))], InForce(sizes.policy))


@pytest.mark.parametrize("data", [b"\xff\xfe", b"x" * 60_001])
def test_a_file_of_another_form_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_record_file(data)
