"""Files of people and networks that a scenario names.

What this module guarantees:

* What is read is told by its SHA-256, so that a result is never compared with one of
  other people. Each file is read once, so that both are of the same bytes.

Where the paths are taken from says `parameters.paths`.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.population.columns import Table, contents, read_table
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
    held = [contents(path) for path in paths]
    digests = tuple(hashlib.sha256(data).hexdigest() for data in held)
    people, *networks = (
        read_table(Path(path), data) for path, data in zip(paths, held, strict=True)
    )
    return OwnFiles(people, tuple(networks), tuple(zip(paths, digests, strict=True)))
