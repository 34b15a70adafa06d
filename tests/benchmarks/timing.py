"""Take the time of work that one process does by itself."""

import gc
from collections.abc import Callable, Sequence
from math import ceil
from statistics import median
from time import process_time


def median_seconds(work: Callable[[], object], *, rounds: int) -> float:
    """Median duration of some work that computes and never waits.

    Args:
        work: Done once unobserved, then `rounds` times.
        rounds: How often; the median of many outlives a noisy neighbour.

    Returns:
        Seconds.
    """
    work()
    gc.collect()
    return median(_seconds(work) for _ in range(rounds))


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that so many percent of all values do not exceed."""
    return sorted(values)[ceil(len(values) * percent / 100) - 1]


def _seconds(work: Callable[[], object]) -> float:
    # Processor time: with one thread that never waits, it is what a clock would say if
    # no other process wanted the core.
    start = process_time()
    work()
    return process_time() - start
