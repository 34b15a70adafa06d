"""A leaf of the tree: an envelope around one record.

What this module guarantees:

* An entry is readable text that names its own place: index, hash of the leaf before it,
  time of sequencing. The record follows byte for byte as its issuer signed it.
* One entry, one encoding: `parse_entry` accepts only what `Entry.encode` writes.

The issuer's signature does not cover the envelope, because index, predecessor and time
are known only when the record is ordered. What the record says is `records`' affair,
and whether entry follows entry is `chain`'s.
"""

import re
from dataclasses import dataclass

from cosignal.protocol.encoding import encode_base64, parse_hash
from cosignal.protocol.errors import MalformedError
from cosignal.protocol.tiles import MAX_ENTRY

ENTRY_TAG = "cosignal/entry/v1"
NO_LEAF = bytes(32)

_ENVELOPE = re.compile(
    rb"cosignal/entry/v1\n"
    rb"index (0|[1-9][0-9]{0,17})\n"
    rb"prev ([A-Za-z0-9+/]{43}=)\n"
    rb"time (0|[1-9][0-9]{0,11})\n"
    rb"\n"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One leaf, in parts.

    Attributes:
        index: Position in the shard, from 0.
        prev: Leaf hash of the entry before; 32 zero bytes for entry 0.
        time: When it was sequenced, Unix seconds.
        record: The signed record, exactly as its issuer sent it.
    """

    index: int
    prev: bytes
    time: int
    record: bytes

    def encode(self) -> bytes:
        """Write the leaf's bytes, the ones that are hashed and served."""
        envelope = (
            f"{ENTRY_TAG}\nindex {self.index}\n"
            f"prev {encode_base64(self.prev)}\ntime {self.time}\n\n"
        )
        return envelope.encode() + self.record


def parse_entry(data: bytes) -> Entry:
    """Split a leaf into envelope and record.

    Args:
        data: The leaf's bytes as served in an entry bundle.

    Returns:
        The entry; its record is not parsed yet.

    Raises:
        MalformedError: Anything but what `Entry.encode` writes.

    Source: docs/reference/protocol.md, "Entry".
    """
    if len(data) > MAX_ENTRY:
        raise MalformedError(
            f"entry: expected at most {MAX_ENTRY} bytes, got {len(data)}"
        )
    match = _ENVELOPE.match(data)
    if match is None:
        raise MalformedError(
            f"entry: expected the lines {ENTRY_TAG}, index, prev, time and a blank one"
        )
    index, prev, time = match.groups()
    prev_hash = parse_hash(prev, "entry: prev")
    return Entry(int(index), prev_hash, int(time), data[match.end() :])
