"""The four bytes that travel with an identifier: how strongly it was sent.

What this module guarantees:

* Any four bytes read as metadata. Nothing authenticates them: whoever relays a
  broadcast can flip any bit, and the bit flips after decryption too. So a changed
  byte is never an error; `Metadata.is_plausible` decides whether a sighting counts.
* Only the transmit power decides, as in Exposure Notification. A relay that adds a few
  decibels stays plausible: the metadata bounds such a lie and cannot expose it.

`identifiers` encrypts and decrypts; `sightings` drops what is not plausible.

Source: Exposure Notification, Bluetooth Specification v1.2, "Associated Encrypted
Metadata"; docs/reference/protocol.md, "Exposure windows".
"""

from dataclasses import dataclass
from typing import Final

from cosignal.protocol.errors import MalformedError, UsageError
from cosignal.protocol.identifiers import METADATA_BYTES

#: Transmit powers within which a sighting counts, dBm, both included.
MIN_TX_POWER: Final = -50
MAX_TX_POWER: Final = 20
#: Signal strengths that a sighting may have, dBm, both included.
MIN_RSSI: Final = -127
MAX_RSSI: Final = 126
#: What a radio reports when it could not measure the strength.
RSSI_NOT_AVAILABLE: Final = 127

_TWO_BITS: Final = 0b11
_MAJOR_SHIFT: Final = 6
_MINOR_SHIFT: Final = 4
_CONFIDENCE_SHIFT: Final = 2


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a phone says about its own broadcast.

    Attributes:
        tx_power: Power at which it is sent, dBm, one signed byte.
        calibration_confidence: How well that power is known for this kind of phone, 0
            (not at all) to 3.
        major: Version of the format, 0 to 3; 1 today.
        minor: 0 to 3; 1 since calibration confidence is told.

    Raises:
        UsageError: A field does not fit its bits.
    """

    tx_power: int
    calibration_confidence: int = 0
    major: int = 1
    minor: int = 1

    def __post_init__(self) -> None:
        """Refuse what four bytes cannot say."""
        if not -128 <= self.tx_power <= 127:  # noqa: PLR2004 - a signed byte
            raise UsageError(f"tx_power: expected -128 to 127 dBm, got {self.tx_power}")
        for name in ("calibration_confidence", "major", "minor"):
            if not 0 <= (value := getattr(self, name)) <= _TWO_BITS:
                raise UsageError(f"{name}: expected 0 to {_TWO_BITS}, got {value}")

    @property
    def is_plausible(self) -> bool:
        """Whether a sighting with this metadata counts.

        The version is read and not judged, and version 1.0, which has no calibration
        confidence, is read like 1.1: so does Google's matching.
        """
        return MIN_TX_POWER <= self.tx_power <= MAX_TX_POWER

    def encode(self) -> bytes:
        """Write the 4 bytes that are encrypted and broadcast.

        >>> Metadata(tx_power=-15, calibration_confidence=2).encode().hex()
        '58f10000'
        """
        first = (
            self.major << _MAJOR_SHIFT
            | self.minor << _MINOR_SHIFT
            | self.calibration_confidence << _CONFIDENCE_SHIFT
        )
        return bytes((first, self.tx_power & 0xFF, 0, 0))


def parse_metadata(data: bytes) -> Metadata:
    """Read decrypted metadata; any four bytes have a meaning.

    Args:
        data: 4 bytes, from `identifiers.decrypt_metadata`.

    Returns:
        The metadata; reserved bits are passed over.

    Raises:
        MalformedError: `data` is not 4 bytes.

    Source: Exposure Notification, Bluetooth Specification v1.2.

    >>> parse_metadata(bytes.fromhex("58f10000")).tx_power
    -15
    """
    if len(data) != METADATA_BYTES:
        raise MalformedError(
            f"metadata: expected {METADATA_BYTES} bytes, got {len(data)}"
        )
    first = data[0]
    return Metadata(
        tx_power=int.from_bytes(data[1:2], signed=True),
        calibration_confidence=first >> _CONFIDENCE_SHIFT & _TWO_BITS,
        major=first >> _MAJOR_SHIFT & _TWO_BITS,
        minor=first >> _MINOR_SHIFT & _TWO_BITS,
    )


def attenuation(tx_power: int, rssi: int) -> int:
    """Tell how much of a signal was lost on its way.

    A signal that arrives stronger than it was sent counts as not weakened at all.

    Args:
        tx_power: Power at which it was sent, dBm.
        rssi: Strength at which it was heard, dBm.

    Returns:
        Decibels, 0 or more.

    >>> attenuation(-15, -75)
    60
    """
    return max(tx_power - rssi, 0)


def calibrated_rssi(measured: int, offset: int = 0) -> int | None:
    """Correct what a radio measured, and keep it in the range of a sighting.

    Args:
        measured: As the radio reports it, dBm.
        offset: Added for this kind of phone, dB.

    Returns:
        Strength for a `Sighting`, dBm; None where the radio reports 127, "not
        available": such a broadcast has no attenuation and is not kept. Google's
        sample would keep it, as the closest encounter that there is.

    Source: Bluetooth Core Specification, "Read RSSI"; BleScannerImpl.getAdjustedRssi.

    >>> calibrated_rssi(-128), calibrated_rssi(-60, 3), calibrated_rssi(127)
    (-127, -57, None)
    """
    if measured == RSSI_NOT_AVAILABLE:
        return None
    return min(max(measured + offset, MIN_RSSI), MAX_RSSI)
