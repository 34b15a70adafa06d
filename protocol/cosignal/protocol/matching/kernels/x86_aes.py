"""AES-128 by the instructions that x86 has for it.

What this module guarantees:

* Eight blocks stand side by side in one run of instructions, since each waits some
  cycles for the one before it in its block.

Source: FIPS 197; Intel, "AES New Instructions".
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.core.base import BaseContext
from numba.core.typing import Context, Signature

from cosignal.protocol.matching.kernels import x86
from cosignal.protocol.matching.kernels.aes import PADDING, ROUND_CONSTANTS, ROUNDS
from cosignal.protocol.matching.kernels.compiling import Emitter, instructions, part

_Words = npt.NDArray[np.uint32]
_BLOCKS: Final = 8
_INTERVAL_WORD: Final = 3


@part
def expand(key: _Words, round_keys: _Words) -> None:
    """Compute the round keys.

    Args:
        key: Shape (4,), uint32, the bytes as little-endian words.
        round_keys: Shape (11, 4), uint32, written.
    """
    _expand(key, round_keys)


@part
def encrypt(
    round_keys: _Words, first: int, count: int, identifiers: npt.NDArray[np.int64]
) -> None:
    """Derive the identifiers of some intervals.

    Args:
        round_keys: From `expand`.
        first: First interval.
        count: Number of intervals.
        identifiers: Shape (at least count, rounded up to 8, 2), int64; both halves of
            each, the bytes as little-endian words.
    """
    for n in range(0, count, _BLOCKS):
        _encrypt(round_keys, np.uint32(first + n), identifiers[n:])


@instructions
def _expand(_typing: Context, key: types.Type, round_keys: types.Type) -> Emitter:
    def emit(
        context: BaseContext,
        builder: ir.IRBuilder,
        signature: Signature,
        arguments: Sequence[ir.Value],
    ) -> ir.Value:
        pairs = zip(signature.args, arguments, strict=True)
        source, target = (x86.address(context, builder, *pair) for pair in pairs)
        words = x86.load(builder, source, 0)
        x86.store(builder, words, target, 0)
        for i, round_constant in enumerate(ROUND_CONSTANTS.tolist(), 1):
            words = _next_round_key(builder, words, round_constant)
            x86.store(builder, words, target, i)
        return context.get_dummy_value()

    return types.void(key, round_keys), emit


def _next_round_key(
    builder: ir.IRBuilder, words: ir.Value, round_constant: int
) -> ir.Value:
    assisted = x86.call(
        builder,
        "aesni.aeskeygenassist",
        x86.HALVES,
        [builder.bitcast(words, x86.HALVES), ir.Constant(x86.I8, round_constant)],
    )
    zero = x86.constant([0] * 4)
    # Each word is xored with all before it: first the neighbour, then two further.
    words = builder.xor(words, x86.shuffled(builder, zero, words, [0, 4, 5, 6]))
    words = builder.xor(words, x86.shuffled(builder, zero, words, [0, 0, 4, 5]))
    last = builder.bitcast(assisted, x86.WORDS)
    return builder.xor(words, x86.shuffled(builder, last, last, [3, 3, 3, 3]))


@instructions
def _encrypt(
    _typing: Context, round_keys: types.Type, first: types.Type, identifiers: types.Type
) -> Emitter:
    def emit(
        context: BaseContext,
        builder: ir.IRBuilder,
        signature: Signature,
        arguments: Sequence[ir.Value],
    ) -> ir.Value:
        kinds, values = signature.args, arguments
        source = x86.address(context, builder, kinds[0], values[0])
        target = x86.address(context, builder, kinds[2], values[2])
        keys = [_halves(builder, source, i) for i in range(ROUNDS + 1)]
        blocks = [
            builder.xor(_padded(builder, values[1], n), keys[0]) for n in range(_BLOCKS)
        ]
        for key in keys[1:-1]:
            blocks = [_round(builder, "aesenc", block, key) for block in blocks]
        for n, block in enumerate(blocks):
            last = _round(builder, "aesenclast", block, keys[-1])
            x86.store(builder, builder.bitcast(last, x86.WORDS), target, n)
        return context.get_dummy_value()

    return types.void(round_keys, first, identifiers), emit


def _halves(builder: ir.IRBuilder, base: ir.Value, register: int) -> ir.Value:
    return builder.bitcast(x86.load(builder, base, register), x86.HALVES)


def _padded(builder: ir.IRBuilder, first: ir.Value, n: int) -> ir.Value:
    """The block that encrypts to the identifier of interval `first + n`."""
    interval = builder.add(first, ir.Constant(x86.I32, n))
    words = x86.constant([*PADDING.tolist(), 0])
    place = ir.Constant(x86.I32, _INTERVAL_WORD)
    return builder.bitcast(builder.insert_element(words, interval, place), x86.HALVES)


def _round(
    builder: ir.IRBuilder, name: str, block: ir.Value, key: ir.Value
) -> ir.Value:
    return x86.call(builder, f"aesni.{name}", x86.HALVES, [block, key])
