"""The only readers of the real time and of real randomness.

Everything else takes a `Clock` and an `Entropy` as arguments, so that tests decide
both. Only the command line calls this module.
"""

import os
import time
from collections.abc import Callable

Clock = Callable[[], int]
Entropy = Callable[[int], bytes]


def system_clock() -> int:
    """Unix time, whole seconds."""
    return int(time.time())


def system_entropy(size: int) -> bytes:
    """`size` bytes from the operating system."""
    return os.urandom(size)
