"""People of a user's own, with their households, regions, places and networks.

What this module guarantees:

* Every row becomes one person; `Population.persons` says which.
* What the user gives is taken as it is. What is left out is made as for a synthetic
  population: regions by size, classes and teams by age, community contacts by
  what is left of the country's matrices. A layer that the network has is not made.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cosignal.protocol.errors import UsageError
from cosignal.simulator.parameters.behaviour import LAYERS
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.population.columns import (
    Names,
    Table,
    first_where,
    one_of,
    read_csv,
    read_parquet,
    table,
)
from cosignal.simulator.population.network import connect, layers_of
from cosignal.simulator.population.people import (
    CARE,
    COMMUNITY,
    SCHOOL,
    People,
    owned,
)
from cosignal.simulator.population.places import (
    Places,
    fitted_rates,
    form_places,
    members_of,
)
from cosignal.simulator.population.stubs import no_stubs
from cosignal.simulator.population.synthetic import (
    MOST_REGIONS,
    Homes,
    assemble,
    community,
    regions_by_size,
)
from cosignal.simulator.population.tables import country
from cosignal.simulator.streams import stream_key

Ints = npt.NDArray[np.int64]

#: The greatest age that is believed.
_OLDEST: Final = 120
#: Kinds of places, by number of the layer.
_KINDS: Final = LAYERS[SCHOOL : CARE + 1]


@dataclass(frozen=True)
class Population:
    """People, and what the user calls them.

    Attributes:
        people: As everything else takes them.
        persons: Shape (n,). The user's name of each person, by our number.
        regions: Shape (r,). The user's name of each region; empty if there were none.
    """

    people: People
    persons: Names
    regions: Names

    @classmethod
    def from_frame(
        cls,
        frame: Any,  # noqa: ANN401 - frames of any library
        *,
        network: Any = None,  # noqa: ANN401 - frames of any library
        parameters: Parameters | None = None,
    ) -> "Population":
        """Make a population of a data frame.

        Args:
            frame: A pandas or Arrow table, or a mapping of columns: `person`, `age`
                (years), `household`; if wanted `region`, and `place` (empty for none)
                with `place_kind` (school, work or care).
            network: The same, or a path: `person_a`, `person_b`; if wanted `layer`,
                `rate`. Or a list of such. See `network.connect`.
            parameters: Country, sizes and seed for what is left out.

        Raises:
            UsageError: Something is wrong; it names row and column, and the fix.
        """
        links = _networks(network)
        return _population(table(frame, "people"), links, parameters or Parameters())

    @classmethod
    def from_csv(
        cls,
        path: str | Path,
        *,
        network: str | Path | Sequence[str | Path] | None = None,
        parameters: Parameters | None = None,
    ) -> "Population":
        """Make a population of text files; see `from_frame`."""
        links = _networks(network)
        return _population(read_csv(Path(path)), links, parameters or Parameters())

    @classmethod
    def from_parquet(
        cls,
        path: str | Path,
        *,
        network: str | Path | Sequence[str | Path] | None = None,
        parameters: Parameters | None = None,
    ) -> "Population":
        """Make a population of Parquet files; see `from_frame`. Needs pyarrow."""
        links = _networks(network)
        return _population(read_parquet(Path(path)), links, parameters or Parameters())


def _networks(source: Any) -> tuple[Table, ...]:  # noqa: ANN401 - frames, or several
    if source is None:
        return ()
    if isinstance(source, list | tuple):
        return tuple(table(one, f"network {i}") for i, one in enumerate(source, 1))
    return (table(source, "network"),)


def _population(
    rows: Table, networks: tuple[Table, ...], parameters: Parameters
) -> Population:
    rows.need("person", "age", "household")
    persons = rows.ids("person")
    _refuse_repeats(rows, persons)
    age = rows.numbers("age", 0, _OLDEST, whole=True).astype(np.uint8)
    household = np.unique(rows.ids("household"), return_inverse=True)[1]
    names, region = _regions(rows, household, parameters)
    order = np.lexsort((household, region))
    age, household, region = age[order], household[order], region[order]
    begins = np.flatnonzero(np.diff(household, prepend=-1))
    homes = Homes(
        age=age,
        sizes=np.diff(begins, append=len(age)),
        region_of=region[begins],
        resident=np.zeros(len(age), np.bool_),
    )
    given = {layer for item in networks for layer in layers_of(item).tolist()}
    people = _with_contacts(rows, order, homes, given, parameters)
    if networks:
        people = connect(people, persons[order], *networks)
    return Population(owned(people), persons[order], names)


def _refuse_repeats(rows: Table, persons: Names) -> None:
    _, first = np.unique(persons, return_index=True)
    repeated = np.ones(len(persons), bool)
    repeated[first] = False
    first_where(
        repeated,
        lambda row: UsageError(
            f"{rows.at(row)}: expected each 'person' once, "
            f"got {str(persons[row])!r} again",
            advice="Give each person a name of their own.",
        ),
    )


def _regions(
    rows: Table, household: Ints, parameters: Parameters
) -> tuple[Names, npt.NDArray[np.uint16]]:
    """Names of regions; region of each row."""
    if not rows.has("region"):
        sizes = np.bincount(household)
        by_household = regions_by_size(sizes, parameters.population.region_size)
        return np.zeros(0, np.str_), by_household[household]
    labels = rows.ids("region")
    names, region = np.unique(labels, return_inverse=True)
    if len(names) > MOST_REGIONS:
        raise UsageError(
            f"{rows.name}: expected at most {MOST_REGIONS} regions, got {len(names)}"
        )
    _, first = np.unique(household, return_index=True)
    home = region[first][household]
    first_where(
        region != home,
        lambda row: UsageError(
            f"{rows.at(row)}: expected a household within one region, "
            f"got {str(labels[row])!r} and {str(names[home[row]])!r}",
            advice="Correct 'region', or give the person another 'household'.",
        ),
    )
    return names, region.astype(np.uint16)


def _with_contacts(
    rows: Table, order: Ints, homes: Homes, given: set[int], parameters: Parameters
) -> People:
    """Make what the user left out."""
    rng = np.random.default_rng(int(stream_key(parameters.seed, "population")))
    nation = country(parameters.population.place)
    region = np.repeat(homes.region_of, homes.sizes)
    if rows.has("place"):
        place, kinds = _places(rows)
        place = place[order]
    else:
        made = form_places(
            homes.age,
            region,
            homes.resident,
            parameters=parameters.population,
            country=nation,
            rng=rng,
        )
        place, kinds = _without(made, given)
    start, members = members_of(place, len(kinds))
    rates = fitted_rates(homes.age, place, kinds, parameters.population, nation)
    places = Places(place, kinds, start, members, rates)
    stubs = no_stubs(len(homes.age), len(np.unique(homes.region_of)))
    if COMMUNITY not in given:
        stubs = community(
            homes, region, places, given, parameters=parameters, nation=nation, rng=rng
        )
    return assemble(homes, region, places, stubs)


def _without(
    made: Places, layers: set[int]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """Drop places of some layers; place of each person, kind of each place left."""
    stays = ~np.isin(made.place_kind, list(layers))
    number = np.append(np.where(stays, np.cumsum(stays) - 1, -1), -1)
    return number[made.place].astype(np.int32), made.place_kind[stays]


def _places(rows: Table) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """Place of each row, kind of each place."""
    rows.need("place", "place_kind")
    labels = rows.texts("place")
    kinds = rows.texts("place_kind")
    inside = labels != ""
    first_where(
        inside & ~np.isin(kinds, _KINDS),
        lambda row: UsageError(
            f"{rows.at(row)}: expected 'place_kind' {one_of(_KINDS)}, "
            f"got {str(kinds[row])!r}",
            advice="Say what kind of place it is.",
        ),
    )
    names, first, place = np.unique(
        labels[inside], return_index=True, return_inverse=True
    )
    kind = kinds[inside][first]
    of_row = np.full(len(labels), "", kinds.dtype)
    of_row[inside] = kind[place] if len(names) else ""
    first_where(
        inside & (kinds != of_row),
        lambda row: UsageError(
            f"{rows.at(row)}: expected one 'place_kind' for place "
            f"{str(labels[row])!r}, got {str(kinds[row])!r} and {str(of_row[row])!r}",
            advice="Give places of different kinds different names.",
        ),
    )
    found = np.full(len(labels), -1, np.int32)
    found[inside] = place
    number = np.array([LAYERS.index(name) for name in kind.tolist()], np.uint8)
    return found, number
