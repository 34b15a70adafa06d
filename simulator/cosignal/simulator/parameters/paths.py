"""Paths of own people in parameters: on a command line, in a scenario, in a result.

What this module guarantees:

* A path in a scenario or a result is relative to that file's folder, so that a folder
  with all of them can be moved. In parameters it is as this process uses it.
"""

import os
from collections.abc import Callable
from pathlib import Path

from cosignal.simulator.parameters.tree import Parameters


def with_files(
    parameters: Parameters, people: Path | None, networks: list[Path] | None
) -> Parameters:
    """Name other files, where any are given.

    Args:
        parameters: Which may name files already.
        people: In place of theirs.
        networks: In place of theirs.
    """
    values: dict[str, object] = {}
    if people is not None:
        # A network of other people would name nobody.
        values = {"population.people": str(people), "population.networks": []}
    if networks:
        values["population.networks"] = [str(path) for path in networks]
    return parameters.with_values(values)


def seen_from(parameters: Parameters, folder: Path) -> Parameters:
    """Write paths as a file in a folder names them: from there."""
    return _renamed(parameters, lambda path: os.path.relpath(path, folder))


def found_from(parameters: Parameters, folder: Path) -> Parameters:
    """Take paths as a file in a folder names them."""
    return _renamed(parameters, lambda path: str(folder / path))


def _renamed(parameters: Parameters, rename: Callable[[str], str]) -> Parameters:
    named = parameters.population
    if not named.people:
        return parameters
    moved = [rename(path) for path in (named.people, *named.networks)]
    return parameters.with_values(
        {"population.people": moved[0], "population.networks": moved[1:]}
    )
