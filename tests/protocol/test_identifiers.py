import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st

from cosignal.protocol.errors import UsageError
from cosignal.protocol.identifiers import (
    RPI_BYTES,
    associated_encrypted_metadata_key,
    decrypt_metadata,
    encrypt_metadata,
    rolling_proximity_identifier,
    rolling_proximity_identifier_key,
    rolling_proximity_identifiers,
)
from tests.protocol import naive_identifiers as naive
from tests.vectors import generate

VECTORS = Path(generate.__file__).parent / "identifiers.json"
TEKS = st.binary(min_size=16, max_size=16)
TEK = bytes(range(16))


def cases() -> list[dict[str, Any]]:
    stored: list[dict[str, Any]] = json.loads(VECTORS.read_bytes())["keys"]
    return stored


def test_the_stored_vectors_are_what_this_version_writes() -> None:
    assert VECTORS.read_text() == generate.encoded("identifiers")


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"start {case['start']}")
def test_a_second_implementation_finds_the_stored_vectors(case: dict[str, Any]) -> None:
    tek = bytes.fromhex(case["tek"])
    metadata = bytes.fromhex(case["metadata"])

    assert case["rpik"] == naive.hkdf(tek, b"EN-RPIK").hex()
    assert case["aemk"] == naive.hkdf(tek, b"EN-AEMK").hex()
    for broadcast in case["broadcasts"]:
        interval = broadcast["interval"]
        assert broadcast["rpi"] == naive.identifier(tek, interval).hex()
        hidden = naive.encrypted_metadata(tek, interval, metadata)
        assert broadcast["aem"] == hidden.hex()


def test_a_second_implementation_finds_every_identifier_of_a_key() -> None:
    case = cases()[0]
    tek = bytes.fromhex(case["tek"])
    span = range(case["start"], case["start"] + case["period"])
    joined = b"".join(naive.identifier(tek, interval) for interval in span)

    assert case["rpis_sha256"] == hashlib.sha256(joined).hexdigest()


def test_the_second_implementation_is_aes() -> None:
    # FIPS 197, appendices C.1 and C.3.
    block = bytes(range(0, 256, 17))

    assert naive.aes(bytes(range(16)), block).hex() == (
        "69c4e0d86a7b0430d8cdb78070b4c55a"
    )
    assert naive.aes(bytes(range(32)), block).hex() == (
        "8ea2b7ca516745bfeafc49904b496089"
    )


@given(TEKS)
def test_both_derived_keys_are_those_of_the_librarys_hkdf(tek: bytes) -> None:
    def hkdf(info: bytes) -> bytes:
        return HKDF(hashes.SHA256(), 16, salt=None, info=info).derive(tek)

    assert hkdf(b"EN-RPIK") == rolling_proximity_identifier_key(tek)
    assert hkdf(b"EN-AEMK") == associated_encrypted_metadata_key(tek)


@settings(max_examples=30)
@given(TEKS, st.integers(0, 2**32 - 144), st.integers(1, 144))
def test_many_identifiers_at_once_are_the_single_ones(
    tek: bytes, start: int, period: int
) -> None:
    rpik = rolling_proximity_identifier_key(tek)
    single = [rolling_proximity_identifier(rpik, start + i) for i in range(period)]

    assert b"".join(single) == rolling_proximity_identifiers(tek, start, period)


@given(TEKS, TEKS, st.binary(min_size=4, max_size=4))
def test_metadata_comes_back(aemk: bytes, rpi: bytes, metadata: bytes) -> None:
    assert metadata == decrypt_metadata(
        aemk, rpi, encrypt_metadata(aemk, rpi, metadata)
    )


def test_a_view_of_a_key_is_as_good_as_its_bytes() -> None:
    view = memoryview(TEK + TEK)[16:]

    assert rolling_proximity_identifier_key(TEK) == rolling_proximity_identifier_key(
        view
    )


def test_identifiers_of_one_key_are_all_different() -> None:
    rpis = rolling_proximity_identifiers(TEK, 0, 144)

    assert len({rpis[i : i + RPI_BYTES] for i in range(0, len(rpis), 16)}) == 144


@pytest.mark.parametrize("size", [0, 15, 17, 32])
def test_keys_of_another_length_are_refused_without_showing_them(size: int) -> None:
    with pytest.raises(UsageError, match=rf"^tek: expected 16 bytes, got {size}$"):
        rolling_proximity_identifier_key(bytes(size))
    with pytest.raises(UsageError, match=rf"^rpik: expected 16 bytes, got {size}$"):
        rolling_proximity_identifier(bytes(size), 0)


@pytest.mark.parametrize(
    ("start", "period", "what"),
    [(0, 0, "period"), (0, 145, "period"), (-1, 1, "start"), (2**32 - 1, 2, "start")],
)
def test_intervals_out_of_range_are_refused(start: int, period: int, what: str) -> None:
    with pytest.raises(UsageError, match=what):
        rolling_proximity_identifiers(TEK, start, period)


@pytest.mark.parametrize("sizes", [(15, 16, 4), (16, 17, 4), (16, 16, 3)])
def test_metadata_of_another_length_is_refused(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(UsageError, match="expected"):
        encrypt_metadata(*map(bytes, sizes))
