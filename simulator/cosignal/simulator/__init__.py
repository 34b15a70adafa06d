"""What an exposure-notification app does to an epidemic, with intervals, in seconds.

======================================= ================================================
what can be set                         `parameters`
chance, without a sequence              `streams`
who is there and whom they meet         `population`, `contacts`
the epidemic                            `disease`, `spread`
what people and authorities do          `interventions`
a run, day by day                       `simulation`
many runs                               `experiments`
what comes out                          `results`, `plots`, `report`
what others found, and what we find     `studies`
files: scenarios, and results           `scenarios`, `saved`
======================================= ================================================

Contacts are a pure function of seed, day and people: nothing is stored, and any past
day can be looked at again.

The names below are the usual ones; each is loaded when first used, since compiled code
takes a second to load.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from cosignal.simulator.experiments import (
        Fit,
        Study,
        calibrate,
        ensemble,
        sensitivity,
        sweep,
    )
    from cosignal.simulator.parameters.app import AppParameters as App
    from cosignal.simulator.parameters.tree import Parameters
    from cosignal.simulator.population.own import Population
    from cosignal.simulator.results import Results
    from cosignal.simulator.saved import load, save
    from cosignal.simulator.scenarios import read_scenario, write_scenario
    from cosignal.simulator.simulation import Sim

__all__ = [
    "App",
    "Fit",
    "Parameters",
    "Population",
    "Results",
    "Sim",
    "Study",
    "calibrate",
    "ensemble",
    "load",
    "read_scenario",
    "save",
    "sensitivity",
    "sweep",
    "write_scenario",
]

_PLACES: Final = {
    "App": ("parameters.app", "AppParameters"),
    "Fit": ("experiments", "Fit"),
    "Parameters": ("parameters.tree", "Parameters"),
    "Population": ("population.own", "Population"),
    "Results": ("results", "Results"),
    "Sim": ("simulation", "Sim"),
    "Study": ("experiments", "Study"),
    "calibrate": ("experiments", "calibrate"),
    "ensemble": ("experiments", "ensemble"),
    "load": ("saved", "load"),
    "read_scenario": ("scenarios", "read_scenario"),
    "save": ("saved", "save"),
    "sensitivity": ("experiments", "sensitivity"),
    "sweep": ("experiments", "sweep"),
    "write_scenario": ("scenarios", "write_scenario"),
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any of the names above
    """Load one of the usual names."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, inner = _PLACES[name]
    return getattr(importlib.import_module(f"{__name__}.{module}"), inner)


def __dir__() -> list[str]:
    """The usual names, loaded or not."""
    return sorted({*globals(), *__all__})
