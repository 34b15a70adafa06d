"""Three ways to search, and which of them this machine has.

======================= ================================================================
`SearchPath.NATIVE`     compiled by numba, with the processor's own instructions for
                        SHA-256 and AES
`SearchPath.COMPILED`   compiled by numba, for any processor
`SearchPath.PORTABLE`   hashlib, AES of a library, and numpy: needs no compiler
======================= ================================================================

What this module guarantees:

* numba is imported when somebody first matches and not before: a command that only
  prints its help does not wait half a second for it.
* Without numba, or where the user has switched it off, matching is portable, and
  nobody is told.
"""

from collections.abc import Callable
from enum import StrEnum
from functools import cache, partial

import numpy as np
import numpy.typing as npt

from cosignal.protocol.errors import UsageError
from cosignal.protocol.matching import portable
from cosignal.protocol.matching.columns import Hit, KeyColumns, Sightings

Search = Callable[[npt.NDArray[np.int64]], list[Hit]]
"""Finds the hits of some rows of `needed_identifiers`, in any order."""
Prepare = Callable[[KeyColumns, Sightings], Search]
"""Indexes sightings, if nobody did before, so that threads need not."""


class SearchPath(StrEnum):
    """A way to search; every one finds the same."""

    NATIVE = "native"
    COMPILED = "compiled"
    PORTABLE = "portable"


@cache
def available_paths() -> tuple[SearchPath, ...]:
    """Find out what this machine has.

    Returns:
        Paths, the fastest one first; always with `SearchPath.PORTABLE`.
    """
    try:
        from cosignal.protocol.matching.kernels import target  # noqa: PLC0415 - lazy
    except (ImportError, OSError):
        # numba is missing, or what it links to is.
        return (SearchPath.PORTABLE,)
    if not target.compiles():
        return (SearchPath.PORTABLE,)
    if not target.has_crypto_instructions():
        return SearchPath.COMPILED, SearchPath.PORTABLE
    return tuple(SearchPath)


def search_by(path: SearchPath | None) -> Prepare:
    """Load a path; the first time, it may have to be compiled.

    Args:
        path: Which; None for the fastest.

    Returns:
        What prepares a search.

    Raises:
        UsageError: This machine has no such path.
    """
    paths = available_paths()
    if path is None:
        path = paths[0]
    if path not in paths:
        raise UsageError(
            f"path: expected one of {', '.join(paths)} on this machine, got {path}",
            advice="Install numba with: pip install cosignal[fast]",
        )
    return _load(path)


@cache
def _load(path: SearchPath) -> Prepare:
    if path is SearchPath.PORTABLE:
        return portable.prepare
    if path is SearchPath.COMPILED:
        from cosignal.protocol.matching.kernels import compiled, loop  # noqa: PLC0415 - lazy

        return partial(loop.prepare, compiled.kernel())
    from cosignal.protocol.matching.kernels import loop, native  # noqa: PLC0415 - lazy

    return partial(loop.prepare, native.kernel())
