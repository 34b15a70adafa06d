import numpy as np
import pytest

from cosignal.simulator.interventions import LayerClosure, is_active
from cosignal.simulator.parameters.behaviour import Closure
from cosignal.simulator.simulation import Sim
from tests.simulator.quiet_runs import ids, quiet


def factors(sim: Sim, day: int, *closures: Closure) -> list[float]:
    sim.factors[:] = 1
    for closure in map(LayerClosure, closures):
        if is_active(closure, day):
            closure.apply(sim, day)
    found: list[float] = sim.factors.tolist()
    return found


def test_a_closure_lasts_from_its_first_day_to_the_day_before_its_last() -> None:
    sim = quiet(0)
    closure = Closure(layer="school", factor=0.25, start=3, stop=5)

    by_day = [factors(sim, day, closure)[1] for day in range(2, 6)]

    assert by_day == [1, 0.25, 0.25, 1]


def test_closures_of_one_layer_multiply() -> None:
    sim = quiet(0)
    half = Closure(layer="work", factor=0.5)

    assert factors(sim, 1, half, half) == [1, 1, 0.25, 1, 1]


def test_a_trigger_closes_on_the_next_day_and_for_good() -> None:
    sim = quiet(0, agents=1000)
    closure = Closure(layer="community", factor=0.5, trigger=300.0, start=2, stop=9)
    sim.record.count("cases", 1, ids(1, 2, 3, 4))  # before the closure is looked at
    sim.record.count("cases", 3, ids(1, 2))  # 200 in 100,000
    sim.record.count("cases", 4, ids(1, 2, 3))  # 300
    by_day = [factors(sim, day, closure)[4] for day in range(10)]

    assert by_day == [1, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 1]


@pytest.mark.parametrize("layer", ["school", "work"])
def test_a_closed_layer_has_no_contacts(layer: str) -> None:
    closure = LayerClosure(Closure(layer=layer, factor=0.0))
    sim = Sim("FR", agents=1000, interventions=[closure], disease__seeds=0)
    sim.step()

    _, _, layers = sim.contacts(0, np.arange(1000, dtype=np.int32))

    assert {1, 2, 4} - {1 if layer == "school" else 2} <= set(layers.tolist())
    assert (1 if layer == "school" else 2) not in layers
