"""Many runs of several points, compared pair by pair.

What this module guarantees:

* Replicate r has the same seed at every point, so that two points differ by what was
  changed and not by luck; differences are taken between runs of one seed.
* What is not finished is left out, and counted.
"""

import difflib
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from cosignal.protocol.errors import UsageError
from cosignal.simulator.experiments.jobs import Outcome, Setting
from cosignal.simulator.experiments.statistics import FEW, Estimate, estimate, paired
from cosignal.simulator.experiments.tables import Row, Table
from cosignal.simulator.results.figures import unit_of
from cosignal.simulator.scenarios import parse_value
from cosignal.simulator.series import require_series

if TYPE_CHECKING:
    from pandas import DataFrame

Point = Mapping[str, Any]
#: What a table shows if nothing else is asked for.
MEASURES = ("infections", "peak_infections", "deaths", "quarantine_days", "alerts")

#: So many points are named where a study is shown in short.
_SHOWN: Final = 6
#: How a daily series becomes one number.
WAYS: Final[Mapping[str, Callable[[npt.NDArray[np.float64]], float]]] = {
    "sum": lambda row: float(row.sum()),
    "mean": lambda row: float(row.mean()),
}
_ANY_SIGN = ("growth_rate",)
_SHARES = ("attack_rate", "false_alert_share", "ppv")


