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
* A kernel that does not compile, or that does not find what is known to be there, is
  not used: who did not ask for it gets the next path.
"""

from contextlib import suppress
from enum import StrEnum
from functools import cache, partial

from cosignal.protocol.errors import UsageError
from cosignal.protocol.matching import portable
from cosignal.protocol.matching.columns import Prepare
from cosignal.protocol.matching.known_answer import finds_known_hits


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

        if not target.compiles():
            return (SearchPath.PORTABLE,)
        native = target.has_crypto_instructions()
    except Exception:  # noqa: BLE001 - numba is missing, or broken in any way
        return (SearchPath.PORTABLE,)
    if not native:
        return SearchPath.COMPILED, SearchPath.PORTABLE
    return tuple(SearchPath)


def search_by(path: SearchPath | None) -> Prepare:
    """Load a path; the first time, it may have to be compiled.

    Args:
        path: Which; None for the fastest that works.

    Returns:
        What prepares a search.

    Raises:
        UsageError: This machine has no such path, or it does not work here.
    """
    if path is None:
        return _fastest()
    paths = available_paths()
    if path not in paths:
        raise UsageError(
            f"path: expected one of {', '.join(paths)} on this machine, got {path}",
            advice="Install numba with: pip install cosignal[fast]",
        )
    return _load(path)


@cache
def _fastest() -> Prepare:
    for path in available_paths():
        with suppress(UsageError):
            return _load(path)
    return portable.prepare


@cache
def _load(path: SearchPath) -> Prepare:
    if path is SearchPath.PORTABLE:
        return portable.prepare
    try:
        from cosignal.protocol.matching.kernels import loop, variants  # noqa: PLC0415 - lazy

        prepare = partial(loop.prepare, variants.kernel(path))
        works = finds_known_hits(prepare)
    except Exception as error:
        raise UsageError(
            f"path: expected {path} to compile here, got {type(error).__name__}",
            advice="Leave the path open, or use another one.",
        ) from error
    if not works:
        raise UsageError(
            f"path: expected {path} to find known hits, got others",
            advice="Leave the path open, or use another one.",
        )
    return prepare
