"""People and what they belong to, one array for each thing.

What this module guarantees:

* People stand by region, then by household: a household, and a region, is a range of
  their numbers.
* All of it is handed to kernels at once, as one named tuple of arrays, and never
  changes during a run: runs share people, so the arrays cannot be written to.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cosignal.protocol.errors import UsageError

#: Decades of age of the contact matrices; the last one begins at 70.
MIXING_BANDS: Final = 8
#: Numbers of the layers, in the order of `parameters.behaviour.LAYERS`.
HOUSEHOLD, SCHOOL, WORK, CARE, COMMUNITY = range(5)
#: Lists of stubs of a region: one for each pair of bands (of whom, with whom).
POOLS: Final = MIXING_BANDS * MIXING_BANDS

#: A stub is one word: place in its list, band of the other, whether the list is the
#: country's.
STUB_PLACE_BITS: Final = 28
STUB_NATIONAL: Final = 1 << 31


class People(NamedTuple):
    """n people, h households, r regions, p places (a class, a team, a care unit).

    Attributes:
        age: uint8[n]. Years.
        household: int32[n].
        household_start: int32[h + 1]. First person of each household.
        region: uint16[n].
        region_start: int64[r + 1]. First person of each region.
        place: int32[n]. -1 for none.
        place_kind: uint8[p]. `SCHOOL`, `WORK` or `CARE`.
        place_start: int64[p + 1]. First of each place in `place_members`.
        place_members: int32[...]. Ascending within a place.
        place_rate: float32[p]. Probability that two of a place meet on a working day.
        stub_start: int32[n + 1]. First of each person in `stubs`; as many contacts in
            the community a day, at most.
        stubs: uint32[...]. Place in the list of a region and a pair of bands (28 bits),
            band of the other (3 bits), whether the list is the whole country's (1 bit).
        pool_start: int64[(r + 1) * 64 + 1]. First of each list in `pool_owners`: by
            region (the country is the last), band, band of the other. The lists (a, b)
            and (b, a) are of one length, (a, a) of an even one.
        pool_owners: int32[...]. Whose stub it is.
        network_start: int64[n + 1], or of length 1 for no network. First of each
            person in `network_others`.
        network_others: int32[...]. The other one of a connection; each stands twice.
        network_layer: uint8[...].
        network_rate: float32[...]. Probability that the two meet on a day.
    """

    age: npt.NDArray[np.uint8]
    household: npt.NDArray[np.int32]
    household_start: npt.NDArray[np.int32]
    region: npt.NDArray[np.uint16]
    region_start: npt.NDArray[np.int64]
    place: npt.NDArray[np.int32]
    place_kind: npt.NDArray[np.uint8]
    place_start: npt.NDArray[np.int64]
    place_members: npt.NDArray[np.int32]
    place_rate: npt.NDArray[np.float32]
    stub_start: npt.NDArray[np.int32]
    stubs: npt.NDArray[np.uint32]
    pool_start: npt.NDArray[np.int64]
    pool_owners: npt.NDArray[np.int32]
    network_start: npt.NDArray[np.int64]
    network_others: npt.NDArray[np.int32]
    network_layer: npt.NDArray[np.uint8]
    network_rate: npt.NDArray[np.float32]


def frozen(people: People) -> People:
    """Let nobody write into the arrays of people from here on.

    Args:
        people: The arrays themselves are marked, not copies of them.

    Returns:
        The same.
    """
    for array in people:
        array.flags.writeable = False
    return people


def owned(people: People) -> People:
    """Keep people whose arrays somebody else may hold; see `frozen`.

    Returns:
        The same where nobody can write to them; else copies of the arrays that somebody
        can.
    """
    arrays: list[Any] = list(people)
    safe = [not one.flags.writeable and one.base is None for one in arrays]
    if all(safe):
        return people
    copies = [
        one if is_safe else one.copy()
        for one, is_safe in zip(arrays, safe, strict=True)
    ]
    return frozen(People(*copies))


@contextmanager
def unwritten() -> Iterator[None]:
    """Say what to do instead, where somebody's own code writes into people.

    Raises:
        UsageError: In place of numpy's error.
    """
    try:
        yield
    except ValueError as error:
        if "read-only" not in str(error):
            raise
        raise UsageError(
            f"people: expected arrays that nobody writes to, got {error}",
            advice="Runs share people, if that is what was written to. Change "
            "sim.factors for contacts of a day, or make other people before the run: "
            "Sim(population=people._replace(place_rate=...)).",
        ) from error


def mixing_bands(age: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Bands of the contact matrices.

    Args:
        age: Shape (m,), years.

    Returns:
        Shape (m,), 0 for 0 to 9 years, 7 for 70 and more.
    """
    return np.minimum(age // 10, MIXING_BANDS - 1)


def size_in_bytes(people: People) -> int:
    """How much memory the arrays take, in bytes."""
    return sum(array.nbytes for array in people)
