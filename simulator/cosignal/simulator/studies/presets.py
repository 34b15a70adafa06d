"""A published study, done again: scenario, measures, and what was published.

What this module guarantees:

* Ours stands beside what was published, whatever comes out.
* What a scenario was matched to stands beside the claims, and is not judged.
* A verdict of inside or outside is only given where an interval of the same figure was
  published: neither quartiles of single values nor an interval of our own make one.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cosignal.protocol.errors import UsageError
from cosignal.simulator.experiments.pool import Workers
from cosignal.simulator.experiments.statistics import FEW, Estimate, estimate
from cosignal.simulator.experiments.study import Point, Study, ratio
from cosignal.simulator.experiments.study import (
    scaled as scaled,  # noqa: PLC0414 - studies take it from here
)
from cosignal.simulator.experiments.sweeps import sweep
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.words import number

#: All days of a run.
WHOLE_RUN: Final = slice(None)

Measure = Callable[[Study], Estimate]

INSIDE: Final = "inside"
OVERLAP: Final = "overlaps"
OUTSIDE: Final = "outside"
NO_INTERVAL: Final = "no interval"
OPEN: Final = "no number"
MATCHED: Final = "matched"
TOO_FEW_CASES: Final = "no number (too few cases)"
TOO_FEW_RUNS: Final = "not judged (too few runs)"


@dataclass(frozen=True, slots=True)
class Claim:
    """One published number, and how ours is measured.

    Attributes:
        words: What it is.
        unit: Of both numbers.
        measure: Ours, out of the finished runs.
        published: As it stands in the paper.
        value: The published number; None where a range was published, or none.
        interval: Ends of the published interval or range of this number; None if there
            is none.
        matched: Whether this is no claim, but what the scenario was matched to.
    """

    words: str
    unit: str
    measure: Measure
    published: str
    value: float | None = None
    interval: tuple[float, float] | None = None
    matched: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A claim, and ours.

    Attributes:
        claim: What was published.
        ours: Mean over seeds with its 95 % interval.
        verdict: `inside` if our mean is within the published interval, `overlaps` if
            only our interval reaches into it, `outside`; `no interval` if a number was
            published without one, or `no number`; `matched` if it is no claim. Of ours:
            `no number (too few cases)` where nothing was there to divide by, and
            `not judged (too few runs)` where our mean is not within and has no
            interval.
        ratio: Of our mean to the published number; None if there is none, or it is 0.
    """

    claim: Claim
    ours: Estimate
    verdict: str

    @property
    def ratio(self) -> float | None:  # noqa: D102 - among the attributes
        value = self.claim.value
        return self.ours.mean / value if value else None


@dataclass(frozen=True, slots=True)
class Preset:
    """A study that can be done again.

    Attributes:
        name: As in the list of published results.
        title: What it asks.
        source: Who published it, and where.
        values: The scenario: what differs from the defaults, by dotted names.
        points: What each point changes.
        claims: What was published.
        replicates: Seeds, unless others are asked for.
    """

    name: str
    title: str
    source: str
    values: Mapping[str, Any]
    points: Sequence[Point]
    claims: Sequence[Claim]
    replicates: int = field(default=12)

    def run(
        self,
        *,
        agents: int | None = None,
        replicates: int | None = None,
        workers: Workers = "auto",
        folder: str | Path | None = None,
        progress: bool = True,
    ) -> list[Row]:
        """Do the study.

        Args:
            agents: People; the preset's own number if None. First infections, and those
                from outside, are in proportion.
            replicates: Seeds; the preset's own number if None.
            workers: As for `sweep`.
            folder: As for `sweep`.
            progress: As for `sweep`.

        Returns:
            One row for each claim.

        Raises:
            KeyboardInterrupt: What is finished is in the folder.
        """
        study = sweep(
            Parameters().with_values(self.scenario(agents)),
            self.points,
            replicates=replicates or self.replicates,
            workers=workers,
            folder=folder,
            progress=progress,
        )
        if study.finished < study.total:  # after Ctrl-C; half a study claims nothing
            raise KeyboardInterrupt
        found = [(claim, claim.measure(study)) for claim in self.claims]
        return [Row(claim, ours, _verdict(claim, ours)) for claim, ours in found]

    def smaller(self, agents: int | None, replicates: int | None) -> str:
        """Warn of fewer people or runs than the study's own; empty if there are none.

        Args:
            agents: People; the preset's own number if None.
            replicates: Seeds; the preset's own number if None.
        """
        people, runs = self.values["population.agents"], self.replicates
        if (agents or people) >= people and (replicates or runs) >= runs:
            return ""
        return (
            f"smaller than the study's own {people:,} people and {runs} runs: "
            "intervals are wide, so that ours overlap theirs easily"
        )

    def scenario(self, agents: int | None = None) -> dict[str, Any]:
        """The scenario's values, for another number of people if one is given."""
        values = dict(self.values)
        if agents is not None:
            scale = agents / values["population.agents"]
            values["population.agents"] = agents
            for name, least in (("disease.seeds", 1), ("disease.imports", 0.0)):
                if name in values:
                    kind = type(values[name])
                    values[name] = max(kind(least), kind(values[name] * scale))
        return values


