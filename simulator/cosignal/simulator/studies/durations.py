"""How long contacts of cases are, of all and of those that infect, as an app counts.

What this module guarantees:

* A contact is a case and somebody met in the window in which an app looks back; its
  time is that of all their meetings in this window, over days and places.
* It is one within the household if they live together.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cosignal.simulator.experiments.statistics import Estimate, estimate
from cosignal.simulator.parameters.tree import Parameters

if TYPE_CHECKING:
    from cosignal.simulator.contacts.days import DayContacts
    from cosignal.simulator.simulation import Sim

Ids = npt.NDArray[np.int64]

#: Cases of a run, at most: enough for a share to two digits.
_CASES: Final = 1_000
#: The window: from two days before symptoms (Leng 2022, of the NHS COVID-19 app) to
#: the result of a test (a day to the test, a day to the result; OpenABM-Covid19).
_BEFORE, _AFTER = 2, 2


class Exposures(NamedTuple):
    """c contacts of cases.

    Attributes:
        case: int64[c].
        other: int64[c].
        hours: float64[c]. In all.
        at_home: bool[c]. Whether the two live together.
        infects: bool[c]. Whether the case infected the other one in the window.
    """

    case: Ids
    other: Ids
    hours: npt.NDArray[np.float64]
    at_home: npt.NDArray[np.bool_]
    infects: npt.NDArray[np.bool_]


def measured(parameters: Parameters, name: str, runs: int) -> Estimate:
    """Measure the contacts of a scenario's first cases.

    Args:
        parameters: Of a scenario; contacts are remembered for 31 days, so that is how
            long its runs are at most.
        name: `household_contacts` or `household_infections`, in percent;
            `contact_hours` or `infecting_hours`, medians.
        runs: How many, of one seed each.
    """
    return estimate([run[name] for run in _runs(parameters, runs)])


@lru_cache(maxsize=2)
def _runs(parameters: Parameters, runs: int) -> tuple[dict[str, float], ...]:
    seeds = range(parameters.seed, parameters.seed + runs)
    return tuple(_run(parameters.with_values({"seed": seed})) for seed in seeds)


def _run(parameters: Parameters) -> dict[str, float]:
    # Only here: whoever lists studies need not wait for compiled code.
    from cosignal.simulator.simulation import Sim  # noqa: PLC0415

    sim = Sim(parameters=parameters)
    sim.run()
    found = exposures(sim)
    return {
        "household_contacts": 100 * float(found.at_home.mean()),
        "household_infections": 100 * float(found.at_home[found.infects].mean()),
        "contact_hours": float(np.median(found.hours)),
        "infecting_hours": float(np.median(found.hours[found.infects])),
    }


def exposures(sim: "Sim") -> Exposures:
    """List the contacts of the first cases with symptoms, each with all its hours.

    Args:
        sim: A run of at most 32 days that is over.
    """
    cases, onset = _cases(sim)
    parts = []
    for day in range(sim.parameters.days):
        near = (onset - _BEFORE <= day) & (day <= onset + _AFTER)
        near &= sim.state.infected_day[cases] < day
        if near.any():
            who, whom, layer = sim.contacts(day, cases[near].astype(np.int32))
            hours = _hours(who, whom, layer, sim.contacts_on(day))
            parts.append((who.astype(np.int64), whom.astype(np.int64), hours))
    who, whom, hours = (np.concatenate(column) for column in zip(*parts, strict=True))
    people = len(sim.people.age)
    pairs, of_pair = np.unique(who * people + whom, return_inverse=True)
    case, other = np.divmod(pairs, people)
    home = sim.people.household
    return Exposures(
        case,
        other,
        np.bincount(of_pair, hours).astype(np.float64),
        home[case] == home[other],
        np.isin(pairs, _transmissions(sim, cases, onset)),
    )


def _cases(sim: "Sim") -> tuple[Ids, Ids]:
    """The first cases with symptoms whose window is over, and the days of onset."""
    onset = sim.state.onset_day.astype(np.int64)
    able = (onset >= _BEFORE) & (onset + _AFTER < sim.parameters.days)
    first = np.argsort(np.where(able, onset, sim.parameters.days), kind="stable")
    cases = first[: min(_CASES, int(able.sum()))]
    return cases, onset[cases]


def _transmissions(sim: "Sim", cases: Ids, onset: Ids) -> Ids:
    """Who infected whom in a window, as one number each."""
    begins = np.full(len(sim.people.age), sim.parameters.days, np.int64)
    begins[cases] = onset - _BEFORE
    table = sim.results.infections
    known = table.infector >= 0
    who, whom = table.infector[known].astype(np.int64), table.person[known]
    since = table.day[known] - begins[who]
    inside = (since >= 0) & (since <= _BEFORE + _AFTER)
    return who[inside] * len(begins) + whom[inside]


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
