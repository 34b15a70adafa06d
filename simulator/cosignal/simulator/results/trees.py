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


def first_reproduction(found: Tree, people: int) -> float:
    """Mean number of people infected by early cases, beyond the first ones.

    Whole generations count, from the first on, as long as all infections up to that of
    their children are few: those from outside are no typical cases, and late ones find
    fewer people to infect.

    Args:
        found: The tree.
        people: How many there are.

    Returns:
        NaN where nobody was infected by others.
    """
    sizes = np.bincount(found.generation)
    if len(sizes) < 2:  # noqa: PLR2004 - those from outside, and their children
        return float("nan")
    children = np.append(sizes[1:], 0)
    reached = np.cumsum(sizes)[np.minimum(np.arange(1, len(sizes) + 1), len(sizes) - 1)]
    early = (np.arange(len(sizes)) > 0) & (reached <= _EARLY * people)
    early[1] = True
    return float(children[early].sum() / sizes[early].sum())


#: Share of people infected up to which a generation is early.
_EARLY = 0.02
