import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.protocol.errors import MalformedError, UsageError
from cosignal.protocol.exposure.metadata import (
    Metadata,
    attenuation,
    calibrated_rssi,
    parse_metadata,
)
from tests.protocol.sample_log import parses_or_is_malformed


@pytest.mark.parametrize(
    ("written", "metadata"),
    [
        # Version 1.0: 01 00 00 00; no confidence.
        ("40f80000", Metadata(-8, major=1, minor=0)),
        # Version 1.1: 01 01; confidence 3 is 11 in the next two bits.
        ("5c0c0000", Metadata(12, 3)),
        ("50800000", Metadata(-128)),
        ("547f0000", Metadata(127, 1)),
    ],
)
def test_metadata_has_the_bits_of_the_bluetooth_specification(
    written: str, metadata: Metadata
) -> None:
    data = bytes.fromhex(written)

    assert metadata == parse_metadata(data)
    assert data == metadata.encode()


def test_reserved_bits_are_passed_over() -> None:
    assert Metadata(-8, 2) == parse_metadata(bytes.fromhex("5bf8ffff"))


@given(st.binary(max_size=8))
def test_four_bytes_are_metadata_and_nothing_else_is(data: bytes) -> None:
    parsed = parses_or_is_malformed(parse_metadata, data)

    assert (len(data) == 4) == (parsed is not None)


def test_a_wrong_length_is_told() -> None:
    with pytest.raises(MalformedError, match="metadata: expected 4 bytes, got 3"):
        parse_metadata(bytes(3))


@given(
    st.builds(
        Metadata,
        tx_power=st.integers(-128, 127),
        calibration_confidence=st.integers(0, 3),
        major=st.integers(0, 3),
        minor=st.integers(0, 3),
    )
)
def test_what_is_written_is_read_again(metadata: Metadata) -> None:
    assert metadata == parse_metadata(metadata.encode())


@pytest.mark.parametrize(
    ("tx_power", "plausible"),
    [(-128, False), (-51, False), (-50, True), (20, True), (21, False), (127, False)],
)
def test_a_transmit_power_from_minus_50_to_20_is_plausible(
    tx_power: int, *, plausible: bool
) -> None:
    assert plausible == Metadata(tx_power).is_plausible


@pytest.mark.parametrize("major", range(4))
@pytest.mark.parametrize("minor", range(4))
def test_no_version_is_refused(major: int, minor: int) -> None:
    assert Metadata(0, major=major, minor=minor).is_plausible


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"tx_power": 128}, "tx_power: expected -128 to 127 dBm, got 128"),
        ({"tx_power": -129}, "tx_power: expected -128 to 127 dBm, got -129"),
        (
            {"calibration_confidence": 4},
            "calibration_confidence: expected 0 to 3, got 4",
        ),
        ({"major": -1}, "major: expected 0 to 3, got -1"),
        ({"minor": 4}, "minor: expected 0 to 3, got 4"),
    ],
)
def test_what_does_not_fit_its_bits_is_refused(
    wrong: dict[str, int], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        Metadata(**{"tx_power": 0, **wrong})


@pytest.mark.parametrize(
    ("tx_power", "rssi", "lost"),
    [(-15, -75, 60), (20, -127, 147), (-50, -50, 0), (-50, 20, 0), (0, 126, 0)],
)
def test_attenuation_is_what_was_lost_and_never_negative(
    tx_power: int, rssi: int, lost: int
) -> None:
    assert lost == attenuation(tx_power, rssi)


@pytest.mark.parametrize(
    ("measured", "offset", "kept"),
    [
        (-60, 0, -60),
        (-60, 5, -55),
        (-128, 0, -127),
        (-125, -5, -127),
        (20, 0, 20),
        (126, 3, 126),
        (127, 0, None),
        (127, -5, None),
    ],
)
def test_a_radio_without_a_measurement_gives_no_strength(
    measured: int, offset: int, kept: int | None
) -> None:
    assert kept == calibrated_rssi(measured, offset)
