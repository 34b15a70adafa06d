"""How kernels are compiled, and kept on disk by the compiler for the next process.

What this module guarantees:

* A kernel is compiled once on a machine, not once a process: compiling takes seconds,
  reading what was compiled a tenth of one.
* What was compiled from other sources is not used: numba compares only the file of the
  kernel itself, so the name that it keeps a kernel under holds a digest of all of them.
* A folder that cannot be written, a full disk or a damaged file costs time and nothing
  else: the kernel is then compiled for this process alone.
"""

import hashlib
import inspect
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import ModuleType
from typing import Any, TypeVar, cast

import numba
from llvmlite import ir
from numba import types
from numba.core.dispatcher import Dispatcher
from numba.core.typing import Signature
from numba.extending import intrinsic

Emitter = tuple[Signature, Callable[..., ir.Value]]
"""Signature of some instructions, and what writes them into a function."""
_Function = TypeVar("_Function", bound=Callable[..., Any])

#: No lock is held while a kernel runs, so that threads run at once. Division by zero
#: need not be looked for: nothing here divides by a variable.
_OPTIONS: Any = {"nogil": True, "error_model": "numpy"}
_ROWS = types.Array(types.int64, 2, "C")
#: Parameters of a kernel, see `loop.Kernel`. Types are fixed, so that a kernel is
#: compiled once, when it is made. Arrays are read-only and may lie at any address.
_SIGNATURE = types.int64(
    types.Array(types.uint8, 1, "C", readonly=True, aligned=False),
    types.Array(types.int64, 2, "C", readonly=True),
    types.Array(types.int64, 1, "C", readonly=True),
    types.Array(types.int64, 2, "C", readonly=True),
    _ROWS,
)


def part(function: _Function) -> _Function:
    """Compile a function into the kernels that call it.

    Args:
        function: In the subset of Python that numba compiles.

    Returns:
        What kernels call.
    """
    wrappers: Any = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return cast("_Function", numba.njit(**wrappers, **_OPTIONS)(function))


def instructions(emit: Callable[..., Emitter]) -> Callable[..., None]:
    """Make a function of instructions that the compiler has no other name for.

    Args:
        emit: Gives the signature and the generator of the code, as numba's
            `intrinsic` wants it.

    Returns:
        What compiled functions call.
    """
    return cast("Callable[..., None]", intrinsic(emit))


def kernel(function: _Function, sources: Sequence[ModuleType]) -> _Function:
    """Compile a kernel, or read it from where an earlier process left it.

    Args:
        function: With the parameters of `loop.Kernel`.
        sources: Every module whose functions it calls.

    Returns:
        The compiled function.
    """
    try:
        return cast("_Function", _kept(function, sources))
    except Exception:  # noqa: BLE001 - whatever keeping raises, matching does without
        return cast("_Function", numba.njit(_SIGNATURE, **_OPTIONS)(function))


def _kept(function: Callable[..., Any], sources: Sequence[ModuleType]) -> Dispatcher:
    function.__qualname__ = f"{function.__name__}_{_digest(sources)}"
    dispatcher: Dispatcher = numba.njit(cache=True, **_OPTIONS)(function)
    if not _compiles(dispatcher):
        # What was kept cannot be read, perhaps since the power failed: forget it.
        dispatcher.recompile()
        if not _compiles(dispatcher):
            raise RuntimeError("the kernel does not compile")
    dispatcher.disable_compile()
    return dispatcher


def _compiles(dispatcher: Dispatcher) -> bool:
    """Read or compile; a kernel that only could not be kept is good for now."""
    with suppress(Exception):
        dispatcher.compile(_SIGNATURE)
    return bool(dispatcher.signatures)


def _digest(sources: Sequence[ModuleType]) -> str:
    text = "\0".join(inspect.getsource(module) for module in sources)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
