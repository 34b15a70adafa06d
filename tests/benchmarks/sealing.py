"""Time from the start of sealing a block to its checkpoint with a quorum.

All nodes are processes of their own on one machine, with the disk's real fsync. The
second authority seals, the first one sequences, so that a block travels as usual.

The clock starts when the second authority's sealer begins to look for keys, of which
1,000 wait in its database. It stops when the sequencer's node has replaced its public
checkpoint by one with a quorum's co-signatures that contains the block. In between lie:
encoding, signing and storing the block; sending it; the sequencer's checks, its durable
entry, body and tiles; each authority's fetching, checking and storing of entry and
body; their co-signatures; writing the checkpoint.
"""

from statistics import median
from time import sleep

from tests.benchmarks.figures import note
from tests.benchmarks.machine import note_conditions
from tests.benchmarks.nodes import FIRST_SIZE, NodeProcess, running_network
from tests.benchmarks.timing import percentile

KEYS = 1_000
ROUNDS = 40
WARM_UP = 3
# Late co-signatures are published once more, and the sealer forgets what is certified.
REST_SECONDS = 0.4


def p95_ms(authorities: int) -> float:
    """95th percentile over 40 blocks, one after another.

    Args:
        authorities: Nodes in the network.

    Returns:
        Milliseconds.
    """
    note_conditions()
    with running_network(authorities) as nodes:
        times = [
            _seal(nodes[0], nodes[1], number) for number in range(WARM_UP + ROUNDS)
        ][WARM_UP:]
    found = percentile(times, 95)
    note(
        f"{authorities} authorities, {ROUNDS} blocks of {KEYS} keys: "
        f"median {median(times):.1f} ms, p95 {found:.1f} ms, most {max(times):.1f} ms"
    )
    return found


def _seal(sequencer: NodeProcess, issuer: NodeProcess, number: int) -> float:
    """Milliseconds that one block took."""
    issuer.order(f"fill {KEYS} {number}")
    issuer.wait("filled")
    sleep(REST_SECONDS)
    issuer.order("seal")
    began = issuer.wait("seal_began")["seal_began"]
    published = sequencer.wait("published", FIRST_SIZE + number + 1)["at"]
    return (published - began) / 1e6
