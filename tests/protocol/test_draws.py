from collections import Counter
from collections.abc import Callable
from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.protocol.draws import draw_below, shuffled
from cosignal.protocol.errors import UsageError
from tests.strategies import counted_entropy


@given(st.lists(st.integers(), max_size=400), st.text(max_size=4))
def test_shuffling_keeps_every_item(numbers: list[int], seed: str) -> None:
    mixed = shuffled(numbers, counted_entropy(seed))

    assert sorted(numbers) == sorted(mixed)


def test_every_order_is_as_likely_as_any_other() -> None:
    entropy, rounds = counted_entropy("orders"), 12_000

    seen = Counter(tuple(shuffled("abcd", entropy)) for _ in range(rounds))

    # Chi-squared with 23 degrees of freedom exceeds 57 once in 10,000 times.
    expected = rounds / 24
    assert len(seen) == 24
    assert sum((n - expected) ** 2 / expected for n in seen.values()) < 57


def test_every_order_comes_of_equally_many_bytes() -> None:
    orders: Counter[str] = Counter()

    # All first bytes, then all second ones, where the first one fits.
    for first, second in product(range(16), range(4)):
        if first & 3 < 3:
            source = iter([bytes([first]), bytes([second])])
            orders["".join(shuffled("abc", lambda _: next(source)))] += 1  # noqa: B023

    # 12 of 16 first bytes fit, times 4: 48 draws for 6 orders.
    assert dict.fromkeys(map("".join, permutations("abc")), 8) == dict(orders)


def test_a_draw_that_does_not_fit_is_drawn_again() -> None:
    source = iter([b"\x03", b"\xff", b"\x02", b"\x01"])

    # 3 and 255 & 3 = 3 do not fit below 3; 2 leaves the last, 1 the middle one.
    assert list("abc") == shuffled("abc", lambda _: next(source))


@given(st.integers(1, 1 << 70), st.text(max_size=4))
def test_a_draw_is_below_its_limit(limit: int, seed: str) -> None:
    assert 0 <= draw_below(limit, counted_entropy(seed)) < limit


@pytest.mark.parametrize(("limit", "size"), [(1, 0), (2, 1), (256, 1), (257, 2)])
def test_no_more_bytes_are_drawn_than_needed(limit: int, size: int) -> None:
    asked: list[int] = []

    def entropy(count: int) -> bytes:
        asked.append(count)
        return bytes(count)

    assert draw_below(limit, entropy) == 0
    assert [size] == asked


@pytest.mark.parametrize("limit", [0, -1])
def test_no_number_is_below_nothing(limit: int) -> None:
    with pytest.raises(UsageError, match="limit: expected 1 or more, got"):
        draw_below(limit, bytes)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda size: bytes(size - 1), "entropy: expected 1 bytes, got 0"),
        (lambda size: b"\xff" * size, "entropy: expected random bytes, got none"),
    ],
    ids=["short", "constant"],
)
def test_a_broken_source_of_entropy_is_an_error_and_no_endless_loop(
    broken: Callable[[int], bytes], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        shuffled("abc", broken)
