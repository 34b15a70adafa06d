"""Who infected whom: the transmission tree of a run.

What this module guarantees:

* The tree has a node for each infection; the parent of a node is the infection of the
  infector that was going on, also where people are infected more than once.
"""

from typing import Final, NamedTuple

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
    found: Tree, days: npt.NDArray[np.int16], people: int, settled: int
) -> float:
    """Mean number of people infected by early cases, beyond the first ones.

    Whole generations count, as long as all infections up to that of their children are
    few, since late cases find fewer people to infect, and as long as nearly all of
    their cases have had the time to infect. Those from outside are no typical
    cases, and whom they infect hardly are: the second generation is the first to count,
    unless the first one is the only early one.

    Args:
        found: The tree.
        days: Shape (m,). Of the infections.
        people: How many there are.
        settled: Day from which on infections are too recent.

    Returns:
        NaN where nobody was infected by others.
    """
    sizes = np.bincount(found.generation)
    last = len(sizes) - 1
    if last < 1:
        return float("nan")
    children = np.append(sizes[1:], 0)
    reached = np.append(np.cumsum(sizes)[1:], sizes.sum())
    late = np.bincount(found.generation[days >= settled], minlength=len(sizes))
    early = (reached <= _EARLY * people) & (late <= _LATE * sizes)
    first = min(2, last) if early[min(2, last)] else 1
    early[:first], early[first] = False, True
    return float(children[early].sum() / sizes[early].sum())


#: Share of people infected up to which a generation is early.
_EARLY: Final = 0.03
#: Share of a generation that may be too recent.
_LATE: Final = 0.05
