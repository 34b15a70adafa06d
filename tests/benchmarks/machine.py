"""What this machine is like: its cores, its disk, and who else uses them."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

from tests.benchmarks.figures import NotHereError, note
from tests.benchmarks.timing import percentile

_SYNCS = 100
_LOOK_SECONDS = 1.0


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


def note_conditions() -> None:
    """Say how busy cores and disk are already: nodes wait for both."""
    with tempfile.TemporaryFile() as file:
        times = [_sync(file.fileno()) for _ in range(_SYNCS)]
    found = f"fsync takes {median(times):.2f} ms, p95 {percentile(times, 95):.2f} ms"
    if Path("/proc/stat").exists():
        found += f"; others keep the cores {_busy():.0%} busy"
    note(found)


def _sync(handle: int) -> float:
    """Milliseconds until one more page is on the disk."""
    start = perf_counter()
    os.write(handle, bytes(4096))
    os.fsync(handle)
    return (perf_counter() - start) * 1e3


def _busy() -> float:
    """The part of the cores' time that is taken while this process sleeps."""
    idle, total = _core_times()
    sleep(_LOOK_SECONDS)
    later_idle, later_total = _core_times()
    return 1 - (later_idle - idle) / (later_total - total)


def _core_times() -> tuple[int, int]:
    """Idle time and all time of all cores since the machine started."""
    times = [int(item) for item in Path("/proc/stat").read_text().split()[1:9]]
    _, _, _, idle, waiting, *_ = times
    return idle + waiting, sum(times)
