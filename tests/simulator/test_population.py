"""The synthetic population against the tables it is made of."""

from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from cosignal.simulator.contacts.days import stubs_per_contact
from cosignal.simulator.parameters.population import PLACES
from cosignal.simulator.population.people import (
    CARE,
    COMMUNITY,
    HOUSEHOLD,
    SCHOOL,
    WORK,
    People,
    mixing_bands,
    size_in_bytes,
)
from cosignal.simulator.population.stubs import draw_stubs
from cosignal.simulator.population.synthetic import synthetic
from cosignal.simulator.population.tables import country
from tests.simulator.chances import is_near
from tests.simulator.sample_people import are_same, parameters_of, people_of

AGENTS = 60_000
ADULT = 18


def whole(place: str) -> People:
    return people_of(place, AGENTS)


def household_sizes(people: People) -> npt.NDArray[Any]:
    return np.diff(people.household_start)


def in_care(people: People) -> npt.NDArray[Any]:
    """Who lives in a care home, not who works there."""
    place = people.place
    kind = np.where(place >= 0, people.place_kind[place], 0)
    found: npt.NDArray[Any] = (kind == CARE) & (people.age >= 80)
    return found


def test_every_table_names_its_source() -> None:
    folder = files("cosignal.simulator.population") / "data"
    tables = [item for item in folder.iterdir() if item.name.endswith(".csv")]
    assert len(tables) == 2 + len(PLACES)
    for item in tables:
        text = item.read_text("utf-8")
        assert text.startswith("# SOURCE: ")
        assert len(text) < 5000


@pytest.mark.parametrize("place", PLACES)
def test_matrices_are_reciprocal_in_their_own_country(place: str) -> None:
    nation = country(place)
    people = np.append(nation.pyramid[:7], nation.pyramid[7:].sum())
    for matrix in nation.contacts.values():
        total = matrix * people[:, None]
        assert total == pytest.approx(total.T, rel=0.02, abs=3e-4)


