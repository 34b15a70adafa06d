"""Keys like those of the reference set, but of the last days and publishable now."""

from dataclasses import replace
from itertools import count as numbers
from itertools import islice

from cosignal.protocol.diagnosis_keys import (
    MAX_AGE_SECONDS,
    DiagnosisKey,
    releasable_at,
)
from cosignal.protocol.intervals import day_start, interval_at
from tests.protocol.reference_set import reference_set
from tests.strategies import TODAY

# Ages near the limits could pass them while the benchmark runs.
_MARGIN_SECONDS = 2 * 3600


def fresh_keys(count: int, seed: int, now: int) -> list[DiagnosisKey]:
    """Draw keys that may be published now and for two hours more.

    Args:
        count: How many.
        seed: The same seed on the same day gives the same keys.
        now: Unix seconds.

    Returns:
        Different keys of the last fourteen days.
    """
    shift = day_start(interval_at(now)) - TODAY
    drawn = (
        replace(key, start=key.start + shift)
        for part in numbers()
        for key in reference_set(count, seed * 1_000 + part)
    )
    oldest = interval_at(now + _MARGIN_SECONDS - MAX_AGE_SECONDS)
    good = (
        key
        for key in drawn
        if releasable_at(key) <= now and key.start + key.period > oldest
    )
    return list(islice(good, count))
