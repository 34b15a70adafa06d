"""What people and authorities do about an epidemic.

======================================= ================================================
tests                                   `testing`
staying at home                         `isolation`, `quarantine`
tracing by people                       `tracing`, `past`
tracing by the app                      `app`
fewer contacts                          `closures`
which of them parameters ask for        `defaults`
chance of what people do                `draws`
======================================= ================================================

An intervention is any object with `start`, `stop` and `apply(sim, day)`; yours and the
built-in ones are the same to a run.

What this module guarantees:

* Interventions act in the order in which they are given, each from its first day to the
  day before its last.
* Their draws are functions of stream, day and person: adding one changes no draw of
  another.
"""

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from cosignal.simulator.interventions.app import App
from cosignal.simulator.interventions.closures import LayerClosure
from cosignal.simulator.interventions.defaults import defaults
from cosignal.simulator.interventions.isolation import Isolation
from cosignal.simulator.interventions.testing import Testing
from cosignal.simulator.interventions.tracing import ManualTracing

if TYPE_CHECKING:
    from cosignal.simulator.simulation import Sim

__all__ = [
    "App",
    "Intervention",
    "Isolation",
    "LayerClosure",
    "ManualTracing",
    "Testing",
    "defaults",
    "is_active",
]


@runtime_checkable
class Intervention(Protocol):
    """Something that is done every day for some time.

    Attributes:
        start: First day.
        stop: Day after the last; None for the run's end.
    """

    start: int
    stop: int | None

    def apply(self, sim: "Sim", day: int) -> None:
        """Do it.

        Args:
            sim: The run; `sim.state`, `sim.today`, `sim.factors`, `sim.isolate` and
                `sim.record` are there to be used.
            day: Of the run.
        """
        ...


def is_active(intervention: Intervention, day: int) -> bool:
    """Whether an intervention acts on a day."""
    stop = intervention.stop
    return intervention.start <= day and (stop is None or day < stop)
