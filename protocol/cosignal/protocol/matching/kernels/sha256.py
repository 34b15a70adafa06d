"""SHA-256's compression function for any processor, for some lanes at a time.

What this module guarantees:

* The tables are computed from their definition.

Source: FIPS 180-4, sections 4.1.2, 4.2.2, 5.3.3 and 6.2.2.
"""

from itertools import count, islice
from typing import Final

import numpy as np
import numpy.typing as npt

from cosignal.protocol.matching.kernels.compiling import part

#: Messages that are hashed side by side. An instruction for SHA-256 takes several
#: cycles; four lanes keep the processor busy meanwhile.
LANES: Final = 4
BLOCK_WORDS: Final = 16
STATE_WORDS: Final = 8
ROUNDS: Final = 64

_Words = npt.NDArray[np.uint32]


def _fraction_of_root(number: int, degree: int) -> int:
    """First 32 bits of the fraction of a square or cube root."""
    scaled = number << (32 * degree)
    low, high = 0, scaled
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**degree <= scaled else (low, middle - 1)
    return low & 0xFFFFFFFF


def _fractions(many: int, degree: int) -> _Words:
    """Fractions of the roots of the first primes: Shape (many,), uint32."""
    primes = (n for n in count(2) if all(n % d for d in range(2, n)))
    roots = (_fraction_of_root(prime, degree) for prime in islice(primes, many))
    return np.fromiter(roots, np.uint32, many)


#: Added in each round: Shape (64,), uint32.
ROUND_CONSTANTS: Final = _fractions(ROUNDS, 3)
#: State before the first block: Shape (8,), uint32.
INITIAL_STATE: Final = _fractions(STATE_WORDS, 2)


@part
def swapped(word: np.uint32) -> np.uint32:
    """Turn a word's bytes around, between SHA-256's order and that of identifiers."""
    outer = (word << np.uint32(24)) | (word >> np.uint32(24))
    inner = ((word & np.uint32(0xFF00)) << np.uint32(8)) | (
        (word >> np.uint32(8)) & np.uint32(0xFF00)
    )
    return np.uint32(outer | inner)


@part
def compress(states: _Words, blocks: _Words) -> None:
    """Take one block into each lane's state.

    Args:
        states: Shape (lanes, 8), uint32; replaced.
        blocks: Shape (lanes, 16), uint32, the bytes as big-endian words; overwritten.
    """
    for lane in range(LANES):
        _compress_one(states[lane], blocks[lane])


@part
def _rotated(word: np.uint32, bits: int) -> np.uint32:
    return np.uint32((word >> np.uint32(bits)) | (word << np.uint32(32 - bits)))


@part
def _scheduled(w: _Words, t: int) -> np.uint32:
    """Word t of the schedule, of which the last 16 are kept in `w`."""
    early, late = w[(t - 15) & 15], w[(t - 2) & 15]
    sigma0 = _rotated(early, 7) ^ _rotated(early, 18) ^ (early >> np.uint32(3))
    sigma1 = _rotated(late, 17) ^ _rotated(late, 19) ^ (late >> np.uint32(10))
    return np.uint32(w[t & 15] + sigma0 + w[(t - 7) & 15] + sigma1)


@part
def _compress_one(state: _Words, w: _Words) -> None:
    # Letters are those of the standard.
    a, b, c, d = state[0], state[1], state[2], state[3]
    e, f, g, h = state[4], state[5], state[6], state[7]
    for t in range(ROUNDS):
        if t >= BLOCK_WORDS:
            w[t & 15] = _scheduled(w, t)
        sum1 = _rotated(e, 6) ^ _rotated(e, 11) ^ _rotated(e, 25)
        chosen = (e & f) ^ (~e & g)
        t1 = np.uint32(h + sum1 + chosen + ROUND_CONSTANTS[t] + w[t & 15])
        sum0 = _rotated(a, 2) ^ _rotated(a, 13) ^ _rotated(a, 22)
        majority = (a & b) ^ (a & c) ^ (b & c)
        h, g, f, e = g, f, e, np.uint32(d + t1)
        d, c, b, a = c, b, a, np.uint32(t1 + sum0 + majority)
    for i, word in enumerate((a, b, c, d, e, f, g, h)):
        state[i] += word
