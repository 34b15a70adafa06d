"""Protection by earlier infections and vaccination, by the day and in whole runs.

Statistical comparisons have a false alarm of 1 in 100,000 each, with fixed seeds.
"""

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosignal.simulator.disease.courses import begin_infections
from cosignal.simulator.disease.immunity import remaining, severity_left
from cosignal.simulator.disease.tables import Tables, make_tables
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.simulation import Sim
from cosignal.simulator.state import DEAD, FATAL, RECOVERED, SEVERE, State, new_state
from tests.simulator.chances import is_near
from tests.simulator.well_mixed import alike, well_mixed

THREE = [{"name": "b", "cross_immunity": 0.0}, {"name": "c", "cross_immunity": 0.0}]


def tables_of(**values: Any) -> Tables:  # noqa: ANN401 - any parameter
    named = {name.replace("__", "."): value for name, value in values.items()}
    return make_tables(Parameters().with_values(named))


def left(state: State, tables: Tables, variant: int, day: int) -> float:
    found: float = remaining.py_func(0, variant, day, state, tables)
    return float(found)


def milder(state: State, tables: Tables, variant: int, day: int) -> float:
    found: float = severity_left.py_func(0, variant, day, state, tables)
    return float(found)


def infect(state: State, tables: Tables, variant: int, day: int) -> int:
    """Infect person 0, let them recover, and say when they did."""
    begin_infections(
        np.zeros(1, np.int32),
        np.full(1, -1, np.int32),
        day,
        np.full(1, variant, np.uint8),
        np.uint64(day),
        np.full(len(state.status), 10, np.uint8),
        state,
        tables,
    )
    state.status[0] = RECOVERED
    return int(state.end_day[0])


def test_protection_is_what_infection_and_vaccine_leave() -> None:
    tables = tables_of(
        variants=[{"name": "b", "cross_immunity": 0.5}],
        disease__immunity=0.8,
        disease__waning_half_life=100.0,
        vaccination__against_infection=0.6,
        vaccination__delay=14,
        vaccination__waning_half_life=50.0,
    )
    naive, recovered, both = new_state(1), new_state(1), new_state(1)
    for state in (recovered, both):
        state.status[0], state.infections[0], state.end_day[0] = RECOVERED, 1, 40
    both.vaccinated_day[0] = 26

    assert left(naive, tables, 0, 40) == 1.0
    assert left(recovered, tables, 0, 40) == pytest.approx(0.2)
    assert left(recovered, tables, 1, 40) == pytest.approx(0.6)
    assert left(recovered, tables, 0, 140) == pytest.approx(0.6)
    assert left(both, tables, 0, 40) == pytest.approx(0.2 * 0.4)
    assert left(both, tables, 1, 40) == pytest.approx(0.6 * 0.7)
    assert left(both, tables, 0, 90) == pytest.approx((1 - 0.8 * 2**-0.5) * (1 - 0.3))
    assert left(both, tables, 0, 39) == pytest.approx(0.2)


def test_protection_from_hospital_wanes_on_its_own_and_has_its_own_shares() -> None:
    tables = tables_of(
        variants=[{"name": "b", "cross_immunity": 0.0, "cross_severe": 0.5}],
        disease__immunity_severe=0.8,
        disease__waning_half_life=20.0,
        disease__severe_half_life=200.0,
        vaccination__against_severe=0.6,
        vaccination__delay=14,
        vaccination__severe_half_life=100.0,
    )
    naive, recovered, both = new_state(1), new_state(1), new_state(1)
    for state in (recovered, both):
        state.status[0], state.infections[0], state.end_day[0] = RECOVERED, 1, 40
    both.vaccinated_day[0] = 26

    assert milder(naive, tables, 0, 40) == 1.0
    assert milder(recovered, tables, 0, 40) == pytest.approx(0.2)
    assert milder(recovered, tables, 1, 40) == pytest.approx(0.6)
    assert milder(recovered, tables, 0, 240) == pytest.approx(0.6)
    assert milder(both, tables, 0, 40) == pytest.approx(0.2 * 0.4)
    assert milder(both, tables, 1, 40) == pytest.approx(0.6 * 0.7)
    assert milder(both, tables, 0, 140) == pytest.approx((1 - 0.8 * 2**-0.5) * 0.7)
    assert milder(both, tables, 0, 39) == pytest.approx(0.2)


