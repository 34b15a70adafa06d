"""Work shared by some threads.

What this module guarantees:

* Results come in the order of the work, whoever did it.
* Threads are made once, and wait for more: a day's work takes milliseconds, and would
  be spent on making them.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

Work = TypeVar("Work")
Found = TypeVar("Found")


def share(
    function: Callable[[Work], Found], items: Iterable[Work], threads: int
) -> list[Found]:
    """Do something with each of some things.

    Args:
        function: What to do; must not share work itself.
        items: With what.
        threads: How many do it; with one, the caller does.
    """
    if threads == 1:
        return list(map(function, items))
    return list(_pool(threads).map(function, items))


@lru_cache(maxsize=8)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="cosignal-sim")
