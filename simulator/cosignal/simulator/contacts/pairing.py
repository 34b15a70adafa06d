"""A shuffle that can be asked for one card: keyed bijections of 0 to m - 1.

What this module guarantees:

* `shuffled` is a bijection for each key, and `unshuffled` its inverse; both take few
  steps for any m, more for small ones, and remember nothing.
* `partner` pairs an even number of things so that everybody has one partner, and the
  partner's partner is oneself.

A Feistel network (Luby and Rackoff 1988) on the next power of two, walked on until it
falls within 0 to m - 1 (Black and Rogaway 2002). Its two halves may differ by one bit.
"""

from typing import Final

import numpy as np
from numba import uint64

from cosignal.simulator.compiled import kernel

_STEP: Final = 0x9E3779B97F4A7C15
_LEFT: Final = 0xD1B54A32D192ED03
_RIGHT: Final = 0xC2B2AE3D27D4EB4F
#: Rounds for each half in long lists.
_ROUNDS: Final = 3
#: In short ones there are so many more, halved with each bit: the halves have few bits
#: then, and partners come out even only after many rounds. In a list of 6 three rounds
#: leave some a fifth too often, and each further one takes away a third of that.
_FURTHER: Final = 256


@kernel
def _scramble(half, key):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - numba
    word = (half + key) * (key | uint64(1))
    return (word ^ (word >> uint64(23))) >> uint64(16)


@kernel
def bits_for(size):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - numba's types
    """Bits of the numbers below `size`; 2 at least, so that both halves have one.

    Args:
        size: Below 2 to the 53.

    Returns:
        uint64. Read from the exponent of `size` - 1 as a double, without a loop.
    """
    exponent = np.float64(max(size - 1, 2)).view(np.uint64) >> uint64(52)
    return exponent - uint64(1022)


@kernel
def shuffled(place, size, key):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """Where a place comes to.

    Args:
        place: 0 to size - 1.
        size: Of what is shuffled.
        key: uint64; another key is another shuffle.

    Returns:
        uint64, 0 to size - 1.
    """
    bits = bits_for(size)
    further = uint64(_FURTHER) >> bits
    low = bits >> uint64(1)
    low_mask = (uint64(1) << low) - uint64(1)
    high_mask = (uint64(1) << (bits - low)) - uint64(1)
    word = uint64(place)
    while True:
        right = word & low_mask
        left = word >> low
        step = key
        for _ in range(_ROUNDS):
            step += uint64(_STEP)
            left ^= _scramble(right, step * uint64(_LEFT)) & high_mask
            right ^= _scramble(left, step * uint64(_RIGHT)) & low_mask
        # A loop of its own, so that the one above is unrolled for long lists.
        for _ in range(further):
            step += uint64(_STEP)
            left ^= _scramble(right, step * uint64(_LEFT)) & high_mask
            right ^= _scramble(left, step * uint64(_RIGHT)) & low_mask
        word = (left << low) | right
        if word < uint64(size):
            return word


@kernel
def unshuffled(place, size, key):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """Which place comes here: the inverse of `shuffled`."""
    bits = bits_for(size)
    further = uint64(_FURTHER) >> bits
    low = bits >> uint64(1)
    low_mask = (uint64(1) << low) - uint64(1)
    high_mask = (uint64(1) << (bits - low)) - uint64(1)
    word = uint64(place)
    while True:
        right = word & low_mask
        left = word >> low
        step = key + (further + uint64(_ROUNDS + 1)) * uint64(_STEP)
        for _ in range(further):
            step -= uint64(_STEP)
            right ^= _scramble(left, step * uint64(_RIGHT)) & low_mask
            left ^= _scramble(right, step * uint64(_LEFT)) & high_mask
        for _ in range(_ROUNDS):
            step -= uint64(_STEP)
            right ^= _scramble(left, step * uint64(_RIGHT)) & low_mask
            left ^= _scramble(right, step * uint64(_LEFT)) & high_mask
        word = (left << low) | right
        if word < uint64(size):
            return word


@kernel
def partner(place, size, key):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """Who is paired with a place, among an even number of them.

    Returns:
        uint64. The partner's place.
    """
    return unshuffled(shuffled(place, size, key) ^ uint64(1), size, key)
