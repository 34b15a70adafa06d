"""Variants, waning, vaccination and daily counts in runs."""

import math
from typing import Any

import numpy as np
import pytest

from cosignal.simulator.simulation import Sim
from cosignal.simulator.state import DEAD, NEVER, RECOVERED, SUSCEPTIBLE
from tests.simulator.well_mixed import alike, well_mixed


def run(agents: int = 20_000, **values: Any) -> Sim:  # noqa: ANN401 - any parameter
    sim = Sim(
        parameters=alike(**values), population=well_mixed(agents), interventions=()
    )
    sim.run()
    return sim


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

        kept = sim.outbreak._catch_up(day + 1)

        assert np.flatnonzero(there).tolist() == kept.tolist()
        assert sim.outbreak.infectious(day + 1).tolist() == kept.tolist()
    assert again > 1000


def test_whoever_asks_who_is_infectious_changes_nothing() -> None:
    def asks(sim: Sim, day: int) -> None:
        for before in range(6):
            sim.outbreak.infectious(day - before)

    asked, plain = (
        Sim("FR", agents=2000, days=40, analysers=analysers).run().infections
        for analysers in ([asks], [])
    )

    assert plain.person.tolist() == asked.person.tolist()


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


def vaccinating(agents: int = 5000, **values: Any) -> Sim:  # noqa: ANN401
    base: dict[str, Any] = {
        "disease__seeds": 0,
        "days": 10,
        "vaccination__coverage": (1.0,) * 9,
    }
    return Sim("FR", agents=agents, interventions=(), **(base | values))


def test_doses_go_to_the_next_where_somebody_is_dead_or_has_one() -> None:
    plain, other = (vaccinating(vaccination__per_day=0.01) for _ in range(2))
    plain.run()
    first = np.flatnonzero(plain.state.vaccinated_day == 0).astype(np.int32)
    other.state.status[first[:20]] = DEAD
    other.vaccinate(first[20:])

    other.run()

    assert other.results.series("vaccinated").tolist() == [50 + 30] + [50] * 9
    assert np.all(other.state.vaccinated_day[first[:20]] == -1)
    assert np.all(other.state.vaccinated_day[first[20:]] == 0)
    assert (other.state.vaccinated_day >= 0).sum() == 530


def test_no_more_are_vaccinated_than_want_to_be() -> None:
    sim = vaccinating(vaccination__per_day=0.3, vaccination__coverage=(0.5,) * 9)

    found = sim.run().series("vaccinated")

    assert found[0] == 1500
    assert found.sum() == (sim.state.vaccinated_day >= 0).sum()
    assert found[2:].sum() == 0


def test_people_are_vaccinated_by_an_own_intervention_and_again_without_harm() -> None:
    class Campaign:
        start = 2
        stop: int | None = None

        def apply(self, sim: Sim, day: int) -> None:
            if day in {2, 6, 30}:
                sim.vaccinate(np.array([7, 3, 7], np.int32))

    sim = vaccinating(agents=500, days=40, vaccination__delay=14)
    sim.own_interventions = (Campaign(),)
    days = []
    for _ in range(40):
        sim.step()
        days.append(int(sim.state.vaccinated_day[7]))

    # Not protecting yet on day 6; protected on day 30, and anew from then on.
    assert days == [-1] * 2 + [2] * 28 + [30 - 14] * 10
    assert sim.record.series("vaccinated").sum() == 6
    assert np.flatnonzero(sim.state.vaccinated_day >= 0).tolist() == [3, 7]


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
    gone = {"recovered": 0, "dead": 0}

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
            == ((state.isolated_until > day) & (state.status != 3) & ~ward).sum()
        )
        susceptible, infected, recovered, dead = np.bincount(state.status, minlength=4)
        gone["recovered"] += len(sim.today["recovered"])
        gone["dead"] += len(sim.today["dead"])
        assert recovered == gone["recovered"]
        assert dead == gone["dead"]
        assert infected == found.series("infections").sum() - recovered - dead
        assert susceptible == len(state.status) - infected - recovered - dead

    sim.analysers = (look,)
    result = sim.run()

    layers = sum(
        result.series(f"infections_{name}").sum()
        for name in ("household", "school", "work", "care", "community")
    )
    assert layers == result.series("infections").sum() - 200
    assert result.series("imports").tolist() == [200.0] + [0.0] * 59
    assert result.series("deaths").sum() > 0
    assert np.all(sim.state.susceptibility[sim.state.status == SUSCEPTIBLE] > 0)
