"""The kernels: one search, made of different SHA-256 and AES."""

from functools import cache
from types import ModuleType
from typing import Final

import numpy as np
import numpy.typing as npt

from cosignal.protocol.matching.kernels import (
    aes,
    compiling,
    keeping,
    loop,
    sha256,
    x86_aes,
    x86_sha256,
)

_Numbers = npt.NDArray[np.int64]


#: By the names of their paths: a module with `compress`, one with `expand` and
#: `encrypt`.
VARIANTS: Final = {"native": (x86_sha256, x86_aes), "compiled": (sha256, aes)}


@cache
def kernel(name: str) -> loop.Kernel:
    """Compile a kernel, or read it; done once, and not by an import.

    Args:
        name: A key of `VARIANTS`.

    Returns:
        The kernel.

    Raises:
        Exception: It does not compile; the compiler has many.
    """
    return compiling.kernel(_search_by(*VARIANTS[name]), name, keeping.user_store())


def _search_by(hashing: ModuleType, encryption: ModuleType) -> loop.Kernel:
    # Functions are named by their modules, as those have no address in the code: it
    # could not be kept with one.
    def search(
        teks: npt.NDArray[np.uint8],
        needed: _Numbers,
        bit_filter: _Numbers,
        rows: _Numbers,
        hits: _Numbers,
    ) -> int:
        return loop.search_keys(
            hashing.compress,
            encryption.expand,
            encryption.encrypt,
            teks,
            needed,
            (bit_filter, rows),
            hits,
        )

    return search
