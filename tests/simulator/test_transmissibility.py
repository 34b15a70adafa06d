"""Beta, of a reproduction number, against what a run then does."""

import gc
import math
import weakref

import numpy as np
import pytest

from cosignal.protocol.errors import UsageError
from cosignal.simulator.disease.transmissibility import reproduction_number
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.population.columns import table
from cosignal.simulator.population.network import connect
from cosignal.simulator.simulation import Sim
from tests.simulator.well_mixed import alike, well_mixed


@pytest.mark.parametrize("contacts", [10, 40])
def test_the_first_cases_infect_as_many_as_asked_for(contacts: int) -> None:
    # Everybody alike: all cases are typical. Poisson: false alarm 6 in 100,000.
    people, seeds, r0 = 100_000, 2000, 2.5
    sim = Sim(
        parameters=alike(disease__r0=r0, disease__seeds=seeds, days=40, seed=4),
        population=well_mixed(people, contacts),
        interventions=(),
        analysers=[_only_the_first_infect],
    )

    caused = float((sim.run().infections.infector >= 0).sum())

    # Each of the first finds a share infected: the other first ones, and half of those
    # that they infect, on average.
    left = 1 - seeds / people - caused / people / 2
    expected = seeds * r0 * left
    assert abs(caused - expected) < 4 * math.sqrt(expected) + 0.005 * expected


def _only_the_first_infect(sim: Sim, day: int) -> None:
    if day > 0:
        sim.state.infectivity[sim.state.infected_day == day] = 0


def test_early_cases_of_a_real_population_infect_about_as_many_as_asked_for() -> None:
    # Some hundred early cases in each of five runs: standard error of the mean 0.05.
    # They infect a little fewer than R0 asks for, since the most sociable are infected
    # first, and households faster than the next generations are.
    base = Sim("FR", agents=100_000, days=60, r0=2.0, disease__seeds=50)
    found = []
    for seed in range(5):
        sim = Sim(
            parameters=base.parameters.with_values({"seed": seed}),
            population=base.people,
            beta=base.outbreak.beta,
            interventions=(),
        )
        found.append(sim.run().summary()["r"])

    assert 1.75 < np.mean(found) < 2.15


def test_beta_rises_with_r0_faster_than_r0() -> None:
    betas = [
        Sim("FR", agents=5000, r0=r0, interventions=()).outbreak.beta
        for r0 in (1.0, 2.0, 4.0)
    ]

    assert betas[1] > 2 * betas[0]
    assert betas[2] > 2 * betas[1]


def test_no_reproduction_is_no_transmission() -> None:
    sim = Sim("FR", agents=2000, days=20, r0=0.0, interventions=())

    assert sim.outbreak.beta == 0
    assert sim.run().summary()["infections"] == sim.parameters.disease.seeds


def test_more_infections_than_contacts_are_refused() -> None:
    # Within households alone, nobody infects more than live there.
    sim = Sim(
        "FR",
        agents=2000,
        r0=9.0,
        contacts__school_weight=0.0,
        contacts__work_weight=0.0,
        contacts__care_weight=0.0,
        contacts__community_weight=0.0,
    )

    with pytest.raises(
        UsageError, match=r"disease.r0: expected at most [12]\..*, got 9"
    ):
        _ = sim.outbreak


def test_a_growth_rate_replaces_r0() -> None:
    still = Parameters().with_values({"disease.growth_rate": 0.0})
    shrinking = Parameters().with_values({"disease.growth_rate": -0.1})

    assert reproduction_number(still.disease) == pytest.approx(1.0)
    assert reproduction_number(shrinking.disease) < 1
    assert reproduction_number(Parameters().disease) == Parameters().disease.r0


def test_people_with_other_places_or_connections_have_a_beta_of_their_own() -> None:
    """Whoever has fewer contacts needs more of each; asked before or not."""
    base = Sim("FR", agents=2_000, seed=3)
    people = base.people
    alone = people._replace(place_rate=np.zeros_like(people.place_rate))
    ids = np.arange(2_000).astype(str)
    pairs = {"person_a": ids[:-7].tolist(), "person_b": ids[7:].tolist()}
    linked = connect(people, ids, table(pairs, "network"))

    betas = [
        Sim("FR", agents=2_000, seed=3, population=whom).outbreak.beta
        for whom in (alone, people, linked)
    ]

    assert betas[0] > betas[1] > betas[2]
    assert betas[1] == base.outbreak.beta


def test_people_who_were_asked_of_are_not_kept_alive() -> None:
    sim = Sim("FR", agents=500, seed=3)
    assert sim.outbreak.beta > 0
    stubs = weakref.ref(sim.people.stubs)

    del sim
    gc.collect()

    assert stubs() is None
