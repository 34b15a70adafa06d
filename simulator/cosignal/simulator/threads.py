"""Work shared by some threads.

What this module guarantees:

* Results come in the order of the work, whoever did it.
* Threads are made once, and wait for more: a day's work takes milliseconds, and would
  be spent on making them.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise
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
    work = list(items)
    if threads == 1 or len(work) == 1:
        return list(map(function, work))
    return list(_pool(threads).map(function, work))


def ranges(count: int, threads: int, least: int) -> list[tuple[int, int]]:
    """Cut things that stand in a row into one part for each thread.

    Args:
        count: How many things.
        threads: How many share the work.
        least: Of a part, or fewer threads do it: handing over takes time as well.

    Returns:
        First, and first after, of each part.
    """
    parts = max(1, min(threads, count // least))
    cuts = [count * number // parts for number in range(parts + 1)]
    return list(pairwise(cuts))


@lru_cache(maxsize=8)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="cosignal-sim")
