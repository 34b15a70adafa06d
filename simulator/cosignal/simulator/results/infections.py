"""All infections of a run: who, by whom, when, where.

What this module guarantees:

* One row for each infection, by ascending day, and within a day by ascending number of
  the person, those from outside first; a person infected twice has two rows.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cosignal.simulator.state import NEVER, State

Ids = npt.NDArray[np.int32]

#: Instead of a layer, for infections from outside.
OUTSIDE: Final = 255
#: Phases of the infector.
PRESYMPTOMATIC, SYMPTOMATIC, NO_SYMPTOMS, UNKNOWN = range(4)
PHASES: Final = ("presymptomatic", "symptomatic", "asymptomatic")


class InfectionTable(NamedTuple):
    """m infections.

    Attributes:
        person: int32[m].
        infector: int32[m]. -1 from outside.
        day: int16[m].
        layer: uint8[m]. Where, by `parameters.behaviour.LAYERS`; 255 from outside.
        variant: uint8[m].
        since: int16[m]. Days since the infector's infection; -1 from outside.
        phase: uint8[m]. Of the infector: `PRESYMPTOMATIC`, `SYMPTOMATIC`,
            `NO_SYMPTOMS` (they never have any), `UNKNOWN` from outside.
    """

    person: Ids
    infector: Ids
    day: npt.NDArray[np.int16]
    layer: npt.NDArray[np.uint8]
    variant: npt.NDArray[np.uint8]
    since: npt.NDArray[np.int16]
    phase: npt.NDArray[np.uint8]


class InfectionLog:
    """Gathers infections as they come."""

    def __init__(self) -> None:
        """Begin empty."""
        self._parts: list[InfectionTable] = []

    def add(self, day: int, rows: "NewInfections", state: State) -> None:
        """Note the infections of a day, before they change the state."""
        outside = rows.infectors < 0
        since = (day - state.infected_day[rows.infectors]).astype(np.int16)
        onset = state.onset_day[rows.infectors]
        phase = np.where(onset <= day, SYMPTOMATIC, PRESYMPTOMATIC)
        phase[onset == NEVER] = NO_SYMPTOMS
        since[outside], phase[outside] = NEVER, UNKNOWN
        self._parts.append(
            InfectionTable(
                rows.ids,
                rows.infectors,
                np.full(len(rows.ids), day, np.int16),
                rows.layers,
                rows.variants,
                since,
                phase.astype(np.uint8),
            )
        )

    def table(self) -> InfectionTable:
        """All infections up to now."""
        empty: dict[str, Any] = {
            name: np.empty(0, kind) for name, kind in _KINDS.items()
        }
        parts = [InfectionTable(**empty), *self._parts]
        columns: Any = zip(*parts, strict=True)
        return InfectionTable(*(np.concatenate(column) for column in columns))


class NewInfections(NamedTuple):
    """m infections of one day, before anything of them is drawn.

    Attributes:
        ids: int32[m]. Who; nobody twice.
        infectors: int32[m]. -1 from outside.
        layers: uint8[m]. `OUTSIDE` from outside.
        variants: uint8[m].
    """

    ids: Ids
    infectors: Ids
    layers: npt.NDArray[np.uint8]
    variants: npt.NDArray[np.uint8]


_KINDS: Final = {
    "person": np.int32,
    "infector": np.int32,
    "day": np.int16,
    "layer": np.uint8,
    "variant": np.uint8,
    "since": np.int16,
    "phase": np.uint8,
}
