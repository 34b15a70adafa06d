"""Who infected whom: the transmission tree of a run.

What this module guarantees:

* The tree has a node for each infection; the parent of a node is the infection of the
  infector that was going on, also where people are infected more than once.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cosignal.simulator.results.infections import InfectionTable

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Tree(NamedTuple):
    """m infections, in the order of `InfectionTable`.

    Attributes:
        parent: int64[m]. Row of the infector's infection; -1 from outside.
        children: int64[m]. How many it infected.
        generation: int64[m]. 0 from outside, and one more than the parent's.
    """

    parent: Rows
    children: Rows
    generation: Rows


def tree(infections: InfectionTable) -> Tree:
    """Connect infections with those that caused them.

    Args:
        infections: In the order of their days.
    """
    parent = _parents(infections)
    known = parent >= 0
    children = np.bincount(parent[known], minlength=len(parent))
    generation = np.zeros(len(parent), np.int64)
    pending = known.copy()
    # A parent's row comes before its children's; each turn settles a generation.
    depth = 0
    while pending.any():
        depth += 1
        settled = np.zeros(len(parent), np.bool_)
        rows = np.flatnonzero(pending)
        settled[rows[~pending[parent[rows]]]] = True
        generation[settled] = depth
        pending &= ~settled
    return Tree(parent, children, generation)


def _parents(infections: InfectionTable) -> Rows:
    """Look the infector's number and day of infection up among all infections."""
    outside = infections.infector < 0
    day = infections.day.astype(np.int64)
    own = infections.person.astype(np.int64) << 16 | day
    theirs = infections.infector.astype(np.int64) << 16 | day - infections.since
    order = np.argsort(own)
    at = np.searchsorted(own[order], theirs[~outside])
    parent = np.full(len(own), -1, np.int64)
    parent[~outside] = order[at]
    return parent


def first_reproduction(
    found: Tree, days: npt.NDArray[np.int16], window: range
) -> float:
    """Mean number of people infected by early cases, but for those from outside.

    Early are all who were infected by others on the days of a window that is fixed
    before the run (`beginning.cohort_window`), whatever their generation; all whom they
    infect count, whenever. So it is the same question at all points of a study; whole
    generations that are chosen by how far a run has come are others where more is done.
    Those from outside are no typical cases.

    Args:
        found: The tree.
        days: Shape (m,). Of the infections.
        window: Days on which cases are early, in succession.

    Returns:
        NaN where nobody was infected by others on these days.
    """
    early = (found.parent >= 0) & (days >= window.start) & (days < window.stop)
    return float(found.children[early].mean()) if early.any() else float("nan")
