import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.protocol.entries import Entry, parse_entry
from cosignal.protocol.errors import MalformedError, QuorumError, SignatureInvalidError
from cosignal.protocol.exposure.configuration import (
    MAX_DAY_SCORE,
    MAX_SCORE,
    MAX_WEIGHT,
    ExposureConfiguration,
)
from cosignal.protocol.notes import Note, parse_note, sign_note
from cosignal.protocol.records import (
    BlockRecord,
    ConfigurationRecord,
    GenesisRecord,
    Record,
    RevocationRecord,
    SealRecord,
    parse_record,
    parse_record_text,
    sign_record,
    verify_record,
)
from tests.protocol.sample_chain import NETWORK, SampleChain

SAMPLE = SampleChain()
WORDS = st.text("abcdefghij.-", min_size=1, max_size=20)
NUMBERS = st.integers(0, 10**12)
DIGESTS = st.binary(min_size=32, max_size=32)
REGIONS = st.text("ABCXYZ019-", min_size=1, max_size=8)


def tuples(size: int, highest: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.tuples(*[st.integers(0, highest)] * size)


PARAMETERS = st.builds(
    ExposureConfiguration,
    attenuation_weights=tuples(4, MAX_WEIGHT),
    attenuation_thresholds=st.lists(
        st.integers(0, 255), min_size=3, max_size=3, unique=True
    ).map(lambda values: tuple(sorted(values))),
    alert_day_score=st.integers(1, MAX_DAY_SCORE),
    days_scores=tuples(8, MAX_SCORE),
)
CONFIGURATIONS = st.builds(
    ConfigurationRecord, WORDS, st.integers(1, 10**12), PARAMETERS
)
RECORDS: st.SearchStrategy[Record] = st.one_of(
    st.builds(
        BlockRecord,
        WORDS,
        WORDS,
        REGIONS,
        NUMBERS,
        NUMBERS,
        NUMBERS,
        NUMBERS,
        DIGESTS,
        NUMBERS,
    ),
    st.builds(
        RevocationRecord,
        WORDS,
        WORDS,
        DIGESTS,
        st.sampled_from(["false-positive", "faulty-test", "compromised-codes"]),
    ),
    st.builds(SealRecord, WORDS, WORDS),
    st.builds(GenesisRecord, WORDS, WORDS, WORDS, NUMBERS, DIGESTS),
    st.integers(1, 9).map(SAMPLE.policy_record),
    CONFIGURATIONS,
)


@given(RECORDS)
def test_a_record_can_be_read_back(record: Record) -> None:
    data = sign_record(record, SAMPLE.issuers[0])

    assert record == parse_record(data).record
    assert data == parse_record(data).data


@given(RECORDS, st.data())
def test_a_record_with_a_flipped_bit_is_another_or_none(
    record: Record, data: st.DataObject
) -> None:
    text = bytearray(record.text().encode())
    bit = data.draw(st.integers(0, len(text) * 8 - 1))
    text[bit // 8] ^= 1 << bit % 8
    try:
        read = parse_record_text(text.decode())
    except (MalformedError, UnicodeDecodeError):
        return

    assert record != read or isinstance(read, type(SAMPLE.policy))
    assert read.text().encode() == text


@given(st.binary(max_size=200))
def test_random_bytes_are_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_record(data)
    with pytest.raises(MalformedError):
        parse_entry(data)


@given(
    st.sampled_from(
        ["block", "policy", "configuration", "revocation", "seal", "genesis"]
    ),
    st.text(max_size=80),
)
def test_random_text_after_a_tag_is_malformed(kind: str, text: str) -> None:
    with pytest.raises(MalformedError):
        parse_record_text(f"cosignal/{kind}/v1\n{text}")


@given(NUMBERS, DIGESTS, NUMBERS, st.binary(max_size=50))
def test_an_entry_can_be_read_back(
    index: int, prev: bytes, time: int, record: bytes
) -> None:
    entry = Entry(index, prev, time % 10**12, record)

    assert entry == parse_entry(entry.encode())


@pytest.mark.parametrize(
    "data",
    [
        b"cosignal/entry/v1\nindex 01\nprev " + b"A" * 43 + b"=\ntime 1\n\nx",
        b"cosignal/entry/v1\nindex 1\nprev " + b"A" * 42 + b"B=\ntime 1\n\nx",
        b"cosignal/entry/v1\nindex 1\nprev " + b"A" * 43 + b"=\ntime +1\n\nx",
        b"cosignal/entry/v2\nindex 1\nprev " + b"A" * 43 + b"=\ntime 1\n\nx",
    ],
)
def test_an_entry_that_is_not_canonical_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_entry(data)


def test_a_block_record_and_its_entry_are_about_400_bytes() -> None:
    record, _ = SAMPLE.block()

    assert 250 <= len(record) <= 400


def test_a_block_is_verified_by_its_issuers_key_alone() -> None:
    record, _ = SAMPLE.block(issuer=2)
    signed = parse_record(record)
    forged = parse_record(sign_record(signed.record, SAMPLE.issuers[1]))

    assert signed.record == verify_record(signed, SAMPLE.policy)
    with pytest.raises(SignatureInvalidError):
        verify_record(forged, SAMPLE.policy)


def test_a_first_policy_needs_a_quorum_of_its_own_members() -> None:
    few = parse_record(sign_record(SAMPLE.policy, *SAMPLE.issuers[:2]))

    with pytest.raises(QuorumError, match="expected 3 of 4 members' signatures, got 2"):
        verify_record(few, None)


def test_one_member_signing_twice_counts_once() -> None:
    one = SAMPLE.issuers[0]
    doubled = parse_record(sign_record(SealRecord(NETWORK, "1"), one))
    line = doubled.data[doubled.data.index("—".encode()) :]
    three_lines = parse_record(doubled.data + line + line)

    with pytest.raises((QuorumError, SignatureInvalidError)):
        verify_record(three_lines, SAMPLE.policy)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"onset": "day"}, "onset"),
        ({"version": 0}, "version"),
        ({"retention": 0}, "retention"),
        ({"issuers": ()}, "issuers"),
        ({"issuers": SAMPLE.policy.issuers[:1] * 2}, "once"),
    ],
)
def test_a_policy_nobody_could_run_by_is_malformed(
    changes: dict[str, object], what: str
) -> None:
    text = SAMPLE.policy_record(changes.pop("version", 1), **changes).text()  # type: ignore[arg-type]

    with pytest.raises(MalformedError, match=what):
        parse_record_text(text)


