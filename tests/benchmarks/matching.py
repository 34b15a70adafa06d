"""Time to look for encounters among published keys, by each way to do so."""

import hashlib
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from time import perf_counter, process_time

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from cosignal.protocol.bodies import SALT_BYTES, encode_body, parse_body
from cosignal.protocol.identifiers import (
    RPI_BYTES,
    rolling_proximity_identifier,
    rolling_proximity_identifier_key,
)
from cosignal.protocol.intervals import DAY_INTERVALS
from cosignal.protocol.matching import (
    KeyColumns,
    SearchPath,
    Sightings,
    available_paths,
    match,
)
from cosignal.protocol.matching.search import Run
from tests.benchmarks.figures import NotHereError, note
from tests.benchmarks.machine import two_cores
from tests.benchmarks.timing import median_seconds
from tests.protocol.reference_set import reference_set

KEYS = 10_000
# Fifty pieces: 40 ms of two threads, which others let pass now and then.
MANY_KEYS = 200_000
SIGHTINGS = 2_000
MET = 20
ROUNDS = 21
# What one key needs of SHA-256 and AES, and for how many keys the library is asked at
# once: its calls then cost nothing, and what it reads and writes stays in the cache.
COMPRESSIONS = 6
SHA256_BLOCK_BYTES = 64
KEYS_A_CALL = 200

_Clock = Callable[[], float]


def portable_us_per_key() -> float:
    """Match without a compiler.

    Returns:
        Microseconds a published key.
    """
    return _us_per_key(SearchPath.PORTABLE, SIGHTINGS)


def compiled_us_per_key(sightings: int) -> float:
    """Match by the fastest path that numba gives on this machine.

    Args:
        sightings: How many the phone holds.

    Returns:
        Microseconds a published key.
    """
    return _us_per_key(_fastest(), sightings)


def ratio_to_openssl() -> float:
    """Compare with OpenSSL doing the SHA-256 and AES of the keys, and nothing else.

    Returns:
        OpenSSL's time for one key, divided by ours; the median of pairs taken in turn.
    """
    match_keys = _work(_fastest(), _keys(KEYS), SIGHTINGS)
    openssl = _openssl_work()
    pairs = [
        (_seconds(openssl, process_time), _seconds(match_keys, process_time))
        for _ in range(5 * ROUNDS)
    ]
    theirs, ours = zip(*pairs, strict=True)
    note(f"a key takes {median(ours) / KEYS * 1e9:.0f} ns")
    note(f"OpenSSL alone takes {median(theirs) / KEYS * 1e9:.0f} ns")
    return median(limit / one for limit, one in pairs)


def thread_speedup(threads: int) -> float:
    """Compare threads, which need a core each, with one.

    Returns:
        How many times as fast they are by the clock; the best of each, taken in turn,
        since a neighbour takes a core from two threads and none from one.
    """
    two_cores()
    keys = _keys(MANY_KEYS)
    with ThreadPoolExecutor(threads) as pool:
        one = _work(_fastest(), keys, SIGHTINGS)
        many = _work(_fastest(), keys, SIGHTINGS, run=pool.map)
        many()
        pairs = [
            (_seconds(one, perf_counter), _seconds(many, perf_counter))
            for _ in range(3 * ROUNDS)
        ]
    return min(alone for alone, _ in pairs) / min(together for _, together in pairs)


def _fastest() -> SearchPath:
    fastest = available_paths()[0]
    if fastest is SearchPath.PORTABLE:
        raise NotHereError("compiled matching needs numba")
    note(f"by the {fastest} path")
    return fastest


def _us_per_key(path: SearchPath, sightings: int) -> float:
    """Match a body with what a phone heard, at all hours of all its days.

    Heard at all hours, so that nothing can be skipped by its time: the dear case.
    """
    work = _work(path, _keys(KEYS), sightings)
    return median_seconds(work, rounds=ROUNDS) * 1e6 / KEYS


def _work(
    path: SearchPath, keys: KeyColumns, sightings: int, run: Run = map
) -> Callable[[], None]:
    """One search, ready to be done again and again."""
    heard = _sightings(keys, sightings)

    def work() -> None:
        found = match(keys, heard, run=run, path=path)
        if len(found) != MET:
            raise AssertionError(f"expected {MET} encounters, got {len(found)}")

    work()
    return work


def _keys(count: int) -> KeyColumns:
    return parse_body(encode_body(reference_set(count), bytes(SALT_BYTES))).columns()


def _sightings(keys: KeyColumns, count: int) -> Sightings:
    """Some identifiers of the keys and many of strangers."""
    rng = random.Random(2_000)  # noqa: S311 - a fixed sample, not a secret
    first, last = int(keys.starts.min()), int(keys.starts.max())
    intervals = [rng.randint(first, last) for _ in range(count - MET)]
    heard = [rng.randbytes(RPI_BYTES) for _ in intervals]
    for index in rng.sample(range(len(keys.starts)), MET):
        intervals.append(int(keys.starts[index]))
        rpik = rolling_proximity_identifier_key(
            bytes(keys.keys[index * RPI_BYTES : (index + 1) * RPI_BYTES])
        )
        heard.append(rolling_proximity_identifier(rpik, intervals[-1]))
    return Sightings(b"".join(heard), np.array(intervals, np.int64))


def _openssl_work() -> Callable[[], None]:
    """SHA-256 and AES for `KEYS` keys, `KEYS_A_CALL` in one call."""
    cipher = Cipher(algorithms.AES(bytes(16)), modes.ECB())  # noqa: S305 - as identifiers
    encrypt = cipher.encryptor().update_into
    plain = bytes(KEYS_A_CALL * DAY_INTERVALS * RPI_BYTES)
    encrypted = bytearray(len(plain) + RPI_BYTES)
    message = bytes(KEYS_A_CALL * COMPRESSIONS * SHA256_BLOCK_BYTES)

    def work() -> None:
        for _ in range(KEYS // KEYS_A_CALL):
            encrypt(plain, encrypted)
            hashlib.sha256(message).digest()

    return work


def _seconds(work: Callable[[], None], clock: _Clock) -> float:
    start = clock()
    work()
    return clock() - start
