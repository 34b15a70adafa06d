"""Size of a body, and time to decode it, on the reference set."""

from functools import cache

from cosignal.protocol.bodies import SALT_BYTES, encode_body, parse_body
from tests.benchmarks.timing import median_seconds
from tests.protocol.reference_set import reference_set

DECODED_KEYS = 100_000


def bytes_per_key(count: int) -> float:
    """Bytes of a body of `count` keys, salt and all, for each key."""
    return len(_body(count)) / count


def decode_ns_per_key() -> float:
    """From a file's bytes to what the matcher takes, all checks included.

    Returns:
        Nanoseconds a key, in a body of 100,000.
    """
    data = _body(DECODED_KEYS)
    seconds = median_seconds(lambda: parse_body(data).columns(), rounds=301)
    return seconds * 1e9 / DECODED_KEYS


@cache
def _body(count: int) -> bytes:
    return encode_body(reference_set(count), bytes(SALT_BYTES))
