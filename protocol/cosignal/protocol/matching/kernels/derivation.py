"""From exposure keys to identifier keys, some lanes at a time.

What this module guarantees:

* The derivation is `identifiers.rolling_proximity_identifier_key`, in six compressions.

HKDF is two HMACs, and an HMAC hashes two blocks of padding that depend on its key only.
The first HMAC has no key, so the states after its padding are the same for all keys.

Source: RFC 2104, RFC 5869; Cryptography Specification v1.2, "Rolling Proximity
Identifier Key".
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from cosignal.protocol.matching.kernels.compiling import part
from cosignal.protocol.matching.kernels.sha256 import (
    BLOCK_WORDS,
    INITIAL_STATE,
    LANES,
    STATE_WORDS,
    swapped,
)

_Words = npt.NDArray[np.uint32]
Compress = Callable[[_Words, _Words], None]
"""SHA-256's compression function, see `sha256.compress`."""

_Work = tuple[_Words, _Words, _Words, _Words]

KEY_WORDS: Final = 4
_INNER: Final = np.uint32(0x36363636)
_OUTER: Final = np.uint32(0x5C5C5C5C)
_END_OF_MESSAGE: Final = np.uint32(0x80000000)
#: What the second HMAC hashes: "EN-RPIK", then the counter 1, as big-endian words.
_INFO: Final = np.frombuffer(b"EN-RPIK\x01", ">u4").astype(np.uint32)
_BLOCK_BITS: Final = 512
_WORD_BITS: Final = 32


@part
def padded_states(compress: Compress) -> _Words:
    """Compute the states after the padding of an HMAC without a key.

    Args:
        compress: SHA-256's compression function.

    Returns:
        Inner and outer state, the same in each lane: Shape (2, lanes, 8), uint32.
    """
    states = np.empty((2, LANES, STATE_WORDS), np.uint32)
    block = np.empty((LANES, BLOCK_WORDS), np.uint32)
    for side, pad in enumerate((_INNER, _OUTER)):
        for lane in range(LANES):
            for i in range(STATE_WORDS):
                states[side, lane, i] = INITIAL_STATE[i]
            for i in range(BLOCK_WORDS):
                block[lane, i] = pad
        compress(states[side], block)
    return states


@part
def new_work() -> _Work:
    """Make room for one block and three states in each lane, used again and again."""
    return (
        np.empty((LANES, BLOCK_WORDS), np.uint32),
        np.empty((LANES, STATE_WORDS), np.uint32),
        np.empty((LANES, STATE_WORDS), np.uint32),
        np.empty((LANES, STATE_WORDS), np.uint32),
    )


@part
def derive_identifier_keys(
    compress: Compress, padded: _Words, keys: _Words, work: _Work
) -> None:
    """Turn exposure keys into identifier keys, in place.

    Args:
        compress: SHA-256's compression function.
        padded: From `padded_states`.
        keys: Shape (lanes, 4), uint32, the bytes as little-endian words.
        work: From `new_work`.
    """
    block, inner, outer, extracted = work
    _swap(keys)
    _copy(padded[0], inner)
    _finish(compress, inner, block, keys)
    _copy(padded[1], extracted)
    _finish(compress, extracted, block, inner)
    _begin(compress, inner, block, extracted, _INNER)
    _begin(compress, outer, block, extracted, _OUTER)
    for lane in range(LANES):
        keys[lane, 0], keys[lane, 1] = _INFO[0], _INFO[1]
    _finish(compress, inner, block, keys[:, : len(_INFO)])
    _finish(compress, outer, block, inner)
    _copy(outer, keys)
    _swap(keys)


@part
def _begin(
    compress: Compress, states: _Words, block: _Words, keys: _Words, pad: np.uint32
) -> None:
    """Hash the padding of an HMAC with a key of eight words."""
    for lane in range(LANES):
        for i in range(STATE_WORDS):
            states[lane, i] = INITIAL_STATE[i]
            block[lane, i] = keys[lane, i] ^ pad
        for i in range(STATE_WORDS, BLOCK_WORDS):
            block[lane, i] = pad
    compress(states, block)


@part
def _finish(compress: Compress, states: _Words, block: _Words, message: _Words) -> None:
    """Hash a message's last block, the second one with what stood before it."""
    words = message.shape[1]
    for lane in range(LANES):
        for i in range(words):
            block[lane, i] = message[lane, i]
        block[lane, words] = _END_OF_MESSAGE
        for i in range(words + 1, BLOCK_WORDS - 1):
            block[lane, i] = 0
        block[lane, BLOCK_WORDS - 1] = _BLOCK_BITS + _WORD_BITS * words
    compress(states, block)


@part
def _copy(source: _Words, target: _Words) -> None:
    """Fill each lane of `target`; a slice assignment takes the compiler seconds."""
    for lane in range(LANES):
        for i in range(target.shape[1]):
            target[lane, i] = source[lane, i]


@part
def _swap(keys: _Words) -> None:
    for lane in range(LANES):
        for i in range(KEY_WORDS):
            keys[lane, i] = swapped(keys[lane, i])