@pytest.mark.parametrize("place", PLACES)
def test_the_age_pyramid_is_the_countrys(place: str) -> None:
    people = whole(place)
    found = np.bincount(np.minimum(people.age // 10, 8)) / AGENTS
    assert found == pytest.approx(country(place).pyramid, rel=0.01)


@pytest.mark.parametrize("place", PLACES)
def test_household_sizes_are_the_countrys(place: str) -> None:
    people = whole(place)
    private = household_sizes(people)[~in_care(people)[people.household_start[:-1]]]
    found = np.bincount(np.minimum(private, 6), minlength=7)[1:] / len(private)
    assert found == pytest.approx(country(place).sizes, abs=0.002)


@pytest.mark.parametrize("place", PLACES)
def test_children_live_with_somebody_old_enough_to_be_a_parent(place: str) -> None:
    people = whole(place)
    start = people.household_start[:-1]
    oldest = np.maximum.reduceat(people.age, start).astype(int)
    gap = oldest[people.household] - people.age
    minors = people.age < ADULT
    assert gap[minors].min() >= 15
    assert np.quantile(gap[minors], 0.99) <= 50


@pytest.mark.parametrize("place", PLACES)
def test_most_parents_were_of_fertile_age_at_each_birth(place: str) -> None:
    people = whole(place)
    start, sizes = people.household_start[:-1], household_sizes(people)
    youngest = np.minimum.reduceat(people.age, start).astype(int)
    family = (sizes > 1) & (youngest < ADULT)
    first = people.age[start[family]].astype(int)
    gap = first - youngest[family]
    assert gap.min() >= 15
    assert np.mean((gap >= 18) & (gap <= 46)) > 0.98
    assert 27 < np.median(gap) < 34


@pytest.mark.parametrize("place", PLACES)
def test_couples_are_of_similar_age(place: str) -> None:
    people = whole(place)
    start = people.household_start[:-1][household_sizes(people) == 2]
    one, other = (people.age[start + at].astype(int) for at in (0, 1))
    couples = (one >= ADULT) & (other >= ADULT) & (abs(one - other) < 17)
    gaps = abs(one - other)[couples]
    assert gaps.mean() < 4.5
    assert np.quantile(gaps, 0.9) <= 10


@pytest.mark.parametrize("place", PLACES)
def test_pensioners_live_alone_or_in_pairs(place: str) -> None:
    people = whole(place)
    sizes = household_sizes(people)[people.household]
    old = people.age >= 75
    assert np.mean(sizes[old] <= 2) > 0.95
    assert 0.2 < np.mean(sizes[old] == 1) < 0.6


def test_brothers_and_sisters_are_some_years_apart() -> None:
    people = whole("FR")
    start = people.household_start[:-1]
    four = start[household_sizes(people) == 4]
    ages = np.stack([people.age[four + at].astype(int) for at in range(4)])
    two = ages[:, (ages[1] >= ADULT) & (ages[2] < ADULT)]
    gap = two[2] - two[3]
    assert gap.min() >= 0
    assert 1.5 < gap.mean() < 4


@pytest.mark.parametrize("agents", [100, 101, 1000, 2001])
@pytest.mark.parametrize("place", PLACES)
def test_small_populations_have_their_size(place: str, agents: int) -> None:
    people = people_of(place, agents)
    assert len(people.age) == agents
    assert people.household_start[-1] == agents
    assert household_sizes(people).min() == 1


def test_households_and_regions_are_ranges() -> None:
    people = whole("FR")
    assert (np.repeat(np.arange(len(household_sizes(people))), household_sizes(people))
            == people.household).all()  # fmt: skip
    counts = np.diff(people.region_start)
    assert (np.repeat(np.arange(len(counts)), counts) == people.region).all()
    first = people.region[people.household_start[:-1]]
    assert (first[people.household] == people.region).all()
    assert counts.max() <= 32_768 + 8


def test_the_seed_decides_who_is_there() -> None:
    again = synthetic(parameters_of())
    other = synthetic(parameters_of().with_values({"seed": 2}))
    assert are_same(again, people_of())
    assert not np.array_equal(other.age, again.age)


def test_people_fit_in_a_hundred_bytes_each() -> None:
    assert size_in_bytes(whole("FR")) < 100 * AGENTS


@pytest.mark.parametrize("place", PLACES)
def test_places_list_their_members_once_in_one_region(place: str) -> None:
    people = whole(place)
    sizes = np.diff(people.place_start)
    where = np.repeat(np.arange(len(sizes)), sizes)
    assert (people.place[people.place_members] == where).all()
    assert len(people.place_members) == (people.place >= 0).sum()
    inside = np.diff(where) == 0
    assert (np.diff(people.place_members)[inside] > 0).all()
    region = people.region[people.place_members]
    assert (np.diff(region.astype(int))[inside] == 0).all()
    assert set(people.place_kind.tolist()) == {SCHOOL, WORK, CARE}


def test_a_class_has_pupils_of_one_age_and_two_adults() -> None:
    people = whole("FR")
    for number in np.flatnonzero(people.place_kind == SCHOOL)[:200]:
        low, high = people.place_start[number : number + 2]
        ages = np.sort(people.age[people.place_members[low:high]].astype(int))
        pupils = ages[:-2]
        assert ages[-2] >= 23
        assert 20 <= len(pupils) <= 30
        if pupils[0] < 16:
            assert pupils[-1] - pupils[0] <= 2


def test_nearly_all_children_learn_and_the_employed_are_as_many_as_told() -> None:
    people = whole("FR")
    kind = np.where(people.place >= 0, people.place_kind[people.place], 0)
    age = people.age
    assert np.mean(kind[(age >= 6) & (age < 16)] == SCHOOL) > 0.95
    assert not kind[age < 3].any()
    assert not kind[(age >= 65) & (age < 80)].any()
    of_age = (age >= 20) & (age < 65)
    works = (kind == WORK) | (kind == CARE) | ((kind == SCHOOL) & (age >= 26))
    assert np.mean(works[of_age]) == pytest.approx(0.7, abs=0.04)


def test_a_tenth_of_the_oldest_live_in_care_homes_with_staff() -> None:
    people = whole("FR")
    residents = in_care(people)
    assert residents.sum() == pytest.approx(0.1 * (people.age >= 80).sum(), rel=0.02)
    assert (household_sizes(people)[people.household[residents]] == 1).all()
    kind = np.where(people.place >= 0, people.place_kind[people.place], 0)
    staff = (kind == CARE) & (people.age < 65)
    assert staff.sum() == pytest.approx(0.25 * residents.sum(), rel=0.05)


def expected_contacts(people: People, place: str) -> dict[int, npt.NDArray[Any]]:
    """Mean contacts a day by band and layer, over weeks, from rates and stubs."""
    parameters = parameters_of(place, AGENTS)
    bands = mixing_bands(people.age)
    count = np.bincount(bands, minlength=8)
    kind = people.place_kind[people.place]
    others = np.diff(people.place_start)[people.place] - 1
    each = people.place_rate[people.place] * others * (people.place >= 0)
    found = {
        layer: np.bincount(bands, each * (kind == layer) * 5 / 7, 8) / count
        for layer in (SCHOOL, WORK)
    }
    found[CARE] = np.bincount(bands, each * (kind == CARE), 8) / count
    stubs = np.diff(people.stub_start) / stubs_per_contact(parameters.contacts)
    found[COMMUNITY] = np.bincount(bands, stubs, 8) / count
    sizes = household_sizes(people)[people.household]
    found[HOUSEHOLD] = np.bincount(bands, sizes - 1, 8) / count
    return found


@pytest.mark.parametrize("place", PLACES)
def test_mean_contacts_by_age_are_those_of_the_matrices(place: str) -> None:
    nation, found = country(place), expected_contacts(whole(place), place)
    settings = (
        ("school", SCHOOL, slice(0, 3)),  # adults in classes are too few
        ("work", WORK, slice(2, 6)),  # nobody of the model works in the other bands
    )
    for setting, layer, bands in settings:
        expected = nation.contacts[setting].sum(axis=1)
        # Nobody meets a colleague twice a day: too little for the Swiss of 20 to 29.
        assert found[layer][bands] == pytest.approx(expected[bands], rel=0.15)
    everywhere = np.sum([part.sum(axis=1) for part in nation.contacts.values()], axis=0)
    assert sum(found.values()) == pytest.approx(everywhere, rel=0.04)


@pytest.mark.parametrize("place", PLACES)
def test_guests_whom_matrices_count_at_home_are_met_in_the_community(
    place: str,
) -> None:
    nation, found = country(place), expected_contacts(whole(place), place)
    at_home = nation.contacts["home"].sum(axis=1)
    assert (found[HOUSEHOLD] < at_home).all()
    elsewhere = nation.contacts["community"].sum(axis=1)
    assert (found[COMMUNITY] > elsewhere).all()


def test_stubs_are_negative_binomial() -> None:
    agents, mean, dispersion = 60_000, 4.0, 0.6
    matrix = np.zeros((8, 8))
    matrix[0, :2], matrix[1, :2] = (3.0, 1.0), (1.0, 3.0)
    bands = np.tile(np.array([0, 1], np.uint8), agents // 2)
    region = np.repeat(np.arange(2, dtype=np.uint16), agents // 2)
    stubs = draw_stubs(
        bands,
        region,
        matrix,
        dispersion=dispersion,
        commuting=0.1,
        rng=np.random.default_rng(5),
    )
    numbers = np.diff(stubs.stub_start)
    variance = mean + mean**2 / dispersion
    assert is_near(numbers.mean(), mean, (variance / agents) ** 0.5)
    assert numbers.var() == pytest.approx(variance, rel=0.05)
    nobody = (dispersion / (dispersion + mean)) ** dispersion
    error = (nobody * (1 - nobody) / agents) ** 0.5
    assert is_near(np.mean(numbers == 0), nobody, error)
    pools = np.diff(stubs.pool_start).reshape(3, 8, 8)
    assert (pools == pools.transpose(0, 2, 1)).all()
    assert (pools[:, [0, 1], [0, 1]] % 2 == 0).all()
    assert pools[2].sum() / pools.sum() == pytest.approx(0.1, abs=0.02)
    assert pools[:, 0, 0].sum() / pools[:, 0].sum() == pytest.approx(0.75, abs=0.01)
    owners = np.bincount(stubs.pool_owners, minlength=agents)
    assert (owners == numbers).all()
