"""What households and places leave of the contact matrices."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.simulator.population.own import Population
from cosignal.simulator.population.people import HOUSEHOLD, SCHOOL, WORK
from cosignal.simulator.population.remainder import (
    Groups,
    contacts_within,
    households,
    remainder,
    wanted,
)
from cosignal.simulator.population.tables import country


def test_members_of_a_household_meet_each_other_once_a_day() -> None:
    bands = np.array([3, 3, 0, 7, 1], np.uint8)

    found = contacts_within(households(np.array([3, 1, 1])), bands)

    expected = np.zeros((8, 8))
    expected[3, 3] = 2  # each of the two meets the other
    expected[3, 0] = expected[0, 3] = 2
    assert (found == expected).all()


def test_members_of_a_place_meet_at_its_rate() -> None:
    groups = Groups(np.array([0, 2, 4]), np.array([4, 0, 1, 2]), np.array([0.5, 1.0]))

    found = contacts_within(groups, np.array([0, 1, 1, 5, 2], np.uint8))

    assert found[0, 2] == found[2, 0] == 0.5
    assert found[1, 1] == 2.0
    assert found.sum() == 3.0


def matrices(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Wanted contacts, and fewer that are made, symmetric."""
    rng = np.random.default_rng(seed)
    total = rng.random((8, 8)) + 0.1
    total = total + total.T
    share = rng.random((8, 8)) * 0.8
    return total, total * (share + share.T) / 2


@given(seed=st.integers(0, 10_000))
def test_where_less_is_made_the_rest_is_left(seed: int) -> None:
    total, made = matrices(seed)

    assert remainder(total, made) == pytest.approx(total - made, rel=1e-6)


@given(seed=st.integers(0, 10_000), band=st.integers(0, 7))
def test_each_band_has_its_number_where_one_pair_has_too_many(
    seed: int, band: int
) -> None:
    total, made = matrices(seed)
    made[band, band] = total[band, band] * 1.5

    left = remainder(total, made)

    assert left == pytest.approx(left.T)
    assert left.min() >= 0
    assert left[band, band] == 0
    assert left.sum(axis=1) == pytest.approx((total - made).sum(axis=1), rel=1e-3)


def test_nobody_has_fewer_than_no_contacts_left() -> None:
    total, made = matrices(1)
    made[2] = made[:, 2] = total[2] * 2

    left = remainder(total, made)

    assert (left[2] == 0).all()
    assert np.isfinite(left).all()
    assert left.min() >= 0


def test_nothing_wanted_leaves_nothing() -> None:
    assert (remainder(np.zeros((8, 8)), np.ones((8, 8))) == 0).all()


def test_layers_that_somebody_gives_are_not_wanted_again() -> None:
    nation = country("UK")
    parts = nation.contacts

    everything = wanted(nation, set())
    assert everything == pytest.approx(sum(parts.values()))
    rest = wanted(nation, {SCHOOL, WORK})
    assert rest == pytest.approx(parts["home"] + parts["community"])
    assert wanted(nation, {HOUSEHOLD, SCHOOL, WORK}) == pytest.approx(
        parts["community"]
    )


def test_the_community_keeps_its_own_contacts_where_places_make_many() -> None:
    # Grown-ups alone: their teams meet more of them than all settings say.
    columns = {"person": range(3000), "age": [40] * 3000, "household": range(3000)}

    people = Population.from_frame(columns).people

    own = country("FR").contacts["community"][4, 4]
    assert len(people.stubs) / 3000 >= own
