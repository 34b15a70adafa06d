"""Infections that come from outside: the first ones, new variants, travellers.

What this module guarantees:

* Seeds are infections: as many as asked for, as long as so many people can be infected
  by that variant; without replacement, in proportion to what immunity and vaccine
  leave.
* An arrival is an exposure: of somebody at random who is alive, and takes with the
  probability that immunity and vaccine leave; of somebody infected it changes nothing.
* What infects nobody is counted.
* Who arrives on a day depends on the seed and the day, and on who can be infected; not
  on what was drawn before. Susceptibility by age plays no part, unless it is 0.
"""

import math
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import uint64

from cosignal.protocol.errors import UsageError
from cosignal.simulator.compiled import kernel
from cosignal.simulator.disease.immunity import opening
from cosignal.simulator.disease.tables import Tables
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.state import DEAD, State
from cosignal.simulator.streams import day_key, uniform

Ids = npt.NDArray[np.int32]

#: Numbers of an arrival's draws: tries to find somebody alive, then luck.
_TRIES, _LUCK = 64, 64
#: First number of the draws of seeds, one for each variant.
_SEEDS = 1000


class Arrivals(NamedTuple):
    """Infections from outside on one day.

    Attributes:
        ids: int32[m]. Who, ascending, nobody twice.
        variants: uint8[m].
        failed: How many seeds and arrivals infected nobody.
    """

    ids: Ids
    variants: npt.NDArray[np.uint8]
    failed: int


def check_seeds(parameters: Parameters, people: int) -> None:
    """Refuse more seeds on one day than there are people.

    Args:
        parameters: `disease.seeds`, and those of the variants.
        people: How many there are.

    Raises:
        UsageError: The message names the field that is too large.
    """
    seeded: Counter[int] = Counter()
    for name, day, seeds in _planned(parameters):
        room = people - seeded[day]
        if seeds > room:
            raise UsageError(
                f"{name}: expected at most {room}, the number of people left on day "
                f"{day}, got {seeds}",
                advice="Give fewer seeds, or more people.",
            )
        seeded[day] += seeds


def arrivals(
    parameters: Parameters, state: State, tables: Tables, day: int, stream: np.uint64
) -> Arrivals:
    """Draw who is infected from outside on a day.

    Args:
        parameters: `disease.seeds` on day 0, `disease.imports` on all days, and those
            of the variants.
        state: Who can be infected.
        tables: How immunity and vaccine protect.
        day: Of the run.
        stream: `imports`.
    """
    key = np.uint64(_key(stream, day))
    ids, variants = np.empty(0, np.int32), np.empty(0, np.uint8)
    wanted = 0
    for variant, (_, first, seeds) in enumerate(_planned(parameters)):
        if first == day and seeds > 0:
            found = _seeded(key, variant, seeds, ids, day, state, tables)
            ids = np.concatenate([ids, found])
            variants = np.append(variants, np.full(len(found), variant, np.uint8))
            wanted += seeds
    if parameters.disease.imports > 0:
        exposed = _exposed(key, parameters.disease.imports, day, state, tables)
        found = np.setdiff1d(exposed[exposed >= 0], ids)
        ids = np.concatenate([ids, found])
        variants = np.append(variants, np.zeros(len(found), np.uint8))
        wanted += len(exposed)
    order = np.argsort(ids)
    return Arrivals(ids[order], variants[order], wanted - len(ids))


def _planned(parameters: Parameters) -> Iterator[tuple[str, int, int]]:
    """Name, day and seeds of each variant, the first one first."""
    yield "disease.seeds", 0, parameters.disease.seeds
    for index, variant in enumerate(parameters.variants):
        yield f"variants.{index}.seeds", variant.day, variant.seeds


def _seeded(  # noqa: PLR0917 - as a kernel
    key: np.uint64,
    variant: int,
    seeds: int,
    taken: Ids,
    day: int,
    state: State,
    tables: Tables,
) -> Ids:
    """As many people as can be infected, up to `seeds`: who is first in a race."""
    times = np.empty(len(state.status))
    _race(key, variant, day, times, state, tables)
    times[taken] = np.inf
    able: Ids = np.flatnonzero(times < np.inf).astype(np.int32)
    if len(able) > seeds:
        able = able[np.argpartition(times[able], seeds)[:seeds]]
    return able


@kernel
def _race(key, variant, day, times, state, tables):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917
    """Waiting times at rates of what protection leaves; without end where nothing is.

    Those who come first are a sample without replacement, in proportion to the rates.
    """
    for i in range(len(times)):
        rate = opening(i, variant, day, state, tables)
        luck = uniform(key, i, uint64(_SEEDS) + uint64(variant))
        times[i] = -math.log(1.0 - luck) / rate if rate > 0.0 else math.inf


def _exposed(
    key: np.uint64, mean: float, day: int, state: State, tables: Tables
) -> Ids:
    """Whom each of a day's arrivals infects; -1 for nobody."""
    number = np.random.default_rng(int(key)).poisson(mean)
    found = np.empty(number, np.int32)
    _expose(key, day, found, state, tables)
    return found


@kernel
def _expose(key, day, found, state, tables):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Expose somebody alive to the first variant, for each arrival."""
    people = len(state.status)
    for arrival in range(len(found)):
        i = 0
        for attempt in range(_TRIES):
            i = int(uniform(key, arrival, attempt) * people)
            if state.status[i] != DEAD:
                break
        takes = opening(i, 0, day, state, tables)
        found[arrival] = i if uniform(key, arrival, _LUCK) < takes else -1


@kernel
def _key(stream, day):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - numba
    return day_key(stream, day)
