"""What decides who meets whom on one day: a key, and how much of each layer remains.

What this module guarantees:

* A day's contacts follow from the seed, the day and these few numbers; nothing of them
  is stored, and any day can be looked at again as long as its `DayContacts` is kept.
* With less of a layer remaining, the contacts that remain are among those of before.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from cosignal.simulator.compiled import inlined
from cosignal.simulator.contacts.attributes import tables
from cosignal.simulator.parameters.population import ContactParameters
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.population.people import COMMUNITY, SCHOOL, WORK, People
from cosignal.simulator.streams import day_key, stream_key

DAYS_OF_WEEK: Final = 7
_SATURDAY: Final = 5


class DayContacts(NamedTuple):
    """One day.

    Attributes:
        day: Of the run.
        key: uint64. Of all draws of the day's contacts.
        keep: float32[5]. Share of the contacts of each layer that take place.
        stub_share: Share of the stubs of the community in use: what remains of the
            layer, less on weekdays than at weekends, or the other way round.
        hours: float32[2, 1024]. Durations at equally likely points: within households,
            elsewhere.
        metres: float32[1024]. Distances.
        dose_hours: float32[2, 1024]. Part of the dose by duration.
        dose_metres: float32[1024]. Part of the dose by distance.
    """

    day: int
    key: np.uint64
    keep: npt.NDArray[np.float32]
    stub_share: float
    hours: npt.NDArray[np.float32]
    metres: npt.NDArray[np.float32]
    dose_hours: npt.NDArray[np.float32]
    dose_metres: npt.NDArray[np.float32]


@inlined
def moved(contacts, day, key):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """A day like another one, on which people meet others.

    Args:
        contacts: `DayContacts`, the other one.
        day: Of the run.
        key: uint64. Of all draws of its contacts.
    """
    return DayContacts(day, key, *contacts[2:])


@njit(cache=True)
def _key(stream, day):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - numba
    return day_key(stream, day)


def day_contacts(
    people: People,  # noqa: ARG001 - all there is of a day but its numbers
    parameters: Parameters,
    day: int,
    factors: npt.ArrayLike = (1.0, 1.0, 1.0, 1.0, 1.0),
) -> DayContacts:
    """Fix a day's contacts.

    Args:
        people: Who meets.
        parameters: Seed, weekday of day 0, holidays, durations, distances.
        day: Of the run.
        factors: Shape (5,). Share of the contacts of each layer that remains.
    """
    contacts = parameters.contacts
    keep = np.array(factors, np.float32)
    weekend = (parameters.start_weekday + day) % DAYS_OF_WEEK >= _SATURDAY
    if weekend or any(first <= day < end for first, end in contacts.holidays):
        keep[SCHOOL] = 0
    if weekend:
        keep[WORK] = 0
    weekday_share, weekend_share = community_shares(contacts)
    in_use = weekend_share if weekend else weekday_share
    stub_share = float(keep[COMMUNITY]) * in_use
    key = np.uint64(_key(stream_key(parameters.seed, "contacts"), day))
    return DayContacts(day, key, keep, stub_share, *tables(contacts))


def community_shares(contacts: ContactParameters) -> tuple[float, float]:
    """Share of the stubs in use on a weekday, and on a day of the weekend."""
    most = max(1.0, contacts.weekend_community)
    return 1.0 / most, contacts.weekend_community / most


def stubs_per_contact(contacts: ContactParameters) -> float:
    """Stubs for each community contact a day, averaged over a week."""
    weekday, weekend = community_shares(contacts)
    return DAYS_OF_WEEK / (_SATURDAY * weekday + 2 * weekend)
