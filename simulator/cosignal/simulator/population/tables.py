"""Small bundled tables: age pyramids, household sizes, contact matrices.

What this module guarantees:

* Every table says in its first line where its numbers come from.
* Tables are read once; what is handed out must not be changed, and cannot be.
"""

import csv
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: Settings of a contact matrix. "home" is wider than the household, as it counts
#: guests: see `remainder`.
SETTINGS: Final = ("home", "school", "work", "community")
_DECADE: Final = 10
#: Survival falls by about this factor a year beyond 80.
_OLD_AGE: Final = 0.88
OLDEST: Final = 100


@dataclass(frozen=True)
class Country:
    """What is known of a country.

    Attributes:
        pyramid: Shape (9,). Share of people by decade of age, the last 80 and more.
        ages: Shape (101,). Share of people by year of age, the last 100 and more.
        sizes: Shape (6,). Share of households by members, the last 6 and more.
        lone_parents: Share of households of one parent with children.
        contacts: Shape (8, 8) by setting. Mean contacts a day of a person of the band
            of the row with people of the band of the column; each country has its own.
        sources: First lines of the tables.
    """

    pyramid: Floats
    ages: Floats
    sizes: Floats
    lone_parents: float
    contacts: dict[str, Floats]
    sources: tuple[str, ...]


@lru_cache(maxsize=8)
def country(place: str) -> Country:
    """Look a country up.

    Args:
        place: One of `parameters.population.PLACES`.
    """
    pyramid, pyramid_source = _rows("pyramid")
    households, household_source = _rows("households")
    matrices, contact_source = _rows(f"contacts_{place}")
    people = _floats(pyramid[place])
    shares = people / people.sum()
    *sizes, lone = _floats(households[place]).tolist()
    return Country(
        pyramid=_fixed(shares),
        ages=_fixed(_by_year(shares)),
        sizes=_fixed(np.array(sizes) / sum(sizes)),
        lone_parents=lone,
        contacts={name: _fixed(_matrix(matrices, name)) for name in SETTINGS},
        sources=(pyramid_source, household_source, contact_source),
    )


def _rows(name: str) -> tuple[dict[str, list[str]], str]:
    text = (files(__package__) / "data" / f"{name}.csv").read_text("utf-8")
    source, _, *lines = text.splitlines()
    if not name.startswith("contacts"):
        return {row[0]: row[1:] for row in csv.reader(lines)}, source
    rows = {f"{row[0]} {row[1]}": row[2:] for row in csv.reader(lines)}
    return rows, source


def _floats(row: list[str]) -> Floats:
    return np.array([float(value) for value in row])


def _fixed(values: Floats) -> Floats:
    values.setflags(write=False)
    return values


def _matrix(rows: dict[str, list[str]], setting: str) -> Floats:
    return np.stack(
        [_floats(row) for key, row in rows.items() if key.split()[0] == setting]
    )


def _by_year(shares: Floats) -> Floats:
    """Spread decades over their years; beyond 80 each year is rarer than the last."""
    old = _OLD_AGE ** np.arange(OLDEST + 1 - (len(shares) - 1) * _DECADE)
    young = np.repeat(shares[:-1] / _DECADE, _DECADE)
    return np.concatenate([young, shares[-1] * old / old.sum()])
