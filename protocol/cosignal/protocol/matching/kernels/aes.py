"""AES-128 for any processor, by tables.

What this module guarantees:

* The tables are computed from their definition.

How long a look-up takes depends on what it looks up, so this would tell a secret key to
whoever can take the time. Keys here are published.

Source: FIPS 197, sections 4.2, 5.1 and 5.2.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from cosignal.protocol.matching.kernels.compiling import part

ROUNDS: Final = 10
#: Words of one round key, and of one block.
BLOCK_WORDS: Final = 4

_Words = npt.NDArray[np.uint32]
_POLYNOMIAL: Final = 0x11B
_AFFINE: Final = 0x63
#: A generator of the field's multiplicative group, to list it by.
_GENERATOR: Final = 3
#: "EN-RPI" and six zero bytes, the words before the interval.
PADDING: Final = np.frombuffer(b"EN-RPI" + bytes(6), "<u4").astype(np.uint32)


def _times(a: int, b: int) -> int:
    """Multiply in GF(2**8)."""
    product = 0
    for bit in range(8):
        product ^= (a << bit) * (b >> bit & 1)
    for bit in reversed(range(8, 16)):
        product ^= (_POLYNOMIAL << bit - 8) * (product >> bit & 1)
    return product


def _sbox() -> list[int]:
    powers = [1]
    while len(powers) < 255:  # noqa: PLR2004 - the order of the group
        powers.append(_times(powers[-1], _GENERATOR))
    # The inverse of g**n is g**(255 - n); zero has none and stays.
    inverse = {power: powers[-n] for n, power in enumerate(powers)} | {0: 0, 1: 1}
    return [_affine(inverse[byte]) for byte in range(256)]


def _affine(byte: int) -> int:
    doubled = byte << 8 | byte
    turned = (doubled >> 8 - turn for turn in range(5))
    result = _AFFINE
    for one in turned:
        result ^= one & 0xFF
    return result


def _columns() -> _Words:
    """SubBytes, ShiftRows and MixColumns of a byte in each row: Shape (4, 256)."""
    first = [
        _times(s, 2) | s << 8 | s << 16 | _times(s, 3) << 24 for s in SBOX.tolist()
    ]
    words = np.array(first, np.uint32)
    turned = [
        words << np.uint32(8 * n) | words >> np.uint32(32 - 8 * n) for n in (1, 2, 3)
    ]
    return np.stack([words, *turned])


def _round_constants() -> _Words:
    constants = [1]
    while len(constants) < ROUNDS:
        constants.append(_times(constants[-1], 2))
    return np.array(constants, np.uint32)


#: Shape (256,), uint32, each below 256.
SBOX: Final = np.array(_sbox(), np.uint32)
#: Shape (10,), uint32, each below 256.
ROUND_CONSTANTS: Final = _round_constants()
_COLUMNS: Final = _columns()
_T0, _T1, _T2, _T3 = _COLUMNS


@part
def expand(key: _Words, round_keys: _Words) -> None:
    """Compute the round keys.

    Args:
        key: Shape (4,), uint32, the bytes as little-endian words.
        round_keys: Shape (11, 4), uint32, written.
    """
    for word in range(BLOCK_WORDS):
        round_keys[0, word] = key[word]
    for i in range(ROUNDS):
        before, after = round_keys[i], round_keys[i + 1]
        last = before[3]
        turned = np.uint32((last >> np.uint32(8)) | (last << np.uint32(24)))
        after[0] = before[0] ^ _substituted(turned, turned, turned, turned)
        after[0] ^= ROUND_CONSTANTS[i]
        for word in range(1, BLOCK_WORDS):
            after[word] = before[word] ^ after[word - 1]


@part
def encrypt(
    round_keys: _Words, first: int, count: int, identifiers: npt.NDArray[np.int64]
) -> None:
    """Derive the identifiers of some intervals.

    Args:
        round_keys: From `expand`.
        first: First interval.
        count: Number of intervals.
        identifiers: Shape (at least count, 2), int64; both halves of each, the bytes
            as little-endian words.
    """
    start = round_keys[0]
    for n in range(count):
        a, b = PADDING[0] ^ start[0], PADDING[1] ^ start[1]
        c, d = PADDING[2] ^ start[2], np.uint32(first + n) ^ start[3]
        for i in range(1, ROUNDS):
            key = round_keys[i]
            a, b, c, d = (
                _mixed(a, b, c, d) ^ key[0],
                _mixed(b, c, d, a) ^ key[1],
                _mixed(c, d, a, b) ^ key[2],
                _mixed(d, a, b, c) ^ key[3],
            )
        last = round_keys[ROUNDS]
        identifiers[n, 0] = _joined(
            _substituted(a, b, c, d) ^ last[0], _substituted(b, c, d, a) ^ last[1]
        )
        identifiers[n, 1] = _joined(
            _substituted(c, d, a, b) ^ last[2], _substituted(d, a, b, c) ^ last[3]
        )


@part
def _mixed(a: np.uint32, b: np.uint32, c: np.uint32, d: np.uint32) -> np.uint32:
    """One column after a round, before its key."""
    return np.uint32(
        _T0[a & np.uint32(255)]
        ^ _T1[(b >> np.uint32(8)) & np.uint32(255)]
        ^ _T2[(c >> np.uint32(16)) & np.uint32(255)]
        ^ _T3[d >> np.uint32(24)]
    )


@part
def _substituted(a: np.uint32, b: np.uint32, c: np.uint32, d: np.uint32) -> np.uint32:
    """One column after the last round, before its key."""
    return np.uint32(
        SBOX[a & np.uint32(255)]
        | (SBOX[(b >> np.uint32(8)) & np.uint32(255)] << np.uint32(8))
        | (SBOX[(c >> np.uint32(16)) & np.uint32(255)] << np.uint32(16))
        | (SBOX[d >> np.uint32(24)] << np.uint32(24))
    )


@part
def _joined(low: np.uint32, high: np.uint32) -> np.int64:
    return np.int64(np.uint64(low) | (np.uint64(high) << np.uint64(32)))
