"""Published keys and sightings for tests of matching, and the search by definition."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from hypothesis import strategies as st

from cosignal.protocol.identifiers import rolling_proximity_identifiers
from cosignal.protocol.matching import (
    TOLERANCE_INTERVALS,
    Hit,
    KeyColumns,
    SearchPath,
    Sightings,
    available_paths,
)

TODAY = 2_939_904
LIMIT = 2**32
TEK = bytes(range(16))

Sighting = tuple[bytes, int]


def _mark(path: SearchPath) -> pytest.MarkDecorator:
    found = ", ".join(available_paths())
    return pytest.mark.skipif(
        path not in available_paths(),
        reason=f"path {path}: expected numba and what it needs, found only {found}",
    )


#: Runs a test once for each path, and skips those that this machine lacks.
on_every_path = pytest.mark.parametrize(
    "path", [pytest.param(path, marks=_mark(path)) for path in SearchPath]
)


@dataclass(frozen=True)
class PlainKey:
    tek: bytes
    start: int
    period: int

    def identifier(self, offset: int) -> bytes:
        rpis = _identifiers(self)
        return rpis[16 * offset : 16 * offset + 16]


@cache
def _identifiers(key: PlainKey) -> bytes:
    return rolling_proximity_identifiers(key.tek, key.start, key.period)


def columns(keys: list[PlainKey]) -> KeyColumns:
    return KeyColumns(
        b"".join(key.tek for key in keys),
        np.array([key.start for key in keys], np.int64),
        np.array([key.period for key in keys], np.int64),
    )


def heard(sightings: list[Sighting]) -> Sightings:
    return Sightings(
        b"".join(identifier for identifier, _ in sightings),
        np.array([interval for _, interval in sightings], np.int64),
    )


def naive_match(keys: list[PlainKey], sightings: list[Sighting]) -> list[Hit]:
    """Compare everything with everything."""
    return [
        Hit(k, s, key.start + offset)
        for k, key in enumerate(keys)
        for s, (identifier, interval) in enumerate(sightings)
        for offset in range(key.period)
        if key.identifier(offset) == identifier
        and abs(interval - key.start - offset) <= TOLERANCE_INTERVALS
    ]


@st.composite
def encounters(draw: st.DrawFn) -> tuple[list[PlainKey], list[Sighting]]:
    """Few keys and many sightings of them, most near the edge of the tolerance.

    Keys and sightings repeat; times are usual ones, or the first and last of 32 bits.
    """
    keys = draw(st.lists(_keys(), min_size=1, max_size=9))
    sightings: list[Sighting] = []
    for key in draw(st.lists(st.sampled_from(keys), max_size=8)):
        offset = draw(st.integers(0, key.period - 1))
        late = draw(st.sampled_from([-13, -12, -11, 0, 11, 12, 13, 144, -144]))
        seen = (key.identifier(offset), key.start + offset + late)
        sightings += [seen] * draw(st.integers(1, 3))
    strangers = st.tuples(st.binary(min_size=16, max_size=16), _intervals())
    return keys, draw(
        st.permutations(sightings + draw(st.lists(strangers, max_size=4)))
    )


@st.composite
def _keys(draw: st.DrawFn) -> PlainKey:
    period = draw(st.one_of(st.sampled_from([1, 2, 144]), st.integers(1, 144)))
    highest = LIMIT - period
    start = draw(
        st.one_of(
            st.integers(TODAY - 60, TODAY + 60),
            st.integers(0, 30),
            st.integers(highest - 30, highest),
        )
    )
    return PlainKey(bytes([draw(st.integers(0, 3))]) * 16, start, period)


def _intervals() -> st.SearchStrategy[int]:
    return st.one_of(
        st.integers(TODAY - 200, TODAY + 300),
        st.integers(-200, 300),
        st.integers(LIMIT - 300, LIMIT + 200),
        st.sampled_from([-(2**63), 2**63 - 1]),
    )
