"""Estimate what TLS adds: practice networks speak plain HTTP on loopback.

An estimate and no measurement of a real server: the handshake is a real one, but with
one self-signed P-256 certificate; a server's chain of certificates adds its own size to
each full handshake, and a resumed one takes less.

Source: RFC 8446, section 5.2.
"""

import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from cosignal.client.traffic import Account, Kind
from cosignal.protocol.errors import FatalError

#: A record's head, its inner type and its authentication tag.
RECORD_BYTES = 5 + 1 + 16
#: Most bytes in one record.
RECORD_HOLDS = 1 << 14

_HOST = "practice.cosignal.example"
_BEGINS = datetime(2026, 1, 1, tzinfo=UTC)
_LIFE = timedelta(days=90)
# A handshake takes two turns of each side; more means that it does not come to an end.
_MOST_TURNS = 10


def tls_bytes(account: Account, handshake: int) -> int:
    """Estimate what TLS would have added.

    Args:
        account: What went over the wire without it.
        handshake: Bytes of one handshake, both ways.

    Returns:
        Bytes, both ways: a handshake for each connection, a record for each request
        and each answer, and more records where an answer is longer than one holds.
    """
    total = account.total
    records = 2 * total.requests + account.of_kind(Kind.BODIES).received // RECORD_HOLDS
    return account.connections * handshake + records * RECORD_BYTES


def handshake_bytes() -> int:
    """Make one TLS 1.3 handshake in memory and count its bytes, both ways.

    Returns:
        Bytes, session tickets included.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.minimum_version = ssl.TLSVersion.TLSv1_3
    with tempfile.TemporaryDirectory(prefix="cosignal-tls-") as folder:
        path = Path(folder) / "both.pem"
        path.touch(mode=0o600)
        path.write_bytes(secret + _certificate(key).public_bytes(Encoding.PEM))
        serving.load_cert_chain(path)
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Both sides are here; whether the other is trusted changes no byte.
    asking.check_hostname, asking.verify_mode = False, ssl.CERT_NONE
    return _shake_hands(asking, serving)


def _shake_hands(asking: ssl.SSLContext, serving: ssl.SSLContext) -> int:
    to_client, from_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    to_server, from_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = asking.wrap_bio(to_client, from_client, server_hostname=_HOST)
    server = serving.wrap_bio(to_server, from_server, server_side=True)
    moved = 0
    for _ in range(_MOST_TURNS):
        done = _go_on(client)
        moved += to_server.write(from_client.read())
        done &= _go_on(server)
        moved += to_client.write(from_server.read())
        if done:
            return moved
    raise FatalError("tls: expected a handshake in memory to end, got none")


def _go_on(side: ssl.SSLObject) -> bool:
    """Let one side take its turn; say whether it is done."""
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def _certificate(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, _HOST)])
    host = x509.SubjectAlternativeName([x509.DNSName(_HOST)])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_BEGINS)
        .not_valid_after(_BEGINS + _LIFE)
        .add_extension(host, critical=False)
        .sign(key, hashes.SHA256())
    )
