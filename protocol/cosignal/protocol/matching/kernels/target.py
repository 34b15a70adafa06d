"""What numba can compile for on this machine."""

from typing import Final

import llvmlite.binding as llvm
from numba.core import config

#: SHA-256 and AES instructions of x86, and the shuffles that feed them.
_CRYPTO: Final = frozenset({"aes", "sha", "sse4.1", "ssse3"})
#: AES for four blocks in one register.
_WIDE: Final = frozenset({"avx512f", "vaes"})


def compiles() -> bool:
    """Whether functions are compiled at all; NUMBA_DISABLE_JIT turns that off."""
    return not config.DISABLE_JIT


def has_crypto_instructions() -> bool:
    """Whether compiled code may use the instructions for SHA-256 and AES.

    The compiler ends the process where it is asked for instructions that it was not
    allowed, so what a user says in NUMBA_CPU_FEATURES or NUMBA_CPU_NAME counts before
    what the processor has.
    """
    return _features() >= _CRYPTO


def has_wide_registers() -> bool:
    """Whether one instruction for AES takes four blocks."""
    return _features() >= _WIDE


def _features() -> frozenset[str]:
    chosen: str | None = config.CPU_FEATURES
    if chosen is None:
        host = llvm.get_host_cpu_features()
        return frozenset(name for name, has in host.items() if has)
    signed = (name.strip() for name in chosen.split(","))
    return frozenset(name[1:] for name in signed if name.startswith("+"))
