"""Infections that come from outside: the first ones, new variants, travellers.

What this module guarantees:

* Who arrives on a day depends on the seed and the day, and on who can be infected;
  not on what was drawn before.
"""

import numpy as np
import numpy.typing as npt

from cosignal.protocol.errors import UsageError
from cosignal.simulator.compiled import kernel
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.state import SUSCEPTIBLE, State
from cosignal.simulator.streams import day_key

Ids = npt.NDArray[np.int32]


def arrivals(
    parameters: Parameters, state: State, day: int, stream: np.uint64
) -> tuple[Ids, npt.NDArray[np.uint8]]:
    """Draw who is infected from outside on a day.

    Args:
        parameters: `disease.seeds` on day 0, `disease.imports` on all days, and those
            of the variants.
        state: Only people who have never been infected are drawn.
        day: Of the run.
        stream: `imports`.

    Returns:
        Shape (m,) each: people, ascending, nobody twice; variants.

    Raises:
        UsageError: There are not so many people left on the first day.
    """
    chance = np.random.default_rng(int(_key(stream, day)))
    counts = [int(chance.poisson(parameters.disease.imports))]
    counts[0] += parameters.disease.seeds if day == 0 else 0
    counts += [v.seeds if v.day == day else 0 for v in parameters.variants]
    variants = np.repeat(np.arange(len(counts), dtype=np.uint8), counts)
    if not len(variants):
        return np.empty(0, np.int32), variants
    if day == 0 and len(variants) > len(state.status):
        raise UsageError(
            f"disease.seeds: expected at most {len(state.status)}, the number of "
            f"people, got {len(variants)}"
        )
    ids = _strangers(chance, state, len(variants))
    order = np.argsort(ids)
    return ids[order], variants[: len(ids)][order]


def _strangers(chance: np.random.Generator, state: State, wanted: int) -> Ids:
    """As many susceptible people as there are, up to `wanted`, in random order."""
    people = len(state.status)
    drawn = chance.integers(0, people, 4 * wanted + 16, dtype=np.int32)
    _, first = np.unique(drawn, return_index=True)
    found = drawn[np.sort(first)]
    found = found[state.status[found] == SUSCEPTIBLE]
    if len(found) < wanted:
        found = np.flatnonzero(state.status == SUSCEPTIBLE).astype(np.int32)
        chance.shuffle(found)
    return found[:wanted]


@kernel
def _key(stream, day):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - numba
    return day_key(stream, day)
