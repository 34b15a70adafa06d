"""What people and authorities do about an epidemic.

======================================= ================================================
what an intervention is                 `intervention`
tests                                   `testing`
staying at home                         `isolation`, `quarantine`
tracing by people                       `tracing`, `past`
tracing by the app                      `app`
fewer contacts                          `closures`
who is warned, and of which days        `warned`
which of them parameters ask for        `defaults`
chance of what people do                `draws`
people as sets                          `sets`
======================================= ================================================

An intervention is any object with `start`, `stop` and `apply(sim, day)`; yours and the
built-in ones are the same to a run.

What this module guarantees:

* Interventions act in the order in which they are given, each from its first day to the
  day before its last.
* Their draws are functions of stream, day and person: adding one changes no draw of
  another.
"""

from cosignal.simulator.interventions.app import App
from cosignal.simulator.interventions.closures import LayerClosure
from cosignal.simulator.interventions.defaults import defaults
from cosignal.simulator.interventions.intervention import Intervention, is_active
from cosignal.simulator.interventions.isolation import Isolation
from cosignal.simulator.interventions.testing import Testing
from cosignal.simulator.interventions.tracing import ManualTracing

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
