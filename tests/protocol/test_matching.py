from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosignal.protocol.errors import UsageError
from cosignal.protocol.identifiers import rolling_proximity_identifiers
from cosignal.protocol.matching import (
    TOLERANCE_INTERVALS,
    Hit,
    KeyColumns,
    Sightings,
    _keys_near_sightings,
    match,
)

TODAY = 2_939_904
TEK = bytes(range(16))


@dataclass(frozen=True)
class PlainKey:
    tek: bytes
    start: int
    period: int

    def identifier(self, offset: int) -> bytes:
        rpis = rolling_proximity_identifiers(self.tek, self.start, self.period)
        return rpis[16 * offset : 16 * offset + 16]


Sighting = tuple[bytes, int]


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
def encounters(
    draw: st.DrawFn,
) -> tuple[list[PlainKey], list[Sighting]]:
    """Few keys and many sightings of them, most near the edge of the tolerance."""
    keys = draw(
        st.lists(
            st.builds(
                PlainKey,
                tek=st.sampled_from([bytes([n]) * 16 for n in range(4)]),
                start=st.integers(TODAY - 60, TODAY + 60),
                period=st.sampled_from([1, 2, 13, 40, 144]),
            ),
            min_size=1,
            max_size=5,
        )
    )
    sightings: list[Sighting] = []
    for key in draw(st.lists(st.sampled_from(keys), max_size=8)):
        offset = draw(st.integers(0, key.period - 1))
        late = draw(st.sampled_from([-13, -12, -11, 0, 11, 12, 13, 144, -144]))
        sightings.append((key.identifier(offset), key.start + offset + late))
    strangers = draw(
        st.lists(
            st.tuples(
                st.binary(min_size=16, max_size=16),
                st.integers(TODAY - 200, TODAY + 300),
            ),
            max_size=4,
        )
    )
    return keys, sightings + strangers


@settings(max_examples=150, deadline=None)
@given(encounters())
def test_nothing_is_lost_and_nothing_invented(
    encounter: tuple[list[PlainKey], list[Sighting]],
) -> None:
    keys, sightings = encounter

    assert naive_match(keys, sightings) == match(columns(keys), heard(sightings))


@pytest.mark.parametrize("offset", [0, 71, 143])
@pytest.mark.parametrize(
    ("late", "found"), [(-13, 0), (-12, 1), (0, 1), (12, 1), (13, 0)]
)
def test_a_sighting_counts_within_two_hours(offset: int, late: int, found: int) -> None:
    key = PlainKey(TEK, TODAY, 144)
    sightings = heard([(key.identifier(offset), TODAY + offset + late)])

    hits = match(columns([key]), sightings)

    assert [Hit(0, 0, TODAY + offset)] * found == hits


def test_an_identifier_after_the_keys_period_is_no_hit() -> None:
    whole = PlainKey(TEK, TODAY, 144)
    part = PlainKey(TEK, TODAY, 100)
    sightings = heard([(whole.identifier(100), TODAY + 100)])

    assert match(columns([part]), sightings) == []


def test_a_repeated_key_and_repeated_sightings_are_all_reported_in_order() -> None:
    key = PlainKey(TEK, TODAY, 144)
    seen = key.identifier(5)
    sightings = heard([(seen, TODAY + 6), (bytes(16), TODAY), (seen, TODAY + 5)])

    hits = match(columns([key, key]), sightings)

    interval = TODAY + 5
    assert [(0, 0, interval), (0, 2, interval), (1, 0, interval), (1, 2, interval)] == [
        tuple(hit) for hit in hits
    ]


