"""Households: how many of each size, and who lives in them.

What this module guarantees:

* Shares of household sizes are the country's; a few people who would be left over by
  rounding live alone.
* There is room for every child: where the table leaves too little, couples become
  families.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from cosignal.simulator.population.ages import ADULT, Ints, Shape
from cosignal.simulator.population.tables import Country

#: Households of six and more have 6, 7 or 8 members: 6.5 on average, as in France.
_LARGE: Final = (0.6, 0.3, 0.1)
_COUPLE: Final = 2


def age_stock(shares: npt.NDArray[np.float64], agents: int) -> Ints:
    """How many people of each age there are, in all `agents`.

    Args:
        shares: Shape (101,).
        agents: How many people.
    """
    bounds = np.rint(np.cumsum(shares) / shares.sum() * agents).astype(np.int64)
    stock: Ints = np.diff(bounds, prepend=0)
    return stock


def shapes(country: Country, stock: Ints, rng: np.random.Generator) -> Shape:
    """Draw up households for some people, in random order.

    Args:
        country: Its shares of sizes, and of lone parents.
        stock: Shape (101,). How many people of each age will live in them.
        rng: Source of chance.
    """
    sizes = rng.permutation(_sizes(country.sizes, int(stock.sum())))
    adults = np.minimum(sizes, _COUPLE)
    lone = _lone_parents(sizes, country.lone_parents, rng)
    adults[lone] = 1
    _make_room(sizes, adults, int(stock[:ADULT].sum()), rng)
    return Shape(adults, sizes - adults)


def _sizes(shares: npt.NDArray[np.float64], people: int) -> Ints:
    """Sizes of households that hold just so many people."""
    large = shares[-1] * np.array(_LARGE)
    by_size = np.concatenate([shares[:-1], large])
    members = np.arange(1, len(by_size) + 1)
    households = people / (by_size * members).sum()
    counts = np.rint(by_size * households).astype(np.int64)
    if people < (counts * members).sum() - counts[0]:
        counts = np.floor(by_size * households).astype(np.int64)
    counts[0] += people - int((counts * members).sum())
    return np.repeat(members, counts)


def _lone_parents(sizes: Ints, share: float, rng: np.random.Generator) -> Ints:
    """Households of one parent: half of them have one child, few have three."""
    wanted = share * len(sizes)
    chosen = []
    for size, part in ((2, 0.55), (3, 0.32), (4, 0.13)):
        of_size = np.flatnonzero(sizes == size)
        count = min(int(wanted * part), len(of_size) // 2)
        chosen.append(rng.permutation(of_size)[:count])
    return np.concatenate(chosen)


def _make_room(
    sizes: Ints, adults: Ints, minors: int, rng: np.random.Generator
) -> None:
    """Turn couples into lone parents until every minor has a place as a child."""
    missing = minors - int((sizes - adults).sum())
    if missing > 0:
        couples = np.flatnonzero((sizes >= _COUPLE) & (adults == _COUPLE))
        adults[rng.permutation(couples)[:missing]] = 1
