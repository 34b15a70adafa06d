"""Words of the compiler's own language, for instructions of x86.

What this module guarantees:

* Memory may lie at any address.
"""

from collections.abc import Sequence
from typing import Final

from llvmlite import ir
from numba import types
from numba.core.base import BaseContext

I8: Final = ir.IntType(8)
I32: Final = ir.IntType(32)
#: Four words in one register.
WORDS: Final = ir.VectorType(I32, 4)
#: The same register, as instructions for AES name it.
HALVES: Final = ir.VectorType(ir.IntType(64), 2)

_REGISTER_BYTES: Final = 16


def constant(words: Sequence[int]) -> ir.Constant:
    """Words that are known when the code is made, as many as there are."""
    kind = ir.VectorType(I32, len(words))
    return ir.Constant(kind, [ir.Constant(I32, word) for word in words])


def shuffled(
    builder: ir.IRBuilder, x: ir.Value, y: ir.Value, picks: Sequence[int]
) -> ir.Value:
    """Pick words: with four in each, 0 to 3 are those of `x`, 4 to 7 those of `y`."""
    return builder.shuffle_vector(x, y, constant(picks))


def call(
    builder: ir.IRBuilder, name: str, result: ir.Type, arguments: Sequence[ir.Value]
) -> ir.Value:
    """Issue the instruction that the compiler knows as `llvm.x86.<name>`."""
    full = f"llvm.x86.{name}"
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    declared = builder.module.globals.get(full)
    if declared is None:
        declared = ir.Function(builder.module, kind, full)
    return builder.call(declared, arguments)


def address(
    context: BaseContext, builder: ir.IRBuilder, kind: types.Array, array: ir.Value
) -> ir.Value:
    """Where an array's data begins, as bytes."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(data, I8.as_pointer())


def load(builder: ir.IRBuilder, base: ir.Value, register: int) -> ir.Value:
    """Read the four words that stand so many registers after `base`."""
    read = builder.load(_place(builder, base, register, WORDS))
    read.align = 1
    return read


def store(
    builder: ir.IRBuilder, value: ir.Value, base: ir.Value, register: int
) -> None:
    """Write a value so many times 16 bytes after `base`."""
    written = builder.store(value, _place(builder, base, register, value.type))
    written.align = 1


def _place(
    builder: ir.IRBuilder, base: ir.Value, register: int, kind: ir.Type
) -> ir.Value:
    offset = ir.Constant(ir.IntType(64), register * _REGISTER_BYTES)
    return builder.bitcast(builder.gep(base, [offset]), kind.as_pointer())
