"""Contacts in the community: ends of contacts, paired anew each day.

What this module guarantees:

* Numbers of stubs of people of one band are negative binomial, with the mean of the
  row of a given matrix and the given dispersion.
* The lists (a, b) and (b, a) of a region are of one length, and (a, a) of an even one,
  so that every stub has a partner every day. Stubs that are too many in a region go to
  the country's lists; the few that are too many there are dropped.

A stub is half a contact: of a person of band a, for someone of band b, in the region
or, for a share of them, anywhere. `contacts.slots` pairs them by a shuffle of the day.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit, uint64

from cosignal.simulator.population.people import (
    MIXING_BANDS,
    POOLS,
    STUB_NATIONAL,
    STUB_PLACE_BITS,
)
from cosignal.simulator.streams import uniform

_ABROAD: Final = MIXING_BANDS
_DROPPED: Final = 255
_EVEN: Final = 2


class Stubs(NamedTuple):
    """The arrays of the same names of `People`."""

    stub_start: npt.NDArray[np.int32]
    stubs: npt.NDArray[np.uint32]
    pool_start: npt.NDArray[np.int64]
    pool_owners: npt.NDArray[np.int32]


def no_stubs(agents: int, regions: int) -> Stubs:
    """Nobody meets in the community."""
    return Stubs(
        np.zeros(agents + 1, np.int32),
        np.zeros(0, np.uint32),
        np.zeros((regions + 1) * POOLS + 1, np.int64),
        np.zeros(0, np.int32),
    )


def reciprocal(
    matrix: npt.NDArray[np.float64], people: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Make contacts of a with b as many as those of b with a, in this population.

    Args:
        matrix: Shape (8, 8). Mean contacts of one of the row with the column.
        people: Shape (8,). How many there are of each band.

    Returns:
        Shape (8, 8), symmetric. Contacts of all of the row with the column; with bands
        of which nobody is here there are none.
    """
    total = matrix * people[:, None] * (people > 0)
    both: npt.NDArray[np.float64] = (total + total.T) / 2
    return both


def draw_stubs(
    bands: npt.NDArray[np.uint8],
    region: npt.NDArray[np.uint16],
    matrix: npt.NDArray[np.float64],
    *,
    dispersion: float,
    commuting: float,
    rng: np.random.Generator,
) -> Stubs:
    """Give everybody stubs, and file them in lists.

    Args:
        bands: Shape (n,). Of age, 0 to 7.
        region: Shape (n,), ascending.
        matrix: Shape (8, 8). Mean stubs of one of the row for the column.
        dispersion: k of the negative binomial.
        commuting: Share of stubs in the country's lists.
        rng: Source of chance.
    """
    regions = int(region[-1]) + 1
    means = matrix.sum(axis=1)
    activity = rng.standard_gamma(dispersion, len(bands)) * (means / dispersion)[bands]
    numbers = rng.poisson(activity).astype(np.int32)
    shares = np.divide(
        matrix, means[:, None], out=np.zeros_like(matrix), where=means[:, None] > 0
    )
    bounds = np.cumsum(shares, axis=1)[:, :-1].astype(np.float32)
    key, *keys = rng.integers(1 << 63, size=3, dtype=np.uint64)
    codes = _codes(bands, numbers, bounds, commuting, key)
    counts = _counts(bands, region, numbers, codes, regions)
    excess = _excess(counts)
    excess[regions] = 0
    _move(bands, region, numbers, codes, counts, excess, _ABROAD, keys[0])
    counts = _counts(bands, region, numbers, codes, regions)
    excess = _excess(counts)
    _move(bands, region, numbers, codes, counts, excess, _DROPPED, keys[1])
    counts = _counts(bands, region, numbers, codes, regions)
    pool_start = np.concatenate([[0], np.cumsum(counts)])
    return Stubs(*_file(bands, region, numbers, codes, pool_start))


def _excess(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """How many of each list have no partner; shape (r + 1, 8, 8)."""
    excess = counts - np.minimum(counts, counts.transpose(0, 2, 1))
    own = np.arange(MIXING_BANDS)
    excess[:, own, own] = counts[:, own, own] % _EVEN
    return excess


@njit(cache=True, nogil=True)
def _codes(bands, numbers, bounds, commuting, key):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Band of the other, plus 8 for the country's lists, of each stub."""
    codes = np.empty(numbers.sum(), np.uint8)
    at = 0
    for i in range(bands.size):
        row = bounds[bands[i]]
        for _ in range(numbers[i]):
            chance = uniform(key, at, 0)
            other = 0
            while other < row.size and chance >= row[other]:
                other += 1
            if uniform(key, at, 1) < commuting:
                other += _ABROAD
            codes[at] = other
            at += 1
    return codes


@njit(cache=True, nogil=True)
def _counts(bands, region, numbers, codes, regions):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    counts = np.zeros((regions + 1, MIXING_BANDS, MIXING_BANDS), np.int64)
    at = 0
    for i in range(bands.size):
        for _ in range(numbers[i]):
            code = codes[at]
            at += 1
            if code < _ABROAD:
                counts[region[i], bands[i], code] += 1
            elif code != _DROPPED:
                counts[regions, bands[i], code - _ABROAD] += 1
    return counts


@njit(cache=True, nogil=True)
def _move(bands, region, numbers, codes, counts, excess, target, key):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - numba
    """Take as many as `excess` says out of each list, each with equal chance."""
    left = counts.copy()
    country = counts.shape[0] - 1
    at = -1
    for i in range(bands.size):
        for _ in range(numbers[i]):
            at += 1
            code = codes[at]
            if code == _DROPPED:
                continue
            where = region[i] if code < _ABROAD else country
            other = code % _ABROAD
            spare = excess[where, bands[i], other]
            if spare and uniform(key, at, 0) * left[where, bands[i], other] < spare:
                excess[where, bands[i], other] = spare - 1
                codes[at] = _DROPPED if target == _DROPPED else other + _ABROAD
            left[where, bands[i], other] -= 1


@njit(cache=True, nogil=True)
def _file(bands, region, numbers, codes, pool_start):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    country = (pool_start.size - 1) // POOLS - 1
    free = pool_start[:-1].copy()
    start = np.zeros(bands.size + 1, np.int32)
    words = np.empty(pool_start[-1], np.uint32)
    owners = np.empty(pool_start[-1], np.int32)
    at = 0
    out = 0
    for i in range(bands.size):
        for _ in range(numbers[i]):
            code = codes[at]
            at += 1
            if code == _DROPPED:
                continue
            other = code % _ABROAD
            where = region[i] if code < _ABROAD else country
            pool = (where * MIXING_BANDS + bands[i]) * MIXING_BANDS + other
            word = uint64(free[pool] - pool_start[pool])
            word |= uint64(other) << uint64(STUB_PLACE_BITS)
            if code >= _ABROAD:
                word |= uint64(STUB_NATIONAL)
            words[out] = word
            owners[free[pool]] = i
            free[pool] += 1
            out += 1
        start[i + 1] = out
    return start, words, pool_start, owners
