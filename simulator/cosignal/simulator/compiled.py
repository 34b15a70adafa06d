"""How the simulator's inner loops are compiled.

What this module guarantees:

* A `kernel` holds no lock while it runs, is compiled once for all runs to come, and
  counts no references to arrays: counting them at each look at a named tuple of arrays
  made the loops about ten times slower. A kernel therefore makes no arrays; whoever
  calls it gives it those that it fills.
* Numbers are those of IEEE 754: no rearranged sums, so that every processor and every
  number of threads gives the same ones.
* A kept kernel is used as long as no source file has changed that it may be made of.
  Numba by itself looks at the file of the kernel only, not at those of what it calls,
  and would go on with old parts.
"""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from numba import njit

#: Folders and files of which no kernel is made.
_AROUND: Final = frozenset(
    {
        *("commands", "experiments", "plots", "results", "studies"),
        *("notes.py", "report.py", "saved.py", "scenarios.py", "series.py"),
        *("verification.py", "words.py"),
    }
)


def kernel(function: Any) -> Any:  # noqa: ANN401 - numba's types
    """Compile a function that is called from Python, or by other kernels."""
    return _kept(njit(nogil=True, cache=True, _nrt=False)(function))


def inlined(function: Any) -> Any:  # noqa: ANN401 - numba's types
    """Compile a small function that becomes a part of those which call it."""
    made = njit(nogil=True, cache=True, _nrt=False, inline="always")(function)
    return _kept(made)


@lru_cache(maxsize=1)
def sources_digest(folder: Path = Path(__file__).parent) -> str:
    """Name the source files that kernels may be made of by what is in them."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder)
        if name.parts[0] in _AROUND:
            continue
        content = path.read_bytes()
        digest.update(f"{name} {len(content)} ".encode())
        digest.update(content)
    return digest.hexdigest()


def _kept(dispatcher: Any) -> Any:  # noqa: ANN401 - numba's types
    """Let a kernel be kept under its sources' name; without numba's compiler, as is."""
    cache = getattr(dispatcher, "_cache", None)
    if cache is not None:
        cache._cache_file._source_stamp = sources_digest()  # noqa: SLF001 - no other way
    return dispatcher
