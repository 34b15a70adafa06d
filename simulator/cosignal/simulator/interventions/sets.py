"""Some people, each once: sets as arrays of ascending numbers.

What this module guarantees:

* Results are ascending, distinct and int32, whatever order and kind of integers came.

Sorting some thousands of numbers is done in no time by what numpy makes of the
processor; its own functions for sets hash them instead, and were a twentieth of a run.
"""

import numpy as np
import numpy.typing as npt

from cosignal.simulator.compiled import kernel
from cosignal.simulator.interventions.draws import Ids


def distinct(ids: npt.ArrayLike) -> Ids:
    """Each of some people once.

    Args:
        ids: Shape (m,), integers.
    """
    found = np.sort(np.asarray(ids, np.int32))
    return found[: _squeeze(found)]


def either(ids: npt.ArrayLike, others: npt.ArrayLike) -> Ids:
    """Who is among some people, or among others.

    Args:
        ids: Shape (m,), integers.
        others: Shape (k,), integers.
    """
    parts = [np.asarray(part, np.int32) for part in (ids, others)]
    return distinct(np.concatenate(parts))


def without(ids: npt.ArrayLike, others: npt.ArrayLike) -> Ids:
    """Who is among some people, and not among others.

    Args:
        ids: Shape (m,), integers.
        others: Shape (k,), integers.
    """
    found = distinct(ids)
    return found[: _remove(found, np.sort(np.asarray(others, np.int32)))]


@kernel
def _squeeze(found):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - numba
    """Move distinct numbers to the front; how many there are."""
    count = min(len(found), 1)
    for place in range(1, len(found)):
        if found[place] != found[count - 1]:
            found[count] = found[place]
            count += 1
    return count


@kernel
def _remove(found, others):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Move numbers that are not among others to the front; how many there are."""
    count = at = 0
    for place in range(len(found)):
        while at < len(others) and others[at] < found[place]:
            at += 1
        if at == len(others) or others[at] != found[place]:
            found[count] = found[place]
            count += 1
    return count
