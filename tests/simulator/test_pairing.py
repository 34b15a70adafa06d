"""Keyed shuffles: bijections, with partners as even as chance makes them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosignal.simulator.contacts.days import day_contacts
from cosignal.simulator.contacts.pairing import (
    bits_for,
    partner,
    shuffled,
    unshuffled,
)
from tests.simulator.chances import chi_square_is_small
from tests.simulator.sample_people import parameters_of, people_of

KEYS = st.integers(0, 2**64 - 1).map(np.uint64)


def random_keys(count: int) -> list[np.uint64]:
    rng = np.random.default_rng(7)
    return [np.uint64(key) for key in rng.integers(0, 2**63, count) * 2 + 1]


@given(size=st.integers(1, 2**40))
@settings(deadline=None)
def test_bits_hold_all_numbers_below_a_size(size: int) -> None:
    assert max(2, (size - 1).bit_length()) == bits_for(size)


@given(size=st.integers(1, 600), key=KEYS)
@settings(max_examples=60, deadline=None)
def test_a_shuffle_is_a_bijection(size: int, key: np.uint64) -> None:
    assert list(range(size)) == sorted(shuffled(x, size, key) for x in range(size))


@given(size=st.integers(1, 2**31), key=KEYS, data=st.data())
@settings(deadline=None)
def test_unshuffled_undoes_shuffled(
    size: int, key: np.uint64, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, size - 1))
    assert place == unshuffled(shuffled(place, size, key), size, key)


@given(half=st.integers(1, 200), key=KEYS)
@settings(max_examples=60, deadline=None)
def test_everybody_has_one_partner_and_is_that_ones_partner(
    half: int, key: np.uint64
) -> None:
    size = 2 * half
    partners = [int(partner(x, size, key)) for x in range(size)]
    assert list(range(size)) == sorted(partners)
    assert all(partners[other] == one for one, other in enumerate(partners))
    assert all(other != one for one, other in enumerate(partners))


@pytest.mark.parametrize("size", [4, 6, 8, 10, 12, 16, 20, 32, 64])
@pytest.mark.parametrize("place", [0, 3])
def test_partners_are_uniform_in_short_lists(size: int, place: int) -> None:
    """So many draws that a partner who comes 5 % too often is seen in lists of 6."""
    counts = np.zeros(size)
    for key in random_keys(40_000):
        counts[partner(place, size, key)] += 1
    assert counts[place] == 0
    assert chi_square_is_small(np.delete(counts, place))


@pytest.mark.parametrize("size", [128, 200])
def test_partners_are_uniform(size: int) -> None:
    counts = np.zeros(size)
    for key in random_keys(size * 100):
        counts[partner(1, size, key)] += 1
    assert counts[1] == 0
    assert chi_square_is_small(np.delete(counts, 1))


@pytest.mark.parametrize("size", [3, 7, 16, 37, 100, 523])
def test_a_place_comes_to_every_place_equally_often(size: int) -> None:
    counts = np.zeros(size)
    for key in random_keys(size * 100):
        counts[shuffled(size // 2, size, key)] += 1
    assert chi_square_is_small(counts)


@pytest.mark.parametrize("size", [7, 16, 37, 100])
def test_neighbours_do_not_stay_neighbours(size: int) -> None:
    counts = np.zeros(size)
    for key in random_keys(size * 100):
        step = int(shuffled(3, size, key)) - int(shuffled(2, size, key))
        counts[step % size] += 1
    assert counts[0] == 0
    assert chi_square_is_small(counts[1:])


def test_partners_of_two_days_are_independent() -> None:
    size = 8
    people, parameters = people_of(), parameters_of()
    keys = [day_contacts(people, parameters, day).key for day in range(10_000)]
    partners = [int(partner(0, size, key)) - 1 for key in keys]
    counts = np.zeros((size - 1, size - 1))
    np.add.at(counts, (partners[:-1], partners[1:]), 1)
    assert chi_square_is_small(counts)
