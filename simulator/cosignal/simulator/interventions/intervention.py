"""What an intervention is, and which one is in force.

What this module guarantees:

* An intervention acts from `start` to the day before `stop`, and on no other day.
* Where several of a kind follow each other, what others do goes by the one that acts
  today: quarantine after an alert is as long as `Isolation` of that day says.
"""

from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:
    from cosignal.simulator.simulation import Sim

Group = TypeVar("Group")


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


def in_force(sim: "Sim", otherwise: Group) -> Group:
    """Find the parameters of the intervention of a kind that acts today.

    Args:
        sim: The run.
        otherwise: The run's own group of parameters of that kind, where none acts.
    """
    for intervention in sim.interventions:
        parameters = getattr(intervention, "parameters", None)
        if isinstance(parameters, type(otherwise)) and is_active(intervention, sim.day):
            return parameters
    return otherwise
