import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cosignal.simulator.events import Queue
from cosignal.simulator.interventions.warned import Warned, put, take, together, warned

Pair = tuple[int, int]
#: Person, and day of exposure.
pairs = st.lists(st.tuples(st.integers(0, 30_000_000), st.integers(0, 32_000)))


def arrays(found: list[Pair]) -> tuple[np.ndarray, np.ndarray]:
    ids, days = np.array(found, np.int64).reshape(-1, 2).T
    return ids.astype(np.int32), days


def spans(found: list[Pair]) -> list[tuple[int, int, int]]:
    people = sorted({person for person, _ in found})
    days = {one: [day for person, day in found if person == one] for one in people}
    return [(one, min(days[one]), max(days[one])) for one in people]


def rows(found: Warned) -> list[tuple[int, int, int]]:
    columns = (column.tolist() for column in found)
    return list(zip(*columns, strict=True))


@given(pairs)
def test_first_and_last_exposure_of_each_person_are_known(found: list[Pair]) -> None:
    assert spans(found) == rows(warned(*arrays(found)))


@given(pairs, pairs)
def test_warnings_of_two_kinds_are_put_together(
    one: list[Pair], other: list[Pair]
) -> None:
    both = together(warned(*arrays(one)), warned(*arrays(other)))

    assert spans(one + other) == rows(both)


def test_a_warning_keeps_its_exposure_while_it_waits() -> None:
    queue = Queue()
    put(queue, np.array([5, 6, 5, 7]), np.array([4, 4, 2, 2]), np.array([3, 1, 2, 6]))

    assert [column.tolist() for column in take(queue, 6)] == [[2, 4], [2, 1], [2, 3]]
    assert take(queue, 6).ids.tolist() == []
    assert [column.tolist() for column in take(queue, 7)] == [[2], [6], [6]]
