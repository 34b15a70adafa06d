"""What is going to happen to whom, by the day on which it does.

What this module guarantees:

* People come out of a queue in the order of their numbers, whoever put them in first.
* Nothing put in is lost; what is put in for a day that is over comes out today.
"""

from collections import defaultdict
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int32]
_SHORT: Final = 1 << 16


class Queue:
    """One kind of event."""

    def __init__(self) -> None:
        """Begin empty."""
        self._days: defaultdict[int, list[npt.NDArray[Any]]] = defaultdict(list)

    def put(self, days: npt.ArrayLike, ids: npt.NDArray[np.integer[Any]]) -> None:
        """Let something happen.

        Args:
            days: Shape (m,) or one day for all. When.
            ids: Shape (m,), int32. To whom; other numbers come out as they are.
        """
        when = np.asarray(days)
        if when.ndim == 0:
            self._days[int(when)].append(ids)
            return
        order = _order(when)
        when, ids = when[order], ids[order]
        cuts = (np.flatnonzero(when[1:] != when[:-1]) + 1).tolist()
        for first, end in pairwise([0, *cuts, len(ids)]):
            if first < end:
                self._days[int(when[first])].append(ids[first:end])

    def take(self, day: int) -> Ids:
        """People to whom it happens by this day, ascending; one may stand twice."""
        due = [key for key in self._days if key <= day]
        parts = [part for key in due for part in self._days.pop(key)]
        if not parts:
            return np.empty(0, np.int32)
        return np.sort(np.concatenate(parts))


def _order(days: npt.NDArray[np.integer]) -> npt.NDArray[np.intp]:
    """Stable order of days; numbers of 16 bits are sorted without comparing them."""
    whole = days.astype(np.int64)
    if len(whole) and whole.max() - whole.min() < _SHORT:
        return np.argsort((whole - whole.min()).astype(np.uint16), kind="stable")
    return np.argsort(days, kind="stable")
