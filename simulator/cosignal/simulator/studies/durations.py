"""How long contacts are, of all and of those that infect."""

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from cosignal.simulator.experiments.statistics import Estimate, estimate
from cosignal.simulator.parameters.tree import Parameters

if TYPE_CHECKING:
    from cosignal.simulator.contacts.days import DayContacts

#: Seeds, each a run of its own.
_RUNS: Final = 3
#: A weekday and people enough for a share to two digits.
_DAY: Final = 1
_PEOPLE: Final = 5_000


def measured(parameters: Parameters, name: str) -> Estimate:
    """Measure the contacts of a scenario's first days.

    Args:
        parameters: Of a scenario; contacts are remembered for 31 days, so that is how
            long its runs are at most.
        name: `household_contacts` in percent, `contact_hours` (median outside
            households), or `infecting_hours` (median of all contacts that infect).
    """
    return estimate([run[name] for run in _runs(parameters)])


@lru_cache(maxsize=2)
def _runs(parameters: Parameters) -> tuple[dict[str, float], ...]:
    seeds = range(parameters.seed, parameters.seed + _RUNS)
    return tuple(_run(parameters.with_values({"seed": seed})) for seed in seeds)


def _run(parameters: Parameters) -> dict[str, float]:
    # Only here: whoever lists studies need not wait for compiled code.
    from cosignal.simulator.simulation import Sim  # noqa: PLC0415

    sim = Sim(parameters=parameters)
    results = sim.run()
    ids = np.arange(min(_PEOPLE, results.agents), dtype=np.int32)
    who, whom, layer = sim.contacts(_DAY, ids)
    outside = layer > 0
    day = sim.contacts_on(_DAY)
    usual = _hours(who[outside], whom[outside], layer[outside], day)
    table = results.infections
    known = table.infector >= 0
    parts = [
        _hours(
            table.person[here],
            table.infector[here],
            table.layer[here],
            sim.contacts_on(number),
        )
        for number in range(parameters.days)
        if (here := known & (table.day == number)).any()
    ]
    return {
        "household_contacts": 100 * float((~outside).mean()),
        "contact_hours": float(np.median(usual)),
        "infecting_hours": float(np.median(np.concatenate(parts))),
    }


def _hours(
    who: npt.NDArray[np.int32],
    whom: npt.NDArray[np.int32],
    layers: npt.NDArray[np.uint8],
    day: "DayContacts",
) -> npt.NDArray[np.float64]:
    from cosignal.simulator.contacts.attributes import (  # noqa: PLC0415 - compiles
        contact_hours,
    )

    rows = zip(who.tolist(), whom.tolist(), layers.tolist(), strict=True)
    return np.array([contact_hours(i, j, layer, day) for i, j, layer in rows])
