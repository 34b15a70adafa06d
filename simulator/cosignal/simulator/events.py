"""What is going to happen to whom, by the day on which it does.

What this module guarantees:

* People come out of a queue in the order of their numbers, whoever put them in first.
* Nothing put in is lost; what is put in for a day that is over comes out today.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cosignal.protocol.errors import UsageError
from cosignal.simulator.compiled import kernel

Ids = npt.NDArray[np.int32]
Numbers = npt.NDArray[np.integer[Any]]
#: Days from the first to the last event of what is put in, mostly.
_NEAR: Final = 512
_TOO_FAR: Final = -(1 << 62)


class Queue:
    """One kind of event."""

    def __init__(self) -> None:
        """Begin empty."""
        self._days: defaultdict[int, list[Numbers]] = defaultdict(list)

    def put(self, days: npt.ArrayLike, ids: Numbers) -> None:
        """Let something happen.

        Args:
            days: Shape (m,) or one day for all. When.
            ids: Shape (m,), int32. To whom; other numbers come out as they are.

        Raises:
            UsageError: There are more days than people, or fewer.
        """
        when = np.asarray(days)
        if when.ndim == 0:
            self._days[int(when)].append(ids)
            return
        if len(when) != len(ids):
            raise UsageError(
                f"put: expected one day for each of {len(ids)} people, got {len(when)}"
            )
        for day, part in _by_day(when, ids):
            self._days[day].append(part)

    def take(self, day: int) -> Ids:
        """People to whom it happens by this day, ascending; one may stand twice."""
        due = [key for key in self._days if key <= day]
        parts = [part for key in due for part in self._days.pop(key)]
        if not parts:
            return np.empty(0, np.int32)
        return np.sort(np.concatenate(parts))


def _by_day(when: Numbers, ids: Numbers) -> Iterator[tuple[int, Numbers]]:
    """People by day: dealt out if the days are near each other, else sorted."""
    when, ids = when.astype(np.int64), np.ascontiguousarray(ids)
    dealt, cuts = np.empty_like(ids), np.zeros(_NEAR + 1, np.int64)
    first = _deal(when, ids, dealt, cuts)
    if first == _TOO_FAR:
        for day in np.unique(when).tolist():
            yield day, ids[when == day]
        return
    for number in np.flatnonzero(cuts[1:] > cuts[:-1]).tolist():
        yield first + number, dealt[cuts[number] : cuts[number + 1]]


@kernel
def _deal(when, ids, dealt, cuts):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Sort people by day, by counting.

    Args:
        when: Shape (m,).
        ids: Shape (m,).
        dealt: Shape (m,). Filled with `ids`, day by day.
        cuts: One more than the days that may come, zeros. Filled with where each one
            begins, and the last ends.

    Returns:
        The first day; `_TOO_FAR` if there are too many days, and nothing is filled.
    """
    first = last = when[0] if len(when) else 0
    for place in range(len(when)):
        first, last = min(first, when[place]), max(last, when[place])
    if last - first >= len(cuts) - 1:
        return _TOO_FAR
    for place in range(len(when)):
        cuts[when[place] - first + 1] += 1
    for number in range(1, len(cuts)):
        cuts[number] += cuts[number - 1]
    for place in range(len(when) - 1, -1, -1):
        number = when[place] - first + 1
        cuts[number] -= 1
        dealt[cuts[number]] = ids[place]
    for number in range(len(cuts) - 1):
        cuts[number] = cuts[number + 1]
    cuts[len(cuts) - 1] = len(when)
    return first
