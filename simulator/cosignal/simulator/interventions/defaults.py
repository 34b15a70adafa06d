"""The built-in interventions that some parameters ask for."""

from typing import TYPE_CHECKING

from cosignal.simulator.interventions.app import App
from cosignal.simulator.interventions.closures import LayerClosure
from cosignal.simulator.interventions.isolation import Isolation
from cosignal.simulator.interventions.testing import Testing
from cosignal.simulator.interventions.tracing import ManualTracing

if TYPE_CHECKING:
    from cosignal.simulator.interventions.intervention import Intervention
    from cosignal.simulator.parameters.tree import Parameters


def defaults(parameters: "Parameters") -> "list[Intervention]":
    """Plan what is done.

    Closures come first, then tests, whose results the others of the same day follow:
    isolation, manual tracing if it has capacity, the app if somebody has it.

    Args:
        parameters: All of them.
    """
    planned: list[Intervention] = [
        LayerClosure(closure) for closure in parameters.closures
    ]
    planned += [Testing(parameters.testing), Isolation(parameters.isolation)]
    if parameters.tracing.capacity > 0:
        planned.append(ManualTracing(parameters.tracing))
    if parameters.app.adoption > 0:
        planned.append(App(parameters.app))
    return planned
