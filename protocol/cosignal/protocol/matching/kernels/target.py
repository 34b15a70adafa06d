"""What numba compiles for on this machine, as its own code generator says.

What this module guarantees:

* What a user says in NUMBA_CPU_NAME, NUMBA_CPU_FEATURES or NUMBA_ENABLE_AVX counts as
  it does for numba: its answer is read, not the processor's.

The compiler ends the process where it is asked for an instruction that it was not
allowed, so in doubt the answer is no.
"""

from typing import Final

from numba.core import config
from numba.core.registry import cpu_target

#: SHA-256 and AES instructions of x86, and the shuffles that feed them.
_CRYPTO: Final = frozenset({"aes", "sha", "sse4.1", "ssse3"})
#: The compiler takes those away, too, from whom these were taken away.
_CRYPTO_NEEDS: Final = frozenset({"sse", "sse2", "sse3"})
#: AES for four blocks in one register.
_WIDE: Final = frozenset({"avx512f", "vaes"})
_WIDE_NEEDS: Final = frozenset({"sse4.2", "avx", "avx2", "f16c", "fma", "evex512"})


def compiles() -> bool:
    """Whether functions are compiled at all; NUMBA_DISABLE_JIT turns that off."""
    return not config.DISABLE_JIT


def has_crypto_instructions() -> bool:
    """Whether compiled code may use the instructions for SHA-256 and AES."""
    return _may_use(_CRYPTO, _CRYPTO_NEEDS)


def has_wide_registers() -> bool:
    """Whether one instruction for AES takes four blocks."""
    return has_crypto_instructions() and _may_use(_WIDE, _WIDE_NEEDS)


def description() -> tuple[str, str, str]:
    """System, processor, and features by name, each with + or -."""
    system, processor, features = cpu_target.target_context.codegen().magic_tuple()
    return str(system), str(processor), str(features)


def _may_use(named: frozenset[str], needed: frozenset[str]) -> bool:
    """Whether all `named` features were given and none `needed` was taken away."""
    _, _, features = description()
    signs = {name[1:]: name[0] for name in map(str.strip, features.split(",")) if name}
    taken = {name for name, sign in signs.items() if sign != "+"}
    return named <= signs.keys() and not taken & (named | needed)
