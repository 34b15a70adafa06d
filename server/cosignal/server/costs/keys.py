"""Keys and sightings that nobody ever broadcast, spread as real ones are.

A key's day is drawn from the last thirteen; its infectiousness follows the distance to
the onset of symptoms (normal, 4 days); 7 % of the keys last less than a day; seven in
ten are of a confirmed test, two of a clinical diagnosis, one of a self-report.
"""

import random
from collections.abc import Iterator

import numpy as np

from cosignal.protocol.diagnosis_keys import DiagnosisKey, Infectiousness, ReportType
from cosignal.protocol.identifiers import RPI_BYTES, TEK_BYTES
from cosignal.protocol.intervals import DAY_INTERVALS, Interval
from cosignal.protocol.matching import Sightings

OLDEST_DAYS = 13
SIGHTINGS = 2_000

_ONSET_DAYS = 4
_SHORT = 0.07
_REPORTS = (
    ReportType.CONFIRMED_TEST,
    ReportType.CONFIRMED_CLINICAL_DIAGNOSIS,
    ReportType.SELF_REPORT,
)
_WEIGHTS = (70, 20, 10)
_CLASSES = (
    (2, Infectiousness.HIGH),
    (5, Infectiousness.STANDARD),
    (np.inf, Infectiousness.NONE),
)


def draw_keys(
    count: int, today: Interval, rng: random.Random
) -> Iterator[DiagnosisKey]:
    """Draw keys that may be published on one day.

    Args:
        count: How many.
        today: First interval of the day; all keys have ended before it.
        rng: The same one gives the same keys.

    Yields:
        Keys.
    """
    for _ in range(count):
        distance = abs(round(rng.gauss(0, _ONSET_DAYS)))
        short = rng.random() < _SHORT
        yield DiagnosisKey(
            rng.randbytes(TEK_BYTES),
            today - rng.randint(1, OLDEST_DAYS) * DAY_INTERVALS,
            rng.randrange(1, DAY_INTERVALS) if short else DAY_INTERVALS,
            rng.choices(_REPORTS, _WEIGHTS)[0],
            next(kind for most, kind in _CLASSES if distance <= most),
        )


def draw_sightings(today: Interval, rng: random.Random) -> Sightings:
    """Draw what a phone heard at all hours of two weeks, of people who stayed healthy.

    Args:
        today: First interval of the day.
        rng: The same one gives the same sightings.

    Returns:
        `SIGHTINGS` of them.
    """
    first = today - OLDEST_DAYS * DAY_INTERVALS
    intervals = [rng.randrange(first, today) for _ in range(SIGHTINGS)]
    heard = rng.randbytes(SIGHTINGS * RPI_BYTES)
    return Sightings(heard, np.array(intervals, np.int64))
