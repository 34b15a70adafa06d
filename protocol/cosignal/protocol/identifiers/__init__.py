"""What phones broadcast: the scheme that Cosignal runs, and others for study.

======================================= ================================================
`gaen`                                  Exposure Notification v1.2, which every part of
                                        Cosignal speaks
`dp3t`, `cuckoo`                        DP-3T, low-cost and unlinkable, with its filter
`tcn`                                   TCN, with its signed reports
`schemes`, `candidates`, `comparison`   all of them behind one interface, compared
======================================= ================================================

The names of `gaen` are this package's own, so that `identifiers` means what is on air.
"""

from cosignal.protocol.identifiers.gaen import (
    DERIVED_KEY_BYTES,
    METADATA_BYTES,
    RPI_BYTES,
    TEK_BYTES,
    associated_encrypted_metadata_key,
    decrypt_metadata,
    encrypt_metadata,
    identifier_cipher,
    padded_intervals,
    rolling_proximity_identifier,
    rolling_proximity_identifier_key,
    rolling_proximity_identifiers,
)

__all__ = [
    "DERIVED_KEY_BYTES",
    "METADATA_BYTES",
    "RPI_BYTES",
    "TEK_BYTES",
    "associated_encrypted_metadata_key",
    "decrypt_metadata",
    "encrypt_metadata",
    "identifier_cipher",
    "padded_intervals",
    "rolling_proximity_identifier",
    "rolling_proximity_identifier_key",
    "rolling_proximity_identifiers",
]