@dataclass(slots=True, repr=False)
class Study:
    """Finished runs by point and replicate.

    Attributes:
        setting: What all runs have in common.
        points: What each point changes, by dotted names.
        replicates: How many runs each point should have.
        outcomes: By index of point and replicate; what is missing is not finished.
    """

    setting: Setting
    points: Sequence[Point]
    replicates: int
    outcomes: dict[tuple[int, int], Outcome]

    @property
    def total(self) -> int:
        """How many runs there should be."""
        return len(self.points) * self.replicates

    @property
    def finished(self) -> int:
        """How many runs there are."""
        return len(self.outcomes)

    @property
    def names(self) -> list[str]:
        """Dotted names that any point changes, in their order."""
        return list(dict.fromkeys(name for point in self.points for name in point))

    @property
    def measures(self) -> list[str]:
        """Names of all figures that runs have."""
        return sorted(
            {name for item in self.outcomes.values() for name in item.summary}
        )

    def values(
        self, measure: str, point: "int | str | Point"
    ) -> npt.NDArray[np.float64]:
        """Shape (replicates,). A figure of each run of a point; NaN if not finished.

        Args:
            measure: Name of a figure; or `sum:` or `mean:` and that of a daily series.
            point: As for `find`.

        Raises:
            UsageError: No run has such a figure, or there is no such point.
        """
        kind, colon, series = measure.partition(":")
        if colon and kind in WAYS:
            return self._days(kind, series, point)
        known = self.measures
        if known and measure not in known:
            raise UsageError(
                f"measure: expected one of {', '.join(known)}, got {measure!r}",
                advice="Or sum:NAME or mean:NAME of a daily series.",
            )
        index = self.find(point)
        found = np.full(self.replicates, math.nan)
        for replicate in range(self.replicates):
            outcome = self.outcomes.get((index, replicate))
            if outcome is not None:
                found[replicate] = outcome.summary.get(measure, math.nan)
        return found

    def sums(self, series: str, point: "int | str | Point") -> npt.NDArray[np.float64]:
        """Shape (replicates,). Sum of a daily series, of each run of a point.

        Raises:
            UsageError: No run has such a series, or there is no such point.
        """
        return self._days("sum", series, point)

    def _days(
        self, kind: str, series: str, point: "int | str | Point"
    ) -> npt.NDArray[np.float64]:
        self._require(series)
        index = self.find(point)
        found = np.full(self.replicates, math.nan)
        for (place, replicate), outcome in self.outcomes.items():
            if place == index:
                found[replicate] = WAYS[kind](outcome.series[series])
        return found

    def series(self, name: str, point: "int | str | Point") -> npt.NDArray[np.float64]:
        """Shape (finished, days). A daily series of each finished run of a point.

        Raises:
            UsageError: No run has such a series, or there is no such point.
        """
        self._require(name)
        index = self.find(point)
        rows = [
            outcome.series[name]
            for (place, _), outcome in sorted(self.outcomes.items())
            if place == index
        ]
        days = self.setting.parameters.days
        return np.array(rows) if rows else np.empty((0, days))

    def _require(self, name: str) -> None:
        for outcome in self.outcomes.values():
            require_series(name, outcome.series)

    def estimate(self, measure: str, point: "int | str | Point") -> Estimate:
        """Mean of a figure at a point, with its 95 % interval.

        It ends where the figure does: counts at 0, shares at 0 and 1.
        """
        return estimate(self.values(measure, point), *bounds(measure))

    def difference(
        self, measure: str, point: "int | str | Point", vs: "int | str | Point"
    ) -> Estimate:
        """Mean difference of a figure between two points, seed by seed."""
        return paired(self.values(measure, point), self.values(measure, vs))

    def reduction(
        self, measure: str, point: "int | str | Point", vs: "int | str | Point"
    ) -> Estimate:
        """Share by which a figure is lower than at another point.

        The ratio of means, with a jackknife interval over seeds.
        """
        return ratio(
            self.values(measure, vs) - self.values(measure, point),
            self.values(measure, vs),
        )

    def cost(
        self,
        spent: str,
        averted: str,
        point: "int | str | Point",
        vs: "int | str | Point",
    ) -> Estimate:
        """What one averted unit costs, for example quarantine-days for each death.

        Args:
            spent: Figure that grows from `vs` to the point.
            averted: Figure that falls.
            point: With the intervention.
            vs: Without.

        Returns:
            The ratio of mean differences, with a jackknife interval over seeds.
        """
        return ratio(
            self.values(spent, point) - self.values(spent, vs),
            self.values(averted, vs) - self.values(averted, point),
        )

    def table(
        self,
        vs: "int | str | Point | None" = None,
        measures: Sequence[str] = MEASURES,
        *,
        per: float = 0,
        relative: bool = False,
    ) -> Table:
        """Means with 95 % intervals, and paired differences.

        Args:
            vs: Point to compare with, as `app.adoption=0`; None for means only.
            measures: Which figures; or `sum:` or `mean:` and a daily series.
            per: Counts for so many people; 0 for as they are. Shares, rates and days
                of the calendar stay as they are.
            relative: Differences in percent of the point compared with: the ratio of
                means over runs of the same seeds, with a jackknife interval.
        """
        base = None if vs is None else self.find(vs)
        rows = []
        for index in range(len(self.points)):
            factors = {name: self._factor(name, index, per) for name in measures}
            means = {n: scaled(self.estimate(n, index), factors[n]) for n in measures}
            less: dict[str, Estimate] = {}
            if base is not None and index != base:
                less = {
                    name: self._change(name, index, base)
                    if relative
                    else scaled(self.difference(name, index, base), factors[name])
                    for name in measures
                }
            rows.append(Row(label(self.points[index]), means, less))
        against = None if base is None else rows[base].point
        caption = self._caption() + (f"; counts per {per:,.0f} people" if per else "")
        return Table(tuple(measures), tuple(rows), against, caption, relative=relative)

    def _factor(self, measure: str, index: int, per: float) -> float:
        """What makes a figure one per so many people; 1 for what counts nothing."""
        if not per or not is_count(measure):
            return 1.0
        return per / self.people(index)

    def _change(self, measure: str, index: int, base: int) -> Estimate:
        """Relative difference to another point, in percent."""
        return scaled(self.reduction(measure, index, base), -100.0)

    def people(self, point: "int | str | Point" = 0) -> int:
        """How many people the runs of a point have."""
        setting = self.setting
        if setting.population is not None:
            return len(setting.population.age)
        if setting.files is not None:
            return len(setting.files.people.columns["person"])
        changed = self.points[self.find(point)]
        return setting.parameters.with_values(changed).population.agents

    def _caption(self) -> str:
        """Of how many runs, people and days a table is."""
        runs = [
            sum(place == index for place, _ in self.outcomes)
            for index in range(len(self.points))
        ]
        people = {self.people(index) for index in range(len(self.points))}
        days = {
            self.setting.parameters.with_values(point).days for point in self.points
        }
        enough = min(runs) >= FEW
        ends = "95 % intervals" if enough else f"intervals from {FEW} runs on"
        return (
            f"means of {_span(runs)} {'run' if max(runs) == 1 else 'runs'}, {ends}; "
            f"{_span(people)} people, {_span(days)} days"
        )

    def __repr__(self) -> str:
        """What was run, in a few lines; `table()` says what came out."""
        points = "; ".join(map(label, self.points[:_SHOWN]))
        more = len(self.points) - _SHOWN
        return (
            f"Study: {self.finished} of {self.total} runs, {self.replicates} at each "
            f"of {len(self.points)} points\n"
            f"  {points}{f' and {more} more' if more > 0 else ''}\n"
            "  .table(vs), .plot(), .to_frame(), .values(measure, point)"
        )

    def to_frame(self) -> "DataFrame":
        """One row a run: what its point changed, replicate, seed, figures.

        Raises:
            UsageError: pandas is not installed.
        """
        from cosignal.simulator.results.frames import frame  # noqa: PLC0415 - an extra

        seed = self.setting.parameters.seed
        rows = [
            {
                **{name: self.points[index].get(name) for name in self.names},
                "replicate": replicate,
                "seed": seed + replicate,
                **outcome.summary,
            }
            for (index, replicate), outcome in sorted(self.outcomes.items())
        ]
        return frame(rows)

    def plot(self, *names: str, **options: Any) -> Any:  # noqa: ANN401
        """Draw the study; see `cosignal.simulator.plots.plot_study`."""
        from cosignal.simulator.plots import plot_study  # noqa: PLC0415 - an extra

        return plot_study(self, *names, **options)

    def find(self, point: "int | str | Point") -> int:
        """Index of a point, by index, by what it changes, or by text as in tables.

        Raises:
            UsageError: There is none, or more than one.
        """
        if isinstance(point, int):
            if 0 <= point < len(self.points):
                return point
        else:
            wanted = _wanted(point) if isinstance(point, str) else dict(point)
            fits = [
                index
                for index, item in enumerate(self.points)
                if wanted == dict(item) or (wanted and wanted.items() <= item.items())
            ]
            exact = [index for index in fits if wanted == dict(self.points[index])]
            if len(exact or fits) == 1:
                return (exact or fits)[0]
        known = [label(item) for item in self.points]
        wished = label(point) if isinstance(point, Mapping) else str(point)
        near = difflib.get_close_matches(wished, known, n=1)
        question = f"Did you mean {near[0]}? " if near else ""
        raise UsageError(
            f"point: expected one point of the study, got {point!r}",
            advice=f"{question}There are: {'; '.join(known)}",
        )


