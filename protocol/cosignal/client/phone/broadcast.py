"""What goes on air now, and until when.

What this module guarantees:

* An identifier is on air for 10 to 20 minutes, a time drawn anew for each, and never
  beyond its key. Bluetooth addresses rotate in the same range; whoever advertises must
  change address and identifier together, or one links the other.
* A phone that restarts goes on with the same identifier for the time that was drawn.
* The bytes are those of the Exposure Notification service, 0xFD6F.

Source: Exposure Notification, Bluetooth Specification v1.2, "Broadcasting Behavior".
"""

from dataclasses import dataclass, field
from typing import Final

from cosignal.client.phone.database import Database
from cosignal.client.phone.own_keys import Entropy, key_for
from cosignal.protocol.exposure.metadata import Metadata
from cosignal.protocol.identifiers import (
    associated_encrypted_metadata_key,
    encrypt_metadata,
    rolling_proximity_identifier,
    rolling_proximity_identifier_key,
)
from cosignal.protocol.intervals import interval_at, unix_at

#: Shortest time on air, seconds, and by how much it may be longer.
LEAST_SECONDS: Final = 600
SPREAD_SECONDS: Final = 600
#: Identifier and encrypted metadata.
PAYLOAD_BYTES: Final = 20

SCHEMA = """
CREATE TABLE broadcast (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  payload BLOB NOT NULL CHECK (length(payload) = 20),
  since INTEGER NOT NULL,
  until INTEGER NOT NULL
) STRICT
"""


@dataclass(frozen=True, slots=True)
class Broadcast:
    """What to advertise.

    Attributes:
        payload: 20 bytes of service data: identifier, encrypted metadata.
        since: From when on it is on air, Unix seconds.
        until: When to ask for the next, and to change the Bluetooth address with it.
    """

    payload: bytes = field(repr=False)
    since: int
    until: int


def current_broadcast(
    database: Database, metadata: Metadata, now: int, entropy: Entropy
) -> Broadcast:
    """Say what is on air, or draw what follows.

    Args:
        database: The phone's.
        metadata: Transmit power and how well it is known.
        now: Unix seconds.
        entropy: Gives as many random bytes as asked for.

    Returns:
        The broadcast of this moment.
    """
    rows = database.read("SELECT payload, since, until FROM broadcast")
    if rows:
        known = Broadcast(*rows[0])
        # Before `since` the clock was set back: what is on air has another interval.
        if known.since <= now < known.until:
            return known
    interval = interval_at(now)
    key = key_for(database, interval, entropy)
    drawn = now + LEAST_SECONDS + _draw_below(entropy, SPREAD_SECONDS + 1)
    fresh = Broadcast(
        _payload(key.tek, interval, metadata), now, min(drawn, unix_at(key.end))
    )
    with database.write() as connection:
        connection.execute(
            "INSERT OR REPLACE INTO broadcast VALUES (1, ?, ?, ?)",
            (fresh.payload, fresh.since, fresh.until),
        )
    return fresh


def end_broadcast(database: Database, until: int) -> None:
    """Let what is on air end no later than `until`, since its key ends then."""
    with database.write() as connection:
        connection.execute("UPDATE broadcast SET until = min(until, ?)", (until,))


def _payload(tek: bytes, interval: int, metadata: Metadata) -> bytes:
    rpi = rolling_proximity_identifier(rolling_proximity_identifier_key(tek), interval)
    aemk = associated_encrypted_metadata_key(tek)
    return rpi + encrypt_metadata(aemk, rpi, metadata.encode())


def _draw_below(entropy: Entropy, limit: int) -> int:
    return int.from_bytes(entropy(8), "big") % limit
