"""Files of people and networks that a scenario names.

What this module guarantees:

* What is read is told by its SHA-256, so that a result is never compared with one of
  other people.

Where the paths are taken from says `parameters.paths`.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from cosignal.protocol.errors import UsageError
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.population.columns import Table, table
from cosignal.simulator.population.own import Population


@dataclass(frozen=True, eq=False)
class OwnFiles:
    """What was read.

    Attributes:
        people: Of the first file.
        networks: Of the others.
        digests: Path, and SHA-256 in hexadecimal digits, of each.
    """

    people: Table
    networks: tuple[Table, ...]
    digests: tuple[tuple[str, str], ...]

    def population(self, parameters: Parameters) -> Population:
        """Make the population; parameters and seed decide what the files leave out.

        Raises:
            UsageError: Something is wrong; it names file, row and column.
        """
        return Population.from_frame(
            self.people, network=self.networks, parameters=parameters
        )


def read_files(parameters: Parameters) -> OwnFiles | None:
    """Read the files that parameters name; None if they name none.

    Raises:
        UsageError: A file cannot be read.
    """
    named = parameters.population
    if not named.people:
        return None
    paths = (named.people, *named.networks)
    digests = tuple((path, _digest(path)) for path in paths)
    people, *networks = (table(path, path) for path in paths)
    return OwnFiles(people, tuple(networks), digests)


def _digest(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(
            f"{path}: expected a file of people or a network, got {error.strerror}",
            advice="Paths in a scenario are relative to its folder; on the command "
            "line, to where you are.",
        ) from error
