"""Writes the vectors of identifiers and certificates.

    python -m tests.vectors.generate

Our implementation writes them; the tests check them with a second one that shares no
code with it (`tests/protocol/naive_*.py`). Change them only with the format.
"""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from cosignal.protocol.certificates import (
    CertifiedReport,
    UploadedKey,
    issue_certificate,
    issue_token,
    tek_mac,
)
from cosignal.protocol.identifiers import (
    RPI_BYTES,
    associated_encrypted_metadata_key,
    encrypt_metadata,
    rolling_proximity_identifier_key,
    rolling_proximity_identifiers,
)
from cosignal.protocol.json_web_tokens import TokenSigner

FOLDER = Path(__file__).parent
NOW = 1_764_000_000
START = 2_939_904
#: The P-256 key that RFC 6979 prints in A.2.5: nobody can mistake it for a secret.
PRIVATE = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721


def example_bytes(name: str, size: int) -> bytes:
    return hashlib.shake_256(f"cosignal example {name}".encode()).digest(size)


def identifiers() -> dict[str, Any]:
    """Keys with the first, a middle and the last identifier, at both ends of time."""
    spans = [(START, 144), (START + 17, 100), (0, 1), (2**32 - 144, 144)]
    return {
        "keys": [
            identifier_case(number, start, period)
            for number, (start, period) in enumerate(spans)
        ]
    }


def identifier_case(number: int, start: int, period: int) -> dict[str, Any]:
    tek = example_bytes(f"tek {number}", 16)
    metadata = bytes([0x40, (number * 7) & 0xFF, 0, 0])
    rpis = rolling_proximity_identifiers(tek, start, period)
    aemk = associated_encrypted_metadata_key(tek)
    broadcasts = []
    for offset in sorted({0, period // 2, period - 1}):
        rpi = rpis[offset * RPI_BYTES : (offset + 1) * RPI_BYTES]
        broadcasts.append(
            {
                "interval": start + offset,
                "rpi": rpi.hex(),
                "aem": encrypt_metadata(aemk, rpi, metadata).hex(),
            }
        )
    return {
        "tek": tek.hex(),
        "start": start,
        "period": period,
        "rpik": rolling_proximity_identifier_key(tek).hex(),
        "aemk": aemk.hex(),
        "metadata": metadata.hex(),
        "rpis_sha256": hashlib.sha256(rpis).hexdigest(),
        "broadcasts": broadcasts,
    }


def certificates() -> dict[str, Any]:
    """A certificate of each report type, a token, and the HMACs of one key set."""
    signer = TokenSigner("v1", ec.derive_private_key(PRIVATE, ec.SECP256R1()))
    secret = example_bytes("secret", 32)
    keys = [
        UploadedKey(
            base64.b64encode(example_bytes(f"tek {number}", 16)).decode(),
            START - 144 * number,
            144,
        )
        for number in range(3)
    ]
    mac = tek_mac(secret, keys)
    return {
        "private_key": f"{PRIVATE:064x}",
        "kid": signer.kid,
        "now": NOW,
        "issuer": "authority-1.demo.cosignal.example",
        "audience": "exposure-notifications-server",
        "secret": secret.hex(),
        "keys": [[key.key_text, key.start, key.period, key.risk] for key in keys],
        "tek_mac": mac.hex(),
        "tek_mac_without_risk": tek_mac(secret, keys, with_risk=False).hex(),
        "certificates": [
            {"report_type": report, "token": certificate(signer, report, mac)}
            for report in CertifiedReport
        ],
        "verification_token": issue_token(
            signer,
            issuer="authority-1.demo.cosignal.example",
            token_id="example-token",  # noqa: S106 - names a token, opens nothing
            report_type=CertifiedReport.LIKELY,
            symptom_date="2025-11-20",
            test_date="",
            now=NOW,
        ),
    }


def certificate(signer: TokenSigner, report: CertifiedReport, mac: bytes) -> str:
    return issue_certificate(
        signer,
        issuer="authority-1.demo.cosignal.example",
        audience="exposure-notifications-server",
        report_type=report,
        tekmac=mac,
        now=NOW,
        symptom_onset_interval=START if report is CertifiedReport.CONFIRMED else None,
    )


SECTIONS = {"identifiers": identifiers, "certificates": certificates}


def encoded(name: str) -> str:
    return json.dumps(SECTIONS[name](), indent=1) + "\n"


if __name__ == "__main__":
    for section in SECTIONS:
        (FOLDER / f"{section}.json").write_text(encoded(section))
