"""The set of keys by which body sizes and decoding are measured.

Fourteen days of starts; how many keys a day has follows the distance to onset of
symptoms (normal, 4 days); infectiousness follows that distance too. 7 % of the keys
last less than a day; three report types; three infectiousness classes.
"""

import random

from cosignal.protocol.diagnosis_keys import DiagnosisKey, Infectiousness, ReportType
from tests.strategies import DAY, TODAY

_REPORTS = (
    ReportType.CONFIRMED_TEST,
    ReportType.CONFIRMED_CLINICAL_DIAGNOSIS,
    ReportType.SELF_REPORT,
)


def reference_set(count: int, seed: int = 14) -> list[DiagnosisKey]:
    """Draw `count` keys; the same ones for the same seed."""
    rng = random.Random(seed)  # noqa: S311 - a fixed sample, not a secret
    return [_key(rng) for _ in range(count)]


def _key(rng: random.Random) -> DiagnosisKey:
    days_from_onset = max(-14, min(14, round(rng.gauss(0, 4))))
    age = rng.randrange(1, 15)
    if abs(days_from_onset) <= 2:
        infectiousness = Infectiousness.HIGH
    elif abs(days_from_onset) <= 5:
        infectiousness = Infectiousness.STANDARD
    else:
        infectiousness = Infectiousness.NONE
    return DiagnosisKey(
        rng.randbytes(16),
        TODAY - age * DAY,
        rng.randrange(1, 144) if rng.random() < 0.07 else 144,
        rng.choices(_REPORTS, (70, 20, 10))[0],
        infectiousness,
    )
