"""A shuffle that can be asked for one card: keyed bijections of 0 to m - 1.

What this module guarantees:

* `shuffled` is a bijection for each key, and `unshuffled` its inverse; both take the
  same few steps for any m and remember nothing.
* `partner` pairs an even number of things so that everybody has one partner, and the
  partner's partner is oneself.

A Feistel network (Luby and Rackoff 1988) on the next power of two, walked on until it
falls within 0 to m - 1 (Black and Rogaway 2002). Its two halves may differ by one bit.
"""

from typing import Final

from numba import uint64

from cosignal.simulator.compiled import inlined, kernel

_ODD: Final = 0x9E3779B97F4A7C15
_ROUND: Final = 0xD1B54A32D192ED03


@inlined
def _scramble(half, key):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - numba
    word = (half ^ key) * uint64(_ODD)
    word ^= word >> uint64(29)
    word *= uint64(_ROUND)
    return word >> uint64(32)


@kernel
def bits_for(size):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - numba's types
    """Bits of the numbers below `size`; 2 at least, so that both halves have one."""
    bits = uint64(2)
    while (uint64(1) << bits) < uint64(size):
        bits += uint64(1)
    return bits


@kernel
def shuffled(place, size, key):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """Where a place comes to.

    Args:
        place: 0 to size - 1.
        size: Of what is shuffled.
        key: 64 bits; another key is another shuffle.

    Returns:
        uint64, 0 to size - 1.
    """
    bits = bits_for(size)
    low = bits >> uint64(1)
    low_mask = (uint64(1) << low) - uint64(1)
    high_mask = (uint64(1) << (bits - low)) - uint64(1)
    word = uint64(place)
    while True:
        right = word & low_mask
        left = word >> low
        for turn in range(3):
            step = key + uint64(turn) * uint64(_ODD)
            left ^= _scramble(right, step) & high_mask
            right ^= _scramble(left, ~step) & low_mask
        word = (left << low) | right
        if word < uint64(size):
            return word


@kernel
def unshuffled(place, size, key):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """Which place comes here: the inverse of `shuffled`."""
    bits = bits_for(size)
    low = bits >> uint64(1)
    low_mask = (uint64(1) << low) - uint64(1)
    high_mask = (uint64(1) << (bits - low)) - uint64(1)
    word = uint64(place)
    while True:
        right = word & low_mask
        left = word >> low
        for back in range(3):
            step = key + uint64(2 - back) * uint64(_ODD)
            right ^= _scramble(left, ~step) & low_mask
            left ^= _scramble(right, step) & high_mask
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
