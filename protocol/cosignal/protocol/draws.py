"""Fair draws from a caller's source of randomness.

What this module guarantees:

* Every number, and every order, is equally likely, as far as the source is random:
  draws that do not fit are thrown away and not folded.
* A broken source is an error and never an endless loop.

Source: D. Knuth, "The Art of Computer Programming", volume 2, 3.4.2, algorithm P.
"""

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from cosignal.protocol.errors import UsageError

_T = TypeVar("_T")
#: Draws are repeated this often before the source of entropy is called broken: a good
#: one fails that with a chance below 2**-128.
_MAX_DRAWS: Final = 128


def draw_below(limit: int, entropy: Callable[[int], bytes]) -> int:
    """Draw a number.

    Args:
        limit: 1 or more.
        entropy: Gives as many random bytes as asked for.

    Returns:
        0 to `limit` - 1.

    Raises:
        UsageError: The limit is below 1, or the source gives no random bytes.
    """
    if limit < 1:
        raise UsageError(f"limit: expected 1 or more, got {limit}")
    bits = (limit - 1).bit_length()
    size = (bits + 7) // 8
    for _ in range(_MAX_DRAWS):
        drawn = entropy(size)
        if len(drawn) != size:
            raise UsageError(f"entropy: expected {size} bytes, got {len(drawn)}")
        number = int.from_bytes(drawn) & (1 << bits) - 1
        if number < limit:
            return number
    raise UsageError(
        "entropy: expected random bytes, got none that fit in "
        f"{_MAX_DRAWS} draws below {limit}",
        advice="Pass the operating system's source, for instance os.urandom.",
    )


def shuffled(items: Iterable[_T], entropy: Callable[[int], bytes]) -> list[_T]:
    """Put items in a random order, each order as likely as any other.

    Args:
        items: Any number.
        entropy: Gives as many random bytes as asked for.

    Returns:
        The same items.

    Raises:
        UsageError: The source gives no random bytes.
    """
    order = list(items)
    for last in range(len(order) - 1, 0, -1):
        other = draw_below(last + 1, entropy)
        order[last], order[other] = order[other], order[last]
    return order
