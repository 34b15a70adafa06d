"""Where things are below a node's base URL, and below a mirror's folder.

What this module guarantees:

* One file, one path: a URL path, a mirror's file and the key of a test network agree.
* `parse_shard` and `parse_shards` accept only names that are safe to make a path of.

Source: docs/reference/protocol.md, "Static files".
"""

import re

from cosignal.protocol.errors import MalformedError
from cosignal.protocol.records import ConfigurationRecord, PolicyRecord, Record

SHARDS_PATH = "chain/shards"
EVIDENCE_FOLDER = "chain/evidence"
MAX_SHARDS = 10_000

_SHARD = re.compile(r"[1-9][0-9]{0,8}")


def shard_prefix(shard: str) -> str:
    """The folder of one shard's files."""
    return f"chain/{shard}"


def checkpoint_path(shard: str) -> str:
    """The newest checkpoint; the only file of a shard that changes."""
    return f"chain/{shard}/checkpoint"


def body_path(shard: str, commit: bytes) -> str:
    """A block's body, by its commitment."""
    return f"chain/{shard}/body/{commit.hex()}"


def policy_path(version: int) -> str:
    """A signed policy record."""
    return f"chain/policy/{version}"


def configuration_path(version: int) -> str:
    """A signed configuration record."""
    return f"chain/configuration/{version}"


def record_path(record: Record) -> str | None:
    """Where a signed record is a file of its own; None for kinds that are not."""
    if isinstance(record, PolicyRecord):
        return policy_path(record.version)
    if isinstance(record, ConfigurationRecord):
        return configuration_path(record.version)
    return None


def proof_path(shard: str, index: int) -> str:
    """The proof of an entry; nodes have it, mirrors do not."""
    return f"chain/{shard}/proof/{index}"


def parse_shard(name: str) -> str:
    """Read a shard's name.

    Args:
        name: As in an origin.

    Returns:
        The name.

    Raises:
        MalformedError: It is no decimal number.
    """
    if not _SHARD.fullmatch(name):
        raise MalformedError("origin: expected a decimal number after the last slash")
    return name


def encode_shards(shards: list[str]) -> bytes:
    """Write the list of shards.

    Args:
        shards: Names, oldest first.

    Returns:
        Names, newest first, one a line.
    """
    return "".join(f"{shard}\n" for shard in reversed(shards)).encode()


def parse_shards(data: bytes) -> list[str]:
    """Read the list of shards.

    Args:
        data: Names, newest first, one a line.

    Returns:
        Names, oldest first.

    Raises:
        MalformedError: A line is no shard's name, or a name stands twice.
    """
    lines = data.decode("ascii", "replace").split("\n")
    names = lines[:-1]
    if lines[-1] or not 0 < len(names) <= MAX_SHARDS:
        raise MalformedError(f"shards: expected 1 to {MAX_SHARDS} lines")
    if len(set(names)) != len(names) or not all(map(_SHARD.fullmatch, names)):
        raise MalformedError("shards: expected decimal numbers, each once")
    return names[::-1]
