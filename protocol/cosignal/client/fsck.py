"""Audit a folder of chain files: a mirror's, or a node's public one.

What this module guarantees:

* Every tile is compared with the entries, the entries with the checkpoint's root and
  the chain's rules, every body with its record. Missing and unknown files are found.
* Each fault is reported under one path, the file to replace. Where entries and tile
  disagree, the tree above decides which of them is wrong.
* Nothing is changed.

Files beyond the checkpoint, and bodies younger than an hour that no entry names, are no
fault: who publishes writes them first. The age of the checkpoint is not judged: an old
copy can be a good one.

Source: docs/reference/protocol.md, "Static files"; c2sp.org/tlog-tiles.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cosignal.client.disputes import head_of
from cosignal.client.follower import Progress, silent
from cosignal.client.fsck_tree import Shelf, TreeAudit
from cosignal.client.paths import (
    EVIDENCE_FOLDER,
    SHARDS_PATH,
    body_path,
    checkpoint_path,
    parse_shards,
    record_path,
    shard_prefix,
)
from cosignal.client.state import start_state
from cosignal.protocol.blocks import verify_body
from cosignal.protocol.chain import Chain, VerifiedEntry
from cosignal.protocol.checkpoints import Checkpoint, verify_checkpoint
from cosignal.protocol.errors import (
    ChainRuleError,
    CosignalError,
    MalformedError,
    VerificationError,
)
from cosignal.protocol.evidence import parse_evidence
from cosignal.protocol.policy import Policy
from cosignal.protocol.records import (
    BlockRecord,
    ConfigurationRecord,
    PolicyRecord,
    parse_record,
    verify_record,
)
from cosignal.protocol.tiles import TILE_WIDTH, bundles_between

#: A node stores a body before its record is ordered; this long it may wait.
YOUNG_SECONDS = 3_600
#: So many bundles may be missing; a checkpoint that names more is itself the fault.
MISSING_BUNDLES = 4_096
#: Clocks differ, and a sweep takes its time.
ERASE_GRACE_SECONDS = 600
#: Folders of `paths.record_path`, below `chain`.
_RECORDS = ("policy", "configuration")


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found.

    Attributes:
        faults: What is wrong, by path.
        ahead: Files beyond the checkpoint.
        entries: Number of entries that obey the rules.
        tiles: Number of tiles compared.
        bodies: Number of bodies verified.
    """

    faults: dict[str, str]
    ahead: tuple[str, ...]
    entries: int
    tiles: int
    bodies: int


def audit(root: Path, pinned: Policy, now: int, progress: Progress = silent) -> Audit:
    """Check every file below `root/chain`.

    Args:
        root: The folder that holds `chain`.
        pinned: The network's tlog-policy.
        now: Unix seconds; decides which bodies must be there.
        progress: Told about long work.

    Returns:
        What was found; nothing is raised for a bad file.

    Raises:
        UsageError: The policy is not a network's first.
    """
    return _Audit(Shelf(root), now, progress, start_state(pinned).chain).run()


