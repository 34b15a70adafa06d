"""The studied schemes a second time, by their definitions, counting what they compute.

Nothing here uses `cosignal`. Ed25519 is that of another library than the protocol's.
"""

import hashlib
from collections.abc import Iterator

from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.protocol import naive_identifiers

BLOCK = 64
SLOTS = 4
HEADER = 21


class Machine:
    """Hashes and encrypts, and counts the blocks."""

    def __init__(self) -> None:
        self.hashes = 0
        self.ciphers = 0

    def sha256(self, data: bytes, *, known: int = 0) -> bytes:
        """Hash; the first `known` blocks are the same for all, and done before."""
        self.hashes += (len(data) + 8) // BLOCK + 1 - known
        return hashlib.sha256(data).digest()

    def hmac(self, key: bytes, data: bytes, *, known: int = 0) -> bytes:
        padded = key.ljust(BLOCK, b"\0")
        inner, outer = (bytes(byte ^ pad for byte in padded) for pad in (0x36, 0x5C))
        hashed = self.sha256(inner + data, known=known)
        return self.sha256(outer + hashed, known=known)

    def aes(self, key: bytes, block: bytes) -> bytes:
        self.ciphers += 1
        return naive_identifiers.aes(key, block)

    def gaen_day(self, tek: bytes, start: int) -> Iterator[bytes]:
        """HKDF without salt: its first HMAC has a key that everybody knows."""
        extracted = self.hmac(bytes(32), tek, known=1)
        rpik = self.hmac(extracted, b"EN-RPIK\x01")[:16]
        for interval in range(start, start + 144):
            block = b"EN-RPI" + bytes(6) + interval.to_bytes(4, "little")
            yield self.aes(rpik, block)

    def low_cost_day(self, key: bytes) -> tuple[list[bytes], bytes]:
        """Identifiers in the order of the keystream, and the next day's key."""
        stream = self.hmac(key, b"broadcast key")
        identifiers = [self.aes(stream, i.to_bytes(16, "big")) for i in range(96)]
        return identifiers, self.sha256(key)

    def hashed_observation(self, identifier: bytes, epoch: int) -> bytes:
        return self.sha256(identifier + epoch.to_bytes(4, "big"))

    def tcn_numbers(
        self, rvk: bytes, key: bytes, first: int, last: int
    ) -> Iterator[bytes]:
        for index in range(first, last + 1):
            key = self.sha256(b"H_TCK" + rvk + key)
            yield self.sha256(b"H_TCN" + index.to_bytes(2, "little") + key)[:16]

    def filter_holds(self, data: bytes, item: bytes) -> bool:
        """Whether a cuckoo filter's file holds an item."""
        digest = self.sha256(data[5:HEADER] + item)
        bits, buckets, _ = shape(data)
        first, word = (int.from_bytes(digest[i : i + 8], "big") for i in (0, 8))
        fingerprint = word % (2**bits - 1) + 1
        bucket = first % buckets
        other = (mixed(fingerprint) - bucket) % buckets
        return fingerprint in slots(data, bucket) + slots(data, other)


def seed_identifier(seed: bytes) -> bytes:
    return hashlib.sha256(seed).digest()[:16]


def shape(data: bytes) -> tuple[int, int, bytes]:
    """Bits, buckets and salt of a cuckoo filter's file."""
    return data[0], int.from_bytes(data[1:5], "big"), data[5:HEADER]


def slots(data: bytes, bucket: int) -> list[int]:
    """What stands in a bucket of a cuckoo filter's file."""
    bits = data[0]
    text = "".join(f"{byte:08b}" for byte in data[HEADER:])
    size = SLOTS * bits
    row = text[bucket * size : (bucket + 1) * size]
    return [int(row[i : i + bits], 2) for i in range(0, size, bits)]


def mixed(value: int) -> int:
    """SplitMix64's last steps."""
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    value = (value ^ value >> 27) * 0x94D049BB133111EB % 2**64
    return value ^ value >> 31


def verification_key(rak: bytes) -> bytes:
    public = Ed25519PrivateKey.from_private_bytes(rak).public_key()
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)


def first_contact_key(rak: bytes) -> bytes:
    return hashlib.sha256(b"H_TCK" + rak).digest()


def check_signature(rvk: bytes, report: bytes) -> None:
    """Raise unless the last 64 bytes sign the rest."""
    Ed25519PublicKey.from_public_bytes(rvk).verify(report[-64:], report[:-64])
