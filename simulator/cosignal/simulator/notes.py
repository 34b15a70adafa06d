"""What a person has set that does nothing, or something else than it seems.

What this module guarantees:

* Notes are of parameters and the first lines of files alone; they change no run, and a
  scenario of defaults has none.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from cosignal.simulator.parameters.population import PopulationParameters
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.population.tables import country

_PEOPLE: Final = ("person", "age", "household", "region", "place", "place_kind")
_NETWORK: Final = ("person_a", "person_b", "layer", "rate")


def idle(parameters: Parameters) -> list[str]:
    """List what is set and does nothing, or something else than it seems.

    Args:
        parameters: Of a run; files that they name are looked into.

    Returns:
        One sentence each.
    """
    found = [*_late(parameters), *_unused(parameters)]
    if parameters.population.people:
        return [*found, *_columns(parameters.population)]
    return [*found, *_phones(parameters)]


def _late(parameters: Parameters) -> Iterator[str]:
    """What begins after the last day."""
    last = parameters.days - 1
    begins = [
        (f"variants.{number}.day", f"variant {item.name!r} never comes", item.day)
        for number, item in enumerate(parameters.variants)
    ]
    begins += [
        (f"closures.{number}.start", f"{item.layer} is never closed", item.start)
        for number, item in enumerate(parameters.closures)
    ]
    if parameters.vaccination.per_day:
        start = parameters.vaccination.start
        begins.append(("vaccination.start", "nobody is vaccinated", start))
    if parameters.app.adoption:
        begins.append(("app.start", "nobody has the app", parameters.app.start))
    for name, what, day in begins:
        if day > last:
            yield f"{name}: day {day} is after the last one, {last}; {what}"


def _unused(parameters: Parameters) -> Iterator[str]:
    """What only counts with another setting."""
    default = Parameters()
    vaccination = parameters.vaccination
    if not vaccination.per_day and vaccination != default.vaccination:
        yield "vaccination: per_day is 0, so nobody is vaccinated"
    own, plain = parameters.population, default.population
    if own.people and own.agents != plain.agents:
        yield f"population.agents: not used, for the people are those of {own.people}"


def _phones(parameters: Parameters) -> Iterator[str]:
    """More adoption than there are phones, in synthetic people."""
    pyramid = country(parameters.population.place).pyramid
    most = float(np.asarray(parameters.app.by_age) @ pyramid)
    adoption = parameters.app.adoption
    if adoption > most:
        yield (
            f"app.adoption: {adoption:g} is more than app.by_age says have a phone, "
            f"{most:.2g} of all people; so many get the app all the same, of each age "
            "more than by_age says, up to all"
        )


def _columns(named: PopulationParameters) -> Iterator[str]:
    """Columns of files that nothing reads."""
    files = [(named.people, _PEOPLE), *((path, _NETWORK) for path in named.networks)]
    for path, known in files:
        more = [name for name in _header(Path(path)) if name and name not in known]
        if more:
            yield (
                f"{path}: nothing reads {', '.join(map(repr, more))}; "
                f"known are {', '.join(known)}"
            )


def _header(path: Path) -> list[str]:
    """Names of a file's columns; none if it cannot be read, which the run will say."""
    try:
        if path.suffix == ".parquet":
            from pyarrow import parquet  # noqa: PLC0415 - an extra

            names: list[str] = parquet.read_schema(path).names
            return names
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [name.strip() for name in next(csv.reader(file), [])]
    except (OSError, ValueError, ImportError, csv.Error):
        return []
