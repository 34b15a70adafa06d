"""A population made of small tables.

What this module guarantees:

* The same parameters and seed give the same people.
* Ages are the country's to the person, household sizes to the household; residents of
  care homes are counted as households of one.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cosignal.simulator.contacts.days import stubs_per_contact
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.population.ages import Ints, ages_of
from cosignal.simulator.population.households import age_stock, shapes
from cosignal.simulator.population.people import (
    HOUSEHOLD,
    MIXING_BANDS,
    People,
    frozen,
    mixing_bands,
)
from cosignal.simulator.population.places import Places, form_places
from cosignal.simulator.population.remainder import (
    at_places,
    contacts_within,
    households,
    remainder,
    wanted,
)
from cosignal.simulator.population.stubs import Stubs, draw_stubs, reciprocal
from cosignal.simulator.population.tables import Country, country
from cosignal.simulator.streams import stream_key

_OLD: Final = 80
#: Regions are numbered with 16 bits.
MOST_REGIONS: Final = 65_535


class Homes(NamedTuple):
    """Who lives with whom, and where.

    Attributes:
        age: uint8[n].
        sizes: int64[h]. Members of each household, in order.
        region_of: uint16[h]. Ascending.
        resident: bool[n]. Who lives in a care home.
    """

    age: npt.NDArray[np.uint8]
    sizes: Ints
    region_of: npt.NDArray[np.uint16]
    resident: npt.NDArray[np.bool_]


def synthetic(parameters: Parameters) -> People:
    """Make a country's population in small.

    Args:
        parameters: Place, size, shares; the seed.
    """
    rng = np.random.default_rng(int(stream_key(parameters.seed, "population")))
    nation = country(parameters.population.place)
    homes = _homes(parameters, nation, rng)
    region = np.repeat(homes.region_of, homes.sizes)
    places = form_places(
        homes.age,
        region,
        homes.resident,
        parameters=parameters.population,
        country=nation,
        rng=rng,
    )
    stubs = community(
        homes, region, places, set(), parameters=parameters, nation=nation, rng=rng
    )
    return assemble(homes, region, places, stubs)


def community(
    homes: Homes,
    region: npt.NDArray[np.uint16],
    places: Places,
    given: set[int],
    *,
    parameters: Parameters,
    nation: Country,
    rng: np.random.Generator,
) -> Stubs:
    """Draw everybody's contacts in the community: what others leave of the matrices.

    Args:
        homes: Who lives with whom.
        region: Shape (n,), ascending.
        places: Who learns and works with whom.
        given: Layers of a network of the user's own.
        parameters: Dispersion, weekends, commuting.
        nation: Contact matrices.
        rng: Source of chance.
    """
    bands = mixing_bands(homes.age)
    people = np.bincount(bands, minlength=MIXING_BANDS).astype(float)
    total = reciprocal(wanted(nation, given), people)
    made = contacts_within(at_places(places, given), bands)
    if HOUSEHOLD not in given:
        made += contacts_within(households(homes.sizes), bands)
    elsewhere = reciprocal(nation.contacts["community"], people)
    left = remainder(total, made, elsewhere)
    matrix = np.divide(
        left, people[:, None], out=np.zeros_like(left), where=people[:, None] > 0
    )
    return draw_stubs(
        bands,
        region,
        matrix * stubs_per_contact(parameters.contacts),
        dispersion=parameters.contacts.community_dispersion,
        commuting=parameters.population.commuting,
        rng=rng,
    )


def assemble(
    homes: Homes,
    region: npt.NDArray[np.uint16],
    places: Places,
    stubs: Stubs,
) -> People:
    """Put the parts together, without a network."""
    sizes = homes.sizes
    start = np.concatenate([[0], np.cumsum(sizes)])
    regions = int(homes.region_of[-1]) + 1
    people = People(
        age=homes.age,
        household=np.repeat(np.arange(len(sizes), dtype=np.int32), sizes),
        household_start=start.astype(np.int32),
        region=region,
        region_start=np.searchsorted(region, np.arange(regions + 1)).astype(np.int64),
        **places._asdict(),
        **stubs._asdict(),
        network_start=np.zeros(1, np.int64),
        network_others=np.zeros(0, np.int32),
        network_layer=np.zeros(0, np.uint8),
        network_rate=np.zeros(0, np.float32),
    )
    return frozen(people)


def _homes(parameters: Parameters, nation: Country, rng: np.random.Generator) -> Homes:
    wanted = parameters.population
    stock = age_stock(nation.ages, wanted.agents)
    in_care = np.rint(stock * wanted.care_home_share).astype(np.int64)
    in_care[:_OLD] = 0
    shape = shapes(nation, stock - in_care, rng)
    private = ages_of(shape, stock - in_care, rng)
    old = np.repeat(np.arange(len(stock)), in_care)
    sizes = np.concatenate([shape.adults + shape.children, np.ones(len(old), int)])
    ages = np.concatenate([private, old]).astype(np.uint8)
    order = rng.permutation(len(sizes))
    people = _members_in(order, sizes)
    sizes = sizes[order]
    return Homes(
        age=ages[people],
        sizes=sizes,
        region_of=regions_by_size(sizes, wanted.region_size),
        resident=people >= len(private),
    )


def _members_in(order: Ints, sizes: Ints) -> Ints:
    """Numbers of all people when households stand in another order."""
    old_start = np.cumsum(sizes) - sizes
    moved = sizes[order]
    new_start = np.cumsum(moved) - moved
    return np.repeat(old_start[order] - new_start, moved) + np.arange(moved.sum())


def regions_by_size(sizes: Ints, region_size: int) -> npt.NDArray[np.uint16]:
    """Divide households among regions of about equal size.

    Args:
        sizes: Shape (h,). Members of each household.
        region_size: People of a region, at most, but for a household.

    Returns:
        Shape (h,), ascending.
    """
    people = int(sizes.sum())
    regions = min(-(-people // region_size), MOST_REGIONS)
    start = np.cumsum(sizes) - sizes
    return (start * regions // people).astype(np.uint16)
