"""Time to look for encounters among published keys, by the portable path."""

import random

import numpy as np

from cosignal.protocol.bodies import SALT_BYTES, encode_body, parse_body
from cosignal.protocol.identifiers import (
    RPI_BYTES,
    rolling_proximity_identifier,
    rolling_proximity_identifier_key,
)
from cosignal.protocol.matching import KeyColumns, Sightings, match
from tests.benchmarks.timing import median_seconds
from tests.protocol.reference_set import reference_set

KEYS = 10_000
SIGHTINGS = 2_000
MET = 20


def us_per_key() -> float:
    """Match a body with what a phone heard, at all hours of all its days.

    Heard at all hours, so that no key can be skipped by its time: the dear case.

    Returns:
        Microseconds a published key.
    """
    keys = parse_body(encode_body(reference_set(KEYS), bytes(SALT_BYTES))).columns()
    sightings = _sightings(keys)

    def work() -> None:
        found = match(keys, sightings)
        if len(found) != MET:
            raise AssertionError(f"expected {MET} encounters, got {len(found)}")

    return median_seconds(work, rounds=21) * 1e6 / KEYS


def _sightings(keys: KeyColumns) -> Sightings:
    """Some identifiers of the keys and many of strangers."""
    rng = random.Random(2_000)  # noqa: S311 - a fixed sample, not a secret
    first, last = int(keys.starts.min()), int(keys.starts.max())
    intervals = [rng.randint(first, last) for _ in range(SIGHTINGS - MET)]
    heard = [rng.randbytes(RPI_BYTES) for _ in intervals]
    for index in rng.sample(range(KEYS), MET):
        intervals.append(int(keys.starts[index]))
        rpik = rolling_proximity_identifier_key(
            bytes(keys.keys[index * RPI_BYTES : (index + 1) * RPI_BYTES])
        )
        heard.append(rolling_proximity_identifier(rpik, intervals[-1]))
    return Sightings(b"".join(heard), np.array(intervals, np.int64))
