"""Did the authority keep its word? A receipt against the chain that the phone follows.

What this module guarantees:

* `OVERDUE` can be shown to others: the quorum's own time is past the promise, every
  body in question was looked at, and the keys are in none. The receipt and the keys
  prove it to anybody who has the chain.
* Clocks of authorities and of the sequencer may differ by 300 seconds each; within that
  nobody is accused.
* A receipt counts by the policy that was in force when it was given: a member that has
  left, or has another key since, is still held to its word.
* What cannot be known is `UNKNOWN`: a body is missing or erased, or the authority took
  only some of the keys and nothing says which.

The phone's copies of the keys are gone by then; what is left are their SHA-256 hashes,
which say nothing before the keys are public.
"""

from collections.abc import Iterable, Iterator
from enum import Enum
from hashlib import sha256
from itertools import combinations, islice, zip_longest
from typing import Final

from cosignal.client.store import Store
from cosignal.protocol.bodies import parse_body
from cosignal.protocol.chain import MAX_CLOCK_SKEW
from cosignal.protocol.checkpoints import verify_checkpoint
from cosignal.protocol.entries import parse_entry
from cosignal.protocol.errors import SignatureInvalidError, UsageError
from cosignal.protocol.identifiers import TEK_BYTES
from cosignal.protocol.receipts import (
    Receipt,
    parse_receipt,
    receipt_digest,
    verify_receipt,
)
from cosignal.protocol.records import BlockRecord, PolicyRecord, parse_record

MARK_BYTES: Final = 32
#: Sets that are tried where an authority took only some keys: 30 choose 4, and more.
_MOST_SETS: Final = 50_000
#: How far an authority's clock may be from the sequencer's: each from the true time.
_SKEW: Final = 2 * MAX_CLOCK_SKEW
_TAG: Final = b"cosignal/uploaded-key/v1\n"


class Standing(Enum):
    """What became of a promise."""

    PUBLISHED = "published"
    PENDING = "pending"
    OVERDUE = "overdue"
    UNKNOWN = "unknown"


def mark(key: bytes) -> bytes:
    """What the phone keeps of an uploaded key, to find it on the chain.

    Args:
        key: 16 bytes.

    Returns:
        32 bytes.
    """
    return sha256(_TAG + key).digest()


def check_receipt(store: Store, receipt: Receipt, marks: bytes, now: int) -> Standing:
    """Look for the keys of an upload on the chain.

    Args:
        store: What a follower keeps; sync it before.
        receipt: Verified.
        marks: `mark` of every key that was sent, one after the other.
        now: Unix seconds.

    Returns:
        What became of them.
    """
    wanted = {
        marks[start : start + MARK_BYTES] for start in range(0, len(marks), MARK_BYTES)
    }
    since, due = receipt.time - _SKEW, receipt.by + _SKEW
    found = {key for key in _keys_since(store, since) if mark(key) in wanted}
    if len(found) == len(wanted) or _has(found, receipt):
        return Standing.PUBLISHED
    if now <= due or _chain_time(store) <= due:
        return Standing.PENDING
    if receipt.keys != len(wanted) or not _is_complete(store, since):
        return Standing.UNKNOWN
    return Standing.OVERDUE


def verify_when_given(store: Store, data: bytes) -> Receipt:
    """Check that an authority gave a receipt, by the policy of its time.

    Args:
        store: What a follower keeps.
        data: The receipt.

    Returns:
        What it promises.

    Raises:
        UsageError: The store has followed nothing yet.
        MalformedError: The bytes are no receipt.
        SignatureInvalidError: It is no authority's that was a member then.
    """
    policies = _policies_at(store, parse_receipt(data).time)
    for policy in policies[:-1]:
        try:
            return verify_receipt(data, policy)
        except SignatureInvalidError:
            continue
    return verify_receipt(data, policies[-1])


def _policies_at(store: Store, time: int) -> list[PolicyRecord]:
    """Policies that may have been in force, by a clock that may be wrong."""
    adopted = list(_policies(store))
    if not adopted:
        raise UsageError("receipt: expected a phone that has synced")
    ends = [since for since, _ in adopted[1:]]
    found = [
        policy
        for (since, policy), end in zip_longest(adopted, ends)
        if since <= time + _SKEW and (end is None or time - _SKEW <= end)
    ]
    # A receipt from before the chain is nobody's; the oldest policy says so or not.
    return found or [adopted[0][1]]


def _policies(store: Store) -> Iterator[tuple[int, PolicyRecord]]:
    """Every policy, oldest first, and when it was adopted."""
    for item in store.state.policies:
        record = parse_record(item.record).record
        (data,) = store.entries(item.shard, item.index, item.index + 1)
        if isinstance(record, PolicyRecord):
            yield parse_entry(data).time, record


def _has(found: Iterable[bytes], receipt: Receipt) -> bool:
    """Whether some of these keys are those that the receipt is for."""
    sets = combinations(sorted(found), receipt.keys)
    return any(
        receipt_digest(keys) == receipt.digest for keys in islice(sets, _MOST_SETS)
    )


def _keys_since(store: Store, time: int) -> Iterator[bytes]:
    """Keys of the bodies that are there; older blocks cannot hold what came later."""
    for block in store.blocks:
        data = store.body(block) if block.time >= time else None
        if data is not None:
            keys = parse_body(data).keys
            for start in range(0, len(keys), TEK_BYTES):
                yield bytes(keys[start : start + TEK_BYTES])


def _chain_time(store: Store) -> int:
    """The quorum's time at the newest checkpoint; 0 before the first."""
    if store.state.note is None:
        return 0
    return verify_checkpoint(store.state.note, store.state.chain.trust).time


def _is_complete(store: Store, time: int) -> bool:
    """Whether no body since then is missing, be it withheld or erased."""
    there = {
        (block.shard, block.index) for block in store.blocks if store.has_body(block)
    }
    return all(place in there for place in _blocks_since(store, time))


def _blocks_since(store: Store, time: int) -> Iterator[tuple[str, int]]:
    for shard in store.state.shards:
        size = store.state.size_of(shard)
        for index, data in enumerate(store.entries(shard, 0, size)):
            entry = parse_entry(data)
            if entry.time < time:
                continue
            if isinstance(parse_record(entry.record).record, BlockRecord):
                yield shard, index
