"""The three ways of spreading against each other.

Statistical comparisons say how often they fail by chance; seeds are fixed.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cosignal.simulator.contacts.days import day_contacts
from cosignal.simulator.simulation import Sim
from cosignal.simulator.spread import (
    Spread,
    Transmissions,
    World,
    by_edges,
    first_only,
    sweep,
)
from cosignal.simulator.state import DEAD
from tests.simulator.well_mixed import alike, well_mixed

Way = Callable[[np.ndarray, World], Transmissions]


def epidemic(agents: int = 1500, days: int = 8, **values: Any) -> Sim:  # noqa: ANN401
    """A run that has been going on for some days, with many infected."""
    sim = Sim("FR", agents=agents, seed=5, interventions=(), **values)
    for _ in range(days):
        sim.step()
    return sim


def world(sim: Sim, number: int = 0) -> World:
    """A next day, with contacts and draws of its own."""
    day = day_contacts(sim.people, sim.parameters, sim.day + number)
    found = sim.outbreak.world(sim.day, day)
    key = np.uint64((number * 0x9E3779B97F4A7C15) % 2**64)
    return found._replace(hazards=found.hazards._replace(key=key))


def same(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def thin(infectious: np.ndarray, today: World) -> Transmissions:
    return Spread(1).thin(infectious, today)


@pytest.mark.parametrize("r0", [2.5, 15.0])
def test_sweep_and_edges_give_the_same_infections(r0: float) -> None:
    sim = epidemic(r0=r0, disease__seeds=100)
    infectious = sim.outbreak.infectious(sim.day)

    for number in range(20):
        today = world(sim, number)
        swept = sweep(infectious, today)

        assert len(swept.infected) > 5
        assert same(swept, by_edges(infectious, today))


def test_sweep_and_edges_agree_where_people_meet_several_times_a_day() -> None:
    people = well_mixed(60, contacts=20)
    sim = Sim(
        parameters=alike(disease__seeds=10, disease__r0=6.0),
        population=people,
        interventions=(),
    )
    for _ in range(5):
        sim.step()
    infectious = sim.outbreak.infectious(sim.day)

    for number in range(50):
        today = world(sim, number)

        assert same(sweep(infectious, today), by_edges(infectious, today))


def several_variants() -> Sim:
    """Three variants among people of whom many had one or two, or a vaccine."""
    variants = [
        {"name": "b", "day": 20, "seeds": 60, "cross_immunity": 0.4},
        {"name": "c", "day": 40, "seeds": 60, "cross_immunity": 0.1},
    ]
    sim = epidemic(
        days=48,
        r0=4.0,
        disease__seeds=60,
        disease__waning_half_life=30.0,
        vaccination__per_day=0.01,
        vaccination__waning_half_life=40.0,
        variants=variants,
    )
    assert (np.bincount(sim.results.infections.variant) > 100).all()
    assert (sim.state.infections > 1).sum() > 50
    return sim


def test_sweep_and_edges_agree_where_people_had_other_variants_before() -> None:
    sim = several_variants()
    infectious = sim.outbreak.infectious(sim.day)

    for number in range(10):
        swept = sweep(infectious, world(sim, number))

        assert (sim.state.infections[swept.infected] > 0).sum() > 5
        assert same(swept, by_edges(infectious, world(sim, number)))


def counts(way: Way, sim: Sim, days: int) -> tuple[np.ndarray, ...]:
    """Infections by infected person, infector and layer, over many days."""
    infectious, people = sim.outbreak.infectious(sim.day), len(sim.people.age)
    infected, infectors = np.zeros(people), np.zeros(people)
    layers = np.zeros(5)
    for number in range(days):
        found = way(infectious, world(sim, number))
        infected += np.bincount(found.infected, minlength=people)
        infectors += np.bincount(found.infectors, minlength=people)
        layers += np.bincount(found.layers, minlength=5)
    return infected, infectors, layers


def scores(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Differences of counts in standard errors, of those that are large enough."""
    total = one + other
    enough = total >= 25
    found: np.ndarray = (one - other)[enough] / np.sqrt(total[enough])
    return found


@pytest.mark.parametrize("contacts", ["layers", "repeated", "variants"])
def test_thinning_has_the_law_of_the_sweep(contacts: str) -> None:
    # 40,000 infections of each: a difference of 2 % in all shows. False alarm about
    # 1 in 10,000: total and layers at 4.4 standard errors, the sum over people and over
    # infectors at 4 of a chi-squared distribution.
    if contacts == "layers":
        sim = epidemic(r0=4.0, disease__seeds=60, disease__dispersion=0.3)
        days = 1200
    elif contacts == "variants":
        sim, days = several_variants(), 700
    else:
        # Few people with many contacts: many pairs meet twice a day.
        sim = Sim(
            parameters=alike(disease__seeds=15, disease__r0=4.0),
            population=well_mixed(100, contacts=20),
            interventions=(),
        )
        for _ in range(5):
            sim.step()
        days = 3000

    thinned, swept = counts(thin, sim, days), counts(sweep, sim, days)

    assert swept[2].sum() > 20_000
    total = scores(thinned[2].sum(keepdims=True), swept[2].sum(keepdims=True))
    assert abs(total[0]) < 4.4
    assert np.all(np.abs(scores(thinned[2], swept[2])) < 4.4)
    for by_person in range(2):
        squares = scores(thinned[by_person], swept[by_person]) ** 2
        spare = 4 * math.sqrt(2 * len(squares))
        assert len(squares) > 20
        assert squares.sum() < len(squares) + spare


