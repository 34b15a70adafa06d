"""All that comes out of a run."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.recorder import Recorder
from cosignal.simulator.results.infections import InfectionTable

Series = npt.NDArray[np.float64]


class Results:
    """Series, infections, and what follows from them.

    Attributes:
        parameters: Of the run; with its people and interventions they give it again.
        days: How many days have been run.
        agents: How many people there are.
        by_age: Shape (parameters.days, 9) each: daily counts by name and decade of age.
        infections: All of them.
    """

    def __init__(
        self,
        parameters: Parameters,
        days: int,
        agents: int,
        record: Recorder,
        infections: InfectionTable,
    ) -> None:
        """Keep what came out."""
        self.parameters = parameters
        self.days = days
        self.agents = agents
        self.by_age: Mapping[str, Series] = record.by_age
        self.infections = infections

    def series(self, name: str) -> Series:
        """Shape (days,). Counts of each day; zeros if nothing was counted."""
        if name not in self.by_age:
            return np.zeros(self.days)
        total: Series = self.by_age[name][: self.days].sum(axis=1)
        return total

    def summary(self) -> dict[str, float]:
        """Figures people ask for, by name."""
        infections = self.series("infections")
        return {
            "infections": float(infections.sum()),
            "attack_rate": float(infections.sum()) / self.agents,
            "peak_infections": float(infections.max(initial=0.0)),
            "peak_day": float(np.argmax(infections)),
            "deaths": float(self.series("deaths").sum()),
            "hospital_peak": float(self.series("hospital").max(initial=0.0)),
            "quarantine_days": float(self.series("in_quarantine").sum()),
            "alerts": float(self.series("alerts").sum()),
        }
