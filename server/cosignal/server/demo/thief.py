"""What somebody can do who stole the log's key: forge a chain, but not a quorum.

The forged mirror looks like the true one. Only its last entry is another, and its
checkpoint carries the log's true signature over the false tree.
"""

import shutil
from pathlib import Path

from cosignal.client.disputes import head_of
from cosignal.client.paths import checkpoint_path, shard_prefix
from cosignal.protocol.checkpoints import Checkpoint, sign_checkpoint
from cosignal.protocol.entries import Entry, parse_entry
from cosignal.protocol.keys import parse_signer_key
from cosignal.protocol.merkle import leaf_hash
from cosignal.protocol.merkle import root as merkle_root
from cosignal.protocol.tiles import Bundle, Tile, entry_bundle, parse_entry_bundle


def forge_mirror(true: Path, false: Path, shard: str, stolen_key: bytes) -> bytes:
    """Make a mirror whose last entry says something else.

    Args:
        true: A mirror of fewer than 257 entries.
        false: Folder to make.
        shard: Which log.
        stolen_key: Text of the log's private key.

    Returns:
        The forged checkpoint.
    """
    shutil.copytree(true / "chain", false / "chain")
    head = head_of((true / checkpoint_path(shard)).read_bytes())
    prefix = false / shard_prefix(shard)
    bundle, tile = Bundle(0, head.size), Tile(0, 0, head.size)
    entries = parse_entry_bundle((prefix / bundle.path).read_bytes(), head.size)
    last = parse_entry(entries[-1])
    earlier = parse_entry(entries[-2]).record
    # A true record in a false place: no issuer's key is needed for that.
    entries[-1] = Entry(last.index, last.prev, last.time, earlier).encode()
    leaves = [leaf_hash(entry) for entry in entries]
    (prefix / bundle.path).write_bytes(entry_bundle(entries))
    (prefix / tile.path).write_bytes(b"".join(leaves))
    forged = Checkpoint(head.origin, head.size, merkle_root(leaves))
    note = sign_checkpoint(forged, parse_signer_key(stolen_key.strip())).encode()
    (false / checkpoint_path(shard)).write_bytes(note)
    return note
