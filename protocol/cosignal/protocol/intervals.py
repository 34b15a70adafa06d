"""Ten-minute intervals, the clock by which phones change identifiers.

What this module guarantees:

* An interval is `unix seconds // 600`; conversions there and back are exact.
* Days are UTC days, as in every deployed exposure notification app.

It never reads a clock: the caller brings the time.
"""

from typing import Final, NewType

Interval = NewType("Interval", int)
"""Number of a ten-minute interval since 1970-01-01 00:00 UTC."""

#: Length of one interval, seconds.
INTERVAL_SECONDS: Final = 600
#: Intervals of one day: the longest time one key is in use.
DAY_INTERVALS: Final = 144


def interval_at(unix: int) -> Interval:
    """Find the interval that holds a moment.

    Args:
        unix: Unix seconds.

    Returns:
        The interval's number.

    Source: Exposure Notification, Cryptography Specification v1.2, "ENIntervalNumber".

    >>> interval_at(1_585_785_600)
    2642976
    """
    return Interval(unix // INTERVAL_SECONDS)


def unix_at(interval: int) -> int:
    """Find the first second of an interval.

    Args:
        interval: The interval's number.

    Returns:
        Unix seconds.

    >>> unix_at(2_642_976)
    1585785600
    """
    return interval * INTERVAL_SECONDS


def day_start(interval: int) -> Interval:
    """Find the first interval of the UTC day that holds `interval`.

    Args:
        interval: The interval's number.

    Returns:
        The number of the interval that begins at that day's midnight.

    >>> day_start(2_642_979)
    2642976
    """
    return Interval(interval - interval % DAY_INTERVALS)
