"""Pad a block with keys of nobody, so that its size and shape say less.

What this module guarantees:

* A block that would be below the minimum gets dummies up to it and a few more, how
  many is random.
* Where dummies are added, every kind of key that is really there gets at least one:
  no kind in the block is certain to belong to a person.
* A dummy's bytes are random, as a real key's are; nobody can tell them apart, this
  node included once the block is sealed.
"""

from collections.abc import Sequence
from dataclasses import replace

from cosignal.protocol.diagnosis_keys import DiagnosisKey
from cosignal.protocol.identifiers import TEK_BYTES
from cosignal.server.clock import Entropy

MOST_EXTRA = 7


def dummy_keys(
    keys: Sequence[DiagnosisKey], minimum: int, entropy: Entropy
) -> list[DiagnosisKey]:
    """Make the dummies that a block needs.

    Args:
        keys: The real ones, at least one.
        minimum: Fewest keys that the policy allows in a block.
        entropy: Random bytes.

    Returns:
        Dummies; none when there are enough real keys.
    """
    missing = minimum - len(keys)
    if missing <= 0:
        return []
    wanted = missing + entropy(1)[0] % (MOST_EXTRA + 1)
    blank = bytes(TEK_BYTES)
    kinds = sorted({replace(key, data=blank) for key in keys})
    # The rest follow the real keys' kinds, so common kinds stay common.
    drawn = (
        keys[int.from_bytes(entropy(4)) % len(keys)] for _ in range(wanted - len(kinds))
    )
    return [replace(kind, data=entropy(TEK_BYTES)) for kind in (*kinds, *drawn)]
