"""What a ledger is given to work with, and what it holds."""

from dataclasses import dataclass

import aiohttp

from cosignal.protocol.chain import FIRST_SHARD, Chain
from cosignal.server.clock import Clock, Entropy
from cosignal.server.config import Config
from cosignal.server.keyring import Keyring, Trust
from cosignal.server.ledger.bodies import Bodies
from cosignal.server.ledger.evidence import EvidenceFolder
from cosignal.server.ledger.packing import PackedFiles
from cosignal.server.ledger.peers import PeerCalls
from cosignal.server.ledger.policies import Policies
from cosignal.server.ledger.public_files import PublicFiles
from cosignal.server.ledger.tree import Tree
from cosignal.server.storage.database import Database
from cosignal.server.storage.files import DurableFiles

#: Packed copies may take this part of the memory for files on top of it.
PACKED_PART = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a ledger is given.

    Attributes:
        config: The node's configuration.
        keyring: Its secrets.
        database: Open.
        files: The public folder.
        trust: Whom the network believes, and the records that it begins with.
        session: For calls to other nodes; the ledger closes it.
        clock: Gives Unix seconds.
        entropy: Gives random bytes.
        shard: The log to work on.
    """

    config: Config
    keyring: Keyring
    database: Database
    files: DurableFiles
    trust: Trust
    session: aiohttp.ClientSession
    clock: Clock
    entropy: Entropy
    shard: str = FIRST_SHARD

    @property
    def authority(self) -> str:
        """Whose node it is."""
        return self.config.node.name

    @property
    def prefix(self) -> str:
        """Where the shard's files are, below the public folder."""
        return f"chain/{self.shard}"

    @property
    def skew_seconds(self) -> int:
        """How far clocks may differ."""
        return self.config.ledger.max_clock_skew_seconds

    def start(self) -> Chain:
        """The empty chain."""
        return Chain.start(self.config.node.network, self.shard, self.trust.policy)

    def calls(self) -> PeerCalls:
        """Calls to the other nodes."""
        return PeerCalls(self.session, self.shard, self.start().origin)


class Holdings:
    """What a ledger holds, on disk and in memory.

    Attributes:
        tree: Entries and hashes.
        bodies: Body files.
        evidence: Files against those who told two stories.
        policies: The versions of policy and configuration published.
        public: The public folder, from memory.
        packed: Packed copies of some of its files.
    """

    def __init__(
        self, database: Database, files: DurableFiles, shard: str, memory_bytes: int
    ) -> None:
        """Use a database and a public folder, for one shard."""
        prefix = f"chain/{shard}"
        self.public = PublicFiles(files, memory_bytes)
        self.packed = PackedFiles(memory_bytes // PACKED_PART)
        self.tree = Tree(database, self.public, prefix)
        self.bodies = Bodies(database, self.public, prefix)
        self.evidence = EvidenceFolder(self.public, self.tree)
        self.policies = Policies(self.public, self.tree, shard)
