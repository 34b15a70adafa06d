"""The kernel for processors with instructions for SHA-256 and AES."""

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
    x86,
    x86_aes,
    x86_sha256,
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
        x86_sha256.compress,
        x86_aes.expand,
        x86_aes.encrypt,
        teks,
        needed,
        (bit_filter, rows),
        hits,
    )


kernel: Final = compiling.kernel(
    _kernel,
    (aes, compiling, derivation, lookup, loop, sha256, x86, x86_aes, x86_sha256),
)
#: Finds the sightings of some keys, see `loop.search_with`.
search: Final = partial(loop.search_with, kernel)
