"""Diagnosis keys: the daily keys of somebody infected, and which may be published.

What this module guarantees:

* `check_key` and `check_upload` state every rule about a single key and about the keys
  of one person; a refusal names the field, the limit and what came, never key bytes;
  nor does a key's `repr`.
* The rules about time need nothing but the `now` that the caller brings.

It leaves to the intake which keys are known already, and to `blocks` what keys may
stand together in a block.

Source: docs/reference/protocol.md, "Diagnosis keys".
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import pairwise
from typing import Final

from cosignal.protocol.errors import InvalidKeyError, UsageError
from cosignal.protocol.identifiers import TEK_BYTES
from cosignal.protocol.intervals import (
    DAY_INTERVALS,
    Interval,
    day_start,
    interval_at,
    unix_at,
)

#: Keys of one upload at most.
MAX_KEYS: Final = 30
#: Keys of one upload that may share their start at most.
MAX_SAME_START: Final = 3
#: A key whose last interval ended longer ago than this is not published, seconds.
MAX_AGE_SECONDS: Final = 15 * 86400
#: A key is held for this long after it ended, seconds: phones accept an identifier two
#: hours late, so a key published earlier could be replayed.
HOLD_SECONDS: Final = 7200
#: Days since onset of symptoms go from minus this to plus this.
MAX_ONSET_DAYS: Final = 14


class ReportType(IntEnum):
    """How the authority knows of an infection; numbered as in GAEN exports."""

    UNKNOWN = 0
    CONFIRMED_TEST = 1
    CONFIRMED_CLINICAL_DIAGNOSIS = 2
    SELF_REPORT = 3
    RECURSIVE = 4
    REVOKED = 5


class Infectiousness(IntEnum):
    """How infectious a person was on the day of a key; numbered as in GAEN."""

    NONE = 0
    STANDARD = 1
    HIGH = 2


#: Infectiousness by days since onset of symptoms, from -14 to 14: standard from 5 days
#: before, high from 2 days before to 3 days after, standard until 9 days after. These
#: are the values the NHS COVID-19 app lists as its default
#: (`daysSinceOnsetToInfectiousness`).
DEFAULT_INFECTIOUSNESS: Final = (
    (Infectiousness.NONE,) * 9
    + (Infectiousness.STANDARD,) * 3
    + (Infectiousness.HIGH,) * 6
    + (Infectiousness.STANDARD,) * 6
    + (Infectiousness.NONE,) * 5
)


@dataclass(frozen=True, slots=True, order=True)
class DiagnosisKey:
    """One temporary exposure key with what is published about it.

    Attributes:
        data: 16 bytes, the temporary exposure key.
        start: First interval in which it was broadcast, 10-minute units since 1970.
        period: Number of intervals, 1 to 144.
        report_type: How the authority knows of the infection.
        infectiousness: Class of the key's day.
        onset: Days since onset of symptoms, -14 to 14; None where it is not published.
    """

    data: bytes = field(repr=False)
    start: int
    period: int
    report_type: ReportType
    infectiousness: Infectiousness
    onset: int | None = None

    @property
    def end_interval(self) -> Interval:
        """First interval in which the key was no longer broadcast."""
        return Interval(self.start + self.period)


def check_key(key: DiagnosisKey, now: int) -> None:
    """Refuse a key that no authority may publish.

    A key still in use passes; `releasable_at` says until when it is held.

    Args:
        key: As uploaded.
        now: Unix seconds.

    Raises:
        InvalidKeyError: The key breaks a rule; the message says which.

    Source: docs/reference/protocol.md, "Diagnosis keys".
    """
    if len(key.data) != TEK_BYTES:
        raise InvalidKeyError(f"key: expected {TEK_BYTES} bytes, got {len(key.data)}")
    if not 1 <= key.period <= DAY_INTERVALS:
        raise InvalidKeyError(
            f"period: expected 1 to {DAY_INTERVALS} intervals, got {key.period}"
        )
    current = interval_at(now)
    if key.start > current:
        raise InvalidKeyError(
            f"start: expected an interval up to {current}, which is now, "
            f"got {key.start}",
            advice="Correct the phone's clock, or upload the key once it is in use.",
        )
    oldest = interval_at(now - MAX_AGE_SECONDS)
    if key.end_interval < oldest:
        raise InvalidKeyError(
            f"end: expected interval {oldest} or later, 15 days ago, "
            f"got {key.end_interval}",
            advice="Upload only keys of the last 15 days.",
        )
    if key.onset is not None and abs(key.onset) > MAX_ONSET_DAYS:
        raise InvalidKeyError(
            f"onset: expected -{MAX_ONSET_DAYS} to {MAX_ONSET_DAYS} days, "
            f"got {key.onset}"
        )


def check_upload(keys: Sequence[DiagnosisKey], now: int) -> None:
    """Refuse keys that one person cannot have used.

    Phones may use up to three keys with one start, when their owner turns the app off
    and on. Any other overlap means that keys of several phones were mixed.

    Args:
        keys: All keys of one upload, in any order.
        now: Unix seconds.

    Raises:
        InvalidKeyError: A key or the whole upload breaks a rule.

    Source: docs/reference/protocol.md, "Uploads".
    """
    if not 1 <= len(keys) <= MAX_KEYS:
        raise InvalidKeyError(
            f"keys: expected 1 to {MAX_KEYS} in an upload, got {len(keys)}"
        )
    for key in keys:
        check_key(key, now)
    if len({key.data for key in keys}) != len(keys):
        raise InvalidKeyError("keys: expected each key once, got one twice")
    _check_starts(keys)
    _check_overlap(keys)


def releasable_at(key: DiagnosisKey) -> int:
    """Say from when on a key may be published: two hours after it ended.

    Args:
        key: A valid key.

    Returns:
        Unix seconds.
    """
    return unix_at(key.end_interval) + HOLD_SECONDS


def days_since_onset(start: int, onset_interval: int) -> int:
    """Count days from onset of symptoms to a key's day, as Google's key server does.

    Args:
        start: The key's first interval.
        onset_interval: An interval of the day on which symptoms began.

    Returns:
        Difference of the two UTC days; negative before onset. It is not limited to
        -14 to 14: a key farther away is not published.

    >>> days_since_onset(2_642_976, 2_642_976 + 200)
    -1
    """
    return (day_start(start) - day_start(onset_interval)) // DAY_INTERVALS


def infectiousness_of(
    onset: int | None,
    table: Sequence[Infectiousness] = DEFAULT_INFECTIOUSNESS,
    missing: Infectiousness = Infectiousness.STANDARD,
) -> Infectiousness:
    """Class a key's day, so that days since onset need not be published.

    Args:
        onset: Days since onset of symptoms; None if unknown.
        table: Class of each day from -14 to 14, 29 of them.
        missing: Class where onset is unknown.

    Returns:
        The class; none for days outside the table.

    Raises:
        UsageError: The table has not 29 entries.

    >>> infectiousness_of(0)
    <Infectiousness.HIGH: 2>
    """
    if len(table) != 2 * MAX_ONSET_DAYS + 1:
        raise UsageError(
            f"table: expected {2 * MAX_ONSET_DAYS + 1} entries, got {len(table)}"
        )
    if onset is None:
        return missing
    if abs(onset) > MAX_ONSET_DAYS:
        return Infectiousness.NONE
    return table[onset + MAX_ONSET_DAYS]


def _check_starts(keys: Sequence[DiagnosisKey]) -> None:
    start, count = Counter(key.start for key in keys).most_common(1)[0]
    if count > MAX_SAME_START:
        raise InvalidKeyError(
            f"start: expected at most {MAX_SAME_START} keys with one start, "
            f"got {count} at {start}"
        )


def _check_overlap(keys: Sequence[DiagnosisKey]) -> None:
    """Refuse overlapping keys, unless they start together.

    Sorted by start and period, the last key of each start is the longest, so that
    looking at neighbours is enough.
    """
    spans = sorted((key.start, key.end_interval) for key in keys)
    for (start, end), (following, _) in pairwise(spans):
        if start < following < end:
            raise InvalidKeyError(
                "start: expected keys that do not overlap, unless they start "
                f"together, got {following} inside {start} to {end}",
                advice="Upload the keys of one phone only.",
            )
