from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings

from cosignal.client.matching_threads import match_in_threads
from cosignal.protocol.bodies import encode_body, parse_body
from cosignal.protocol.errors import UsageError
from cosignal.protocol.matching import (
    Hit,
    KeyColumns,
    SearchPath,
    Sightings,
    available_paths,
    match,
)
from cosignal.protocol.matching.search import PIECE_KEYS
from tests.protocol.encounters import (
    LIMIT,
    TEK,
    TODAY,
    PlainKey,
    Sighting,
    columns,
    encounters,
    heard,
    naive_match,
    on_every_path,
)
from tests.protocol.naive_identifiers import identifier
from tests.protocol.reference_set import reference_set


@on_every_path
@settings(max_examples=100, deadline=None)
@given(encounters())
def test_nothing_is_lost_and_nothing_invented(
    path: SearchPath, encounter: tuple[list[PlainKey], list[Sighting]]
) -> None:
    keys, sightings = encounter

    found = match(columns(keys), heard(sightings), path=path)

    assert naive_match(keys, sightings) == found


@on_every_path
@pytest.mark.parametrize("offset", [0, 71, 143])
@pytest.mark.parametrize(
    ("late", "found"), [(-13, 0), (-12, 1), (0, 1), (12, 1), (13, 0)]
)
def test_a_sighting_counts_within_two_hours(
    path: SearchPath, offset: int, late: int, found: int
) -> None:
    key = PlainKey(TEK, TODAY, 144)
    sightings = heard([(key.identifier(offset), TODAY + offset + late)])

    hits = match(columns([key]), sightings, path=path)

    assert [Hit(0, 0, TODAY + offset)] * found == hits


@on_every_path
def test_identifiers_are_those_of_a_second_implementation(path: SearchPath) -> None:
    rng = np.random.default_rng(11)
    keys = [
        PlainKey(rng.bytes(16), start, 3) for start in (0, 255, TODAY, LIMIT - 3) * 2
    ]
    sightings = [
        (identifier(key.tek, key.start + n), key.start + n)
        for key in keys
        for n in range(3)
    ]

    hits = match(columns(keys), heard(sightings), path=path)

    assert [
        (k, 3 * k + n, key.start + n) for k, key in enumerate(keys) for n in range(3)
    ] == hits


@on_every_path
def test_an_identifier_after_the_keys_period_is_no_hit(path: SearchPath) -> None:
    whole = PlainKey(TEK, TODAY, 144)
    part = PlainKey(TEK, TODAY, 100)
    sightings = heard([(whole.identifier(100), TODAY + 100)])

    assert match(columns([part]), sightings, path=path) == []


@on_every_path
def test_a_repeated_key_and_repeated_sightings_are_all_reported_in_order(
    path: SearchPath,
) -> None:
    key = PlainKey(TEK, TODAY, 144)
    seen = key.identifier(5)
    sightings = heard([(seen, TODAY + 6), (bytes(16), TODAY), (seen, TODAY + 5)])

    hits = match(columns([key, key]), sightings, path=path)

    interval = TODAY + 5
    assert [(0, 0, interval), (0, 2, interval), (1, 0, interval), (1, 2, interval)] == [
        tuple(hit) for hit in hits
    ]


@on_every_path
def test_more_hits_than_expected_are_all_reported(path: SearchPath) -> None:
    keys = [PlainKey(TEK, TODAY, 144)] * 3
    sightings = [(keys[0].identifier(n % 144), TODAY + n % 144) for n in range(2000)]

    hits = match(columns(keys), heard(sightings), path=path)

    assert [
        (k, n, interval) for k in range(3) for n, (_, interval) in enumerate(sightings)
    ] == hits


@on_every_path
def test_hits_are_found_in_every_piece_of_many_keys(path: SearchPath) -> None:
    keys, sightings, planted = many_keys(2 * PIECE_KEYS + 300)

    hits = match(columns(keys), heard(sightings), path=path)

    assert [(k, 500 + n) for n, k in enumerate(planted)] == [hit[:2] for hit in hits]


@on_every_path
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_find_the_same_in_the_same_order(
    path: SearchPath, threads: int
) -> None:
    keys, sightings, planted = many_keys(3 * PIECE_KEYS)

    hits = match_in_threads(columns(keys), heard(sightings), threads=threads, path=path)

    assert planted == [hit.key for hit in hits]
    assert match(columns(keys), heard(sightings), path=path) == hits


@on_every_path
def test_threads_may_match_different_keys_at_once(path: SearchPath) -> None:
    keys, sightings, _ = many_keys(800)
    parts = [keys[n::8] for n in range(8)]
    everything = heard(sightings)

    def one(part: list[PlainKey]) -> list[Hit]:
        return match(columns(part), everything, path=path)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(one, parts))

    assert [one(part) for part in parts] == found
    assert any(found)


def many_keys(
    count: int,
) -> tuple[list[PlainKey], list[Sighting], list[int]]:
    """Keys of all ages, 500 sightings of strangers, then one of every 23rd key."""
    rng = np.random.default_rng(7)
    ages, periods = rng.integers(0, 2000, count), rng.integers(1, 145, count)
    keys = [
        PlainKey(rng.bytes(16), TODAY - age, period)
        for age, period in zip(ages.tolist(), periods.tolist(), strict=True)
    ]
    planted = list(range(0, count, 23))
    noise = [(rng.bytes(16), TODAY - int(age)) for age in rng.integers(0, 2000, 500)]
    met = [
        (keys[k].identifier(keys[k].period - 1), keys[k].start + keys[k].period)
        for k in planted
    ]
    return keys, noise + met, planted


