"""Find the parameters under which a scenario does what was observed.

What this module guarantees:

* A search has the same seeds for every trial; a posterior has new ones for each, since
  its intervals must hold the luck of a run (see `abc_smc`).
* A parameter that is a whole number is tried at whole numbers only.
* A calibration with a seed gives the same fit on any number of workers; also when it
  was interrupted, and went on from a folder.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
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

#: Fewer samples leave the tails of a posterior open.
ENOUGH: Final = 100

Ranges = Mapping[str, tuple[float, float]]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, repr=False)
class Fit:
    """What a calibration found.

    Attributes:
        base: From which each trial started.
        ranges: Lowest and highest value tried, by dotted name.
        samples: Shape (m,) each. Values tried, or of the posterior, by dotted name.
        distances: Shape (m,). How far each is from the data: in the mean of its runs
            for a search, its nearest run for a posterior.
        weights: Shape (m,). Of a posterior, they sum to 1; equal for a search.
        method: `optuna` or `abc-smc`.
        tolerance: Distance up to which a run was near enough for the posterior; the
            smaller, the more the data say. NaN for a search.
    """

    base: Parameters
    ranges: Ranges
    samples: Mapping[str, Floats]
    distances: Floats
    weights: Floats
    method: str
    tolerance: float = math.nan

    @property
    def best(self) -> dict[str, float]:
        """Of a search the values with the least distance, of a posterior the medians.

        The least distance of a posterior would be the luckiest run's.
        """
        if self.method == "abc-smc":
            found = {name: self.interval(name, 0.0)[0] for name in self.samples}
        else:
            place = int(np.argmin(self.distances))
            found = {name: float(row[place]) for name, row in self.samples.items()}
        whole = whole_numbers(self.base, found)
        return {name: round(x) if name in whole else x for name, x in found.items()}

    @property
    def label(self) -> str:
        """What the intervals of a posterior are, and of how many samples."""
        return f"95 % credible interval, {len(self.distances)} samples"

    @property
    def warning(self) -> str:
        """What a posterior of few samples is not; empty for others."""
        if self.method != "abc-smc" or len(self.distances) >= ENOUGH:
            return ""
        return (
            f"{len(self.distances)} samples are no posterior; its intervals need "
            f"{ENOUGH} or more: --trials {ENOUGH}, or trials={ENOUGH}"
        )

    def __repr__(self) -> str:
        """What was found, in a few lines."""
        lines = [f"Fit by {self.method}: {len(self.distances)} samples"]
        for name, value in self.best.items():
            ends = ""
            if self.method == "abc-smc":
                low, high = self.interval(name)
                ends = f" ({low:.4g} to {high:.4g}, {self.label})"
            lines.append(f"  {name} = {value:.4g}{ends}")
        lines += [f"  {self.warning}"] if self.warning else []
        return "\n".join([*lines, "  .best, .interval(name), .plot(), .to_frame()"])

    @property
    def parameters(self) -> Parameters:
        """The base with the best values."""
        return self.base.with_values(self.best)

    def interval(self, name: str, share: float = 0.95) -> tuple[float, float]:
        """Credible interval of a parameter.

        Of m samples, 1 in m + 1 of the posterior is taken to lie on either side of them
        all, up to the end of the range: with few samples the interval is wide. For
        samples of unequal weight m is their effective number.

        Args:
            name: Dotted.
            share: Of the posterior that is within; 0 for the median.

        Raises:
            UsageError: The fit is a search and has no posterior.
        """
        if self.method != "abc-smc":
            raise UsageError(
                "interval: expected a posterior, got a search for the best values",
                advice='Use calibrate(..., method="abc-smc").',
            )
        order = np.argsort(self.samples[name])
        weights, samples = self.weights[order], self.samples[name][order]
        effective = 1 / float((weights**2).sum())
        middles = np.cumsum(weights) - weights / 2
        reached = (middles * effective + 0.5) / (effective + 1)
        low, high = np.interp(
            [(1 - share) / 2, (1 + share) / 2],
            [0, *reached, 1],
            [self.ranges[name][0], *samples, self.ranges[name][1]],
        ).tolist()
        if share and name in whole_numbers(self.base, [name]):
            return float(math.floor(low)), float(math.ceil(high))
        return low, high

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
        replicates: Runs of each trial.
        submit: Runs a batch of trials.
        kept: Distances that were found before; None to keep none.
    """

    setting: Setting
    data: Observed
    ranges: Ranges
    replicates: int
    submit: Submit[float]
    kept: KeptDistances | None = None

    @property
    def whole(self) -> set[str]:
        """Names of the parameters that are whole numbers."""
        return whole_numbers(self.setting.parameters, self.ranges)

    def ends(self) -> tuple[Floats, Floats]:
        """Shape (p,) each. Where a flat prior begins and ends.

        A whole number has the unit around it, so that the ends of its range are as
        probable as the others.
        """
        whole = self.whole
        half = np.array([0.5 if name in whole else 0.0 for name in self.ranges])
        ends = np.array(list(self.ranges.values()), np.float64)
        return ends[:, 0] - half, ends[:, 1] + half

    def values(self, samples: Floats) -> Floats:
        """Shape (m, p). Samples of the prior's scale as values of parameters."""
        ends = np.array(list(self.ranges.values()), np.float64)
        names = self.whole
        whole = np.array([name in names for name in self.ranges])
        rounded = np.clip(np.rint(samples), ends[:, 0], ends[:, 1])
        return np.where(whole, rounded, samples)

    def points(self, samples: Floats) -> list[dict[str, float]]:
        """The same by dotted name, whole numbers as such."""
        whole = self.whole
        return [
            {
                name: int(value) if name in whole else value
                for name, value in zip(self.ranges, row, strict=True)
            }
            for row in self.values(samples).tolist()
        ]

    def distances(
        self, points: Sequence[Mapping[str, float]], seeds: Sequence[Sequence[int]]
    ) -> Floats:
        """How far the runs of each point are from the data.

        Args:
            points: Values by dotted name.
            seeds: Of the runs of each point, `replicates` of them.

        Returns:
            Shape (len(points), replicates).
        """
        jobs = [
            {**point, "seed": seed}
            for point, own in zip(points, seeds, strict=True)
            for seed in own
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
        return found.reshape(-1, self.replicates)


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
        replicates: Runs of each trial: on the same seeds for all trials of a search, on
            new ones for each of a posterior.
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
    _check(params, method, trials, replicates)
    ranges = {name: _ends(setting, name, ends) for name, ends in params.items()}
    refuse_fixed(setting, ranges)
    seen = observed(data, setting.parameters.days)
    kept = None if folder is None else KeptDistances(folder, setting, seen)
    with (
        bar("trials", trials, wanted=progress) as advance,
        kept_workers(
            run_trial, _Target(setting, seen), trials * replicates, workers=workers
        ) as submit,
    ):
        runner = Trials(setting, seen, ranges, replicates, submit, kept)
        found = _METHODS[method](runner, trials, seed, advance)
    return Fit(
        base=setting.parameters,
        ranges=ranges,
        samples=found.samples,
        distances=found.distances,
        weights=found.weights,
        method=method,
        tolerance=found.tolerance,
    )


def whole_numbers(parameters: Parameters, names: Iterable[str]) -> set[str]:
    """Which parameters are whole numbers.

    Args:
        parameters: Any.
        names: Dotted.
    """
    values = parameters.as_values()
    return {name for name in names if isinstance(values.get(name), int)}


#: How a fit is found, by the name of the method.
_METHODS: Final = {"optuna": search, "abc-smc": posterior}


def _check(params: Ranges, method: str, trials: int, replicates: int) -> None:
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
    if "seed" in params:
        raise UsageError(
            "params: expected parameters, got seed",
            advice="A seed is luck: raise replicates to have less of it.",
        )


def _ends(
    setting: Setting, name: str, ends: tuple[float, float]
) -> tuple[float, float]:
    """The ends of a range in the type of the parameter, both allowed.

    Raises:
        UsageError: One of them is not, or they are in the wrong order.
    """
    low, high = ends
    if not low < high:
        raise UsageError(
            f"{name}: expected low < high, got {low} and {high}",
            advice="Give the ends of the range in which it is sought.",
        )
    if name in whole_numbers(setting.parameters, [name]):
        for end in ends:
            if end != round(end):
                raise UsageError(
                    f"{name}: expected a range of whole numbers, got {low} to {high}",
                    advice=f"For example {round(low)} to {round(high)}.",
                )
        low, high = round(low), round(high)
    for value in (low, high):
        setting.parameters.with_values({name: value})
    return low, high
