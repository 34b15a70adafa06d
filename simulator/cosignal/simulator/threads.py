"""Work shared by some threads.

What this module guarantees:

* Results come in the order of the work, whoever did it.
* Threads are made once, and wait for more: a day's work takes milliseconds, and would
  be spent on making them. Whoever shares work does a part of it.
* If something fails nothing more is begun, and what was is over when the error is told.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
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
    found: dict[int, Found] = {}
    waiting = deque(range(len(work)))

    def help_out() -> None:
        try:
            for place in _taken(waiting):
                found[place] = function(work[place])
        except BaseException:
            waiting.clear()
            raise

    helpers = [_pool(threads - 1).submit(help_out) for _ in range(threads - 1)]
    try:
        help_out()
    finally:
        wait(helpers)
    for helper in helpers:
        helper.result()
    return [found[place] for place in range(len(work))]


def _taken(waiting: deque[int]) -> Iterator[int]:
    """Take what waits, one by one, until another thread has taken the last."""
    while True:
        try:
            place = waiting.popleft()
        except IndexError:
            return
        yield place


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


# A process that is forked has none of the threads, and would wait for them for ever.
os.register_at_fork(after_in_child=_pool.cache_clear)
