"""Ages of households: couples of similar age, children younger than their parents.

What this module guarantees:

* The ages handed out are, to the person, those of the population's age pyramid.
* Nobody under 18 lives without a parent's generation; couples are of similar age, and
  most mothers were 20 to 42 at birth.

How: the pyramid gives how many people of each age there are. The youngest fill the
places of children, adult children with falling probability; adults are then matched to
families by the age of the eldest child, to couples by similar age, and the rest live
alone. Every step gives out existing ages in the order of wished ones, so that none is
used twice and none is left.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cosignal.simulator.population.tables import OLDEST

Ints = npt.NDArray[np.int64]

ADULT: Final = 18
#: Years from the eldest child's birth: mean and spread of the first parent's age, least
#: and greatest (Eurostat 2019: mean age at first birth 26.4 in the EU to 31).
_PARENT_AGE: Final = 29.0
_PARENT_SPREAD: Final = 4.5
_PARENT_LEAST: Final = 17
_PARENT_MOST: Final = 45
#: Spread of the difference within couples, years.
_COUPLE_SPREAD: Final = 3.0
#: Years between siblings.
_SIBLING_GAPS: Final = (1, 2, 2, 3, 3, 4)
#: Adult children leave: the share still at home falls by this factor a year.
_STAYING: Final = 0.8
#: How likely a grown-up without children at home lives alone, relative to others.
_ALONE_BY_AGE: Final = (
    (18, 1.5),
    (25, 3),
    (45, 3),
    (55, 1),
    (65, 0.6),
    (75, 0.9),
    (85, 1.8),
)


class Shape(NamedTuple):
    """Households by what they consist of; shape (h,) each.

    Attributes:
        adults: 1 or 2: one parent, a couple, or somebody alone.
        children: How many.
    """

    adults: Ints
    children: Ints


def ages_of(shape: Shape, stock: Ints, rng: np.random.Generator) -> Ints:
    """Give everybody an age.

    Args:
        shape: Households; as many people as the stock.
        stock: Shape (101,). How many people of each age there are.
        rng: Source of chance.

    Returns:
        Shape (n,), years. By household; adults first, then children, eldest first.
    """
    left = stock.copy()
    children = _children(shape, left, rng)
    starts = np.concatenate([[0], np.cumsum(shape.adults + shape.children)])
    ages = np.empty(starts[-1], np.int64)
    ages[_child_places(shape, starts)] = children
    _parents(shape, starts, ages, left, rng)
    _couples_and_singles(shape, starts, ages, left, rng)
    return ages


def _child_places(shape: Shape, starts: Ints) -> Ints:
    """Numbers of the children among all people, household by household."""
    first = np.repeat(starts[:-1] + shape.adults, shape.children)
    before = np.cumsum(shape.children) - shape.children
    return first + np.arange(len(first)) - np.repeat(before, shape.children)


def _children(shape: Shape, left: Ints, rng: np.random.Generator) -> Ints:
    """Ages of all children, household by household, eldest first."""
    total = int(shape.children.sum())
    given = _youngest(left, total)
    left -= given
    youngest = rng.permutation(np.repeat(np.arange(len(given)), given))
    family = shape.children[shape.children > 0]
    wished = youngest[: len(family)].astype(float)
    before = np.cumsum(family) - family
    rank = (
        np.repeat(family, family) - 1 - (np.arange(total) - np.repeat(before, family))
    )
    gaps = rng.choice(_SIBLING_GAPS, total)
    wish = np.repeat(wished, family) + rank * gaps + rng.random(total)
    ages = _in_order(wish, given)
    household = np.repeat(np.arange(len(family)), family)
    return ages[np.lexsort((-ages, household))]


def _youngest(left: Ints, total: int) -> Ints:
    """Whom the places of children go to: all minors, then ever fewer adults."""
    given = np.zeros_like(left)
    given[:ADULT] = left[:ADULT]
    wanted = total - int(given.sum())
    if wanted < 0:
        return _first(left, total)
    years = np.arange(len(left) - ADULT)
    weights = left[ADULT:] * _STAYING**years
    low, high = 0.0, 1e6
    for _ in range(60):
        middle = (low + high) / 2
        if np.minimum(weights * middle, left[ADULT:]).sum() < wanted:
            low = middle
        else:
            high = middle
    chosen = np.floor(np.minimum(weights * high, left[ADULT:])).astype(np.int64)
    given[ADULT:] = chosen
    return given + _first(left - given, wanted - int(chosen.sum()))


def _first(left: Ints, total: int) -> Ints:
    """The youngest so many."""
    before = np.cumsum(left) - left
    taken: Ints = np.clip(total - before, 0, left)
    return taken


def _parents(
    shape: Shape, starts: Ints, ages: Ints, left: Ints, rng: np.random.Generator
) -> None:
    """Fill in parents by the age of the eldest child."""
    family = np.flatnonzero(shape.children)
    first = starts[family]
    eldest = ages[first + shape.adults[family]]
    older = rng.normal(_PARENT_AGE, _PARENT_SPREAD, len(family))
    wish = (
        eldest + np.clip(older, _PARENT_LEAST, _PARENT_MOST) + rng.random(len(family))
    )
    second = shape.adults[family] > 1
    partner = wish[second] + rng.normal(0, _COUPLE_SPREAD, int(second.sum()))
    wishes = np.concatenate([wish, partner])
    given = _nearest(wishes, left)
    left -= given
    found = _in_order(wishes, given)
    ages[first] = found[: len(family)]
    ages[first[second] + 1] = found[len(family) :]


def _nearest(wishes: npt.NDArray[np.float64], left: Ints) -> Ints:
    """How many of each age to hand out: the wished ones, or the next ones to be had."""
    clipped = np.clip(wishes.astype(np.int64), ADULT, len(left) - 1)
    wanted = np.bincount(clipped, minlength=len(left))
    given = np.minimum(wanted, left)
    short = wanted - given
    for age in np.flatnonzero(short).tolist():
        for other in sorted(range(len(left)), key=lambda year: abs(year - age)):
            take = min(int(left[other] - given[other]), int(short[age]))
            given[other] += take
            short[age] -= take
            if not short[age]:
                break
    return given


def _in_order(wishes: npt.NDArray[np.float64], given: Ints) -> Ints:
    """Hand ages out: the youngest to who wishes the youngest."""
    ages = np.empty(len(wishes), np.int64)
    ages[np.argsort(wishes)] = np.repeat(np.arange(len(given)), given)
    return ages


def _couples_and_singles(
    shape: Shape, starts: Ints, ages: Ints, left: Ints, rng: np.random.Generator
) -> None:
    """Fill in those without children at home with everybody who is left."""
    childless = shape.children == 0
    alone = starts[:-1][childless & (shape.adults == 1)]
    pairs = starts[:-1][childless & (shape.adults > 1)]
    people = np.repeat(np.arange(OLDEST + 1), left)
    knots, weights = np.array(_ALONE_BY_AGE).T
    inclined = np.interp(people, knots, weights)
    order = np.argsort(rng.standard_exponential(len(people)) / inclined)
    ages[alone] = people[order[: len(alone)]]
    rest = people[order[len(alone) :]]
    by_age = rest[np.argsort(rest + rng.normal(0, _COUPLE_SPREAD, len(rest)))]
    shuffled = rng.permutation(pairs)
    ages[shuffled] = by_age[0::2]
    ages[shuffled + 1] = by_age[1::2]
