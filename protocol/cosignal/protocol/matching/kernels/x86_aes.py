"""AES-128 by the instructions that x86 has for it.

What this module guarantees:

* Eight blocks, or four registers of four blocks where the processor has such, stand
  side by side in one run of instructions, since each waits some cycles for the one
  before it in its block.

Source: FIPS 197; Intel, "AES New Instructions".
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.core.typing import Context

from cosignal.protocol.matching.kernels import target, x86
from cosignal.protocol.matching.kernels.aes import PADDING, ROUND_CONSTANTS, ROUNDS
from cosignal.protocol.matching.kernels.compiling import Emitter, instructions, part

_Words = npt.NDArray[np.uint32]
#: Blocks in a register, and blocks in one run of instructions.
_WIDTH: Final = 4 if target.has_wide_registers() else 1
_BLOCKS: Final = 16 if _WIDTH > 1 else 8
_HALVES: Final = ir.VectorType(ir.IntType(64), 2 * _WIDTH)
_SUFFIX: Final = ".512" if _WIDTH > 1 else ""
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
        identifiers: Shape (at least count, rounded up to 16, 2), int64; both halves
            of each, the bytes as little-endian words.
    """
    for n in range(0, count, _BLOCKS):
        _encrypt(round_keys, np.uint32(first + n), identifiers[n:])


@instructions
def _expand(_typing: Context, key: types.Type, round_keys: types.Type) -> Emitter:
    return x86.procedure(_write_expansion, key, round_keys)


def _write_expansion(
    builder: ir.IRBuilder, key: ir.Value, round_keys: ir.Value
) -> None:
    words = x86.load(builder, key, 0)
    x86.store(builder, words, round_keys, 0)
    for i, round_constant in enumerate(ROUND_CONSTANTS.tolist(), 1):
        words = _next_round_key(builder, words, round_constant)
        x86.store(builder, words, round_keys, i)


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
    return x86.procedure(_write_encryption, round_keys, first, identifiers)


def _write_encryption(
    builder: ir.IRBuilder, round_keys: ir.Value, first: ir.Value, identifiers: ir.Value
) -> None:
    registers = _encrypted(builder, _round_keys(builder, round_keys), first)
    for n, register in enumerate(registers):
        x86.store(builder, register, identifiers, n * _WIDTH)


def _encrypted(
    builder: ir.IRBuilder, keys: Sequence[ir.Value], first: ir.Value
) -> list[ir.Value]:
    """Registers of identifiers, from interval `first` on."""
    blocks = [
        builder.xor(block, keys[0]) for block in _padded_intervals(builder, first)
    ]
    for key in keys[1:-1]:
        blocks = [_round(builder, "aesenc", block, key) for block in blocks]
    return [_round(builder, "aesenclast", block, keys[-1]) for block in blocks]


def _round_keys(builder: ir.IRBuilder, source: ir.Value) -> list[ir.Value]:
    """Each round key, as often as blocks stand in a register."""
    words = [x86.load(builder, source, i) for i in range(ROUNDS + 1)]
    return [builder.bitcast(_repeated(builder, one), _HALVES) for one in words]


def _padded_intervals(builder: ir.IRBuilder, first: ir.Value) -> list[ir.Value]:
    """Registers of blocks that encrypt to identifiers, from interval `first` on."""
    place = ir.Constant(x86.I32, _INTERVAL_WORD)
    start = builder.insert_element(x86.constant([0] * 4), first, place)
    starts = _repeated(builder, start)
    blocks = [[*PADDING.tolist(), n] for n in range(_BLOCKS)]
    registers = [
        [word for block in blocks[n : n + _WIDTH] for word in block]
        for n in range(0, _BLOCKS, _WIDTH)
    ]
    return [
        builder.bitcast(builder.add(starts, x86.constant(words)), _HALVES)
        for words in registers
    ]


def _repeated(builder: ir.IRBuilder, words: ir.Value) -> ir.Value:
    """Fill a register with copies of four words."""
    return x86.shuffled(builder, words, words, [0, 1, 2, 3] * _WIDTH)


def _round(
    builder: ir.IRBuilder, name: str, block: ir.Value, key: ir.Value
) -> ir.Value:
    return x86.call(builder, f"aesni.{name}{_SUFFIX}", _HALVES, [block, key])
