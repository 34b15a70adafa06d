"""Against the collected vectors of contact tracing schemes: the one we speak."""

from collections.abc import Callable
from typing import Any

from cosignal.protocol.identifiers import (
    associated_encrypted_metadata_key,
    encrypt_metadata,
    rolling_proximity_identifier_key,
    rolling_proximity_identifiers,
)


def test_a_whole_day_of_gaen_broadcasts_is_derived(
    load_vectors: Callable[[str], dict[str, Any]],
) -> None:
    gaen = load_vectors("schemes")["gaen"]
    tek, metadata = bytes.fromhex(gaen["tek"]), bytes.fromhex(gaen["metadata"])
    aemk = associated_encrypted_metadata_key(tek)
    start, period = gaen["rolling_start_interval_number"], gaen["rolling_period"]
    joined = rolling_proximity_identifiers(tek, start, period)
    rpis = [joined[16 * i : 16 * i + 16] for i in range(period)]

    assert gaen["rpik"] == rolling_proximity_identifier_key(tek).hex()
    assert gaen["aemk"] == aemk.hex()
    assert gaen["rpi"] == [rpi.hex() for rpi in rpis]
    assert gaen["aem"] == [encrypt_metadata(aemk, rpi, metadata).hex() for rpi in rpis]
