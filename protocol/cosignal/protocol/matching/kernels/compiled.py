"""The kernel for any processor."""

from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from cosignal.protocol.matching.kernels import (
    aes,
    compiling,
    derivation,
    lookup,
    loop,
    sha256,
)

_Numbers = npt.NDArray[np.int64]


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


kernel: Final = compiling.kernel(
    _kernel, (aes, compiling, derivation, lookup, loop, sha256)
)
#: Finds the sightings of some keys, see `loop.search_with`.
search: Final = partial(loop.search_with, kernel)
