"""Whole epidemics against theory, where everybody is alike.

Each comparison allows four standard errors (false alarm: 6 in 100,000), with fixed
seeds.
"""

import math

import numpy as np
import pytest

from cosignal.simulator.disease.tables import infectiousness
from cosignal.simulator.disease.transmissibility import reproduction_of_growth
from cosignal.simulator.simulation import Sim
from cosignal.simulator.state import SUSCEPTIBLE
from tests.simulator.well_mixed import alike, well_mixed

ALARM = 4.0


def final_size(r0: float, first: float = 0.0) -> float:
    """Share infected in the end: 1 - z = (1 - first) exp(-r0 z)."""
    share = 0.9
    for _ in range(2000):
        share = 1 - (1 - first) * math.exp(-r0 * share)
    return share


@pytest.mark.parametrize(
    ("r0", "published", "days"),
    [
        (1.2, 0.3137, 400),
        (1.5, 0.5828, 260),
        (2.0, 0.7968, 180),
        (2.5, 0.8926, 150),
        (3.0, 0.9405, 130),
    ],
)
def test_an_epidemic_ends_when_theory_says(
    r0: float, published: float, days: int
) -> None:
    people, seeds = 40_000, 40
    parameters = alike(disease__r0=r0, disease__seeds=seeds, days=days, seed=11)

    found = Sim(
        parameters=parameters, population=well_mixed(people), interventions=()
    ).run()

    expected = final_size(r0, seeds / people)
    # Central limit of the final size (Andersson and Britton 2000, theorem 4.2).
    error = math.sqrt(expected * (1 - expected) / people) / (1 - (1 - expected) * r0)
    assert final_size(r0) == pytest.approx(published, abs=1e-4)
    assert abs(found.summary()["attack_rate"] - expected) < ALARM * error


@pytest.mark.parametrize(
    ("doubling", "published"), [(3.0, 3.20), (3.5, 2.74), (5.0, 2.06), (7.0, 1.69)]
)
def test_a_growth_rate_asks_for_the_published_reproduction_number(
    doubling: float, published: float
) -> None:
    # Published for a continuous gamma distribution; ours is on whole days.
    found = reproduction_of_growth(
        math.log(2) / doubling, infectiousness(alike().disease)
    )

    assert found == pytest.approx(published, rel=0.015)


def test_an_epidemic_grows_as_the_renewal_equation_says() -> None:
    people, seeds, days, rate = 60_000, 600, 24, 0.15
    population = well_mixed(people)
    parameters = alike(
        disease__growth_rate=rate, disease__seeds=seeds, days=days, seed=1
    )
    beta = Sim(parameters=parameters, population=population).outbreak.beta
    totals = []
    for seed in range(8):
        sim = Sim(
            parameters=parameters.with_values({"seed": seed}),
            population=population,
            interventions=(),
            beta=beta,
        )
        totals.append(sim.run().series("infections").sum())

    profile = infectiousness(parameters.disease)
    expected = renewal(profile, 1 / euler(profile, rate), seeds, people, days)
    error = np.std(totals, ddof=1) / math.sqrt(len(totals))
    assert error < 0.02 * expected.sum()
    # Student's t of 7 degrees of freedom, 6 in 100,000.
    assert abs(np.mean(totals) - expected.sum()) < 8.0 * error
    assert abs(np.mean(totals) / expected.sum() - 1) < 0.03


def test_the_renewal_equation_grows_at_the_rate_that_was_asked_for() -> None:
    profile = infectiousness(alike().disease)
    expected = renewal(profile, 1 / euler(profile, 0.15), 1, 10**12, 100)

    assert math.log(expected[-1] / expected[-2]) == pytest.approx(0.15, rel=1e-3)


@pytest.mark.parametrize(("mean", "deviation"), [(5.5, 2.14), (3.0, 1.6)])
def test_people_are_infected_after_the_generation_time_that_was_asked_for(
    mean: float, deviation: float
) -> None:
    parameters = alike(
        disease__generation_mean=mean,
        disease__generation_sd=deviation,
        disease__r0=2.0,
        disease__seeds=8000,
        days=30,
        seed=3,
    )
    sim = Sim(
        parameters=parameters,
        # So many people and contacts that nobody is infected twice on a day, and that a
        # contact's probability is its hazard.
        population=well_mixed(160_000, contacts=20),
        interventions=(),
        analysers=[_forget_infections],
    )

    times = sim.run().generation_times()

    assert len(times) > 14_000
    assert float(times.mean()) == pytest.approx(mean, rel=0.02)
    assert float(times.std()) == pytest.approx(deviation, rel=0.02)


def _forget_infections(sim: Sim, day: int) -> None:
    """Keep everybody but the first cases susceptible, and harmless."""
    if day > 0:
        infected = np.flatnonzero(sim.state.infected_day == day)
        sim.state.status[infected] = SUSCEPTIBLE
        sim.state.infections[infected] = 0
        sim.state.infectivity[infected] = 0


def euler(profile: np.ndarray, rate: float) -> float:
    return float(profile @ np.exp(-rate * np.arange(len(profile))))


def renewal(
    profile: np.ndarray, r: float, seeds: int, people: int, days: int
) -> np.ndarray:
    infections = np.zeros(days)
    infections[0] = seeds
    for day in range(1, days):
        since = np.arange(1, min(day + 1, len(profile)))
        pressure = float(profile[since] @ infections[day - since])
        left = people - infections.sum()
        infections[day] = left * (1 - math.exp(-r * pressure / people))
    return infections
