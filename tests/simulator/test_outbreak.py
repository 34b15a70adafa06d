"""Imports, variants, immunity and vaccination in runs."""

import math
from typing import Any

import numpy as np
import pytest

from cosignal.protocol.errors import UsageError
from cosignal.simulator.disease.courses import remaining
from cosignal.simulator.disease.tables import make_tables
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.simulation import Sim
from cosignal.simulator.state import NEVER, RECOVERED, SUSCEPTIBLE, State, new_state
from tests.simulator.well_mixed import alike, well_mixed


def run(agents: int = 20_000, **values: Any) -> Sim:  # noqa: ANN401 - any parameter
    sim = Sim(
        parameters=alike(**values), population=well_mixed(agents), interventions=()
    )
    sim.run()
    return sim


def test_seeds_come_on_the_first_day_and_imports_on_all() -> None:
    sim = run(disease__r0=0.0, disease__seeds=50, disease__imports=3.0, days=100)

    infections = sim.results.infections
    later = infections.day > 0
    assert np.all(infections.infector == -1)
    assert sim.results.series("infections")[0] >= 50
    # Poisson of 297: four standard deviations.
    assert abs(later.sum() - 3.0 * 99) < 4 * math.sqrt(297)
    assert sim.results.series("imports").sum() == later.sum()
    assert len(np.unique(infections.person)) == len(infections.person)


def test_more_seeds_than_people_are_refused() -> None:
    with pytest.raises(UsageError, match=r"disease\.seeds: expected at most 200"):
        run(agents=200, disease__seeds=201, disease__r0=0.0)


class Cures:
    """An intervention of a user's own that ends some infections early."""

    start = 5
    stop: int | None = None

    def apply(self, sim: Sim, day: int) -> None:
        cured = np.flatnonzero(sim.state.infected_day == day - 3)[::2]
        sim.state.infected_day[cured] = NEVER
        sim.state.status[cured] = RECOVERED


@pytest.mark.parametrize("own", [[], [Cures()]])
def test_infectious_are_those_whom_the_days_of_infection_say(own: list[Cures]) -> None:
    # Protection is gone within days, so that people are infected again and again.
    values: dict[str, Any] = {"disease__immunity": 0.2, "disease__imports": 4.0}
    sim = Sim("FR", agents=2000, days=60, r0=5.0, interventions=own, **values)
    length = len(sim.outbreak.tables.profile)
    again = 0

    for day in range(60):
        sim.step()
        since = day + 1 - sim.state.infected_day.astype(int)
        there = (since > 0) & (since < length) & (sim.state.infected_day >= 0)
        again += int(np.count_nonzero(sim.state.infections[there] > 1))

        found = sim.outbreak.infectious(day + 1)

        assert np.flatnonzero(there).tolist() == found.tolist()
    assert again > 1000


def test_the_first_cases_do_not_depend_on_interventions() -> None:
    first = [
        Sim("FR", agents=2000, days=1, seed=3, interventions=own).run().infections
        for own in (None, ())
    ]

    assert np.array_equal(first[0].person, first[1].person)


