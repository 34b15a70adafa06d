"""People that a program puts together."""

from typing import Any

import numpy as np
import pytest

from cosignal.protocol.errors import UsageError
from cosignal.simulator.population.consistency import require_consistent
from cosignal.simulator.population.own import Population
from cosignal.simulator.population.people import People
from cosignal.simulator.simulation import Sim
from tests.simulator.well_mixed import well_mixed

PEOPLE = Sim("FR", agents=2000).people


def changed(name: str, place: int, value: int) -> People:
    array: Any = getattr(PEOPLE, name).copy()
    array[place] = value
    return PEOPLE._replace(**{name: array})


def test_people_as_they_are_made_pass() -> None:
    columns = {"person": range(50), "age": [30] * 50, "household": range(50)}
    links = {"person_a": [0, 1], "person_b": [2, 3]}
    linked = Population.from_frame(columns, network=links).people

    for people in (PEOPLE, linked, well_mixed(500)):
        require_consistent(people)


@pytest.mark.parametrize(
    ("people", "name"),
    [
        (PEOPLE._replace(age=np.full(2000, 80, np.uint8)), "age"),
        (PEOPLE._replace(age=PEOPLE.age[:-1]), "household"),
        (changed("household", 0, 7), "household"),
        (changed("household_start", 1, 2000), "household_start"),
        (changed("place", 3, 100_000), "place"),
        (changed("place_members", 0, -1), "place_members"),
        (changed("place_kind", 0, 0), "place_kind"),
        (changed("stub_start", -1, 1), "stub_start"),
        (changed("pool_owners", 0, 2000), "pool_owners"),
        (changed("region_start", -1, 1999), "region_start"),
    ],
)
def test_people_whose_arrays_do_not_fit_are_refused(people: People, name: str) -> None:
    sim = Sim(population=people, days=5)

    with pytest.raises(UsageError, match=rf"^population: expected .* in {name}, got"):
        sim.run()


def test_what_a_program_holds_stays_its_own() -> None:
    rates = PEOPLE.place_rate.copy()
    sim = Sim(population=PEOPLE._replace(place_rate=rates), days=5)
    before = sim.people.place_rate.copy()

    rates[:] = 0

    assert sim.people.place_rate.tolist() == before.tolist()
