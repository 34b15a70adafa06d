"""Who is warned, and of which days: what a warning knows beside whom it is for.

What this module guarantees:

* A warning that waits keeps the day of the contact it is about; of several for one
  person, the first and the last day are known.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cosignal.simulator.events import Queue
from cosignal.simulator.interventions.draws import Flags, Ids

Ints = npt.NDArray[np.integer[Any]]

#: Days are 16 bits; a person and a day are one number, by person first.
_DAY_BITS: Final = 16


class Warned(NamedTuple):
    """People, and when they were exposed.

    Attributes:
        ids: Shape (m,). Ascending, distinct.
        first: Shape (m,). First day on which each was.
        last: Shape (m,). Last day on which each was.
    """

    ids: Ids
    first: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]

    def only(self, which: Flags) -> "Warned":
        """Some of them.

        Args:
            which: Shape (m,). True for those who are kept.
        """
        return Warned(self.ids[which], self.first[which], self.last[which])


def warned(ids: Ints, days: Ints) -> Warned:
    """Put exposures together.

    Args:
        ids: Shape (k,). Whose; one may stand several times.
        days: Shape (k,). When.
    """
    return _by_person(np.sort(_packed(ids, days)))


def together(one: Warned, other: Warned) -> Warned:
    """Put those of two together."""
    ids = np.concatenate([one.ids, one.ids, other.ids, other.ids])
    return warned(ids, np.concatenate([one.first, one.last, other.first, other.last]))


def put(queue: Queue, when: npt.ArrayLike, ids: Ints, days: Ints) -> None:
    """Let people be warned.

    Args:
        queue: Of `Sim.queue`; holds nothing else.
        when: Shape (k,). Days of the warnings.
        ids: Shape (k,). Of whom.
        days: Shape (k,). Of what.
    """
    queue.put(when, _packed(ids, days))


def take(queue: Queue, day: int) -> Warned:
    """Who is warned by a day.

    Args:
        queue: As given to `put`.
        day: Of the run.
    """
    return _by_person(queue.take(day).astype(np.int64))


def _packed(ids: Ints, days: Ints) -> npt.NDArray[np.int64]:
    packed: npt.NDArray[np.int64] = (ids.astype(np.int64) << _DAY_BITS) | days
    return packed


def _by_person(packed: npt.NDArray[np.int64]) -> Warned:
    """Take apart what is ascending."""
    ids, days = packed >> _DAY_BITS, packed & ((1 << _DAY_BITS) - 1)
    change = ids[1:] != ids[:-1]
    first = np.flatnonzero(np.append(np.ones(min(len(ids), 1), np.bool_), change))
    last = np.append(first[1:] - 1, len(ids) - 1)[: len(first)]
    return Warned(ids[first].astype(np.int32), days[first], days[last])
