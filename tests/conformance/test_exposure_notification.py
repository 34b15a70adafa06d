"""Against what Google published: identifiers, metadata, HMACs of key sets."""

import base64
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cosignal.protocol.certificates import UploadedKey, tek_mac, verify_tek_mac
from cosignal.protocol.errors import VerificationError
from cosignal.protocol.identifiers import (
    associated_encrypted_metadata_key,
    decrypt_metadata,
    encrypt_metadata,
    rolling_proximity_identifier,
    rolling_proximity_identifier_key,
    rolling_proximity_identifiers,
)
from cosignal.protocol.intervals import interval_at
from cosignal.protocol.matching import KeyColumns, SearchPath, Sightings, match
from tests.protocol.encounters import on_every_path

Load = Callable[[str], dict[str, Any]]


@pytest.fixture
def published(load_vectors: Load) -> dict[str, Any]:
    return load_vectors("exposure_notification")


@pytest.fixture
def specification(published: dict[str, Any]) -> dict[str, Any]:
    case: dict[str, Any] = published["en_crypto_v1_2"]
    return case


def test_the_specifications_keys_are_derived(specification: dict[str, Any]) -> None:
    tek = bytes.fromhex(specification["tek"])

    assert specification["rpik"] == rolling_proximity_identifier_key(tek).hex()
    assert specification["aemk"] == associated_encrypted_metadata_key(tek).hex()
    assert specification["interval_number"] == interval_at(
        specification["unix_seconds"]
    )


def test_the_specifications_144_identifiers_and_metadata_are_derived(
    specification: dict[str, Any],
) -> None:
    tek = bytes.fromhex(specification["tek"])
    aemk = associated_encrypted_metadata_key(tek)
    metadata = bytes.fromhex(specification["metadata"])
    rpis = rolling_proximity_identifiers(tek, specification["interval_number"], 144)

    assert len(specification["intervals"]) == 144
    for offset, expected in enumerate(specification["intervals"]):
        rpi = rpis[16 * offset : 16 * offset + 16]
        assert expected["rpi"] == rpi.hex()
        assert expected["aem"] == encrypt_metadata(aemk, rpi, metadata).hex()


def test_what_phones_broadcast_is_read(published: dict[str, Any]) -> None:
    for sighting in published["en_live_sightings"]["items"]:
        tek = bytes.fromhex(sighting["tek"])
        rpik = rolling_proximity_identifier_key(tek)
        rpi = rolling_proximity_identifier(rpik, sighting["interval"])
        aemk = associated_encrypted_metadata_key(tek)
        metadata = decrypt_metadata(aemk, rpi, bytes.fromhex(sighting["aem"]))

        assert sighting["rpi"] == rpi.hex()
        assert sighting["metadata"] == metadata.hex()


@on_every_path
def test_all_broadcasts_of_the_specifications_key_are_matched(
    path: SearchPath, specification: dict[str, Any]
) -> None:
    start = specification["interval_number"]
    rpis = b"".join(bytes.fromhex(one["rpi"]) for one in specification["intervals"])
    keys = KeyColumns(
        bytes.fromhex(specification["tek"]), np.array([start]), np.array([144])
    )

    hits = match(keys, Sightings(rpis, np.arange(start, start + 144)), path=path)

    assert [(0, n, start + n) for n in range(144)] == [tuple(hit) for hit in hits]


@on_every_path
def test_what_phones_broadcast_is_matched(
    path: SearchPath, published: dict[str, Any]
) -> None:
    heard = published["en_live_sightings"]["items"]
    intervals = np.array([one["interval"] for one in heard], np.int64)
    keys = KeyColumns(
        b"".join(bytes.fromhex(one["tek"]) for one in heard),
        intervals,
        np.full(len(heard), 144),
    )
    rpis = b"".join(bytes.fromhex(one["rpi"]) for one in heard)

    hits = match(keys, Sightings(rpis, intervals), path=path)

    assert {(n, n, int(at)) for n, at in enumerate(intervals)} <= set(hits)


def test_the_key_servers_hmacs_are_computed(published: dict[str, Any]) -> None:
    for case in published["ens_tek_hmac"]["items"]:
        secret = bytes.fromhex(case["secret_hex"])
        keys = [
            UploadedKey(
                key["key"],
                key["rollingStartNumber"],
                key["rollingPeriod"],
                key["transmissionRisk"],
            )
            for key in case["keys"]
        ]
        expected = base64.b64decode(case["hmac_b64"])

        mac = tek_mac(secret, keys, with_risk=case["with_transmission_risk"])

        assert expected == mac
        assert keys == verify_tek_mac(mac, secret, keys)
        with pytest.raises(VerificationError):
            verify_tek_mac(mac, secret, keys[1:])