def test_every_variant_somebody_had_is_remembered() -> None:
    tables, state = tables_of(variants=THREE), new_state(1, variants=3)

    infect(state, tables, 0, 5)
    infect(state, tables, 1, 60)

    assert [left(state, tables, variant, 200) for variant in range(3)] == [0, 0, 1]


def test_of_several_infections_the_strongest_protection_counts() -> None:
    shares = np.array([[1, 0, 0.3], [0, 1, 0.5], [0.2, 0.2, 1]], np.float32)
    tables = tables_of(variants=THREE, disease__waning_half_life=100.0)
    state = new_state(1, variants=3)

    infect(state, tables, 0, 5)
    late = infect(state, tables, 1, 60)

    tables = tables._replace(cross=shares)
    assert left(state, tables, 2, late) == pytest.approx(0.5)
    assert left(state, tables, 2, late + 100) == pytest.approx(0.75)


def test_another_infection_with_a_variant_renews_protection_from_it() -> None:
    for variants in (1, 3):
        tables = tables_of(
            variants=THREE[: variants - 1], disease__waning_half_life=50.0
        )
        state = new_state(1, variants=variants)
        infect(state, tables, 0, 5)
        again = infect(state, tables, 0, 200)

        assert left(state, tables, 0, again) == 0
        assert left(state, tables, 0, again + 50) == pytest.approx(0.5)


def test_immunity_that_people_begin_with_is_remembered_too() -> None:
    tables, state = tables_of(variants=THREE), new_state(1, variants=3)
    state.status[0], state.infections[0], state.end_day[0] = RECOVERED, 1, 0

    infect(state, tables, 1, 60)
    infect(state, tables, 2, 120)

    assert [left(state, tables, variant, 200) for variant in range(3)] == [0, 0, 0]


def test_one_variant_costs_no_memory() -> None:
    assert new_state(1000).recovery_day.nbytes == 0
    assert new_state(1000, variants=3).recovery_day.nbytes == 6000


share = st.floats(0, 1, width=32)


@given(
    cross=st.lists(share, min_size=9, max_size=9),
    course=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 60)), max_size=6),
    half_life=st.sampled_from([0.0, 1.0, 30.0]),
)
@settings(max_examples=60, deadline=None)
def test_protection_is_that_of_the_strongest_infection_whatever_came_between(
    cross: list[float], course: list[tuple[int, int]], half_life: float
) -> None:
    matrix = np.array(cross, np.float32).reshape(3, 3)
    tables = tables_of(variants=THREE, disease__waning_half_life=half_life)
    tables = tables._replace(cross=matrix)
    state, day = new_state(1, variants=3), 0
    ended: dict[int, int] = {}
    for variant, wait in course:
        day = infect(state, tables, variant, day + wait)
        ended[variant] = day
    now = day + 10

    def lasting(since: int) -> float:
        return 1.0 if half_life == 0 else 2.0 ** (-since / half_life)

    for variant in range(3):
        protections = [
            float(matrix[old, variant]) * lasting(now - end)
            for old, end in ended.items()
        ]
        expected = max(protections, default=0.0)
        assert left(state, tables, variant, now) == pytest.approx(1 - expected)


def test_courses_of_a_day_do_not_depend_on_the_order_of_infections() -> None:
    tables = tables_of(variants=THREE, vaccination__delay=0)
    states = []
    for order in (slice(None), slice(None, None, -1)):
        state = new_state(3000, variants=3)
        for day in (5, 60, 120):
            ids = np.arange(day, 3000, dtype=np.int32)[order]
            begin_infections(
                ids,
                ids - 1,
                day,
                ((ids + day) % 3).astype(np.uint8),
                np.uint64(day),
                (np.arange(3000) % 90).astype(np.uint8),
                state,
                tables,
            )
            state.vaccinated_day[::2] = day
        states.append(state)

    for name, one, other in zip(State._fields, *states, strict=True):
        assert np.array_equal(one, other), name
    assert np.any(states[0].course == FATAL)