@on_every_path
@pytest.mark.parametrize("place", [0, 7, 8, 15])
def test_identifiers_that_differ_in_one_byte_are_told_apart(
    path: SearchPath, place: int
) -> None:
    key = PlainKey(TEK, TODAY, 144)
    real = key.identifier(3)
    near = bytearray(real)
    near[place] ^= 1
    sightings = heard([(bytes(near), TODAY + 3), (real, TODAY + 3)] * 2)

    found = match(columns([key]), sightings, path=path)

    assert [Hit(0, 1, TODAY + 3), Hit(0, 3, TODAY + 3)] == found


@on_every_path
@pytest.mark.parametrize("offset", range(16))
def test_views_are_read_in_place_at_any_address(path: SearchPath, offset: int) -> None:
    key = PlainKey(TEK, TODAY, 144)
    teks = memoryview(bytes(offset) + bytes(16) + TEK)[offset:]
    rpis = memoryview(bytes(offset) + key.identifier(9))[offset:]
    starts, periods = np.full(2, TODAY), np.full(2, 144)

    hits = match(
        KeyColumns(teks, starts, periods),
        Sightings(rpis, np.array([TODAY + 9])),
        path=path,
    )

    assert [Hit(1, 0, TODAY + 9)] == hits


@on_every_path
def test_arrays_of_rows_are_read_in_place(path: SearchPath) -> None:
    key = PlainKey(TEK, TODAY, 144)
    teks = np.frombuffer(bytes(16) + TEK, np.uint8).reshape(2, 16)
    rpis = np.frombuffer(key.identifier(9), np.uint8).reshape(1, 16)

    hits = match(
        KeyColumns(teks.data, np.full(2, TODAY), np.full(2, 144)),
        Sightings(rpis.data, np.array([TODAY + 9])),
        path=path,
    )

    assert [Hit(1, 0, TODAY + 9)] == hits


@on_every_path
def test_the_keys_of_a_parsed_body_are_matched(path: SearchPath) -> None:
    body = parse_body(encode_body(reference_set(1000), bytes(32)))
    keys = [PlainKey(k.data, k.start, k.period) for k in body.diagnosis_keys()]
    met = list(range(0, 1000, 90))
    sightings = [(keys[k].identifier(0), keys[k].start) for k in met]

    hits = match(body.columns(), heard(sightings), path=path)

    assert [(k, n, keys[k].start) for n, k in enumerate(met)] == hits


@on_every_path
def test_a_log_of_a_hundred_thousand_sightings_is_searched(path: SearchPath) -> None:
    rng = np.random.default_rng(3)
    key = PlainKey(TEK, TODAY, 144)
    intervals = rng.integers(TODAY - 200, TODAY + 200, 100_000)
    identifiers = bytearray(rng.bytes(16 * len(intervals)))
    met = [5, 40_000, 99_999]
    for n in met:
        identifiers[16 * n : 16 * n + 16] = key.identifier(n % 144)
        intervals[n] = TODAY + n % 144

    hits = match(columns([key]), Sightings(bytes(identifiers), intervals), path=path)

    assert [(0, n, TODAY + n % 144) for n in met] == hits


@pytest.mark.skipif(
    len(available_paths()) == 1, reason="compiled paths: expected numba, found none"
)
def test_a_filter_that_is_as_large_as_it_may_be_loses_nothing() -> None:
    count = 1 << 20
    rng = np.random.default_rng(5)
    key = PlainKey(TEK, TODAY, 144)
    identifiers = bytearray(rng.bytes(16 * count))
    identifiers[-16:] = key.identifier(100)
    sightings = Sightings(bytes(identifiers), np.full(count, TODAY + 100))

    assert len(sightings.bit_filter) == count
    assert [Hit(0, count - 1, TODAY + 100)] == match(columns([key]), sightings)


@on_every_path
def test_sightings_are_indexed_once_for_many_blocks(path: SearchPath) -> None:
    key = PlainKey(TEK, TODAY, 144)
    sightings = heard([(key.identifier(0), TODAY)])
    match(columns([key]), sightings, path=path)
    indexes = dict(vars(sightings))

    assert [Hit(0, 0, TODAY)] == match(columns([key]), sightings, path=path)
    assert vars(sightings).keys() == indexes.keys()
    assert {"distinct_intervals", "identifiers", "intervals"} < indexes.keys()
    assert all(vars(sightings)[name] is index for name, index in indexes.items())


@on_every_path
def test_no_keys_or_no_sightings_give_no_hits(path: SearchPath) -> None:
    key = PlainKey(TEK, TODAY, 144)

    assert match(columns([key]), heard([]), path=path) == []
    assert match(columns([]), heard([(TEK, TODAY)]), path=path) == []
    assert match(columns([]), heard([]), path=path) == []


@pytest.mark.parametrize(
    ("keys", "starts", "periods", "what"),
    [
        (TEK, [TODAY, TODAY], [144], "one start and one period"),
        (TEK, [TODAY], [], "one start and one period"),
        (TEK[1:], [TODAY], [144], "got 1 and 1 for 0.9375 keys"),
        (TEK, [TODAY], [145], "periods: expected 1 to 144"),
        (TEK, [TODAY], [0], "periods: expected 1 to 144"),
        (TEK, [-1], [144], "starts: expected 0 to"),
        (TEK, [LIMIT - 143], [144], "starts: expected 0 to"),
        (TEK, [LIMIT], [1], "starts: expected 0 to"),
        (TEK, [2**63 - 1], [1], "starts: expected 0 to"),
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


def test_less_than_one_thread_is_refused() -> None:
    with pytest.raises(UsageError, match="threads: expected 1 or more, got 0"):
        match_in_threads(columns([]), heard([]), threads=0)
