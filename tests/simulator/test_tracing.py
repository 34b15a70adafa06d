import math
from dataclasses import replace

import numpy as np

from cosignal.simulator.interventions import ManualTracing
from cosignal.simulator.interventions.past import past_contacts
from cosignal.simulator.interventions.tracing import named
from cosignal.simulator.parameters.behaviour import TracingParameters
from cosignal.simulator.simulation import Sim
from cosignal.simulator.state import DEAD
from tests.simulator.quiet_runs import everybody, ids, next_day, quiet

#: Everybody is asked, names everybody, and is reached at once.
PERFECT = TracingParameters(
    capacity=1.0, window=3, recall=(1.0,) * 5, delay=0.0, compliance=1.0
)


def contacts(sim: Sim, case: int, days: range, *, layers: set[int]) -> set[int]:
    met: set[int] = set()
    for day in days:
        _, others, where = past_contacts(sim, ids(case), day)
        met |= {
            other
            for other, layer in zip(others.tolist(), where.tolist(), strict=True)
            if layer in layers
        }
    return met


def test_contacts_of_the_window_are_quarantined() -> None:
    sim = quiet(6)
    sim.today["positive"] = ids(10)

    ManualTracing(PERFECT).apply(sim, 6)

    expected = contacts(sim, 10, range(3, 6), layers={0, 1, 2, 3, 4})
    assert expected
    assert expected == set(np.flatnonzero(sim.state.isolated_until > 6).tolist())
    assert sim.record.series("traced")[6] == len(expected)
    assert (sim.state.quarantined == (sim.state.isolated_until > 6)).all()


def test_recall_is_by_layer() -> None:
    sim = quiet(6)
    only_home = replace(PERFECT, recall=(1.0, 0.0, 0.0, 0.0, 0.0))

    for case in range(0, 200, 20):
        expected = contacts(sim, case, range(3, 6), layers={0})
        assert expected == set(named(sim, ids(case), only_home).ids.tolist())


def test_recall_is_a_probability_and_more_recall_names_more() -> None:
    """False alarm: below 1e-6; five standard errors."""
    sim = quiet(1, agents=5000)
    some, more = (
        named(sim, ids(case), replace(PERFECT, recall=(share,) * 5)).ids.tolist()
        for share in (0.5, 0.7)
        for case in (8,)
    )
    assert set(some) <= set(more)

    total = kept = 0
    half = replace(PERFECT, recall=(0.5,) * 5)
    for case in range(0, 5000, 5):
        total += len(named(sim, ids(case), PERFECT).ids)
        kept += len(named(sim, ids(case), half).ids)
    assert abs(kept - total / 2) < 5 * math.sqrt(total / 4) + 0.02 * total


def test_the_newest_cases_are_asked_first_and_stale_ones_never() -> None:
    sim = quiet(0)
    tracing = ManualTracing(replace(PERFECT, capacity=0.002, compliance=0.0))
    asked = []
    for day, number in enumerate((5, 3, 0, 0, 0)):
        sim.today["positive"] = ids(*range(100 * day, 100 * day + number))
        tracing.apply(sim, day)
        asked.append(int(sim.record.series("interviews")[day]))
        next_day(sim)

    # 2 of 5; 2 of 3 new ones; the third and one old one; the last 2 old ones are
    # older than the window of 3 days.
    assert asked == [2, 2, 2, 0, 0]


def test_who_does_not_comply_is_traced_and_goes_out() -> None:
    sim = quiet(3)
    sim.today["positive"] = ids(10)

    ManualTracing(replace(PERFECT, compliance=0.0)).apply(sim, 3)

    assert sim.record.series("traced")[3] > 0
    assert (sim.state.isolated_until <= 3).all()


def test_reaching_contacts_takes_its_time() -> None:
    """False alarm: below 1e-6; five standard errors."""
    sim = quiet(2, agents=3000)
    tracing = ManualTracing(replace(PERFECT, delay=1.5, compliance=0.0))
    sim.today["positive"] = everybody(sim)[::10]
    reached = []
    for day in range(2, 8):
        tracing.apply(sim, day)
        reached.append(sim.record.series("traced")[day])
        next_day(sim)

    waits = np.repeat(np.arange(6), np.array(reached, int))
    assert abs(waits.mean() - 1.5) < 5 * waits.std() / math.sqrt(len(waits))
    assert reached[5] == 0


def test_quarantine_of_traced_people_counts_from_their_last_contact() -> None:
    sim = quiet(6)
    sim.today["positive"] = ids(10)
    last = {j: day for day in range(3, 6) for j in met(sim, 10, day)}

    ManualTracing(PERFECT).apply(sim, 6)

    found = {j: int(sim.state.isolated_until[j]) - 14 for j in last}
    assert last == found
    assert len(set(last.values())) > 1


def met(sim: Sim, case: int, day: int) -> set[int]:
    return contacts(sim, case, range(day, day + 1), layers={0, 1, 2, 3, 4})


def test_the_dead_are_not_interviewed() -> None:
    sim = quiet(4)
    tracing = ManualTracing(replace(PERFECT, capacity=0.001, compliance=0.0))
    sim.today["positive"] = ids(10, 20)
    sim.state.status[10] = DEAD
    tracing.apply(sim, 4)
    sim.state.status[20] = DEAD
    next_day(sim, positive=ids(30, 40))
    tracing.apply(sim, 5)
    sim.state.status[[30, 40]] = DEAD
    next_day(sim)
    tracing.apply(sim, 6)

    assert sim.record.series("interviews")[4:7].tolist() == [1, 1, 0]
