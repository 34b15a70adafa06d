import json
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosignal.protocol.errors import (
    MalformedError,
    SignatureInvalidError,
    UsageError,
)
from cosignal.protocol.identifiers import tcn
from cosignal.protocol.identifiers.candidates import TCN
from cosignal.protocol.identifiers.tcn import ContactKey, Report, SignedReport
from tests.protocol import naive_schemes as naive
from tests.protocol.sample_log import flipped, parses_or_is_malformed
from tests.vectors import generate_schemes as generate

VECTORS = generate.VECTORS
RAK = bytes(range(32))
RAKS = st.binary(min_size=32, max_size=32)
SPANS = st.tuples(st.integers(1, 200), st.integers(0, 50)).map(
    lambda pair: (pair[0], pair[0] + pair[1])
)
MEMOS = st.binary(max_size=255)


def cases() -> list[dict[str, Any]]:
    stored: list[dict[str, Any]] = json.loads(VECTORS.read_bytes())["tcn"]
    return stored


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"from {case['first']}")
def test_a_second_implementation_finds_the_stored_reports(case: dict[str, Any]) -> None:
    rak, data = bytes.fromhex(case["rak"]), bytes.fromhex(case["signed_report"])
    first, last = case["first"], case["last"]
    rvk, machine = naive.verification_key(rak), naive.Machine()
    whole = list(machine.tcn_numbers(rvk, naive.first_contact_key(rak), 1, last))
    part = list(machine.tcn_numbers(rvk, data[32:64], first, last))

    assert case["rvk"] == rvk.hex() == data[:32].hex()
    assert case["numbers"] == [number.hex() for number in part]
    assert part == whole[first - 1 :]
    naive.check_signature(rvk, data)


@settings(max_examples=50)
@given(RAKS, SPANS, MEMOS, st.integers(0, 255))
def test_a_report_gives_back_exactly_the_numbers_of_its_span(
    rak: bytes, span: tuple[int, int], memo: bytes, memo_type: int
) -> None:
    key, broadcast = tcn.initial_key(rak), list[bytes]()
    for _ in range(span[1]):
        key = key.ratchet()
        broadcast.append(key.number())

    data = tcn.sign_report(rak, *span, memo, memo_type).encode()
    report = tcn.verify_report(tcn.parse_report(data))

    assert broadcast[span[0] - 1 :] == list(report.numbers())
    assert (memo, memo_type) == (report.memo, report.memo_type)
    assert 134 + len(memo) == len(data)


@settings(max_examples=200)
@given(st.integers(0, 8 * 146 - 1))
def test_a_report_with_a_flipped_bit_is_never_believed(bit: int) -> None:
    data = flipped(tcn.sign_report(RAK, 2, 10, b"symptom data").encode(), bit)

    with pytest.raises((MalformedError, SignatureInvalidError)):
        tcn.verify_report(tcn.parse_report(data))


def test_nobody_can_report_the_numbers_of_another() -> None:
    victim = tcn.sign_report(RAK, 1, 24).report
    thief = tcn.sign_report(bytes(32), 1, 24)

    with pytest.raises(SignatureInvalidError, match="bound to"):
        tcn.verify_report(SignedReport(victim, thief.signature))


def test_the_first_key_of_a_ratchet_is_never_broadcast() -> None:
    with pytest.raises(UsageError, match="index: expected 1 or more, got 0"):
        tcn.initial_key(RAK).number()


def test_a_ratchet_ends_after_65535_numbers() -> None:
    last = ContactKey(bytes(32), 65_535, bytes(32))
    report = Report(bytes(32), bytes(32), 65_534, 65_535)

    assert len(list(report.numbers())) == 2
    with pytest.raises(UsageError, match="expected at most 65535"):
        last.ratchet()