def total_ratio(above: str, below: str, point: "int | Point") -> Measure:
    """Measure how much of one daily series comes on one of another."""

    def measure(study: Study) -> Estimate:
        return ratio(study.sums(above, point), study.sums(below, point))

    return measure


def share(
    name: str, point: "int | Point", of: float, days: slice = WHOLE_RUN
) -> Measure:
    """Measure the sum of a daily series, in percent of a share of all people."""

    def measure(study: Study) -> Estimate:
        people = of * study.setting.parameters.population.agents
        sums = study.series(name, point)[:, days].sum(axis=1)
        return scaled(estimate(sums), 100 / people)

    return measure


def reduction(
    name: str, point: "int | Point", vs: "int | Point", scale: float = 100.0
) -> Measure:
    """Measure by how many percent a figure is lower than at another point."""

    def measure(study: Study) -> Estimate:
        return scaled(study.reduction(name, point, vs), scale)

    return measure


def lines(rows: Sequence[Row]) -> list[str]:
    """Ours beside the published ones, columns aligned."""
    runs = max((row.ours.runs for row in rows), default=0)
    head = f"ours, {runs} {'run' if runs == 1 else 'runs'}"
    head += ", 95 % interval" if runs >= FEW else ""
    cells = [("", head, "published", "")]
    cells += [
        (
            f"{row.claim.words}{f', {row.claim.unit}' if row.claim.unit else ''}",
            str(row.ours),
            row.claim.published,
            judged(row),
        )
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def judged(row: Row) -> str:
    """The verdict; with the ratio of ours to theirs where there is no interval."""
    if row.verdict not in {NO_INTERVAL, MATCHED} or row.ratio is None:
        return row.verdict
    return f"{row.verdict}, ratio {number(row.ratio)}"


def as_values(row: Row) -> dict[str, Any]:
    """A row for programs."""
    low, high = row.claim.interval or (None, None)
    return {
        "what": row.claim.words,
        "unit": row.claim.unit,
        "ours": row.ours.mean,
        "ours_low": row.ours.low,
        "ours_high": row.ours.high,
        "runs": row.ours.runs,
        "published": row.claim.published,
        "published_value": row.claim.value,
        "published_low": low,
        "published_high": high,
        "ratio": row.ratio,
        "verdict": row.verdict,
    }


def _verdict(claim: Claim, ours: Estimate) -> str:
    if not math.isfinite(ours.mean):
        return TOO_FEW_CASES
    if claim.matched:
        return MATCHED
    if claim.interval is None:
        return OPEN if claim.value is None else NO_INTERVAL
    low, high = claim.interval
    if low <= ours.mean <= high:
        return INSIDE
    if not ours.has_interval:
        return TOO_FEW_RUNS
    reaches = ours.low <= high and low <= ours.high
    return OVERLAP if reaches else OUTSIDE


def require(presets: Sequence[Preset], name: str) -> Preset:
    """Find a preset by name.

    Raises:
        UsageError: There is none.
    """
    for preset in presets:
        if preset.name.lower() == name.lower():
            return preset
    known = ", ".join(preset.name for preset in presets)
    raise UsageError(f"study: expected one of {known}, got {name!r}")
