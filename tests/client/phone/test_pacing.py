"""Waits follow the distributions that they should; seeds are fixed.

A statistic's bound is passed by chance in one of a thousand seeds; ours is not one.
"""

import math
from collections.abc import Callable

import pytest

from cosignal.client.phone.pacing import (
    LONGEST_RETRY_SECONDS,
    PAUSES,
    exponential,
    fraction,
    pause_seconds,
    retry_seconds,
)
from tests.strategies import counted_entropy

DRAWS = 4000
#: Kolmogorov's distribution: sqrt(n) D is larger with probability 0.001.
KOLMOGOROV_LIMIT = 1.9495
#: Chi squared with four degrees of freedom is larger with probability 0.001.
CHI_SQUARED_LIMIT = 18.467


def distance(waits: list[float], mean: float) -> float:
    """sqrt(n) times the largest distance from the exponential distribution."""
    steps = [1 - math.exp(-wait / mean) for wait in sorted(waits)]
    count = len(steps)
    found = max(
        max((number + 1) / count - step, step - number / count)
        for number, step in enumerate(steps)
    )
    return found * math.sqrt(count)


def test_waits_for_the_next_fake_upload_are_exponential() -> None:
    entropy = counted_entropy("waits")
    waits = [exponential(entropy, 7200.0) for _ in range(DRAWS)]

    assert distance(waits, 7200.0) < KOLMOGOROV_LIMIT


def test_the_test_would_notice_other_waits() -> None:
    entropy = counted_entropy("waits")
    regular = [fraction(entropy) * 14_400.0 for _ in range(DRAWS)]
    slower = [exponential(entropy, 7800.0) for _ in range(DRAWS)]

    assert distance(regular, 7200.0) > KOLMOGOROV_LIMIT
    assert distance(slower, 7200.0) > KOLMOGOROV_LIMIT


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (bytes(7), 0.0),
        (b"\x80" + bytes(6), math.log(2)),
        (b"\xff" * 7, 53 * math.log(2)),
    ],
)
def test_the_wait_is_the_inverse_of_the_distribution(
    data: bytes, expected: float
) -> None:
    def entropy(size: int) -> bytes:
        assert size == len(data)
        return data

    assert exponential(entropy, 1.0) == pytest.approx(expected, rel=1e-15)


def test_all_pauses_are_equally_likely() -> None:
    entropy = counted_entropy("pauses")
    drawn = [pause_seconds(entropy) for _ in range(DRAWS)]
    expected = DRAWS / len(PAUSES)
    found = sum((drawn.count(item) - expected) ** 2 / expected for item in PAUSES)

    assert set(drawn) == set(PAUSES)
    assert found < CHI_SQUARED_LIMIT


Drawn = Callable[[int], bytes]


@pytest.mark.parametrize("attempts", [1, 2, 3, 9, 10, 11, 500])
def test_each_failure_doubles_the_wait_up_to_an_hour(attempts: int) -> None:
    longest = min(5 * 2 ** min(attempts - 1, 20), LONGEST_RETRY_SECONDS)
    entropy = counted_entropy("retries")

    waits = {retry_seconds(attempts, entropy) for _ in range(300)}

    assert min(waits) >= longest / 2
    assert max(waits) <= longest
    assert len(waits) > 2
