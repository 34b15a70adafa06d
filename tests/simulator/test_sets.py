"""People as sets, against what numpy says."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cosignal.simulator.interventions.sets import distinct, either, without

#: The first call may compile.
patient = settings(deadline=None)
some = st.lists(st.integers(0, 30), max_size=40)


@patient
@given(some)
def test_everybody_stands_once(ids: list[int]) -> None:
    found = distinct(np.array(ids, np.int64))

    assert np.int32 == found.dtype
    assert sorted(set(ids)) == found.tolist()


@patient
@given(some, some)
def test_sets_are_those_of_set_theory(ids: list[int], others: list[int]) -> None:
    assert sorted({*ids, *others}) == either(ids, others).tolist()
    assert sorted(set(ids) - set(others)) == without(ids, others).tolist()


@patient
@given(some, some)
def test_what_is_asked_is_left_as_it_is(ids: list[int], others: list[int]) -> None:
    one, other = np.array(ids, np.int32), np.array(others, np.int32)

    distinct(one)
    either(one, other)
    without(one, other)

    assert ids == one.tolist()
    assert others == other.tolist()