def test_a_reinfection_needs_a_hospital_less_often() -> None:
    people = 60_000
    ids = np.arange(people, dtype=np.int32)
    tables = tables_of(
        variants=[{"name": "b", "cross_severe": 0.5}],
        disease__immunity_severe=0.75,
        disease__severe_half_life=100.0,
    )

    def severe(since: int | None, variant: int) -> float:
        state = new_state(people)
        if since is not None:
            state.status[:], state.infections[:] = RECOVERED, 1
            state.end_day[:] = 120 - since
        begin_infections(
            ids,
            np.full(people, -1, np.int32),
            120,
            np.full(people, variant, np.uint8),
            np.uint64(77),
            np.full(people, 65, np.uint8),
            state,
            tables,
        )
        return float((state.course >= SEVERE).mean())

    first = Parameters().disease.severe[6]
    for since, variant, expected in (
        (None, 0, 1.0),
        (0, 0, 1 - 0.75),
        (100, 0, 1 - 0.75 / 2),
        (0, 1, 1 - 0.75 * 0.5),
    ):
        rate = first * expected
        error = math.sqrt(rate * (1 - rate) / people)
        assert is_near(severe(since, variant), rate, error)


def long_run(matrix: np.ndarray | None = None, **values: Any) -> Sim:  # noqa: ANN401
    """Three variants among few people for a long time."""
    variants = [
        {"name": "b", "day": 30, "seeds": 10, "cross_immunity": 0.3},
        {"name": "c", "day": 60, "seeds": 10, "cross_immunity": 0.1},
    ]
    sim = Sim(
        parameters=alike(variants=variants, disease__seeds=20, **values),
        population=well_mixed(600),
        interventions=(),
        beta=3.0,
    )
    if matrix is not None:
        sim.outbreak.tables = sim.outbreak.tables._replace(cross=matrix)
    return sim


@given(cross=st.lists(share, min_size=9, max_size=9), seed=st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_nobody_is_infected_twice_by_a_variant_that_they_are_immune_to(
    cross: list[float], seed: int
) -> None:
    matrix = np.array(cross, np.float32).reshape(3, 3)
    np.fill_diagonal(matrix, 1)

    found = long_run(matrix, days=110, seed=seed).run().infections

    for column in (found.variant, found.day):
        pairs = Counter(zip(found.person.tolist(), column.tolist(), strict=True))
        assert len(pairs) > 100
        assert max(pairs.values()) == 1


@given(half_life=st.floats(1, 60), seed=st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_however_often_people_are_infected_they_die_once_and_courses_do_not_overlap(
    half_life: float, seed: int
) -> None:
    sim = long_run(disease__waning_half_life=half_life, days=120, seed=seed)
    sim.parameters = sim.parameters.with_values(
        {
            "disease.severe": (0.3,) * 9,
            "disease.critical": (0.2,) * 9,
            "disease.fatal": (0.02,) * 9,
        }
    )
    dead = np.empty(0, np.int32)
    beginnings: Counter[str] = Counter()
    ends: dict[int, int] = {}

    def look(sim: Sim, day: int) -> None:
        nonlocal dead
        state, today = sim.state, sim.today
        dead = np.concatenate([dead, today["dead"]])
        new = np.flatnonzero(state.infected_day == day)
        assert all(ends.get(int(i), 0) <= day for i in new)
        ends.update(zip(new.tolist(), state.end_day[new].tolist(), strict=True))
        for name in ("onset", "hospital", "icu"):
            # What happens today belongs to the infection that is on.
            assert np.all(getattr(state, f"{name}_day")[today[name]] == day)
            beginnings[name] += len(today[name])
        inside = (state.hospital_day >= 0) & (state.hospital_day <= day)
        inside &= day < state.end_day
        assert sim.record.series("hospital")[day] == inside.sum()

    sim.analysers = (look,)
    result = sim.run()

    person = result.infections.person
    assert np.bincount(person).max() > 1
    assert len(np.unique(dead)) == len(dead) == result.series("deaths").sum()
    assert np.array_equal(np.sort(dead), np.flatnonzero(sim.state.status == DEAD))
    assert np.all(sim.state.course[dead] == FATAL)
    assert beginnings["hospital"] > 0
    assert result.series("infections").sum() == len(person)
