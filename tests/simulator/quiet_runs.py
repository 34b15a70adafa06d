"""Runs in which nothing happens but what a test lets happen."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from cosignal.simulator.parameters.population import PopulationParameters
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.population.people import People
from cosignal.simulator.population.synthetic import synthetic
from cosignal.simulator.simulation import Sim

Ids = npt.NDArray[np.int32]


@cache
def _people(population: PopulationParameters) -> People:
    """Made once for all tests, as is then the beta of the disease among them."""
    return synthetic(replace(Parameters(), population=population))


def quiet(
    days_gone: int = 0,
    *,
    agents: int = 1000,
    **values: Any,  # noqa: ANN401 - any parameter
) -> Sim:
    """A run without infections or interventions, some days after its beginning."""
    sim = Sim("FR", agents=agents, interventions=(), disease__seeds=0, **values)
    sim.own_population = _people(sim.parameters.population)
    for _ in range(days_gone):
        sim.step()
    sim.today = dict.fromkeys(("onset", "hospital", "background"), ids())
    return sim


def ids(*people: int) -> Ids:
    """People as an array."""
    return np.array(people, np.int32)


def everybody(sim: Sim) -> Ids:
    """All people of a run."""
    return np.arange(len(sim.people.age), dtype=np.int32)


def stay(sim: Sim, people: Ids, until: int, *, quarantined: bool = True) -> None:
    """Let people stay at home who were there in the morning: all of today as well."""
    sim.isolate(people, until, quarantined=quarantined)
    sim.state.isolation[people] |= np.uint32(1)


def next_day(sim: Sim, **today: Ids) -> None:
    """Go on to the next day, and say what happens on it."""
    sim.step()
    nothing = dict.fromkeys(("onset", "hospital", "background"), ids())
    sim.today = nothing | today
