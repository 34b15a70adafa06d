"""ES256 a second time: P-256 by the textbook, nonces by RFC 6979.

Nothing here uses `cosignal` or any library's curve. Slow, and not safe for real keys.
"""

import hashlib
import hmac

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)

Point = tuple[int, int] | None


def add(one: Point, other: Point) -> Point:
    if one is None or other is None:
        return one or other
    (x1, y1), (x2, y2) = one, other
    if x1 == x2 and (y1 + y2) % P == 0:
        return None
    if one == other:
        slope = (3 * x1 * x1 - 3) * pow(2 * y1, -1, P) % P
    else:
        slope = (y2 - y1) * pow(x2 - x1, -1, P) % P
    x = (slope * slope - x1 - x2) % P
    return x, (slope * (x1 - x) - y1) % P


def multiply(scalar: int, point: Point) -> Point:
    total: Point = None
    while scalar:
        if scalar & 1:
            total = add(total, point)
        point = add(point, point)
        scalar >>= 1
    return total


def nonce(private: int, digest: bytes) -> int:
    """RFC 6979, section 3.2; for SHA-256 and P-256 every length is 32 bytes."""
    reduced = (int.from_bytes(digest, "big") % N).to_bytes(32, "big")
    seed = private.to_bytes(32, "big") + reduced
    v, k = b"\x01" * 32, bytes(32)
    for step in (b"\x00", b"\x01"):
        k = hmac.new(k, v + step + seed, hashlib.sha256).digest()
        v = hmac.new(k, v, hashlib.sha256).digest()
    while True:
        v = hmac.new(k, v, hashlib.sha256).digest()
        if 0 < int.from_bytes(v, "big") < N:
            return int.from_bytes(v, "big")
        k = hmac.new(k, v + b"\x00", hashlib.sha256).digest()
        v = hmac.new(k, v, hashlib.sha256).digest()


def sign(private: int, message: bytes) -> bytes:
    digest = hashlib.sha256(message).digest()
    k = nonce(private, digest)
    point = multiply(k, G)
    assert point is not None
    r = point[0] % N
    s = pow(k, -1, N) * (int.from_bytes(digest, "big") + r * private) % N
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def verifies(public: Point, message: bytes, signature: bytes) -> bool:
    z = int.from_bytes(hashlib.sha256(message).digest(), "big")
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    w = pow(s, -1, N)
    point = add(multiply(z * w % N, G), multiply(r * w % N, public))
    return point is not None and point[0] % N == r
