"""Published keys against what a phone heard: the local search for encounters.

What this package guarantees:

* A hit is an identifier of a published key, heard within two hours of the interval for
  which it was derived, and nothing else. Repeated keys and repeated sightings are all
  reported.
* What is skipped for speed cannot hold a hit: an identifier that was in use when
  nothing was heard, and one that a filter of everything heard does not know.
* Keys and sightings are read in place.
* Three paths, from processor instructions to plain Python, find the same. One that
  does not work on a machine is left out.

======================================= ================================================
what goes in and comes out              `columns`
what the time of sightings rules out    `spans`
the search itself                       `search`
ways to search, and which there are     `paths`, `portable`, `kernels`,
                                        `known_answer`
======================================= ================================================

Who met whom stays on the phone: nothing here leaves it. Weighing hits is left to the
exposure rules of the app. Speed: docs/reference/benchmarks.md, "match".

Source: docs/reference/protocol.md, "Matching".
"""

from cosignal.protocol.matching.columns import (
    TOLERANCE_INTERVALS,
    Hit,
    KeyColumns,
    Sightings,
)
from cosignal.protocol.matching.paths import SearchPath, available_paths
from cosignal.protocol.matching.search import Run, match

__all__ = [
    "TOLERANCE_INTERVALS",
    "Hit",
    "KeyColumns",
    "Run",
    "SearchPath",
    "Sightings",
    "available_paths",
    "match",
]