def test_what_is_passed_over_would_not_have_infected() -> None:
    sim = epidemic(agents=6000, r0=15.0, disease__seeds=600)
    people = len(sim.people.age)
    sim.state.susceptibility[:] = np.linspace(0.2, 3.0, people)
    sim.state.vaccinated_day[::5] = 0
    sim.state.isolation[::7] = 1
    infectious = sim.outbreak.infectious(sim.day)

    for number in range(10):
        today = world(sim, number)
        hazards = today.hazards
        all_of_them = today._replace(
            hazards=hazards._replace(ceilings=hazards.ceilings * 1e6)
        )
        too_few = today._replace(
            hazards=hazards._replace(ceilings=hazards.ceilings / 4)
        )
        found = thin(infectious, today)

        assert len(found.infected) > 100
        assert same(found, thin(infectious, all_of_them))
        assert len(thin(infectious, too_few).infected) < len(found.infected)


def test_the_order_of_infectious_people_does_not_matter() -> None:
    sim = epidemic(r0=15.0, disease__seeds=300)
    infectious = sim.outbreak.infectious(sim.day)
    shuffled = np.random.default_rng(3).permutation(infectious)

    assert np.all(np.diff(infectious) > 0)
    assert same(thin(infectious, world(sim)), thin(shuffled, world(sim)))


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_any_number_of_threads_gives_the_same_run(threads: int) -> None:
    def run(number: int) -> Sim:
        sim = Sim("UK", agents=4000, days=40, seed=2, r0=3.0, threads=number)
        sim.run()
        return sim

    one, many = run(1), run(threads)

    assert len(one.results.infections.person) > 500
    assert same(one.state, many.state)
    assert same(one.results.infections, many.results.infections)


@pytest.mark.parametrize("way", [thin, sweep, by_edges])
def test_people_at_home_infect_and_are_infected_in_the_household_only(way: Way) -> None:
    sim = epidemic(r0=15.0, disease__seeds=300)
    at_home = np.arange(0, len(sim.people.age), 2)
    sim.state.isolation[:] = 0
    sim.state.isolation[at_home] = 1
    infectious = sim.outbreak.infectious(sim.day)

    found = [way(infectious, world(sim, number)) for number in range(5)]

    infected = np.concatenate([one.infected for one in found])
    infectors = np.concatenate([one.infectors for one in found])
    elsewhere = np.concatenate([one.layers for one in found]) > 0
    either = np.isin(infected, at_home) | np.isin(infectors, at_home)
    assert elsewhere.sum() > 10
    assert not np.any(either & elsewhere)
    assert np.any(either & ~elsewhere)


@pytest.mark.parametrize("way", [thin, sweep, by_edges])
def test_people_in_hospital_and_dead_people_infect_nobody(way: Way) -> None:
    sim = epidemic(r0=15.0, disease__seeds=300)
    infectious = sim.outbreak.infectious(sim.day)
    dead, ill = infectious[::3], infectious[1::3]
    sim.state.status[dead] = DEAD
    sim.state.hospital_day[ill] = sim.day
    sim.state.end_day[ill] = sim.day + 3

    found = way(infectious, world(sim))

    assert len(found.infected) > 10
    assert not np.any(np.isin(found.infectors, np.concatenate([dead, ill])))


def test_of_two_infectors_the_one_with_the_least_draw_counts() -> None:
    parts = [
        np.array([[7, 1, 4, 30], [3, 1, 0, 9]], np.uint64),
        np.array([[7, 2, 1, 20]], np.uint64),
    ]

    found = first_only(parts)

    assert found.infected.tolist() == [3, 7]
    assert found.infectors.tolist() == [1, 2]
    assert found.layers.tolist() == [0, 1]


def test_infectors_are_those_that_a_plain_search_finds() -> None:
    chance = np.random.default_rng(4)
    parts = [chance.integers(0, 60, (size, 4), dtype=np.uint64) for size in (0, 80, 90)]
    for part in parts:
        part[:, 3] = chance.integers(0, 2**64, len(part), dtype=np.uint64)
    least: dict[int, list[int]] = {}
    for infected, *event in np.concatenate(parts).tolist():
        if infected not in least or event[2] < least[infected][2]:
            least[infected] = event

    found = first_only(parts)

    assert sorted(least) == found.infected.tolist()
    expected = [least[infected][:2] for infected in sorted(least)]
    assert expected == np.stack([found.infectors, found.layers], axis=1).tolist()


def test_many_infections_on_a_day_find_room() -> None:
    sim = epidemic(agents=20_000, days=4, r0=20.0, disease__seeds=4000)
    infectious = sim.outbreak.infectious(sim.day)

    swept, thinned = sweep(infectious, world(sim)), thin(infectious, world(sim))

    assert len(swept.infected) > 2000
    assert same(swept, by_edges(infectious, world(sim)))
    assert len(thinned.infected) == pytest.approx(len(swept.infected), rel=0.1)
