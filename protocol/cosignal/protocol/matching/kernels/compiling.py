"""How kernels are compiled, and taken from an earlier process that compiled them.

What this module guarantees:

* A kernel is compiled once on a machine, not once a process: compiling takes seconds,
  reading what was compiled a tenth of one.
* What was compiled for another processor, or by another version of the compiler, is
  not used.
* Whatever goes wrong with a kernel that was kept, a new one is compiled.

numba could keep kernels itself, but would run what it finds without looking at it:
one flipped bit of machine code loses hits, or ends the process. So its place is taken
by `keeping`, through the two methods that its dispatcher calls.
"""

import pickle
import sys
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from typing import Any, TypeVar, cast

import llvmlite
import numba
from llvmlite import ir
from numba import types
from numba.core.base import BaseContext
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps
from numba.core.typing import Signature
from numba.extending import intrinsic

from cosignal.protocol.matching.kernels import target
from cosignal.protocol.matching.kernels.keeping import KernelStore

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


def kernel(function: _Function, name: str, store: KernelStore | None) -> _Function:
    """Compile a kernel, or read it from where an earlier process left it.

    Args:
        function: With the parameters of `loop.Kernel`.
        name: Which; kernels of one process have different names.
        store: Where it is kept; None to keep nothing.

    Returns:
        The compiled function.

    Raises:
        Exception: Any; the compiler has many.
    """
    # Code that was read and code that is compiled here must not share a symbol.
    sources = store.sources.hex()[:16] if store else "new"
    function.__qualname__ = f"{name}_{sources}"
    dispatcher: Any = numba.njit(**_OPTIONS)(function)
    if store:
        dispatcher._cache = _Kept(name, store)  # noqa: SLF001 - see the module
    dispatcher.compile(_SIGNATURE)
    dispatcher.disable_compile()
    return cast("_Function", dispatcher)


class _Kept:
    """What a dispatcher asks before it compiles, and tells afterwards."""

    cache_path = None

    def __init__(self, name: str, store: KernelStore) -> None:
        versions = (numba.__version__, llvmlite.__version__, sys.version)
        made_for = repr((versions, target.description()))
        self._name = f"{name}-{sha256(made_for.encode()).hexdigest()[:16]}.kernel"
        self._store = store

    def load_overload(
        self, _signature: Signature, context: BaseContext
    ) -> CompileResult | None:
        """Give what was kept, None if there is nothing."""
        context.refresh()
        with suppress(Exception):
            code = self._store.read(self._name)
            if code is not None:
                # The store reads only what this user or the package's owner wrote.
                parts = pickle.loads(code)  # noqa: S301
                return CompileResult._rebuild(context, *parts)  # noqa: SLF001 - as numba's own cache does
        return None

    def save_overload(self, _signature: Signature, compiled: CompileResult) -> None:
        """Keep it; one that holds addresses of this process cannot be."""
        with suppress(Exception):
            if not compiled.library.has_dynamic_globals:
                self._store.write(self._name, dumps(compiled._reduce()))  # noqa: SLF001 - as numba's own cache does
