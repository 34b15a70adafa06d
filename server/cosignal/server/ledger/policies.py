"""Keep every version of the network's policy, and the list of shards, as files.

What this module guarantees:

* `chain/policy/<version>` is the signed record, byte for byte as it stands in the log,
  written before a checkpoint that holds it is served from here again.
* `chain/shards` names the shards, newest first, one a line.
"""

from cosignal.protocol.entries import parse_entry
from cosignal.protocol.records import PolicyRecord, parse_record
from cosignal.server.ledger.public_files import PublicFiles
from cosignal.server.ledger.tree import Tree

FOLDER = "chain/policy"
SHARDS = "chain/shards"
AT_ONCE = 1_024
_TAG = b"cosignal/policy/v1\n"


class Policies:
    """The policy versions of one shard."""

    def __init__(self, public: PublicFiles, tree: Tree, shard: str) -> None:
        """Write into the public folder what `tree` holds."""
        #: Newest version that is published; 0 before the first.
        self.newest = 0
        #: The list of shards as published; empty before the first checkpoint.
        self.shards = b""
        self._public = public
        self._tree = tree
        self._shard = shard
        # Owned by `publish`: entries below it were looked at.
        self._seen = 0

    def path(self, version: int) -> str:
        """Where a version is, below the public folder."""
        return f"{FOLDER}/{version}"

    async def publish(self, size: int) -> None:
        """Write the versions among the first `size` entries that are not there yet."""
        shards = f"{self._shard}\n".encode()
        if self.shards != shards:
            await self._public.replace(SHARDS, shards)
            self.shards = shards
        while self._seen < size:
            stop = min(size, self._seen + AT_ONCE)
            for data in await self._tree.entries(self._seen, stop):
                record = parse_entry(data).record
                if record.startswith(_TAG):
                    await self._write(record)
            self._seen = stop

    async def _write(self, data: bytes) -> None:
        record = parse_record(data).record
        if isinstance(record, PolicyRecord):
            path = self.path(record.version)
            await self._public.write_new([(path, data)])
            self.newest = record.version
