import itertools
import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cosignal.simulator.interventions.draws import (
    CHOICE,
    chances,
    chosen,
    days_later,
    rare,
    times,
    whole_number,
)
from cosignal.simulator.streams import stream_key

STREAM = stream_key(1, "test")
PEOPLE = np.arange(20_000, dtype=np.int32)


@settings(deadline=None)  # kernels may be compiled
@given(st.sets(st.integers(0, 10_000), min_size=1), st.integers(0, 500))
def test_a_draw_does_not_depend_on_who_else_is_asked(
    people: set[int], day: int
) -> None:
    some = np.array(sorted(people), np.int32)

    expected = chances(STREAM, day, PEOPLE, CHOICE)[some]

    assert expected.tolist() == chances(STREAM, day, some, CHOICE).tolist()


def test_each_person_may_have_a_day_of_their_own() -> None:
    days = np.array([3, 4, 3])
    some = np.array([10, 11, 12], np.int32)

    expected = [float(chances(STREAM, d, some, CHOICE)[k]) for k, d in enumerate(days)]

    assert expected == chances(STREAM, days, some, CHOICE).tolist()


def test_a_higher_probability_chooses_the_same_people_and_more() -> None:
    few = set(chosen(STREAM, 5, PEOPLE, 0.3).tolist())
    many = set(chosen(STREAM, 5, PEOPLE, 0.5).tolist())

    assert few < many
    assert abs(len(few) - 6000) < 5 * math.sqrt(0.21 * len(PEOPLE))


def test_nobody_and_everybody_can_be_chosen() -> None:
    assert chosen(STREAM, 5, PEOPLE, 0.0).size == 0
    assert PEOPLE.tolist() == chosen(STREAM, 5, PEOPLE, 1.0).tolist()


def test_without_delay_things_happen_the_same_day() -> None:
    assert {7} == set(days_later(STREAM, 7, PEOPLE, 0.0).tolist())


def test_whole_days_have_the_mean_that_was_asked_for() -> None:
    """False alarm: below 1e-6; five standard errors."""
    for mean in (0.5, 1.0, 2.3):
        waits = days_later(STREAM, 7, PEOPLE, mean) - 7

        error = waits.std() / math.sqrt(len(waits))
        assert abs(waits.mean() - mean) < 5 * error


def test_a_longer_delay_lets_nobody_be_earlier() -> None:
    short, long = (times(STREAM, 7, PEOPLE, mean) for mean in (1.0, 1.5))

    assert (short <= long).all()


def test_rare_events_are_independent_and_as_frequent_as_asked_for() -> None:
    """False alarm: below 1e-5; five standard errors, of four numbers."""
    days, probability = 20_000, 0.3
    found = np.zeros((days, 3))
    for day in range(days):
        found[day, rare(STREAM, day, 3, probability)] = 1

    error = math.sqrt(probability * (1 - probability) / days)
    both = (found[:, 0] * found[:, 2]).mean()
    assert (np.abs(found.mean(axis=0) - probability) < 5 * error).all()
    assert abs(both - probability**2) < 5 * error


def test_a_higher_probability_of_rare_events_adds_people_and_takes_none() -> None:
    shares = (0.0001, 0.0019, 0.002, 0.0021, 0.004, 0.03, 0.7)
    for day in range(3):
        found = [set(rare(STREAM, day, 50_000, share).tolist()) for share in shares]

        for few, many in itertools.pairwise(found):
            assert few <= many
        assert 0 < len(found[0]) < len(found[2]) < len(found[4]) < len(found[-1])


def test_a_rare_event_does_not_depend_on_how_many_people_there_are() -> None:
    few = rare(STREAM, 3, 20_000, 0.01)
    many = rare(STREAM, 3, 50_000, 0.01)

    assert few.tolist() == many[many < 20_000].tolist()


def test_rare_events_are_as_frequent_as_asked_for() -> None:
    """False alarm: below 1e-5; five standard errors, of six numbers."""
    for share in (0.0001, 0.00025, 0.0019, 0.0021, 0.2, 0.9):
        days = 40
        total = sum(len(rare(STREAM, day, 50_000, share)) for day in range(days))

        expected = share * 50_000 * days
        assert abs(total - expected) < 5 * math.sqrt(expected * (1 - share))


def test_rare_events_cost_what_they_find() -> None:
    found = rare(STREAM, 3, 1_000_000, 0.002)

    assert np.unique(found).tolist() == found.tolist()
    assert abs(len(found) - 2000) < 5 * math.sqrt(2000)
    assert rare(STREAM, 3, 1000, 0.0).size == 0
    assert len(rare(STREAM, 3, 1000, 1.0)) == 1000


@given(st.floats(0, 3), st.integers(1, 1000), st.integers(1, 60))
def test_whole_numbers_add_up(rate: float, agents: int, days: int) -> None:
    total = sum(whole_number(rate, agents, day) for day in range(days))

    assert math.floor(rate * agents * days) == total
