"""Whether people that a program puts together belong together.

What this module guarantees:

* Kernels trust what `People` says of its arrays, and look for ever, or elsewhere, where
  it is not so. What passes here is safe for them.
"""

from typing import Final

import numpy as np

from cosignal.protocol.errors import UsageError
from cosignal.simulator.population.people import (
    CARE,
    COMMUNITY,
    POOLS,
    SCHOOL,
    People,
    mixing_bands,
)

_ADVICE: Final = (
    "Make people with Population.from_frame; with _replace change rates only, or all "
    "arrays that belong together."
)


def require_consistent(people: People) -> None:
    """Refuse people whose arrays do not fit each other.

    Raises:
        UsageError: It names the array.
    """
    count = len(people.age)
    for name in ("household", "region", "place"):
        _require(name, len(getattr(people, name)) == count, f"{count} people")
    for name, ranges, total in (
        ("household_start", people.household.max(initial=-1) + 1, count),
        ("region_start", people.region.max(initial=0) + 1, count),
        ("place_start", len(people.place_kind), len(people.place_members)),
        ("stub_start", count, len(people.stubs)),
        ("pool_start", POOLS * len(people.region_start), len(people.pool_owners)),
    ):
        _require_starts(people, name, int(ranges), total)
    _require_members(people, count)
    _require_pools(people)
    if len(people.network_start) > 1:
        _require_starts(people, "network_start", count, len(people.network_others))


def _require_starts(people: People, name: str, ranges: int, total: int) -> None:
    start = getattr(people, name)
    fits = len(start) == ranges + 1 and start[0] == 0 and start[-1] == total
    _require(
        name,
        bool(fits and (np.diff(start.astype(np.int64)) >= 0).all()),
        f"{ranges} ranges of {total} in all, ascending",
    )


def _require_members(people: People, count: int) -> None:
    for name, most in (
        ("place", len(people.place_kind)),
        ("place_members", count),
        ("pool_owners", count),
        ("network_others", count),
    ):
        array = getattr(people, name)
        least = -1 if name == "place" else 0
        fits = not len(array) or (array.min() >= least and array.max() < most)
        _require(name, bool(fits), f"{least} to {most - 1}")
    for name, low, high in (
        ("place_kind", SCHOOL, CARE),
        ("network_layer", SCHOOL, COMMUNITY),
    ):
        array = getattr(people, name)
        fits = not len(array) or (array.min() >= low and array.max() <= high)
        _require(name, bool(fits), f"{low} to {high}")
    sizes = np.diff(people.household_start)
    homes = np.repeat(np.arange(len(sizes)), sizes)
    _require("household", np.array_equal(homes, people.household), "ascending ones")


def _require_pools(people: People) -> None:
    """A stub's list is found by the bands of its owner: ages must be those of then."""
    lists = np.arange(len(people.pool_start) - 1) % POOLS
    band = np.repeat(lists // 8, np.diff(people.pool_start))
    fits = np.array_equal(band, mixing_bands(people.age)[people.pool_owners])
    _require("age", fits, "the decades for which contacts were made")


def _require(name: str, fits: bool, expected: str) -> None:  # noqa: FBT001 - a condition
    if not fits:
        raise UsageError(
            f"population: expected {expected} in {name}, got others", advice=_ADVICE
        )