@pytest.mark.parametrize("first", [1, 65_536 - 1_344])
def test_a_report_of_fourteen_days_is_read_and_one_number_more_refused(
    first: int,
) -> None:
    key = bytes(32)
    last = first + 1_343
    whole = Report(key, key, first, last).encode()
    one_more = (first, last + 1) if first == 1 else (first - 1, last)
    longer = whole[:64] + struct.pack("<HH", *one_more) + whole[68:]

    assert len(list(tcn.parse_report(whole + bytes(64)).report.numbers())) == 1_344
    message = "report: expected at most 1344 numbers, got 1345"
    with pytest.raises(MalformedError, match=message):
        tcn.parse_report(longer + bytes(64))
    with pytest.raises(UsageError, match=message):
        tcn.sign_report(RAK, 1, 1_345)


def test_a_short_file_cannot_make_everybody_work_for_long() -> None:
    head = bytes(64) + (1).to_bytes(2, "little") + b"\xff\xff" + bytes(2)

    with pytest.raises(MalformedError, match="at most 1344 numbers, got 65535"):
        TCN.match(3 * (head + bytes(64)), [])


@pytest.mark.parametrize(
    "span", [(0, 1), (2, 1), (1, 65_536), (-1, 5), (70_000, 70_000)]
)
def test_indexes_out_of_range_are_refused(span: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="expected 1 <= first <= last <= 65535"):
        tcn.sign_report(RAK, *span)


@pytest.mark.parametrize("span", [(0, 1), (2, 1), (0, 0)])
def test_a_report_with_indexes_out_of_range_is_malformed(span: tuple[int, int]) -> None:
    data = tcn.sign_report(RAK, 1, 1).encode()
    first, last = (index.to_bytes(2, "little") for index in span)

    with pytest.raises(MalformedError, match="expected 1 <= first <= last"):
        tcn.parse_report(data[:64] + first + last + data[68:])


def test_memos_out_of_range_are_refused() -> None:
    with pytest.raises(UsageError, match="memo: expected at most 255 bytes, got 256"):
        tcn.sign_report(RAK, 1, 1, bytes(256))
    for memo_type in (-1, 256):
        with pytest.raises(UsageError, match="memo_type: expected 0 to 255"):
            tcn.sign_report(RAK, 1, 1, b"", memo_type)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_keys_of_another_length_are_refused_without_showing_them(size: int) -> None:
    with pytest.raises(UsageError, match=f"^rak: expected 32 bytes, got {size}$"):
        tcn.initial_key(bytes(size))
    with pytest.raises(UsageError, match="rvk, key: expected 32 and 32 bytes"):
        Report(bytes(32), bytes(size), 1, 1)


def test_a_signature_of_another_length_is_invalid() -> None:
    report = tcn.sign_report(RAK, 1, 1).report

    for size in (0, 63, 65):
        with pytest.raises(SignatureInvalidError, match=f"64 bytes, got {size}"):
            tcn.verify_report(SignedReport(report, bytes(size)))


def test_a_contact_key_does_not_show_itself() -> None:
    assert "data" not in repr(tcn.initial_key(RAK))


def test_reports_stand_one_after_the_other() -> None:
    reports = [tcn.sign_report(RAK, n, n + 3, bytes(n)) for n in range(1, 6)]
    data = b"".join(report.encode() for report in reports)

    assert reports == tcn.parse_reports(data)
    assert tcn.parse_reports(b"") == []
    with pytest.raises(MalformedError, match="report: expected one, got 5"):
        tcn.parse_report(data)
    with pytest.raises(MalformedError, match="report: expected one, got 0"):
        tcn.parse_report(b"")


def test_a_cut_report_is_malformed_wherever_it_is_cut() -> None:
    data = tcn.sign_report(RAK, 1, 2, b"memo").encode()

    for size in range(len(data)):
        with pytest.raises(MalformedError):
            tcn.parse_report(data[:size])


@given(st.binary(max_size=300))
def test_random_bytes_are_malformed_or_read_back_as_they_are(data: bytes) -> None:
    found = parses_or_is_malformed(tcn.parse_reports, data)

    assert found is None or data == b"".join(item.encode() for item in found)


@given(st.binary(min_size=134, max_size=300))
def test_random_reports_are_malformed_or_never_believed(data: bytes) -> None:
    found = parses_or_is_malformed(tcn.parse_reports, data)

    for signed in found or ():
        with pytest.raises(SignatureInvalidError):
            tcn.verify_report(signed)
