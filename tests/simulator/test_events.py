import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosignal.protocol.errors import UsageError
from cosignal.simulator.events import Queue

EVENTS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 50)), max_size=40)


@settings(max_examples=60)
@given(batches=st.lists(EVENTS, max_size=4))
def test_everybody_comes_out_on_their_day_in_order(
    batches: list[list[tuple[int, int]]],
) -> None:
    queue = Queue()
    for batch in batches:
        days = np.array([day for day, _ in batch], np.int16)
        queue.put(days, np.array([person for _, person in batch], np.int32))

    together = [event for batch in batches for event in batch]
    for day in range(10):
        expected = sorted(person for when, person in together if when == day)
        assert queue.take(day).tolist() == expected


def test_one_day_is_for_all() -> None:
    queue = Queue()

    queue.put(3, np.array([5, 2], np.int32))

    assert queue.take(2).tolist() == []
    assert queue.take(3).tolist() == [2, 5]
    assert queue.take(3).tolist() == []


def test_what_was_put_in_for_a_day_that_is_over_comes_out_today() -> None:
    queue = Queue()

    queue.put(np.array([1, 4]), np.array([7, 8], np.int32))

    assert queue.take(5).tolist() == [7, 8]


@settings(max_examples=60)
@given(days=st.lists(st.sampled_from([-1, 0, 3, 70_000, 2**31 - 1]), max_size=30))
def test_days_may_be_far_apart(days: list[int]) -> None:
    queue = Queue()
    queue.put(np.array(days, np.int64), np.arange(len(days), dtype=np.int32))

    for day in sorted(set(days)):
        expected = [person for person, when in enumerate(days) if when == day]
        assert expected == queue.take(day).tolist()


@pytest.mark.parametrize("days", [[1], [1, 2, 3]])
def test_there_is_a_day_for_everybody(days: list[int]) -> None:
    with pytest.raises(UsageError, match=f"each of 2 people, got {len(days)}"):
        Queue().put(days, np.array([7, 8], np.int32))
