"""Which core does what: a server and what loads it must not share one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tests.benchmarks.figures import NotHereError


def two_cores() -> tuple[int, int]:
    """A core for the server and one for what loads it.

    Raises:
        NotHereError: There are not two, or processes cannot be pinned.
    """
    if not hasattr(os, "sched_getaffinity"):
        raise NotHereError("pinning a process to a core needs Linux")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) <= 1:
        raise NotHereError("server and load need a core each")
    return cores[-1], cores[0]


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Keep this process, and those that it starts meanwhile, on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
