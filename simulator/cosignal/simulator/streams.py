"""Chance without a sequence: every draw is a function of what it is for.

What this module guarantees:

* A draw depends on the seed, the name of its stream, the day and the people it is for,
  and on nothing that was drawn before. Adding an intervention changes no other draw, so
  that two scenarios with one seed differ by what they do, not by luck.
* Any number of threads, and any order, give the same draws.

The hash is the finaliser of SplitMix64 (Steele, Lea, Flood 2014, "Fast Splittable
Pseudorandom Number Generators"); it passes for random here, and hides nothing.
"""

import hashlib
from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit, uint64

from cosignal.protocol.errors import UsageError

#: Turns the upper 53 bits of a hash into a double from 0 up to, and without, 1.
_UNIT: Final = 1.0 / (1 << 53)
_LARGEST: Final = (1 << 64) - 1


def stream_key(seed: int, name: str) -> np.uint64:
    """Name a stream of draws.

    Args:
        seed: Of the run.
        name: What is drawn, for example `spread.transmission`.

    Returns:
        The stream's key.
    """
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return np.uint64(int.from_bytes(digest[:8], "little"))


@njit(inline="always")
def mix(value):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - numba's types
    """Scramble 64 bits."""
    value = (value ^ (value >> uint64(30))) * uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> uint64(27))) * uint64(0x94D049BB133111EB)
    return value ^ (value >> uint64(31))


@njit(inline="always")
def day_key(stream, day):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - numba
    """The key of one day of a stream; called from Python, an int for `uniforms`."""
    return mix(stream + uint64(day) * uint64(0x9E3779B97F4A7C15))


@njit(inline="always")
def draw(key, first, second):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """64 random bits for two things, for example two people; their order matters."""
    return mix(
        key
        ^ (
            uint64(first) * uint64(0x9E3779B97F4A7C15)
            + uint64(second) * uint64(0xC2B2AE3D27D4EB4F)
        )
    )


@njit(inline="always")
def uniform(key, first, second):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """A number from 0 up to, and without, 1, for two things; their order matters."""
    return (draw(key, first, second) >> uint64(11)) * _UNIT


@njit(inline="always")
def pair_uniform(key, one, other):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """A number from 0 up to, and without, 1, for a pair in either order."""
    if one < other:
        return uniform(key, one, other)
    return uniform(key, other, one)


def uniforms(
    key: int | np.uint64, ids: npt.ArrayLike, second: int
) -> npt.NDArray[np.float64]:
    """One number from 0 up to, and without, 1, for each of some people.

    Args:
        key: Of a stream, or of a day of one: 64 bits, as any kind of whole number.
        ids: Shape (m,), integers.
        second: What else the draw is for, for example a number of an attempt.

    Returns:
        Shape (m,).

    Raises:
        UsageError: The key has no 64 bits.
    """
    if not 0 <= key <= _LARGEST:
        raise UsageError(
            f"key: expected 64 bits, got {key}",
            advice="Take it from stream_key, Sim.stream or day_key.",
        )
    # As an int, a key below 2^63 would be signed to the compiler: other draws.
    return _uniforms(np.uint64(key), np.asarray(ids), second)  # type: ignore[no-any-return]


@njit(nogil=True, cache=True)
def _uniforms(key, ids, second):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    found = np.empty(len(ids), np.float64)
    for place in range(len(ids)):
        found[place] = uniform(key, ids[place], second)
    return found
