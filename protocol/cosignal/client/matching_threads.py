"""Matching on several cores.

What this module guarantees:

* The hits are those of one thread, in the same order.

Threads share a block's keys piece by piece, and every core is busy where matching is
compiled (`pip install cosignal[fast]`). Without numba most of the time goes into calls
that hold the interpreter's lock, and threads gain little.
"""

from concurrent.futures import ThreadPoolExecutor

from cosignal.protocol.errors import UsageError
from cosignal.protocol.matching import Hit, KeyColumns, SearchPath, Sightings, match


def match_in_threads(
    keys: KeyColumns,
    sightings: Sightings,
    *,
    threads: int,
    path: SearchPath | None = None,
) -> list[Hit]:
    """Find every sighting of a published key.

    Args:
        keys: Published keys, as `Body.columns` gives them.
        sightings: What the phone heard.
        threads: How many at once, 1 or more. They are gone when this returns; who
            matches many small blocks gives `match` a pool of its own.
        path: How to search; None for the fastest path that this machine has.

    Returns:
        All hits, sorted by key and then by sighting.

    Raises:
        UsageError: `threads` is less than 1, or as `match` raises it.
    """
    if threads < 1:
        raise UsageError(f"threads: expected 1 or more, got {threads}")
    with ThreadPoolExecutor(threads, "match") as pool:
        return match(keys, sightings, run=pool.map, path=path)
