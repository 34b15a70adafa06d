"""Find the parameters under which a scenario does what was observed.

What this module guarantees:

* The same seeds are used for every trial, so that the distance is a smooth function of
  the parameters and the search is not led by luck.
* A search with a seed gives the same fit on any number of workers; also when it was
  interrupted, and went on from a folder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from cosignal.protocol.errors import UsageError
from cosignal.simulator.experiments.abc_smc import posterior
from cosignal.simulator.experiments.bars import bar
from cosignal.simulator.experiments.jobs import (
    Outcome,
    Setting,
    job_key,
    refuse_fixed,
    run_job,
    setting_key,
    setting_of,
)
from cosignal.simulator.experiments.kept import Kept
from cosignal.simulator.experiments.observed import Observed, observed
from cosignal.simulator.experiments.pool import (
    Submit,
    Values,
    Workers,
    kept_workers,
    take_all,
)
from cosignal.simulator.experiments.search import search
from cosignal.simulator.parameters.tree import Parameters

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure
    from pandas import DataFrame

#: What is kept of a trial, in place of a run's figures.
_DISTANCE: Final = "distance"

Ranges = Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Fit:
    """What a calibration found.

    Attributes:
        base: From which each trial started.
        ranges: Lowest and highest value tried, by dotted name.
        samples: Shape (m,) each. Values tried, or of the posterior, by dotted name.
        distances: Shape (m,). How far each is from the data.
        weights: Shape (m,). Of a posterior, they sum to 1; equal for a search.
        method: `optuna` or `abc-smc`.
    """

    base: Parameters
    ranges: Ranges
    samples: Mapping[str, npt.NDArray[np.float64]]
    distances: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]
    method: str

    @property
    def best(self) -> dict[str, float]:
        """Values with the least distance."""
        place = int(np.argmin(self.distances))
        return {name: float(column[place]) for name, column in self.samples.items()}

    @property
    def parameters(self) -> Parameters:
        """The base with the best values."""
        return self.base.with_values(self.best)

    def interval(self, name: str, share: float = 0.95) -> tuple[float, float]:
        """Credible interval of a parameter.

        Raises:
            UsageError: The fit is a search and has no posterior.
        """
        if self.method != "abc-smc":
            raise UsageError(
                "interval: expected a posterior, got a search for the best values",
                advice='Use calibrate(..., method="abc-smc").',
            )
        order = np.argsort(self.samples[name])
        reached = np.cumsum(self.weights[order])
        ends = np.interp(
            [(1 - share) / 2, (1 + share) / 2], reached, self.samples[name][order]
        )
        return float(ends[0]), float(ends[1])

    def to_frame(self) -> "DataFrame":
        """One row a sample, with its distance and weight."""
        from cosignal.simulator.results.frames import frame  # noqa: PLC0415 - an extra

        return frame(
            {**self.samples, "distance": self.distances, "weight": self.weights}
        )

    def plot(self) -> "Figure":
        """Draw each parameter against the distance."""
        from cosignal.simulator.plots import plot_fit  # noqa: PLC0415 - an extra

        return plot_fit(self)


class KeptDistances:
    """Distances in a folder, by all that decides them."""

    def __init__(self, folder: "str | Path", setting: Setting, data: Observed) -> None:
        """Read what the folder has.

        Args:
            folder: Made if it does not exist.
            setting: What all runs have in common.
            data: From which the distances are.
        """
        self._kept = Kept(folder)
        self._setting = setting
        self._common = f"{setting_key(setting)} {data.digest()}"

    def get(self, values: Values) -> float | None:
        """A distance, if it was found before."""
        outcome = self._kept.get(self._key(values))
        return None if outcome is None else outcome.summary[_DISTANCE]

    def add(self, values: Values, distance: float) -> None:
        """Keep a distance."""
        self._kept.add(self._key(values), Outcome({_DISTANCE: distance}))

    def _key(self, values: Values) -> str:
        return job_key(self._setting, values, self._common)


@dataclass(frozen=True, slots=True)
class Trials:
    """Runs parameters and says how far from the data they are.

    Attributes:
        setting: From which each trial starts.
        data: What was observed.
        ranges: By dotted name.
        replicates: Seeds for each trial, the same for all.
        submit: Runs a batch of trials.
        kept: Distances that were found before; None to keep none.
    """

    setting: Setting
    data: Observed
    ranges: Ranges
    replicates: int
    submit: Submit[float]
    kept: KeptDistances | None = None

    def distances(
        self, points: Sequence[Mapping[str, float]]
    ) -> npt.NDArray[np.float64]:
        """Shape (len(points),). Mean distance over the seeds, for each point."""
        seed = self.setting.parameters.seed
        jobs = [
            {**point, "seed": seed + replicate}
            for point in points
            for replicate in range(self.replicates)
        ]
        found = np.empty(len(jobs))
        todo = []
        for index, job in enumerate(jobs):
            before = None if self.kept is None else self.kept.get(job)
            if before is None:
                todo.append(index)
            else:
                found[index] = before

        def take(place: int, distance: float) -> None:
            found[todo[place]] = distance
            if self.kept is not None:
                self.kept.add(jobs[todo[place]], distance)

        take_all(self.submit([jobs[index] for index in todo]), take)
        means: npt.NDArray[np.float64] = found.reshape(-1, self.replicates).mean(axis=1)
        return means


@dataclass(frozen=True, slots=True)
class _Target:
    setting: Setting
    data: Observed


def run_trial(target: _Target, values: Values) -> float:
    """Run one trial: its distance from the data."""
    return target.data.distance(run_job(target.setting, values).series)


def calibrate(
    base: object,
    data: "Mapping[str, Any] | DataFrame | str | Path",
    params: Ranges,
    *,
    method: str = "optuna",
    trials: int = 60,
    replicates: int = 2,
    workers: Workers = "auto",
    seed: int = 1,
    folder: "str | Path | None" = None,
    progress: bool = True,
) -> Fit:
    """Fit parameters to observed daily counts.

    Args:
        base: A `Sim` or parameters.
        data: Daily counts by name of a series, or a DataFrame or CSV file with such
            columns; `day` says which days they are of, else they begin at day 0.
        params: Lowest and highest value by dotted name.
        method: "optuna" for the best values, "abc-smc" for a posterior.
        trials: How many values are tried; for a posterior, how many samples it has.
        replicates: Seeds for each trial.
        workers: As for `sweep`.
        seed: Of the search.
        folder: To keep distances of finished runs in, and to find those of an earlier
            call: an interrupted search goes the same way again, and on from there.
        progress: Whether to show a bar, on a terminal.

    Returns:
        The fit.

    Raises:
        UsageError: A parameter, range or series does not exist or fit, or Optuna is not
            installed.
        KeyboardInterrupt: What is finished is in the folder.
    """
    setting = setting_of(base)
    _check(setting, params, method, trials, replicates)
    refuse_fixed(setting, params)
    seen = observed(data, setting.parameters.days)
    kept = None if folder is None else KeptDistances(folder, setting, seen)
    with (
        bar("trials", trials, wanted=progress) as advance,
        kept_workers(
            run_trial, _Target(setting, seen), trials * replicates, workers=workers
        ) as submit,
    ):
        runner = Trials(setting, seen, dict(params), replicates, submit, kept)
        found = _METHODS[method](runner, trials, seed, advance)
    samples, distances, weights = found
    return Fit(setting.parameters, dict(params), samples, distances, weights, method)


#: How a fit is found, by the name of the method.
_METHODS: Final = {"optuna": search, "abc-smc": posterior}


def _check(
    setting: Setting, params: Ranges, method: str, trials: int, replicates: int
) -> None:
    if method not in _METHODS:
        raise UsageError(
            f"method: expected one of {', '.join(_METHODS)}, got {method!r}"
        )
    if trials < 1:
        raise UsageError(f"trials: expected 1 or more, got {trials}")
    if replicates < 1:
        raise UsageError(f"replicates: expected 1 or more, got {replicates}")
    if not params:
        raise UsageError(
            "params: expected at least one range, got none",
            advice='For example {"disease.r0": (1.5, 4.0)}.',
        )
    for name, (low, high) in params.items():
        if not low < high:
            raise UsageError(
                f"{name}: expected low < high, got {low} and {high}",
                advice="Give the ends of the range in which it is sought.",
            )
        for value in (low, high):
            setting.parameters.with_values({name: value})
