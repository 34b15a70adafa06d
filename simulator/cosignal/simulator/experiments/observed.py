"""Daily counts that were observed, and how far a run is from them.

What this module guarantees:

* A column that is no series of a run, a day twice or beyond the run, and a value that
  is no count are refused by name and line.
"""

import csv
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cosignal.protocol.errors import UsageError
from cosignal.simulator.series import SERIES, require_series


@dataclass(frozen=True, slots=True)
class Observed:
    """Daily counts.

    Attributes:
        days: Shape (m,), int64. Which days of the run.
        counts: Shape (m,) each, by name of a series; NaN where nothing is known.
    """

    days: npt.NDArray[np.int64]
    counts: Mapping[str, npt.NDArray[np.float64]]

    def digest(self) -> str:
        """Name the data by all that is in them, 64 hexadecimal digits."""
        found = hashlib.sha256(self.days.astype("<i8").tobytes())
        for name, counts in sorted(self.counts.items()):
            found.update(f"\n{name}\n".encode())
            found.update(counts.astype("<f8").tobytes())
        return found.hexdigest()

    def distance(self, series: Mapping[str, npt.NDArray[np.float64]]) -> float:
        """How far a run is: 0 for equal counts, 1 for a run without any.

        Root mean square difference of square roots, relative to the data's. The square
        root of a count has nearly the same variance at all heights, so that the peak
        does not decide alone.
        """
        total = 0.0
        for name, counts in self.counts.items():
            known = np.isfinite(counts)
            ours = np.sqrt(series[name][self.days[known]])
            theirs = np.sqrt(counts[known])
            total += float(((ours - theirs) ** 2).sum() / max((theirs**2).sum(), 1.0))
        return math.sqrt(total / len(self.counts))


def observed(data: Any, days: int) -> Observed:  # noqa: ANN401 - table, file or columns
    """Take observed counts from columns, a DataFrame or a CSV file.

    Args:
        data: Columns by name; `day` is optional.
        days: Length of the run.

    Raises:
        UsageError: It holds what cannot be compared with a run.
    """
    columns = _columns(data)
    when = columns.pop("day", None)
    if not columns:
        raise UsageError(
            "data: expected a series beside day, got none",
            advice=f"Known are {', '.join(SERIES)}.",
        )
    for name in columns:
        require_series(name, (), "data")
    counts = {name: _counts(name, column) for name, column in columns.items()}
    length = len(next(iter(counts.values())))
    whole = _days(when, length, days)
    for name, column in counts.items():
        if len(column) != len(whole):
            raise UsageError(
                f"data: expected {len(whole)} values of {name}, got {len(column)}"
            )
    return Observed(whole, counts)


def _columns(data: Any) -> dict[str, Sequence[Any]]:  # noqa: ANN401
    if isinstance(data, str | Path):
        return _read(Path(data))
    names = data.keys() if hasattr(data, "keys") else ()
    return {str(name): list(data[name]) for name in names}


def _read(path: Path) -> dict[str, Sequence[Any]]:
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        got = error.strerror if isinstance(error, OSError) else "other bytes than UTF-8"
        raise UsageError(
            f"{path}: expected a readable CSV file, got {got}",
            advice="Name a file with a column day and one for each series, such as "
            "cases.",
        ) from error
    rows = list(csv.reader(text.splitlines()))
    head, *rest = rows or [[]]
    if not rest:
        raise UsageError(
            f"{path}: expected a head and rows, got no row",
            advice="The first line names columns: day,cases.",
        )
    for line, row in enumerate(rest, 2):
        if len(row) != len(head):
            raise UsageError(
                f"{path}:{line}: expected {len(head)} values, got {len(row)}",
                advice="Leave no value out; one that is not known is empty.",
            )
    return {name.strip(): [row[i] for row in rest] for i, name in enumerate(head)}


def _counts(name: str, column: Sequence[Any]) -> npt.NDArray[np.float64]:
    found = np.array([_number(name, i, value) for i, value in enumerate(column)])
    if not np.isfinite(found).any():
        raise UsageError(
            f"data: expected at least one count of {name}, got none",
            advice="Leave the column out, or fill in what is known.",
        )
    if (found < 0).any():
        place = int(np.argmax(found < 0))
        raise UsageError(
            f"data: expected counts of {name}, got {found[place]:g} in row {place + 1}"
        )
    return found


def _number(name: str, index: int, value: Any) -> float:  # noqa: ANN401
    try:
        number = math.nan if value in ("", None) else float(value)
    except (TypeError, ValueError):
        number = math.inf
    if math.isinf(number):
        raise UsageError(
            f"data: expected a number of {name}, got {value!r} in row {index + 1}",
            advice="Leave a value that is not known empty.",
        )
    return number


def _days(
    column: Sequence[Any] | None, length: int, days: int
) -> npt.NDArray[np.int64]:
    values = range(length) if column is None else column
    numbers = np.array([_number("day", i, value) for i, value in enumerate(values)])
    for place, day in enumerate(numbers):
        if not 0 <= day < days or day != int(day):
            raise UsageError(
                f"data: expected days 0 to {days - 1}, got {day:g} in row {place + 1}",
                advice="Day 0 is the run's first; lengthen the run with days=.",
            )
    found = numbers.astype(np.int64)
    if len(np.unique(found)) != len(found):
        raise UsageError("data: expected each day once")
    return found
