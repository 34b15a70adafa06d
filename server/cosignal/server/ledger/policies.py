"""Keep every version of policy and configuration, and the list of shards, as files.

What this module guarantees:

* `chain/policy/<version>` and `chain/configuration/<version>` are the signed records,
  byte for byte as they stand in the log, written before a checkpoint that holds them is
  served from here again.
* `chain/shards` names the shards, newest first, one a line.
"""

from cosignal.client.paths import SHARDS_PATH, record_path
from cosignal.protocol.entries import parse_entry
from cosignal.protocol.records import ConfigurationRecord, PolicyRecord, parse_record
from cosignal.server.ledger.public_files import PublicFiles
from cosignal.server.ledger.tree import Tree

AT_ONCE = 1_024
# Most entries are blocks; those need not be parsed to be passed over.
_TAGS = (b"cosignal/policy/v1\n", b"cosignal/configuration/v1\n")


class Policies:
    """The policies and configurations of one shard.

    Attributes:
        newest_policy: Newest version that is published; 0 before the first.
        newest_configuration: The same of the configuration.
        shards: The list of shards as published; empty before the first checkpoint.
    """

    def __init__(self, public: PublicFiles, tree: Tree, shard: str) -> None:
        """Write into the public folder what `tree` holds."""
        self.newest_policy = 0
        self.newest_configuration = 0
        self.shards = b""
        self._public = public
        self._tree = tree
        self._shard = shard
        # Owned by `publish`: entries below it were looked at.
        self._seen = 0

    async def publish(self, size: int) -> None:
        """Write the versions among the first `size` entries that are not there yet."""
        shards = f"{self._shard}\n".encode()
        if self.shards != shards:
            await self._public.replace(SHARDS_PATH, shards)
            self.shards = shards
        while self._seen < size:
            stop = min(size, self._seen + AT_ONCE)
            for data in await self._tree.entries(self._seen, stop):
                record = parse_entry(data).record
                if record.startswith(_TAGS):
                    await self._write(record)
            self._seen = stop

    async def _write(self, data: bytes) -> None:
        record = parse_record(data).record
        path = record_path(record)
        if path is None:
            return
        await self._public.write_new([(path, data)])
        if isinstance(record, PolicyRecord):
            self.newest_policy = record.version
        elif isinstance(record, ConfigurationRecord):
            self.newest_configuration = record.version
