"""Publish requests with real certificates, made before the clock runs."""

import random
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from cosignal.protocol.certificates import (
    CertifiedReport,
    UploadedKey,
    issue_certificate,
    tek_mac,
)
from cosignal.protocol.intervals import DAY_INTERVALS, day_start, interval_at
from cosignal.protocol.json_web_tokens import TokenSigner
from cosignal.server.clock import system_clock
from cosignal.server.config import Config, load_config

KEYS_AN_UPLOAD = 14
# Apps pad their uploads, so that fake ones look the same: this makes about 3 kB.
PADDING_BYTES = 1_024
ONSET_DAYS = 4


def prepare_uploads(config_path: Path, count: int) -> list[bytes]:
    """Write the requests of as many phones, head and body.

    The node's certificate key signs here as its own code exchange would.

    Args:
        config_path: Of the node that is to take them.
        count: How many.

    Returns:
        Requests, each with 14 keys that nobody else has.
    """
    config = load_config(config_path)
    # Certificates name the key by the same words as the node's own.
    key = load_pem_private_key(config.keys.certificate.read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    public = key.public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    signer = TokenSigner(sha256(public).hexdigest()[:16], key)
    rng = random.Random(2_500)  # noqa: S311 - a load, not a secret
    return [_request(config, signer, rng) for _ in range(count)]


def _request(config: Config, signer: TokenSigner, rng: random.Random) -> bytes:
    now = system_clock()
    keys = list(_keys(rng, now))
    secret = rng.randbytes(32)
    certificate = issue_certificate(
        signer,
        issuer=config.intake.health_authority_id,
        audience=config.intake.audience,
        report_type=CertifiedReport.CONFIRMED,
        tekmac=tek_mac(secret, keys),
        now=now,
        symptom_onset_interval=day_start(interval_at(now)) - ONSET_DAYS * DAY_INTERVALS,
    )
    body = msgspec.json.encode(
        {
            "temporaryExposureKeys": [_sent(key) for key in keys],
            "healthAuthorityID": config.intake.health_authority_id,
            "verificationPayload": certificate,
            "hmacKey": b64encode(secret).decode(),
            "padding": b64encode(rng.randbytes(PADDING_BYTES * 3 // 4)).decode(),
        }
    )
    head = (
        f"POST /v1/publish HTTP/1.1\r\nHost: 127.0.0.1:{config.node.port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _keys(rng: random.Random, now: int) -> Iterator[UploadedKey]:
    """One key for each of the last days, the youngest ended yesterday."""
    today = day_start(interval_at(now))
    for day in range(1, KEYS_AN_UPLOAD + 1):
        text = b64encode(rng.randbytes(16)).decode()
        yield UploadedKey(text, today - day * DAY_INTERVALS, DAY_INTERVALS)


def _sent(key: UploadedKey) -> dict[str, str | int]:
    return {
        "key": key.key_text,
        "rollingStartNumber": key.start,
        "rollingPeriod": key.period,
        "transmissionRisk": 0,
    }
