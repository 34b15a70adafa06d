"""Counts by day and age."""

import numpy as np
import pytest

from cosignal.simulator.recorder import Recorder

AGES = np.array([0, 9, 10, 45, 79, 80, 99], np.uint8)


@pytest.mark.parametrize("kind", [np.int32, np.int64, np.uint16])
def test_people_are_counted_by_decade_as_often_as_they_stand_there(kind: type) -> None:
    record = Recorder(3, AGES)

    record.count("cases", 1, np.array([0, 1, 1, 3, 6, 5], kind))
    record.count("cases", 1, np.array([4], kind))
    record.count("cases", 2, np.empty(0, kind))

    by_age = record.by_age["cases"]
    assert by_age[1].tolist() == [3, 0, 0, 0, 1, 0, 0, 1, 2]
    assert record.series("cases").tolist() == [0, 7, 0]


def test_every_second_one_of_a_list_can_be_counted() -> None:
    record = Recorder(1, AGES)

    record.count("cases", 0, np.arange(7, dtype=np.int32)[::2])

    assert record.by_age["cases"][0].tolist() == [1, 1, 0, 0, 0, 0, 0, 1, 1]


@pytest.mark.parametrize("nobody", [7, -8])
def test_people_who_are_not_there_are_refused(nobody: int) -> None:
    record = Recorder(1, AGES)

    with pytest.raises(IndexError):
        record.count("cases", 0, np.array([2, nobody], np.int32))
    assert record.series("cases").tolist() == [0]
