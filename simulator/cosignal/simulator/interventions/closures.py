"""Closures: fewer contacts of a layer, from a day on or once there are enough cases.

What this module guarantees:

* Closures of one layer multiply; the series `closures` counts those in force.
* A closure with a trigger begins on the day after the first one, from `start` on, with
  so many positive results; it lasts until `stop`, whatever cases do.
"""

from typing import TYPE_CHECKING, Final

from cosignal.simulator.parameters.behaviour import LAYERS, Closure

if TYPE_CHECKING:
    from cosignal.simulator.simulation import Sim

_PER: Final = 100_000


class LayerClosure:
    """One closure.

    Attributes:
        closure: What is closed, and when.
        start: First day on which it may begin.
        stop: Day after the last.
    """

    def __init__(self, closure: Closure) -> None:
        """Plan a closure."""
        self.closure = closure
        self.start = closure.start
        self.stop: int | None = closure.stop

    def apply(self, sim: "Sim", day: int) -> None:
        """Let a share of the contacts remain."""
        if self.closure.trigger == 0 or self._is_triggered(sim, day):
            sim.factors[LAYERS.index(self.closure.layer)] *= self.closure.factor
            sim.record.add("closures", day, 1)

    def _is_triggered(self, sim: "Sim", day: int) -> bool:
        cases = sim.record.series("cases")[self.start : day]
        incidence = cases * _PER / len(sim.people.age)
        return bool((incidence >= self.closure.trigger).any())
