"""Which identifiers a phone need not derive, because it heard nothing at their time.

What this module guarantees:

* What is left out cannot hold a hit: a key that was never in use within two hours of a
  sighting, and of every other key the intervals before its first and after its last
  one with a sighting so near.

Keys of a body mostly share start and period with their neighbours, so the sightings
are searched once for each run of equal keys.
"""

import numpy as np
import numpy.typing as npt

from cosignal.protocol.matching.columns import (
    TOLERANCE_INTERVALS,
    KeyColumns,
    Sightings,
)


def needed_identifiers(keys: KeyColumns, sightings: Sightings) -> npt.NDArray[np.int64]:
    """Find the identifiers that must be derived, as one span for each key.

    Args:
        keys: Checked columns.
        sightings: Checked columns.

    Returns:
        Key, first interval and number of intervals: Shape (k, 3), int64, contiguous,
        by ascending key; no row has zero intervals.
    """
    heard = sightings.distinct_intervals
    if not len(heard) or not len(keys.starts):
        return np.empty((0, 3), np.int64)
    begins = _begins_of_runs(keys)
    firsts, counts = _spans(keys.starts[begins], keys.periods[begins], heard)
    lengths = np.diff(begins, append=len(keys.starts))
    rows = np.empty((len(keys.starts), 3), np.int64)
    rows[:, 0] = np.arange(len(rows))
    rows[:, 1] = np.repeat(firsts, lengths)
    rows[:, 2] = np.repeat(counts, lengths)
    return rows if counts.all() else rows[rows[:, 2] > 0]


def _begins_of_runs(keys: KeyColumns) -> npt.NDArray[np.int64]:
    """Indexes of the keys that differ from the one before."""
    changes = np.ones(len(keys.starts), np.bool_)
    changes[1:] = keys.starts[1:] != keys.starts[:-1]
    changes[1:] |= keys.periods[1:] != keys.periods[:-1]
    return np.flatnonzero(changes)


def _spans(
    starts: npt.NDArray[np.int64],
    periods: npt.NDArray[np.int64],
    heard: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """First interval and number of intervals from the first needed to the last one.

    An identifier needs a sighting within the tolerance, so that of all sightings those
    from `start - 12` to `start + period + 11` matter. The number is 0 where none is.
    """
    ends = starts + periods
    earliest = np.searchsorted(heard, starts - TOLERANCE_INTERVALS)
    latest = np.searchsorted(heard, ends + TOLERANCE_INTERVALS) - 1
    near = earliest <= latest
    # The places are clipped to be readable; where they were wrong, `near` is False.
    earliest = np.minimum(earliest, len(heard) - 1)
    firsts = np.maximum(starts, heard[earliest] - TOLERANCE_INTERVALS)
    lasts = np.minimum(ends - 1, heard[latest] + TOLERANCE_INTERVALS)
    return firsts, np.where(near, lasts - firsts + 1, 0)
