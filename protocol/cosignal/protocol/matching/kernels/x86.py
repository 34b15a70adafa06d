"""Words of the compiler's own language, for instructions of x86.

What this module guarantees:

* Memory may lie at any address.
"""

from collections.abc import Callable, Sequence
from typing import Final

from llvmlite import ir
from numba import types
from numba.core.base import BaseContext
from numba.core.typing import Signature

from cosignal.protocol.matching.kernels.compiling import Emitter

I8: Final = ir.IntType(8)
I32: Final = ir.IntType(32)
#: Four words in one register.
WORDS: Final = ir.VectorType(I32, 4)
#: The same register, as instructions for AES name it.
HALVES: Final = ir.VectorType(ir.IntType(64), 2)

_REGISTER_BYTES: Final = 16


def procedure(write: Callable[..., None], *kinds: types.Type) -> Emitter:
    """Say what instructions a function without a result is made of.

    Args:
        write: Takes the builder, then each argument; of an array, where it begins.
        kinds: Types of the arguments.

    Returns:
        What `compiling.instructions` wants.
    """

    def emit(
        context: BaseContext,
        builder: ir.IRBuilder,
        signature: Signature,
        arguments: Sequence[ir.Value],
    ) -> ir.Value:
        pairs = zip(signature.args, arguments, strict=True)
        write(builder, *(_given(context, builder, *pair) for pair in pairs))
        return context.get_dummy_value()

    return types.void(*kinds), emit


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


def _given(
    context: BaseContext, builder: ir.IRBuilder, kind: types.Type, value: ir.Value
) -> ir.Value:
    """A number itself; of an array, where its data begins, as bytes."""
    if not isinstance(kind, types.Array):
        return value
    data = context.make_array(kind)(context, builder, value).data
    return builder.bitcast(data, I8.as_pointer())


def _place(
    builder: ir.IRBuilder, base: ir.Value, register: int, kind: ir.Type
) -> ir.Value:
    offset = ir.Constant(ir.IntType(64), register * _REGISTER_BYTES)
    return builder.bitcast(builder.gep(base, [offset]), kind.as_pointer())
