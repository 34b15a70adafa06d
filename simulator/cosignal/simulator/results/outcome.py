"""All that comes out of a run.

What this module guarantees:

* Whatever follows from series and infections is computed when asked for; a result holds
  nothing of the run itself, and can be sent elsewhere.
"""

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cosignal.protocol.errors import UsageError
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.recorder import Recorder
from cosignal.simulator.results import attribution, frames, reproduction
from cosignal.simulator.results.figures import figures, reproduction_of
from cosignal.simulator.results.infections import InfectionTable
from cosignal.simulator.results.trees import Tree, tree
from cosignal.simulator.series import require_series

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pandas import DataFrame

    from cosignal.simulator.plots.style import Drawing

Series = npt.NDArray[np.float64]


class Results:
    """Series, infections, and what follows from them.

    Attributes:
        parameters: Of the run; with its people and interventions they give it again.
        days: How many days have been run.
        agents: How many people there are.
        by_age: Shape (parameters.days, 9) each: daily counts by name and decade of age.
        infections: All of them.
        own: Names of interventions and people that the program gave; with these a run
            cannot be repeated from its file.
        files: Path and SHA-256 of each file of own people.
    """

    def __init__(
        self,
        parameters: Parameters,
        days: int,
        agents: int,
        record: Recorder,
        infections: InfectionTable,
        *,
        own: tuple[str, ...] = (),
        files: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """Keep what came out."""
        self.parameters = parameters
        self.days = days
        self.agents = agents
        self.by_age: Mapping[str, Series] = {
            name: rows.copy() for name, rows in record.by_age.items()
        }
        self.infections = infections
        self.own = own
        self.files = files

    def series(self, name: str) -> Series:
        """Shape (days,). Counts of each day; zeros if nothing was counted.

        Args:
            name: One of `series.SERIES`, or what an own intervention counted.

        Raises:
            UsageError: There is no such series.
        """
        require_series(name, self.by_age)
        if name not in self.by_age:
            return np.zeros(self.days)
        total: Series = self.by_age[name][: self.days].sum(axis=1)
        return total

    def summary(self) -> dict[str, float]:
        """Figures people ask for, by name; NaN where there is nothing to say.

        `r` is the mean number infected by early cases and `growth_rate` the growth a
        day of early infections, both of days that measures and luck do not change (see
        `beginning`); `attack_rate` counts people, `infections` counts infections, of
        which somebody may have several, those after the first being `reinfections`;
        with variants, `infections_variant_first` and one of each name say which;
        `closure_days` are days with any closure in force; `imports` are those from
        outside, the first ones included, and `imports_failed` seeds and arrivals that
        infected nobody;
        `ppv` is the share of alerts to people infected on the day of exposure or since;
        see `interventions.app.alerts`.
        """
        return figures(self)

    def tree(self) -> Tree:
        """Who infected whom."""
        return self._tree

    def r_t(self, method: str = "instantaneous", window: int = 7) -> Series:
        """Reproduction number by day.

        Args:
            method: `instantaneous` (Cori) or `cohort` (those infected on the day).
            window: Days taken together, for the instantaneous one.

        Returns:
            Shape (days,). NaN where there is nothing to say.

        Raises:
            UsageError: There is no such method.
        """
        if method == "cohort":
            return reproduction.cohort(self.infections, self._tree, self.days)
        if method != "instantaneous":
            raise UsageError(
                f"method: expected instantaneous or cohort, got {method!r}"
            )
        series = {name: self.series(name) for name in ("infections", "imports")}
        return reproduction_of(series, self.parameters, window)

    def generation_times(self) -> npt.NDArray[np.int16]:
        """Days from infection to infection, of all infections between people."""
        since = self.infections.since
        return since[since >= 0]

    def shares(self) -> dict[str, dict[str, float]]:
        """Share of infections by `layer`, and by `phase` of the infector."""
        return {
            "layer": attribution.by_layer(self.infections),
            "phase": attribution.by_phase(self.infections),
        }

    def to_frame(self) -> "DataFrame":
        """One row a day, one column for each daily count.

        Raises:
            UsageError: pandas is not installed.
        """
        return frames.frame(frames.daily(self))

    def save(self, path: "str | Path") -> None:
        """Write the result, as `cosignal-sim run --out` does; see `saved.save`.

        Args:
            path: A name that ends in .json or .parquet, or else a folder.

        Raises:
            UsageError: The name has another ending, or pyarrow is needed and missing.
        """
        from cosignal.simulator.saved import save  # noqa: PLC0415 - knows us

        save(self, path)

    def report(self, path: "str | Path", *, title: str = "") -> None:
        """Write a page about the run: figures, plots, parameters; see `report`.

        Args:
            path: Of the HTML file.
            title: Of the page; what was run, if empty.

        Raises:
            UsageError: matplotlib is not installed.
        """
        from cosignal.simulator.report import write_report  # noqa: PLC0415 - an extra
        from cosignal.simulator.saved import as_saved  # noqa: PLC0415 - knows us

        write_report(as_saved(self), path, title=title)

    def __repr__(self) -> str:
        """What was run, and what came out, in three lines."""
        found = self.summary()
        return (
            f"Results of {self.days} days, {self.agents:,} people, "
            f"seed {self.parameters.seed}\n"
            f"  {found['infections']:,.0f} infections of "
            f"{100 * found['attack_rate']:.3g} % of people, "
            f"{found['deaths']:,.0f} deaths, one run without an interval\n"
            "  .summary(), .series(name), .plot(), .to_frame(), .save(path), "
            ".report(path)"
        )

    def to_parquet(self, path: "str | Path") -> None:
        """Write the daily counts, with scenario, seed and version; see `saved.save`.

        Raises:
            UsageError: The name does not end in .parquet, or pyarrow is not installed.
        """
        from cosignal.simulator.saved import save  # noqa: PLC0415 - knows us

        if not str(path).endswith(".parquet"):
            raise UsageError(f"path: expected a name that ends in .parquet, got {path}")
        save(self, path)

    def plot(self) -> "Drawing":
        """Draw the run on one page.

        Raises:
            UsageError: matplotlib is not installed.
        """
        from cosignal.simulator.plots import plot_results  # noqa: PLC0415 - an extra

        return plot_results(self)

    @cached_property
    def _tree(self) -> Tree:
        return tree(self.infections)
