"""Infections from outside: seeds, variants and travellers.

Statistical comparisons have a false alarm of 1 in 100,000 each, with fixed seeds.
"""

import math
from typing import Any

import numpy as np
import pytest

from cosignal.protocol.errors import UsageError
from cosignal.simulator.simulation import Sim
from cosignal.simulator.state import DEAD, INFECTED, RECOVERED
from tests.simulator.chances import is_near
from tests.simulator.well_mixed import alike, well_mixed

PEOPLE = 20_000


def idle(agents: int = PEOPLE, **values: Any) -> Sim:  # noqa: ANN401 - any parameter
    """A run in which people infect nobody."""
    base = {"disease__r0": 0.0, "disease__seeds": 0, "days": 10}
    return Sim(
        parameters=alike(**(base | values)),
        population=well_mixed(agents),
        interventions=(),
    )


def recover(sim: Sim, ids: np.ndarray, day: int = 0) -> None:
    """Let people have been infected by the first variant, until a day."""
    state = sim.state
    state.status[ids], state.infections[ids] = RECOVERED, 1
    state.end_day[ids] = day


def variant(**values: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - any parameter
    return [{"name": "b", "day": 4, "seeds": 50, **values}]


def test_seeds_come_on_the_first_day_and_imports_on_all() -> None:
    sim = idle(disease__seeds=50, disease__imports=3.0, days=100)

    found = sim.run()

    infections, series = found.infections, found.series("imports")
    assert np.all(infections.infector == -1)
    assert series[0] >= 50
    assert series.tolist() == np.bincount(infections.day, minlength=100).tolist()
    assert is_near(series[1:].sum(), 3.0 * 99, math.sqrt(297))
    arrived = series[1:].sum() + found.series("imports_failed").sum()
    assert series[1:].sum() <= arrived
    assert found.series("imports_failed").sum() < 20


def test_seeds_are_exactly_as_many_as_asked_for() -> None:
    sim = idle(disease__seeds=77, variants=variant(), days=6)

    found = sim.run()

    by_variant = np.bincount(found.infections.variant)
    assert by_variant.tolist() == [77, 50]
    assert found.series("imports").tolist() == [77, 0, 0, 0, 50, 0]
    assert found.series("imports_failed").sum() == 0


def test_a_late_variant_arrives_though_everybody_has_been_infected() -> None:
    sim = idle(variants=variant(cross_immunity=0.0), days=6)
    recover(sim, np.arange(PEOPLE))

    found = sim.run()

    assert found.infections.variant.tolist() == [1] * 50


def test_seeds_are_people_whom_the_variant_can_infect() -> None:
    sim = idle(variants=variant(seeds=5000), days=6)
    immune = np.arange(0, PEOPLE, 2)
    recover(sim, immune)
    sim.state.status[1:4000:2] = DEAD
    sim.state.status[4001:6000:2] = INFECTED

    found = sim.run()

    assert len(found.infections.person) == 5000
    assert np.all(found.infections.person % 2 == 1)
    assert found.infections.person.min() > 6000


def test_where_fewer_can_be_infected_those_are_and_the_others_are_counted() -> None:
    sim = idle(agents=300, variants=variant(seeds=200), days=6)
    recover(sim, np.arange(180))

    found = sim.run()

    assert found.infections.person.tolist() == list(range(180, 300))
    assert found.series("imports")[4] == 120
    assert found.series("imports_failed").tolist() == [0, 0, 0, 0, 80, 0]
    assert found.summary()["imports"] == 120
    assert found.summary()["imports_failed"] == 80


def test_seeds_are_drawn_in_proportion_to_what_protection_leaves() -> None:
    seeds = 1000
    sim = idle(variants=variant(seeds=seeds, cross_immunity=0.8), days=6)
    recover(sim, np.arange(PEOPLE // 2))

    found = sim.run().infections.person

    # Rates of 0.2 and 1, and so few drawn that those who are left hardly change.
    expected = 1 / 6
    error = math.sqrt(expected * (1 - expected) / seeds)
    assert is_near(float((found < PEOPLE // 2).mean()), expected, error + 0.002)


def test_an_arrival_infects_with_the_probability_that_protection_leaves() -> None:
    def imported(protection: float) -> tuple[float, float]:
        sim = idle(
            disease__imports=50.0,
            vaccination__against_infection=protection,
            vaccination__delay=0,
            days=40,
        )
        sim.vaccinate(np.arange(PEOPLE, dtype=np.int32))
        found = sim.run()
        return found.series("imports").sum(), found.series("imports_failed").sum()

    half, failed = imported(0.5)

    # At most a twentieth is infected in the end, and is exposed in vain.
    mean = 0.5 * 50 * 40
    assert is_near(half, 0.985 * mean, 1.02 * math.sqrt(mean))
    assert half + failed == sum(imported(0.0))
    assert imported(1.0) == (0, half + failed)


def test_more_immunity_lets_the_same_arrivals_infect_or_fewer() -> None:
    def infected(protection: float) -> set[int]:
        sim = idle(disease__imports=200.0, disease__immunity=protection, days=1)
        recover(sim, np.arange(PEOPLE))
        return set(sim.run().infections.person.tolist())

    assert infected(0.8) < infected(0.4) < infected(0.0)


def test_the_dead_do_not_arrive() -> None:
    sim = idle(agents=1000, disease__imports=30.0, days=5)
    sim.state.status[100:] = DEAD

    found = sim.run()

    assert len(found.infections.person) > 60
    assert found.infections.person.max() < 100


def test_arrivals_where_nobody_lives_are_counted() -> None:
    sim = idle(agents=50, disease__imports=3.0, days=5)
    sim.state.status[:] = DEAD

    found = sim.run()

    assert len(found.infections.person) == 0
    assert found.series("imports_failed").sum() > 0


def test_seeds_of_several_variants_on_one_day_are_different_people() -> None:
    variants = [{"name": name, "day": 0, "seeds": 60} for name in "bc"]
    sim = idle(agents=200, disease__seeds=60, variants=variants, days=2)

    found = sim.run().infections

    assert len(np.unique(found.person)) == 180
    assert np.bincount(found.variant).tolist() == [60, 60, 60]
    assert np.all(np.diff(found.person) > 0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"disease__seeds": 201}, r"disease\.seeds: expected at most 200, .*got 201"),
        (
            {"variants": variant(day=7, seeds=300)},
            r"variants\.0\.seeds: expected at most 200, .*day 7, got 300",
        ),
        (
            {"disease__seeds": 150, "variants": variant(day=0, seeds=60)},
            r"variants\.0\.seeds: expected at most 50, .*day 0, got 60",
        ),
    ],
)
def test_more_seeds_than_people_are_refused_by_name(
    values: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        idle(agents=200, **values).step()


def test_more_seeds_are_the_same_people_and_others() -> None:
    def seeded(number: int) -> set[int]:
        found = idle(disease__seeds=number, days=1).run().infections
        return set(found.person.tolist())

    assert seeded(40) < seeded(41) < seeded(400)
