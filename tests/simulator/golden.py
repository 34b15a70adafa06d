"""Small runs whose numbers are kept, so that no change of them goes unseen."""

import hashlib
from typing import Any, Final

from cosignal.simulator.disease.presets import with_disease
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.results import Results
from cosignal.simulator.simulation import Sim

_APP: Final = {
    "app.adoption": 0.6,
    "tracing.capacity": 0.01,
    "vaccination.per_day": 0.002,
    "closures": [{"layer": "school", "factor": 0.5, "start": 20, "stop": 40}],
}
#: Disease, and what differs from the defaults.
RUNS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "france": ("covid-19", {"population.place": "FR"}),
    "uk-app": ("covid-19", {"population.place": "UK", **_APP}),
    "germany-influenza": ("influenza", {"population.place": "DE"}),
    "switzerland-omicron-app": ("omicron", {"population.place": "CH", **_APP}),
}
_COMMON: Final = {"population.agents": 3000, "days": 60, "seed": 12}


def run(name: str) -> Results:
    """Run one of them."""
    disease, values = RUNS[name]
    parameters = with_disease(Parameters(), disease).with_values(_COMMON | values)
    return Sim(parameters=parameters).run()


def numbers(results: Results) -> dict[str, Any]:
    """What is kept of a run: totals to read, and a digest of every infection."""
    infections = hashlib.sha256()
    for column in results.infections:
        infections.update(column.astype("<i8").tobytes())
    totals = {name: results.series(name).sum() for name in sorted(results.by_age)}
    return {"totals": totals, "infections": infections.hexdigest()[:32]}