def test_hits_are_found_in_every_batch_of_many_keys() -> None:
    rng = np.random.default_rng(7)
    keys = [
        PlainKey(rng.bytes(16), TODAY - int(age), int(period))
        for age, period in zip(
            rng.integers(0, 2000, 300), rng.integers(1, 145, 300), strict=True
        )
    ]
    planted = range(0, 300, 23)
    sightings = [
        (keys[k].identifier(keys[k].period - 1), keys[k].start + keys[k].period)
        for k in planted
    ]
    noise = [(rng.bytes(16), TODAY - int(age)) for age in rng.integers(0, 2000, 500)]

    hits = match(columns(keys), heard(noise + sightings))

    assert [(k, 500 + n) for n, k in enumerate(planted)] == [hit[:2] for hit in hits]


def test_identifiers_that_share_their_first_bytes_are_told_apart() -> None:
    key = PlainKey(TEK, TODAY, 144)
    near = bytearray(key.identifier(3))
    near[-1] ^= 1

    assert match(columns([key]), heard([(bytes(near), TODAY + 3)])) == []


def test_views_of_arrays_are_read_in_place() -> None:
    key = PlainKey(TEK, TODAY, 144)
    teks = np.frombuffer(bytes(16) + TEK, np.uint8).reshape(2, 16)
    rpis = np.frombuffer(key.identifier(9), np.uint8).reshape(1, 16)
    starts, periods = np.full(2, TODAY), np.full(2, 144)

    hits = match(
        KeyColumns(teks.data, starts, periods),
        Sightings(rpis.data, np.array([TODAY + 9])),
    )

    assert [Hit(1, 0, TODAY + 9)] == hits


def test_sightings_are_indexed_once_for_many_blocks() -> None:
    key = PlainKey(TEK, TODAY, 144)
    sightings = heard([(key.identifier(0), TODAY)])
    match(columns([key]), sightings)
    index = sightings.by_identifier

    assert [Hit(0, 0, TODAY)] == match(columns([key]), sightings)
    assert index is sightings.by_identifier


def test_no_keys_or_no_sightings_give_no_hits() -> None:
    key = PlainKey(TEK, TODAY, 144)

    assert match(columns([key]), heard([])) == []
    assert match(columns([]), heard([(TEK, TODAY)])) == []
    assert match(columns([]), heard([])) == []


@pytest.mark.parametrize(
    ("keys", "starts", "periods", "what"),
    [
        (TEK, [TODAY, TODAY], [144], "one start and one period"),
        (TEK, [TODAY], [], "one start and one period"),
        (TEK[1:], [TODAY], [144], "got 1 and 1 for 0.9375 keys"),
        (TEK, [TODAY], [145], "periods: expected 1 to 144"),
        (TEK, [TODAY], [0], "periods: expected 1 to 144"),
        (TEK, [-1], [144], "starts: expected 0 to"),
        (TEK, [2**32], [144], "starts: expected 0 to"),
    ],
)
def test_columns_that_do_not_fit_are_refused(
    keys: bytes, starts: list[int], periods: list[int], what: str
) -> None:
    bad = KeyColumns(keys, np.array(starts, np.int64), np.array(periods, np.int64))

    with pytest.raises(UsageError, match=what):
        match(bad, heard([(TEK, TODAY)]))


def test_sightings_that_do_not_fit_are_refused() -> None:
    bad = Sightings(TEK, np.array([TODAY, TODAY]))

    with pytest.raises(UsageError, match="one interval for each 16-byte identifier"):
        match(columns([PlainKey(TEK, TODAY, 144)]), bad)


@given(
    st.lists(st.integers(-40, 220), max_size=4),
    st.lists(st.tuples(st.integers(-40, 220), st.integers(1, 144)), max_size=4),
)
def test_a_key_is_skipped_exactly_when_no_sighting_is_near(
    intervals: list[int], shapes: list[tuple[int, int]]
) -> None:
    keys = [PlainKey(TEK, TODAY + start, period) for start, period in shapes]
    sightings = heard([(TEK, TODAY + interval) for interval in intervals])
    near = [
        index
        for index, (start, period) in enumerate(shapes)
        if any(start - 12 <= interval <= start + period + 11 for interval in intervals)
    ]

    assert _keys_near_sightings(columns(keys), sightings).tolist() == near
