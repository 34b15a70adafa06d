"""Match a block: check, skip what time rules out, search the rest piece by piece.

What this module guarantees:

* All paths, and any number of threads, give the same hits in the same order.
* No thread is started here: who has some lends them.
"""

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from cosignal.protocol.matching.columns import (
    Hit,
    KeyColumns,
    Sightings,
    check_keys,
    check_sightings,
)
from cosignal.protocol.matching.paths import SearchPath, search_by
from cosignal.protocol.matching.spans import needed_identifiers

#: Keys of one piece: two milliseconds of the fastest path, many times what it costs to
#: hand a piece to a thread, and still some pieces for each thread of a small block.
PIECE_KEYS: Final = 4096

_Rows = npt.NDArray[np.int64]


class Run(Protocol):
    """Applies a function to some pieces of work, as `map` does."""

    def __call__(
        self, search: Callable[[_Rows], list[Hit]], pieces: Iterable[_Rows], /
    ) -> Iterable[list[Hit]]:
        """Give the results in the order of the pieces, whatever was done first."""


def match(
    keys: KeyColumns,
    sightings: Sightings,
    *,
    run: Run = map,
    path: SearchPath | None = None,
) -> list[Hit]:
    """Find every sighting of a published key.

    Args:
        keys: Published keys, as `Body.columns` gives them.
        sightings: What the phone heard.
        run: Does the pieces of the work. The `map` of a pool of threads does them at
            once, since the compiled paths hold no lock while they search.
        path: How to search; None for the fastest path that this machine has.

    Returns:
        All hits, sorted by key and then by sighting: one for each copy of a key and
        each sighting of it. A hit takes 0.4 kB, and none is left out, so 20 copies of
        a key that was heard 200,000 times within hours take 1.5 GB: whoever keeps
        sightings bounds how many there are of one identifier.

    Raises:
        UsageError: Columns differ in length, a start or period is out of range, or
            this machine has no such path, or it does not work here.

    Source: docs/reference/protocol.md, "Matching".
    """
    check_keys(keys)
    check_sightings(sightings)
    needed = needed_identifiers(keys, sightings)
    if not len(needed):
        return []
    search = search_by(path)(keys, sightings)
    begins = range(0, len(needed), PIECE_KEYS)
    found = run(search, [needed[begin : begin + PIECE_KEYS] for begin in begins])
    return sorted(chain.from_iterable(found))
