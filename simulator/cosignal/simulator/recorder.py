"""Counts of each day, in all and by age.

What this module guarantees:

* A series is there from the first count on, zeros before; all have the run's length.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from cosignal.simulator.compiled import kernel
from cosignal.simulator.series import require_series

#: Decades of age; the last one begins at 80.
AGE_BANDS: Final = 9


class Recorder:
    """Daily series by name.

    Attributes:
        bands: Shape (n,). Everybody's decade of age.
        by_age: Shape (days, 9) each, by name.
    """

    def __init__(self, days: int, ages: npt.NDArray[np.uint8]) -> None:
        """Record a run.

        Args:
            days: Its length.
            ages: Shape (n,), years.
        """
        self._days = days
        self.bands = np.minimum(ages // 10, AGE_BANDS - 1)
        self.by_age: dict[str, npt.NDArray[np.float64]] = {}

    def count(self, name: str, day: int, ids: npt.NDArray[np.integer]) -> None:
        """Count people.

        Args:
            name: Of the series.
            day: Of the run.
            ids: Who; one may stand twice.
        """
        ids, row = np.asarray(ids), np.zeros(AGE_BANDS)
        plain = ids.dtype == np.int32 and ids.flags.c_contiguous
        if not (plain and _tally(ids, self.bands, row)):
            row = np.bincount(self.bands[ids], minlength=AGE_BANDS).astype(np.float64)
        self._series(name)[day] += row

    def add_days(self, name: str, first: int, rows: npt.NDArray[np.integer]) -> None:
        """Count by age on several days.

        Args:
            name: Of the series.
            first: Of the days.
            rows: Shape (k, 9). How many more, or fewer, on each.
        """
        self._series(name)[first : first + len(rows)] += rows

    def add(self, name: str, day: int, amount: float) -> None:
        """Count something that belongs to no age; it stands in the first column."""
        self._series(name)[day, 0] += amount

    def series(self, name: str) -> npt.NDArray[np.float64]:
        """Shape (days,). All ages together; zeros if nothing was counted.

        Raises:
            UsageError: There is no such series, and nothing was counted by its name.
        """
        require_series(name, self.by_age)
        if name not in self.by_age:
            return np.zeros(self._days)
        found: npt.NDArray[np.float64] = self.by_age[name].sum(axis=1)
        return found

    def _series(self, name: str) -> npt.NDArray[np.float64]:
        if name not in self.by_age:
            self.by_age[name] = np.zeros((self._days, AGE_BANDS))
        return self.by_age[name]


@kernel
def _tally(ids, bands, row):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - numba
    """Count people by band; whether all of them exist."""
    for place in range(len(ids)):
        if not 0 <= ids[place] < len(bands):
            return False
        row[bands[ids[place]]] += 1.0
    return True
