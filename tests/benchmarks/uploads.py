"""Verified, durable uploads a second on one core.

One node process, all its threads pinned to one core, takes uploads of 14 keys from a
load generator on another core. Each upload is verified in full (certificate, HMAC,
every rule of keys) and is answered after its commit. Then the node is killed, and the
keys are counted in its database: only what is there counts.
"""

import sqlite3
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from statistics import median

from tests.benchmarks.figures import note
from tests.benchmarks.load import Answered, load
from tests.benchmarks.machine import note_conditions, on_core, two_cores
from tests.benchmarks.nodes import running_network
from tests.benchmarks.prepared_uploads import KEYS_AN_UPLOAD, prepare_uploads

UPLOADS = 30_000
CONNECTIONS = 256
# Of the answers, in the order they came: the first tenth warms up, the others are cut
# into pieces of this many.
PIECES = 9
OK = 200


def per_s() -> float:
    """Uploads a second: the median over nine tenths of the run."""
    server, loader = two_cores()
    note_conditions()
    with on_core(server), running_network(1) as (node,), on_core(loader):
        requests = prepare_uploads(node.folder / "config.toml", UPLOADS)
        before = node.cpu_seconds()
        answers = load(node.port, iter(requests), CONNECTIONS)
        taken = node.cpu_seconds() - before
        node.kill()
        good = sum(answer.status == OK for answer in answers)
        stored = _stored(node.folder / "data" / "node.sqlite")
    note(f"{good} of {UPLOADS} uploads answered with 200; {stored} keys on the disk")
    if good != UPLOADS or stored != good * KEYS_AN_UPLOAD:
        raise AssertionError(f"expected {UPLOADS} uploads of {KEYS_AN_UPLOAD} keys")
    # Less than the time between two answers where others had a part of the core.
    note(f"the node's core worked {taken * 1e6 / UPLOADS:.0f} us for each upload")
    return _rate(answers)


def _rate(answers: list[Answered]) -> float:
    size = len(answers) // (PIECES + 1)
    marks = [answer.at for answer in answers[size - 1 :: size]]
    rates = [size / (end - start) for start, end in pairwise(marks)]
    note("uploads/s in pieces: " + " ".join(f"{rate:.0f}" for rate in rates))
    return median(rates)


def _stored(database: Path) -> int:
    with closing(sqlite3.connect(database)) as connection:
        query = "SELECT count(*) FROM pending_keys"
        count: int = connection.execute(query).fetchone()[0]
        return count
