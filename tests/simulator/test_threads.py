import multiprocessing
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.population.synthetic import synthetic
from cosignal.simulator.simulation import Sim
from cosignal.simulator.threads import ranges, share


@given(st.integers(0, 300), st.integers(1, 9), st.integers(1, 100))
def test_parts_are_all_there_is_in_order_and_none_is_small(
    count: int, threads: int, least: int
) -> None:
    parts = ranges(count, threads, least)

    assert list(range(count)) == [i for part in parts for i in range(*part)]
    assert len(parts) <= threads
    assert len(parts) == 1 or min(end - first for first, end in parts) >= least


def test_results_come_in_the_order_of_the_work() -> None:
    for work in ([], [3], [3, 1, 2]):
        assert [-number for number in work] == share(lambda one: -one, work, 2)


@pytest.mark.parametrize("fails", [0, 7])
def test_an_error_is_told_once_nobody_works_on(fails: int) -> None:
    begun, ended = [], []

    def work(number: int) -> None:
        begun.append(number)
        if number == fails:
            raise IndexError(f"work {number}")
        ended.append(number)

    with pytest.raises(IndexError, match=f"work {fails}"):
        share(work, range(8), 3)

    assert sorted(begun) == sorted([*ended, fails])


def test_nothing_more_is_begun_once_another_thread_has_failed() -> None:
    caller, failed = threading.current_thread(), threading.Event()
    begun = []

    def work(number: int) -> None:
        begun.append(number)
        if threading.current_thread() is not caller:
            failed.set()
            raise IndexError("another thread")
        failed.wait(10)
        time.sleep(0.05)

    with pytest.raises(IndexError, match="another thread"):
        share(work, range(40), 2)

    assert len(begun) < 20


def test_a_forked_process_has_threads_of_its_own() -> None:
    share(abs, [1, 2], 2)
    # As multiprocessing does by itself on Linux.
    with multiprocessing.get_context("fork").Pool(1) as pool:
        found = pool.apply_async(share, (abs, [-1, -2], 2)).get(timeout=60)

    assert found == [1, 2]


def test_a_run_large_enough_for_all_work_to_be_shared_is_the_same() -> None:
    values = {
        "population.agents": 220_000,
        "days": 9,
        "disease.seeds": 20_000,
        "isolation.drop_out": 0.2,
        "app.adoption": 0.6,
    }
    parameters = Parameters().with_values(values)
    people = synthetic(parameters)

    one, three = (
        Sim(parameters=parameters, population=people, threads=threads)
        for threads in (1, 3)
    )
    for sim in (one, three):
        sim.run()

    assert len(one.results.infections.person) > 25_000
    assert one.record.series("in_isolation")[-1] > 3000
    for name, array in one.state._asdict().items():
        assert np.array_equal(array, getattr(three.state, name)), name
    for name, series in one.record.by_age.items():
        assert np.array_equal(series, three.record.by_age[name]), name
