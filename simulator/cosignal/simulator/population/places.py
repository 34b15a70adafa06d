"""Classes with teachers, teams at work, units of care homes with staff.

What this module guarantees:

* Nobody is in two places; everybody in a place lives in one region.
* Meeting rates are such that mean contacts at school and at work, by band of age, are
  those of the contact matrices, as far as who is there allows: a rate cannot exceed 1,
  and who neither learns nor works has no such contact.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cosignal.simulator.parameters.population import PopulationParameters
from cosignal.simulator.population.people import (
    CARE,
    MIXING_BANDS,
    SCHOOL,
    WORK,
    mixing_bands,
)
from cosignal.simulator.population.tables import Country

Ages = npt.NDArray[np.uint8]
Ids = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

#: Share of an age that goes to school or university (OECD, Education at a Glance).
_LEARNING: Final = (
    (2.9, 0.0),
    (3, 0.97),
    (17, 0.97),
    (18, 0.7),
    (20, 0.45),
    (25, 0.05),
)
_LEARNING_END: Final = 26
#: Adults of a class: a teacher for each 12 or 13 pupils (OECD, Education at a Glance).
_STAFF_OF_CLASS: Final = 2
_STAFF_AGES: Final = (23, 64)
#: Employment by age relative to its mean from 20 to 64 (Eurostat 2019, in shape).
_WORKING: Final = ((15, 0.0), (17, 0.2), (20, 0.9), (27, 1.12), (54, 1.12), (64, 0.4))
_RETIRED: Final = 65
_WORKING_AGES: Final = (20, 64)
_MOST_EMPLOYED: Final = 0.97
#: Spread of ages in a team: colleagues are somewhat alike (matrices "work").
_TEAM_SPREAD: Final = 5.0
_WORKDAYS_A_WEEK: Final = 7 / 5
_ROUNDS: Final = 60
#: Activity of a band: where the fit begins, and how far it may go.
_FIRST_ACTIVITY, _LEAST, _MOST = 0.5, 1e-4, 3.0
#: Bands whose contacts are fitted: of who learns, and of who works. The rest, teachers
#: in classes and the few who work before 20 and after 60, meet who is there.
_FITTED: Final = {SCHOOL: ("school", slice(0, 3)), WORK: ("work", slice(2, 6))}


class Places(NamedTuple):
    """The arrays of the same names of `People`."""

    place: npt.NDArray[np.int32]
    place_kind: npt.NDArray[np.uint8]
    place_start: npt.NDArray[np.int64]
    place_members: npt.NDArray[np.int32]
    place_rate: npt.NDArray[np.float32]


class _Draft:
    """Places as they are formed."""

    def __init__(self, ages: Ages, region: npt.NDArray[np.uint16]) -> None:
        self.ages = ages
        self.region = region.astype(np.int64)
        self.regions = int(region[-1]) + 1
        self.place = np.full(len(ages), -1, np.int64)
        self.kinds: list[npt.NDArray[np.uint8]] = []
        self.count = 0

    def form(self, members: Ids, order: Floats, size: int, kind: int) -> Ids:
        """Divide people into places of about one size, region by region.

        Args:
            members: Who.
            order: Shape (len(members),). Neighbours in this order come together.
            size: Of a place.
            kind: `SCHOOL`, `WORK` or `CARE`.

        Returns:
            Shape (r + 1,). First new place of each region.
        """
        region = self.region[members]
        by_order = np.lexsort((order, region))
        people = np.bincount(region, minlength=self.regions)
        places = np.where(people > 0, np.maximum(1, np.rint(people / size)), 0)
        first = np.concatenate([[0], np.cumsum(places)]).astype(np.int64) + self.count
        region = region[by_order]
        rank = _ranks(region, people)
        share = rank * places[region] // people[region]
        self.place[members[by_order]] = first[region] + share.astype(np.int64)
        self.kinds.append(np.full(int(places.sum()), kind, np.uint8))
        self.count = int(first[-1])
        return first

    def staff(self, first: Ids, wanted: Ids, rng: np.random.Generator) -> None:
        """Put free adults into places.

        Args:
            first: Shape (r + 1,). First place of each region.
            wanted: Shape (r,). How many adults in all in each region.
            rng: Source of chance.
        """
        low, high = _STAFF_AGES
        free = (self.place < 0) & (self.ages >= low) & (self.ages <= high)
        adults = rng.permutation(np.flatnonzero(free))
        adults = adults[np.argsort(self.region[adults], kind="stable")]
        region = self.region[adults]
        rank = _ranks(region, np.bincount(region, minlength=self.regions))
        chosen = rank < wanted[region]
        adults, region, rank = adults[chosen], region[chosen], rank[chosen]
        self.place[adults] = first[region] + rank % np.diff(first)[region]


def _ranks(region: Ids, people: Ids) -> Ids:
    """Number within the region of each of some people who stand by region."""
    return np.arange(len(region)) - (np.cumsum(people) - people)[region]


def form_places(
    ages: Ages,
    region: npt.NDArray[np.uint16],
    resident: Flags,
    *,
    parameters: PopulationParameters,
    country: Country,
    rng: np.random.Generator,
) -> Places:
    """Send everybody to school or work.

    Args:
        ages: Shape (n,), years.
        region: Shape (n,), ascending.
        resident: Shape (n,). Who lives in a care home.
        parameters: Sizes and shares.
        country: Its contact matrices.
        rng: Source of chance.
    """
    draft = _Draft(ages, region)
    _classes(draft, parameters, rng)
    _care_units(draft, resident, parameters, rng)
    _teams(draft, resident, parameters, rng)
    kinds = np.concatenate(draft.kinds) if draft.kinds else np.zeros(0, np.uint8)
    place = draft.place.astype(np.int32)
    start, members = members_of(place, len(kinds))
    rates = fitted_rates(ages, place, kinds, parameters, country)
    return Places(place, kinds, start, members, rates)


def fitted_rates(
    ages: Ages,
    place: npt.NDArray[np.int32],
    kinds: npt.NDArray[np.uint8],
    parameters: PopulationParameters,
    country: Country,
) -> npt.NDArray[np.float32]:
    """Choose how often two of each place meet on a working day.

    Args:
        ages: Shape (n,), years.
        place: Shape (n,), -1 for none.
        kinds: Shape (p,). `SCHOOL`, `WORK` or `CARE`.
        parameters: How often people meet in care homes.
        country: Its contact matrices, for schools and work.

    Returns:
        Shape (p,).
    """
    rates = np.full(len(kinds), parameters.care_home_meeting, np.float32)
    for kind, (setting, fitted) in _FITTED.items():
        of_kind = kinds == kind
        target = country.contacts[setting].sum(axis=1) * _WORKDAYS_A_WEEK
        rates[of_kind] = meeting_rates(ages, place, of_kind, target, fitted)
    return rates


def members_of(
    place: npt.NDArray[np.int32], count: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """List the members of each place, ascending.

    Args:
        place: Shape (n,), -1 for none.
        count: How many places there are.

    Returns:
        Shape (count + 1,): first of each place; the members.
    """
    inside = np.flatnonzero(place >= 0)
    where = place[inside]
    members = inside[np.argsort(where, kind="stable")].astype(np.int32)
    start = np.concatenate([[0], np.cumsum(np.bincount(where, minlength=count))])
    return start.astype(np.int64), members


def _classes(
    draft: _Draft, parameters: PopulationParameters, rng: np.random.Generator
) -> None:
    """Pupils of about one age, and two adults."""
    years, shares = np.array(_LEARNING).T
    share = np.interp(draft.ages, years, shares) * (draft.ages < _LEARNING_END)
    pupils = np.flatnonzero(rng.random(len(share)) < share)
    order = draft.ages[pupils] + rng.random(len(pupils))
    first = draft.form(pupils, order, parameters.class_size, SCHOOL)
    draft.staff(first, np.diff(first) * _STAFF_OF_CLASS, rng)


def _care_units(
    draft: _Draft,
    resident: Flags,
    parameters: PopulationParameters,
    rng: np.random.Generator,
) -> None:
    residents = np.flatnonzero(resident)
    order = rng.random(len(residents))
    first = draft.form(residents, order, parameters.care_home_unit, CARE)
    people = np.bincount(draft.region[residents], minlength=draft.regions)
    wanted = np.rint(people * parameters.care_home_staff).astype(np.int64)
    draft.staff(first, wanted, rng)


def _teams(
    draft: _Draft,
    resident: Flags,
    parameters: PopulationParameters,
    rng: np.random.Generator,
) -> None:
    """Everybody else who works, in teams of somewhat similar age."""
    ages = draft.ages
    low, high = _WORKING_AGES
    of_age = (ages >= low) & (ages <= high)
    years, weights = np.array(_WORKING).T
    weight = np.interp(ages, years, weights) * (ages < _RETIRED)
    free = (draft.place < 0) & ~resident
    wanted = parameters.employment * of_age.sum()
    taken = int((of_age & (draft.place >= 0)).sum()) - _learners(draft, of_age)
    chance = _scaled(weight * free, max(0.0, wanted - taken))
    workers = np.flatnonzero(rng.random(len(ages)) < chance)
    order = ages[workers] + rng.normal(0, _TEAM_SPREAD, len(workers))
    draft.form(workers, order, parameters.team_size, WORK)


def _learners(draft: _Draft, of_age: Flags) -> int:
    """How many in a class, by age, learn there and do not work."""
    young = of_age & (draft.place >= 0) & (draft.ages < _STAFF_AGES[0])
    return int(young.sum())


def _scaled(weight: Floats, total: float) -> Floats:
    """Probabilities in proportion to a weight, with a given sum as far as may be."""
    if not weight.any():
        return weight
    low, high = 0.0, 100.0
    for _ in range(30):
        middle = (low + high) / 2
        if np.minimum(weight * middle, _MOST_EMPLOYED).sum() < total:
            low = middle
        else:
            high = middle
    return np.minimum(weight * low, _MOST_EMPLOYED)


def meeting_rates(
    ages: Ages,
    place: npt.NDArray[np.int32],
    of_kind: Flags,
    target: Floats,
    fitted: slice,
) -> Floats:
    """Choose how often two of a place meet, to give each band its mean contacts.

    A place's rate is the mean of its members' activities, one for each fitted band;
    activities are scaled until the bands' means fit (iterative proportional fitting).

    Args:
        ages: Shape (n,), years.
        place: Shape (n,), -1 for none.
        of_kind: Shape (p,). The places in question.
        target: Shape (8,). Mean contacts of everybody of a band on a working day.
        fitted: Bands whose activity counts.

    Returns:
        Shape (number of places in question,).
    """
    bands = mixing_bands(ages)
    people = np.bincount(bands, minlength=MIXING_BANDS)[fitted]
    inside = place >= 0
    joint = place[inside].astype(np.int64) * MIXING_BANDS + bands[inside]
    count = np.bincount(joint, minlength=len(of_kind) * MIXING_BANDS)
    members = count.reshape(len(of_kind), MIXING_BANDS)[of_kind].astype(float)
    others = members.sum(axis=1) - 1
    members = members[:, fitted]
    wanted = target[fitted] * people
    activity = np.full(len(people), _FIRST_ACTIVITY)
    for _ in range(_ROUNDS):
        reached = members.T @ (_rates(members, activity) * others)
        change = np.divide(
            wanted, reached, out=np.ones_like(reached), where=reached > 0
        )
        activity = (activity * change.clip(0.5, 2)).clip(_LEAST, _MOST)
    return _rates(members, activity)


def _rates(members: Floats, activity: Floats) -> Floats:
    size = np.maximum(members.sum(axis=1), 1)
    found: Floats = np.minimum(1.0, members @ activity / size)
    return found
