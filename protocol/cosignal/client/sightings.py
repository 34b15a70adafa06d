"""Sightings as a text file, for tools and tests; phones keep their own store.

What this module guarantees:

* One line a sighting: identifier in hexadecimal, a space, interval in which it was
  heard. Blank lines and lines that begin with `#` say nothing.
* An interval that nobody living has heard anything in is refused: it would match
  nothing, silently.
* What `encode_sightings` writes, `parse_sightings` reads back.
"""

from collections.abc import Iterable

import numpy as np

from cosignal.protocol.encoding import parse_decimal
from cosignal.protocol.errors import MalformedError
from cosignal.protocol.identifiers import RPI_BYTES
from cosignal.protocol.matching import Sightings

#: In the year 2160. Unix seconds, which people write by mistake, are far above.
MAX_INTERVAL = 10_000_000


def encode_sightings(sightings: Iterable[tuple[bytes, int]]) -> bytes:
    """Write sightings.

    Args:
        sightings: Identifier of 16 bytes and interval of each.

    Returns:
        The file.
    """
    return "".join(
        f"{item.hex()} {interval}\n" for item, interval in sightings
    ).encode()


def parse_sightings(data: bytes) -> Sightings:
    """Read sightings.

    Args:
        data: The file.

    Returns:
        All of them, in file order.

    Raises:
        MalformedError: A line is no sighting.
    """
    identifiers, intervals = bytearray(), list[int]()
    for number, line in enumerate(data.decode("ascii", "replace").splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            identifier, interval = _parse_line(line, number)
            identifiers += identifier
            intervals.append(interval)
    return Sightings(bytes(identifiers), np.array(intervals, np.int64))


def _parse_line(line: str, number: int) -> tuple[bytes, int]:
    words = line.split()
    try:
        identifier = bytes.fromhex(words[0])
    except ValueError:
        identifier = b""
    if len(words) != 2 or len(identifier) != RPI_BYTES:  # noqa: PLR2004 - two words
        raise MalformedError(
            f"sightings: line {number}: expected 32 hexadecimal digits and an interval"
        )
    interval = parse_decimal(words[1], f"sightings: line {number}")
    if interval > MAX_INTERVAL:
        raise MalformedError(
            f"sightings: line {number}: expected an interval up to {MAX_INTERVAL}, got "
            f"{interval}",
            advice="An interval is Unix seconds divided by 600, rounded down.",
        )
    return identifier, interval
