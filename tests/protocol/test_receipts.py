"""A receipt has one text, and only its authority can have written it."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.protocol.errors import MalformedError, SignatureInvalidError
from cosignal.protocol.notes import sign_note
from cosignal.protocol.receipts import (
    MAX_RECEIPT,
    Receipt,
    parse_receipt,
    receipt_digest,
    verify_receipt,
)
from cosignal.server.intake.receipts import ReceiptWriter
from tests.docs.protocol_examples import ISSUERS, NAMES, NETWORK, policy_record
from tests.protocol.sample_log import parses_or_is_malformed

KEYS = [bytes([number]) * 16 for number in range(3)]
RECEIPT = Receipt(
    NETWORK, NAMES[1], 3, receipt_digest(KEYS), 1_764_079_200, 1_764_172_800
)


def signed(receipt: Receipt, signer: int = 1) -> bytes:
    return sign_note(receipt.text().encode(), ISSUERS[signer]).encode()


def test_what_a_node_writes_is_what_a_phone_reads() -> None:
    writer = ReceiptWriter(NETWORK, NAMES[1], ISSUERS[1])

    data = writer.write(KEYS, RECEIPT.time, RECEIPT.by - 86_400).encode()

    assert verify_receipt(data, policy_record()) == RECEIPT
    assert data == signed(RECEIPT)


def test_the_order_of_the_keys_does_not_matter() -> None:
    assert receipt_digest(KEYS) == receipt_digest(reversed(KEYS))


@pytest.mark.parametrize(
    "other",
    [
        Receipt(NETWORK, NAMES[2], 3, RECEIPT.digest, RECEIPT.time, RECEIPT.by),
        Receipt(NETWORK, "nobody", 3, RECEIPT.digest, RECEIPT.time, RECEIPT.by),
        Receipt("other.example", NAMES[1], 3, RECEIPT.digest, 1, 2),
    ],
    ids=["another member's", "nobody's", "another network's"],
)
def test_a_receipt_that_the_named_authority_did_not_sign_is_refused(
    other: Receipt,
) -> None:
    with pytest.raises(SignatureInvalidError):
        verify_receipt(signed(other), policy_record())


@given(st.data())
def test_any_flipped_bit_is_refused(data: st.DataObject) -> None:
    note = bytearray(signed(RECEIPT))
    bit = data.draw(st.integers(0, len(note) * 8 - 1))
    note[bit // 8] ^= 1 << bit % 8

    with pytest.raises((MalformedError, SignatureInvalidError)):
        verify_receipt(bytes(note), policy_record())


Change = Callable[[str], str]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("cosignal/receipt/v1", "cosignal/receipt/v2"),
        ("keys 3", "keys 03"),
        ("keys 3", "keys -3"),
        ("keys 3", "keys three"),
        ("keys 3\n", ""),
        ("time ", "time  "),
        ("digest ", "digest AAAA"),
        ("by ", "until "),
        ("by ", "more 1\nby "),
    ],
)
def test_any_other_text_is_malformed(old: str, new: str) -> None:
    text = RECEIPT.text().replace(old, new)
    assert text != RECEIPT.text()

    with pytest.raises(MalformedError):
        parse_receipt(sign_note(text.encode(), ISSUERS[1]).encode())


def test_a_receipt_without_end_is_malformed() -> None:
    with pytest.raises(MalformedError, match="at most"):
        parse_receipt(bytes(MAX_RECEIPT + 1))


@given(st.binary(max_size=300))
def test_random_bytes_are_a_receipt_or_malformed(data: bytes) -> None:
    parses_or_is_malformed(parse_receipt, data)
    parses_or_is_malformed(parse_receipt, b"cosignal/receipt/v1\n" + data)


@pytest.mark.parametrize(
    ("receipt", "problem"),
    [
        (replace(RECEIPT, keys=0), "keys: expected 1 or more"),
        (
            replace(RECEIPT, by=RECEIPT.time - 1),
            f"by: expected {RECEIPT.time} or later",
        ),
    ],
    ids=["no key", "a time before its own"],
)
def test_a_receipt_that_promises_nothing_is_malformed(
    receipt: Receipt, problem: str
) -> None:
    with pytest.raises(MalformedError, match=problem):
        verify_receipt(signed(receipt), policy_record())