@dataclass
class _Audit:
    shelf: Shelf
    now: int
    progress: Progress
    #: The chain as far as it was checked.
    last: Chain
    trees: dict[str, TreeAudit] = field(default_factory=dict)
    #: Expiry of each body by path.
    expires: dict[str, int] = field(default_factory=dict)
    entries: int = 0
    tiles: int = 0
    bodies: int = 0
    #: Whether every entry was read, so that a file can be said to be named by none.
    whole: bool = True

    def run(self) -> Audit:
        chain = self.last
        for shard in self._shards(chain):
            if shard != chain.shard:
                if not chain.sealed:
                    self.shelf.report(SHARDS_PATH, f"shard {chain.shard} is not sealed")
                    break
                chain = chain.follow(shard)
            chain = self.last = self._check_shard(chain)
        ahead = tuple(self._check_strays())
        return Audit(
            dict(sorted(self.shelf.faults.items())),
            ahead,
            self.entries,
            self.tiles,
            self.bodies,
        )

    def _shards(self, chain: Chain) -> list[str]:
        data = self.shelf.read(SHARDS_PATH)
        if data is None:
            self.shelf.report(SHARDS_PATH, "missing")
            return [chain.shard]
        try:
            return parse_shards(data)
        except MalformedError as error:
            self.shelf.report(SHARDS_PATH, str(error))
            return [chain.shard]

    # One shard ---------------------------------------------------------------------

    def _check_shard(self, chain: Chain) -> Chain:
        """Check tree, rules and bodies; return the chain as far as it holds."""
        path = checkpoint_path(chain.shard)
        note = self.shelf.read(path)
        try:
            head = head_of(note or b"")
        except MalformedError as error:
            self.shelf.report(path, "missing" if note is None else str(error))
            self.whole = False
            return chain
        most = self._most_entries(chain.shard)
        if head.size > most:
            self.shelf.report(path, f"size: expected at most {most} by the files there")
            self.whole = False
            return chain
        tree = TreeAudit(self.shelf, shard_prefix(chain.shard), head.size, head.root)
        self.trees[chain.shard] = tree
        self.tiles += tree.check()
        chain = self._check_rules(chain, tree)
        self._check_checkpoint(chain, note or b"", head)
        return chain

    def _most_entries(self, shard: str) -> int:
        """What a checkpoint may say, so that a false one costs no memory."""
        bundles = self.shelf.root / shard_prefix(shard) / "tile/entries"
        return (sum(1 for _ in bundles.rglob("*")) + MISSING_BUNDLES) * TILE_WIDTH

    def _check_rules(self, chain: Chain, tree: TreeAudit) -> Chain:
        """Walk the entries as far as they can be read; check what they name."""
        for bundle in bundles_between(0, tree.size):
            entries = tree.bundles[bundle.index]
            if entries is None:
                break
            try:
                chain, verified = chain.extend(entries)
            except ChainRuleError as error:
                self.shelf.report(f"{tree.prefix}/{bundle.path}", str(error))
                break
            self.entries += len(verified)
            for entry in verified:
                self._check_entry(chain.shard, entry)
            self.progress("entries", chain.size, tree.size)
        self.whole = self.whole and chain.size == tree.size
        return chain

    def _check_checkpoint(self, chain: Chain, note: bytes, head: Checkpoint) -> None:
        path = checkpoint_path(chain.shard)
        if head.origin != chain.origin:
            self.shelf.report(path, f"origin: expected {chain.origin}, got another")
        try:
            verify_checkpoint(note, chain.trust)
            if chain.pinned.first is None:
                verify_checkpoint(note, chain.pinned)
        except CosignalError as error:
            self.shelf.report(path, str(error))

    def _check_entry(self, shard: str, entry: VerifiedEntry) -> None:
        record = entry.record
        path = record_path(record)
        if path is not None:
            data = self.shelf.read(path)
            if data != entry.record_bytes:
                problem = (
                    "missing" if data is None else "is not the record on the chain"
                )
                self.shelf.report(path, problem)
        if isinstance(record, BlockRecord):
            path = body_path(shard, record.commit)
            latest = max(record.expires, self.expires.get(path, 0))
            self.expires[path] = latest
            self._check_body(path, record, entry)

    def _check_body(self, path: str, record: BlockRecord, entry: VerifiedEntry) -> None:
        data = self.shelf.read(path)
        if data is None:
            if record.expires > self.now:
                self.shelf.report(path, "missing, and its block has not expired")
            return
        try:
            verify_body(record, data, entry.policy, entry.time)
        except CosignalError as error:
            self.shelf.report(path, str(error))
        else:
            self.bodies += 1

    # Everything else ---------------------------------------------------------------

    def _check_strays(self) -> Iterator[str]:
        """Judge expired bodies and files that nothing named; give those ahead."""
        for path, expires in self.expires.items():
            late = expires + ERASE_GRACE_SECONDS <= self.now
            if late and (self.shelf.root / path).is_file():
                self.shelf.report(path, "expired, and must be erased")
        for path in self.shelf.files():
            if path not in self.shelf.seen and self._is_ahead(path):
                yield path

    def _is_ahead(self, path: str) -> bool:
        """Whether a file that nothing named lies beyond the checkpoint; else judge."""
        shard, _, rest = path.removeprefix("chain/").partition("/")
        tree = self.trees.get(shard)
        try:
            if path.startswith(f"{EVIDENCE_FOLDER}/"):
                self._check_evidence(path)
            elif tree and rest.startswith("tile/"):
                return tree.check_stray(rest)
            elif (tree and rest.startswith("body/") and self._is_young(path)) or (
                shard in _RECORDS and self._is_next_record(path)
            ):
                return True
            elif self.whole:
                self.shelf.report(path, "named by nothing on the chain")
        except MalformedError as error:
            self.shelf.report(path, str(error))
        return False

    def _is_next_record(self, path: str) -> bool:
        """Whether it is a policy or configuration that follows the ones in force."""
        signed = parse_record((self.shelf.root / path).read_bytes())
        try:
            record = verify_record(signed, self.last.policy)
        except VerificationError:
            return False
        known: PolicyRecord | ConfigurationRecord | None = None
        if isinstance(record, PolicyRecord):
            known = self.last.policy
        elif isinstance(record, ConfigurationRecord):
            known = self.last.configuration
        else:
            return False
        newer = known is None or record.version > known.version
        return newer and path == record_path(record)

    def _is_young(self, path: str) -> bool:
        return (self.shelf.root / path).stat().st_mtime > self.now - YOUNG_SECONDS

    def _check_evidence(self, path: str) -> None:
        data = self.shelf.read(path) or b""
        if path.endswith(".refused"):
            return
        if parse_evidence(data).file_name != path.rpartition("/")[2]:
            self.shelf.report(path, "file name is not the hash of its bytes")
