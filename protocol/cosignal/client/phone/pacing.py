"""How long to wait: between steps, after a failure, until the next fake upload.

What this module guarantees:

* Real and fake uploads draw from the same distributions: nothing here is told which it
  waits for.
* All randomness is the caller's `entropy`; the same bytes give the same waits.
"""

import math
from collections.abc import Callable
from typing import Final

#: Pause between two steps of an upload, seconds: all equally likely.
PAUSES: Final = range(1, 6)
#: Wait after the first failure, seconds; twice as long after each further one.
FIRST_RETRY_SECONDS: Final = 5
LONGEST_RETRY_SECONDS: Final = 3600

_FRACTION_BITS: Final = 53
_FRACTIONS: Final = 2.0**_FRACTION_BITS
_FRACTION_BYTES: Final = 7
_MOST_DOUBLINGS: Final = 16


def fraction(entropy: Callable[[int], bytes]) -> float:
    """Draw a number from 0 up to, and without, 1.

    Args:
        entropy: Gives as many random bytes as asked for.

    Returns:
        One of 2^53 numbers, all equally likely and exact in a double.
    """
    number = int.from_bytes(entropy(_FRACTION_BYTES), "big")
    return (number >> (_FRACTION_BYTES * 8 - _FRACTION_BITS)) / _FRACTIONS


def exponential(entropy: Callable[[int], bytes], mean: float) -> float:
    """Draw the wait for the next event of a Poisson process.

    Args:
        entropy: Gives as many random bytes as asked for.
        mean: In any unit.

    Returns:
        0 to about 37 means: the inverse of the distribution function at `fraction`.
    """
    return -math.log1p(-fraction(entropy)) * mean


def pause_seconds(entropy: Callable[[int], bytes]) -> int:
    """Draw the pause after a step that succeeded.

    Args:
        entropy: Gives as many random bytes as asked for.

    Returns:
        One of `PAUSES`.
    """
    return PAUSES[int(fraction(entropy) * len(PAUSES))]


def retry_seconds(attempts: int, entropy: Callable[[int], bytes]) -> int:
    """Draw the wait after a step that failed.

    Phones that lost the same node at the same moment come back spread over half of the
    wait.

    Args:
        attempts: How often it has failed by now, 1 or more.
        entropy: Gives as many random bytes as asked for.

    Returns:
        Half to all of 5 s, 10 s, 20 s, ... up to an hour; whole seconds, rounded up.
    """
    doublings = min(attempts - 1, _MOST_DOUBLINGS)
    longest = min(FIRST_RETRY_SECONDS << doublings, LONGEST_RETRY_SECONDS)
    return math.ceil(longest * (1 + fraction(entropy)) / 2)