def test_a_more_transmissible_variant_takes_over() -> None:
    variant = {"name": "b", "day": 20, "seeds": 20, "transmissibility": 2.0}
    sim = run(disease__r0=1.5, disease__seeds=100, days=90, variants=[variant])

    infections = sim.results.infections
    share = [
        np.mean(infections.variant[infections.day // 10 == tens] == 1)
        for tens in (2, 4, 6)
    ]
    assert np.all(infections.day[infections.variant == 1] >= 20)
    assert share[0] < share[1] < share[2]
    assert share[2] > 0.5


def test_without_cross_immunity_people_are_infected_again_by_the_other_variant() -> (
    None
):
    def again(share: float) -> Sim:
        variant = {"name": "b", "day": 60, "seeds": 200, "cross_immunity": share}
        return run(agents=5000, disease__r0=3.0, days=140, variants=[variant], seed=9)

    separate, shared = again(0.0), again(1.0)

    assert (separate.state.infections == 2).mean() > 0.7
    assert (shared.state.infections == 2).sum() == 0
    assert separate.state.infections.max() == 2


def test_waning_lets_people_be_infected_again() -> None:
    def infections(half_life: float) -> float:
        sim = run(
            agents=5000,
            disease__r0=3.0,
            disease__imports=1.0,
            disease__waning_half_life=half_life,
            days=250,
        )
        return sim.results.summary()["infections"]

    assert infections(0.0) <= 5000
    assert infections(60.0) > 7000


def left(state: State, parameters: Parameters, variant: int, day: int) -> float:
    return float(_remaining(0, variant, day, state, make_tables(parameters)))


def _remaining(*arguments: object) -> float:
    found: float = remaining.py_func(*arguments)
    return found


def test_protection_is_what_infection_and_vaccine_leave() -> None:
    parameters = Parameters().with_values(
        {
            "variants": [{"name": "b", "cross_immunity": 0.5}],
            "disease.immunity": 0.8,
            "disease.waning_half_life": 100.0,
            "vaccination.against_infection": 0.6,
            "vaccination.delay": 14,
            "vaccination.waning_half_life": 50.0,
        }
    )
    naive, recovered, both = new_state(1), new_state(1), new_state(1)
    for state in (recovered, both):
        state.status[0], state.infections[0], state.end_day[0] = RECOVERED, 1, 40
    both.vaccinated_day[0] = 26

    assert left(naive, parameters, 0, 40) == 1.0
    assert left(recovered, parameters, 0, 40) == pytest.approx(0.2)
    assert left(recovered, parameters, 1, 40) == pytest.approx(0.6)
    assert left(recovered, parameters, 0, 140) == pytest.approx(0.6)
    assert left(both, parameters, 0, 40) == pytest.approx(0.2 * 0.4)
    assert left(both, parameters, 1, 40) == pytest.approx(0.6 * 0.7)
    assert left(both, parameters, 0, 90) == pytest.approx(
        (1 - 0.8 * 2**-0.5) * (1 - 0.3)
    )
    assert left(both, parameters, 0, 39) == pytest.approx(0.2)


def test_the_old_are_vaccinated_first_as_many_as_there_are_doses() -> None:
    sim = Sim(
        "FR",
        agents=10_000,
        days=40,
        interventions=(),
        disease__seeds=0,
        vaccination__per_day=0.01,
        vaccination__start=10,
    )
    sim.run()

    day = sim.state.vaccinated_day
    vaccinated = day >= 0
    oldest = sim.people.age >= 80
    assert sim.results.series("vaccinated").tolist() == [0] * 10 + [100] * 30
    assert vaccinated.sum() == 3000
    # Coverage of 0.95, at four standard errors.
    spare = 4 * math.sqrt(0.95 * 0.05 / oldest.sum())
    assert abs(vaccinated[oldest].mean() - 0.95) < spare
    assert day[oldest & vaccinated].max() <= day[~oldest & vaccinated].min()


def test_a_vaccine_that_protects_stops_an_epidemic() -> None:
    def attack(protection: float) -> float:
        sim = Sim(
            "FR",
            agents=10_000,
            days=120,
            interventions=(),
            vaccination__per_day=0.2,
            vaccination__coverage=(1.0,) * 9,
            vaccination__delay=0,
            vaccination__against_infection=protection,
        )
        return sim.run().summary()["attack_rate"]

    assert attack(0.0) > 0.3
    assert attack(0.95) < 0.06


def test_the_counts_of_a_day_are_those_of_the_people() -> None:
    sim = Sim("FR", agents=20_000, days=60, r0=4.0, disease__seeds=200)

    def look(sim: Sim, day: int) -> None:
        state = sim.state
        ward = (
            (state.hospital_day >= 0)
            & (state.hospital_day <= day)
            & (day < state.end_day)
        )
        care = (state.icu_day >= 0) & (state.icu_day <= day) & (day < state.end_day)
        found = sim.record
        assert found.series("hospital")[day] == ward.sum()
        assert found.series("icu")[day] == care.sum()
        assert found.series("deaths").sum() == (state.status == 3).sum()
        assert found.series("infections").sum() == state.infections.sum()
        assert found.series("onsets")[day] == (state.onset_day == day).sum()
        assert (
            found.series("in_isolation")[day]
            == ((state.isolated_until > day) & (state.status != 3)).sum()
        )

    sim.analysers = (look,)
    result = sim.run()

    layers = sum(
        result.series(f"infections_{name}").sum()
        for name in ("household", "school", "work", "care", "community")
    )
    assert layers == result.series("infections").sum() - 200
    assert result.series("deaths").sum() > 0
    assert np.all(sim.state.susceptibility[sim.state.status == SUSCEPTIBLE] > 0)
