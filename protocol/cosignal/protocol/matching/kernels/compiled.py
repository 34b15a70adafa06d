"""The kernel for any processor."""

from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from cosignal.protocol.matching import columns
from cosignal.protocol.matching.kernels import (
    aes,
    compiling,
    derivation,
    lookup,
    loop,
    sha256,
)

_Numbers = npt.NDArray[np.int64]
#: Every module from which something is compiled into the kernel.
SOURCES: Final = (aes, columns, compiling, derivation, lookup, loop, sha256)


@cache
def kernel() -> loop.Kernel:
    """Compile the kernel, or read it; done once, and not by an import."""
    return compiling.kernel(_kernel, SOURCES)


def _kernel(
    teks: npt.NDArray[np.uint8],
    needed: _Numbers,
    bit_filter: _Numbers,
    rows: _Numbers,
    hits: _Numbers,
) -> int:
    return loop.search_keys(
        sha256.compress,
        aes.expand,
        aes.encrypt,
        teks,
        needed,
        (bit_filter, rows),
        hits,
    )