def bounds(measure: str) -> tuple[float, float]:
    """Between which ends a figure of a run lies.

    >>> bounds("deaths"), bounds("ppv"), bounds("growth_rate")
    ((0.0, inf), (0.0, 1.0), (-inf, inf))
    """
    if measure in _ANY_SIGN:
        return -math.inf, math.inf
    is_share = measure in _SHARES or measure.startswith("share_")
    return 0.0, 1.0 if is_share else math.inf


def is_count(measure: str) -> bool:
    """Whether a figure grows with the number of people.

    >>> is_count("deaths"), is_count("ppv"), is_count("sum:cases"), is_count("peak_day")
    (True, False, True, False)
    """
    kind, colon, _ = measure.partition(":")
    if colon and kind in WAYS:
        return True
    unit = unit_of(measure)
    return not (unit.startswith("share") or unit in ("day", "days")) and measure != "r"


def scaled(item: Estimate, factor: float) -> Estimate:
    """An estimate in another unit."""
    low, high = item.low * factor, item.high * factor
    if factor < 0:
        low, high = high, low
    return Estimate(item.mean * factor, low, high, item.runs)


def label(point: Point) -> str:
    """Write what a point changes, as in tables.

    >>> label({"app.adoption": 0.3, "population.place": "FR"})
    'app.adoption=0.3 population.place=FR'
    """
    return " ".join(f"{name}={value}" for name, value in point.items()) or "base"


def grid(values: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """All combinations; the first name changes slowest.

    >>> grid({"a": [1, 2], "b": [3]})
    [{'a': 1, 'b': 3}, {'a': 2, 'b': 3}]
    """
    return [
        dict(zip(values, row, strict=True))
        for row in itertools.product(*values.values())
    ]


def ratio(above: npt.NDArray[np.float64], below: npt.NDArray[np.float64]) -> Estimate:
    """A ratio of means; its interval by leaving out one run at a time.

    Args:
        above: Shape (runs,).
        below: Shape (runs,). Of the same runs.

    Source: Quenouille 1956, "Notes on bias in estimation", Biometrika 43.
    """
    known = np.isfinite(above) & np.isfinite(below)
    above, below = above[known], below[known]
    runs = len(above)
    if not runs or below.sum() == 0:
        return Estimate(math.nan, math.nan, math.nan, 0)
    whole = above.sum() / below.sum()
    if runs < FEW:
        return Estimate(whole, math.nan, math.nan, runs)
    with np.errstate(divide="ignore", invalid="ignore"):
        left = (above.sum() - above) / (below.sum() - below)
    pseudo = estimate(runs * whole - (runs - 1) * left)
    half = (pseudo.high - pseudo.low) / 2
    return Estimate(whole, whole - half, whole + half, runs)


def _span(values: Sequence[int] | AbstractSet[int]) -> str:
    low, high = min(values, default=0), max(values, default=0)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _wanted(text: str) -> dict[str, Any]:
    if text == "base":
        return {}
    return dict(_pairs(text))


def _pairs(text: str) -> Iterator[tuple[str, Any]]:
    for part in text.split():
        name, _, value = part.partition("=")
        yield name, parse_value(value) if value else None
