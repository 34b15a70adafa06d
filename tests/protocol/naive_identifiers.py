"""Identifiers a second time: AES by its definition and HKDF by plain HMAC.

Written from FIPS 197 and RFC 5869, with no thought for speed. Nothing here uses
`cosignal` or a cipher of any library.
"""

import hashlib
import hmac

BLOCK = 16


def times(a: int, b: int) -> int:
    """Multiply in GF(2**8) with the polynomial of AES."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        a = a << 1 ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return product


def substitute(byte: int) -> int:
    """S-box: the inverse, then an affine map."""
    inverse = next((x for x in range(256) if times(byte, x) == 1), 0)
    turned = [(inverse << k | inverse >> 8 - k) & 0xFF for k in range(5)]
    return turned[0] ^ turned[1] ^ turned[2] ^ turned[3] ^ turned[4] ^ 0x63


SBOX = [substitute(byte) for byte in range(256)]


def round_keys(key: bytes) -> list[bytes]:
    words = [key[i : i + 4] for i in range(0, len(key), 4)]
    size, rounds = len(words), len(words) + 6
    constant = 1
    for i in range(size, 4 * (rounds + 1)):
        word = words[-1]
        if i % size == 0:
            word = bytes(SBOX[b] for b in word[1:] + word[:1])
            word = bytes([word[0] ^ constant]) + word[1:]
            constant = times(constant, 2)
        elif size == 8 and i % size == 4:
            word = bytes(SBOX[b] for b in word)
        words.append(bytes(a ^ b for a, b in zip(words[-size], word, strict=True)))
    return [b"".join(words[i : i + 4]) for i in range(0, len(words), 4)]


def mix(column: bytes) -> bytes:
    rows = [(2, 3, 1, 1), (1, 2, 3, 1), (1, 1, 2, 3), (3, 1, 1, 2)]
    out = []
    for row in rows:
        value = 0
        for factor, byte in zip(row, column, strict=True):
            value ^= times(byte, factor)
        out.append(value)
    return bytes(out)


def aes(key: bytes, block: bytes) -> bytes:
    keys = round_keys(key)
    state = bytes(a ^ b for a, b in zip(block, keys[0], strict=True))
    rounds = len(keys) - 1
    for number in range(1, rounds + 1):
        state = bytes(SBOX[byte] for byte in state)
        state = bytes(state[(i + 4 * (i % 4)) % BLOCK] for i in range(BLOCK))
        if number < rounds:
            state = b"".join(mix(state[i : i + 4]) for i in range(0, BLOCK, 4))
        state = bytes(a ^ b for a, b in zip(state, keys[number], strict=True))
    return state


def hkdf(tek: bytes, info: bytes) -> bytes:
    extracted = hmac.new(bytes(32), tek, hashlib.sha256).digest()
    return hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()[:16]


def identifier(tek: bytes, interval: int) -> bytes:
    block = b"EN-RPI" + bytes(6) + interval.to_bytes(4, "little")
    return aes(hkdf(tek, b"EN-RPIK"), block)


def encrypted_metadata(tek: bytes, interval: int, metadata: bytes) -> bytes:
    stream = aes(hkdf(tek, b"EN-AEMK"), identifier(tek, interval))
    return bytes(a ^ b for a, b in zip(stream, metadata, strict=False))
