"""Time to hash a log's entries into its root."""

import random

from cosignal.protocol.merkle import leaf_hash, root
from tests.benchmarks.timing import median_seconds

LEAVES = 100_000
# What a block's entry usually takes.
ENTRY_BYTES = 320


def leaves_per_s() -> float:
    """Hash entries as leaves, and the leaves to a root."""
    rng = random.Random(6962)  # noqa: S311 - a fixed sample, not a secret
    entries = [rng.randbytes(ENTRY_BYTES) for _ in range(LEAVES)]
    seconds = median_seconds(lambda: root(map(leaf_hash, entries)), rounds=9)
    return LEAVES / seconds
