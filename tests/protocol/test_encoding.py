import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.protocol.encoding import (
    encode_base64,
    parse_base64,
    parse_decimal,
    parse_hash,
)
from cosignal.protocol.errors import MalformedError
from tests.protocol.sample_log import parses_or_is_malformed


@given(st.binary(max_size=100))
def test_bytes_survive_base64(data: bytes) -> None:
    assert data == parse_base64(encode_base64(data), "field")


@given(st.one_of(st.binary(max_size=50), st.text("ABab01+/=\n", max_size=12)))
def test_every_accepted_base64_is_canonical(text: str | bytes) -> None:
    data = text if isinstance(text, bytes) else text.encode()

    value = parses_or_is_malformed(lambda data: parse_base64(data, "field"), data)

    assert value is None or encode_base64(value).encode() == data


@pytest.mark.parametrize("text", ["AB==", "AA", "AA=", "AA==\n", " AA==", "A-_=", "é"])
def test_loose_base64_is_refused(text: str) -> None:
    with pytest.raises(MalformedError, match="field"):
        parse_base64(text, "field")


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_hash_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(MalformedError):
        parse_hash(encode_base64(bytes(size)), "field")


@given(st.integers(0, (1 << 63) - 1))
def test_a_number_survives_decimal(number: int) -> None:
    assert number == parse_decimal(str(number), "field")


@pytest.mark.parametrize(
    "text",
    ["", "-1", "+1", "01", "00", "1 ", " 1", "1\n", "1_0", "0x1", "٣", "1.0"],
)
def test_loose_decimal_is_refused(text: str) -> None:
    with pytest.raises(MalformedError, match="field"):
        parse_decimal(text, "field")


@pytest.mark.parametrize("text", [str(1 << 63), "9" * 19, "9" * 5000])
def test_a_number_beyond_63_bits_is_refused(text: str) -> None:
    with pytest.raises(MalformedError, match="field"):
        parse_decimal(text, "field")