@pytest.mark.parametrize("again", [False, True])
def test_a_signature_that_nobody_needs_is_refused(*, again: bool) -> None:
    chain = SampleChain()
    record, _ = chain.block(issuer=1)
    other = chain.issuers[1 if again else 2]
    note = parse_note(record)
    longer = Note(note.text, note.signatures + sign_note(note.text, other).signatures)

    with pytest.raises(SignatureInvalidError, match="needed"):
        verify_record(parse_record(longer.encode()), chain.policy)

    honest = parse_record(record)
    assert verify_record(honest, chain.policy) == honest.record


def test_a_configuration_is_verified_by_a_quorum() -> None:
    record = ConfigurationRecord(NETWORK, 1, ExposureConfiguration())
    issuers = SAMPLE.issuers
    verified = [
        verify_record(parse_record(sign_record(record, *signers)), SAMPLE.policy)
        for signers in (issuers[:3], issuers[1:], issuers)
    ]

    assert [record] * 3 == verified
    with pytest.raises(QuorumError, match="expected 3 of 4 members' signatures, got 2"):
        verify_record(parse_record(sign_record(record, *issuers[:2])), SAMPLE.policy)
    with pytest.raises(QuorumError, match="expected a policy before anything else"):
        verify_record(parse_record(sign_record(record, *issuers)), None)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version 1", "version 0"),
        ("version 1", "version 01"),
        ("alert-day-score 900", "alert-day-score 0"),
        ("alert-day-score 900", "alert-day-score 900 "),
        ("calibration-confidence 0\n", ""),
        ("duration-thresholds 50 74\n", "duration-thresholds 50 74\n\n"),
        ("duration-thresholds 50 74\n", "duration-thresholds 50 74"),
        (f"network {NETWORK}", f"network  {NETWORK}"),
    ],
)
def test_a_configuration_that_is_not_canonical_is_malformed(old: str, new: str) -> None:
    text = ConfigurationRecord(NETWORK, 1, ExposureConfiguration()).text()
    changed = text.replace(old, new)

    assert text != changed
    with pytest.raises(MalformedError):
        parse_record_text(changed)


@given(CONFIGURATIONS, CONFIGURATIONS)
def test_two_configurations_have_one_text_only_if_they_are_one(
    first: ConfigurationRecord, second: ConfigurationRecord
) -> None:
    assert (first == second) == (first.text() == second.text())
