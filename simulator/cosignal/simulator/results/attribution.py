"""Where people are infected, and in which phase their infectors are."""

import numpy as np

from cosignal.simulator.parameters.behaviour import LAYERS
from cosignal.simulator.results.infections import OUTSIDE, PHASES, InfectionTable


def by_layer(infections: InfectionTable) -> dict[str, float]:
    """Share of infections between people, by layer; NaN if there are none."""
    layers = infections.layer[infections.layer != OUTSIDE]
    return shares_of(np.bincount(layers, minlength=len(LAYERS)), LAYERS)


def by_phase(infections: InfectionTable) -> dict[str, float]:
    """Share of infections between people, by phase of the infector.

    Presymptomatic: before the day of onset; symptomatic: from it on; asymptomatic: the
    infector never has symptoms.
    """
    phases = infections.phase[infections.layer != OUTSIDE]
    return shares_of(np.bincount(phases, minlength=len(PHASES)), PHASES)


def shares_of(counts: np.ndarray, names: tuple[str, ...]) -> dict[str, float]:
    """Counts by their sum; NaN if that is 0."""
    total = float(counts.sum())
    return {
        name: float(count) / total if total else float("nan")
        for name, count in zip(names, counts.tolist(), strict=True)
    }
