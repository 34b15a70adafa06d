"""What is left for the community: contacts that no household and no place makes.

What this module guarantees:

* Mean contacts a day by band of age, all layers together, are those of the matrices,
  all settings together, wherever households and places do not make more already; but
  for contacts elsewhere than at home, school and work, which nothing else makes.
* What is left is reciprocal: contacts of a with b are as many as those of b with a.

Matrices count at home guests and hosts beside the household, and at school and work
people who are in no class or team here. They are met in the community, since that is
where somebody else is met each day.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from cosignal.simulator.population.people import (
    CARE,
    HOUSEHOLD,
    MIXING_BANDS,
    SCHOOL,
    WORK,
)
from cosignal.simulator.population.places import Places
from cosignal.simulator.population.tables import Country

Floats = npt.NDArray[np.float64]

#: Layer of each setting whose contacts somebody else may have given.
_LAYERS: Final = {"home": HOUSEHOLD, "school": SCHOOL, "work": WORK}
#: Share of the days on which people of a place are there.
_PRESENT: Final = {SCHOOL: 5 / 7, WORK: 5 / 7, CARE: 1.0}
_ROUNDS: Final = 200


class Groups(NamedTuple):
    """Who is together: g households or places.

    Attributes:
        start: Shape (g + 1,). First of each in `members`.
        members: Who.
        rates: Shape (g,). Probability that two of them meet on a day.
    """

    start: npt.NDArray[np.int64]
    members: npt.NDArray[np.int32]
    rates: Floats


def households(sizes: npt.NDArray[np.int64]) -> Groups:
    """All members meet every day.

    Args:
        sizes: Shape (h,). Members of each household, in order.
    """
    start = np.concatenate([[0], np.cumsum(sizes)])
    members = np.arange(start[-1], dtype=np.int32)
    return Groups(start, members, np.ones(len(sizes)))


def at_places(places: Places, given: set[int]) -> Groups:
    """Members meet at their place's rate, on the days on which they are there.

    Args:
        places: Classes, teams, units of care homes.
        given: Layers of which no contact counts.
    """
    days = np.zeros(CARE + 1)
    for layer in _PRESENT.keys() - given:
        days[layer] = _PRESENT[layer]
    rates = places.place_rate * days[places.place_kind]
    return Groups(places.place_start, places.place_members, rates)


def contacts_within(groups: Groups, bands: npt.NDArray[np.uint8]) -> Floats:
    """Count the mean contacts a day that some groups make.

    Args:
        groups: Who is together.
        bands: Shape (n,). Of age, 0 to 7.

    Returns:
        Shape (8, 8). Of all people of the row with people of the column; symmetric.
    """
    total = np.zeros((MIXING_BANDS, MIXING_BANDS))
    _count(*groups, bands, np.zeros(MIXING_BANDS), total)
    return total


@njit(cache=True, nogil=True)
def _count(start, members, rates, bands, inside, total):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - numba
    for group in range(rates.size):
        inside[:] = 0
        for at in range(start[group], start[group + 1]):
            inside[bands[members[at]]] += 1
        for one in range(inside.size):
            if not inside[one]:
                continue
            for other in range(inside.size):
                pairs = inside[one] * (inside[other] - (one == other))
                total[one, other] += rates[group] * pairs


def wanted(country: Country, given: set[int]) -> Floats:
    """Mean contacts of a person by the matrices of all settings.

    Args:
        country: Its contact matrices.
        given: Layers whose contacts are known otherwise; their setting is left out.

    Returns:
        Shape (8, 8).
    """
    parts = [
        matrix
        for setting, matrix in country.contacts.items()
        if _LAYERS.get(setting) not in given
    ]
    total: Floats = np.sum(parts, axis=0)
    return total


def remainder(total: Floats, made: Floats, least: Floats | float = 0.0) -> Floats:
    """What is left of contacts, by whom and with whom.

    Where some bands have more already than wanted, others have less, so that each band
    has its number as far as may be: rows and columns are scaled alike until they fit.

    Args:
        total: Shape (8, 8), symmetric. Contacts a day that are wanted.
        made: Shape (8, 8), symmetric. Those that there are.
        least: Shape (8, 8), symmetric. Those that are left in any case.

    Returns:
        Shape (8, 8), symmetric, 0 or more.
    """
    least = np.broadcast_to(least, total.shape)
    left = np.maximum(total - made, least)
    rows = np.maximum((total - made).sum(axis=1), least.sum(axis=1))
    scale = np.ones(len(rows))
    for _ in range(_ROUNDS):
        reached = scale * (left @ scale)
        scale *= np.sqrt(
            np.divide(rows, reached, out=np.zeros_like(rows), where=reached > 0)
        )
    found: Floats = left * np.outer(scale, scale)
    return found
