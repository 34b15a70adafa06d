"""What a study says, as a table for people and programs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cosignal.simulator.experiments.statistics import Estimate

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, slots=True)
class Row:
    """One point.

    Attributes:
        point: What it changes.
        means: Of each figure.
        differences: To the point compared with, of each figure; empty for that one.
    """

    point: str
    means: Mapping[str, Estimate]
    differences: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class Table:
    """Means and paired differences of all points.

    Attributes:
        measures: Figures, in their order.
        rows: One for each point.
        vs: The point that others are compared with; None for none.
        caption: Of how many runs, people and days it is.
        relative: Whether differences are in percent.
    """

    measures: tuple[str, ...]
    rows: tuple[Row, ...]
    vs: str | None = None
    caption: str = ""
    relative: bool = False

    def __str__(self) -> str:
        """For people: differences below the means, where there are any."""
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """The table's lines, columns aligned; the caption stands last."""
        cells = [["", *self.measures]]
        for row in self.rows:
            cells.append([row.point, *(str(row.means[name]) for name in self.measures)])
            if row.differences:
                cells.append(
                    [
                        f"  less {self.vs}{', %' if self.relative else ''}",
                        *(_signed(row.differences[name]) for name in self.measures),
                    ]
                )
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        return [
            "  ".join(
                cell.ljust(width) for cell, width in zip(row, widths, strict=True)
            ).rstrip()
            for row in cells
        ] + ([self.caption] if self.caption else [])

    def as_values(self) -> list[dict[str, Any]]:
        """For programs: one object a point."""
        return [
            {
                "point": row.point,
                "means": {name: _plain(item) for name, item in row.means.items()},
                "differences": {
                    name: _plain(item) for name, item in row.differences.items()
                },
            }
            for row in self.rows
        ]

    def to_frame(self) -> "DataFrame":
        """One row for each point and figure: mean, ends, and of the difference too.

        Raises:
            UsageError: pandas is not installed.
        """
        from cosignal.simulator.results.frames import frame  # noqa: PLC0415 - an extra

        return frame(
            [
                {"point": row.point, "measure": name}
                | _prefixed("", row.means.get(name))
                | _prefixed("difference_", row.differences.get(name))
                for row in self.rows
                for name in self.measures
            ]
        )


def _signed(item: Estimate) -> str:
    text = str(item)
    return f"+{text}" if item.mean > 0 else text


def _plain(item: Estimate) -> dict[str, float | None]:
    # NaN is no JSON.
    known = item.runs > 0
    return {
        "mean": item.mean if known else None,
        "low": item.low if item.has_interval else None,
        "high": item.high if item.has_interval else None,
        "runs": item.runs,
    }


def _prefixed(prefix: str, item: Estimate | None) -> dict[str, float | None]:
    values = {} if item is None else _plain(item)
    return {f"{prefix}{name}": values.get(name) for name in ("mean", "low", "high")}
