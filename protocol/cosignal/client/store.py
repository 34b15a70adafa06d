"""What a follower keeps on disk: verified entries, bodies, state and evidence.

What this module guarantees:

* `state.json` is the only file that says how far the chain is verified. It is replaced
  atomically, after the entries it counts are on the disk.
* A body is kept only as long as its block has not expired.
* Reading a body checks its commitment again; a damaged one is dropped, not believed.
* Entries whose blocks live are checked against each other, and against the last one
  that was verified, when the store is opened.

What a crash leaves behind, in the order of writing::

    entries      bundles beyond the size in state.json; the next sync writes the same
                 names again, and full ones spare it the download
    state.json   verified entries whose bodies are not there yet; the next sync fetches
                 them
    bodies       some of them; each is complete

Entries and bodies lie where a mirror serves them, so that a store can be read like any
other source. What may be believed is decided in `follower`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from types import TracebackType
from typing import Self

from cosignal.client.folders import PRIVATE, Files
from cosignal.client.paths import EVIDENCE_FOLDER, body_path, shard_prefix
from cosignal.client.state import (
    AdoptedRecord,
    EndedShard,
    State,
    encode_state,
    parse_state,
    start_state,
)
from cosignal.protocol.bodies import commit
from cosignal.protocol.chain import Chain, VerifiedEntry
from cosignal.protocol.entries import Entry, parse_entry
from cosignal.protocol.errors import FatalError, MalformedError
from cosignal.protocol.evidence import Evidence
from cosignal.protocol.merkle import leaf_hash
from cosignal.protocol.policy import Policy
from cosignal.protocol.records import (
    BlockRecord,
    ConfigurationRecord,
    PolicyRecord,
    Record,
    RevocationRecord,
    parse_record,
)
from cosignal.protocol.tiles import (
    TILE_WIDTH,
    Bundle,
    Tile,
    bundles_between,
    entry_bundle,
    parse_entry_bundle,
    parse_tile_path,
)

STATE_PATH = f"{PRIVATE}/state.json"
#: A liar can make any number of notes; so many files of a kind are kept to look at.
MAX_KEPT = 64


class DamagedError(FatalError):
    """What was verified before is not on the disk any more; it can be had again."""


@dataclass(frozen=True, slots=True)
class Block:
    """A verified block whose body has not expired.

    Attributes:
        shard: Where its record stands.
        index: The entry there.
        time: When it was sequenced, Unix seconds.
        record: What its issuer says.
        policy: In force when it was sequenced.
    """

    shard: str
    index: int
    time: int
    record: BlockRecord
    policy: PolicyRecord

    @property
    def path(self) -> str:
        """Where its body is."""
        return body_path(self.shard, self.record.commit)


class Store:
    """A follower's folder, held by this process; use it in `with`.

    Attributes:
        folder: Where everything is.
        state: How far the chain is verified; what is on the disk says the same.
        blocks: Unexpired blocks in chain order.
    """

    def __init__(self, folder: Files, pinned: Policy) -> None:
        """Hold the folder and read what an earlier run left.

        Args:
            folder: New, or of an earlier run.
            pinned: The network's tlog-policy.

        Raises:
            RefusedError: Another process holds it, or it is of another network.
            MalformedError: The state is damaged.
            DamagedError: Entries that the state counts are missing, or others.
        """
        folder.hold()
        try:
            self.folder = folder
            data = folder.read(STATE_PATH)
            self.state = parse_state(data, pinned) if data else start_state(pinned)
            self.blocks = list(self._live_blocks())
        except BaseException:
            folder.release()
            raise

    def __enter__(self) -> Self:
        """Give the store."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let other processes in."""
        self.folder.release()

    # Entries -----------------------------------------------------------------------

    def bundle(self, shard: str, bundle: Bundle) -> list[bytes] | None:
        """Entries of a bundle of exactly that width, or None.

        Beyond the verified size they are what an interrupted sync left: to be verified
        like a download.
        """
        data = self.folder.read(_path(shard, bundle))
        return None if data is None else parse_entry_bundle(data, bundle.width)

    def keep_bundles(
        self, shard: str, bundles: Iterable[tuple[Bundle, Sequence[bytes]]]
    ) -> None:
        """Write entries to the disk; they count once `commit` says so."""
        self.folder.put_all(
            (_path(shard, bundle), entry_bundle(entries)) for bundle, entries in bundles
        )

    def drop_ahead(self, shard: str, size: int) -> None:
        """Forget bundles that reach beyond a verified size."""
        for path in list(self.folder.files(f"{shard_prefix(shard)}/tile/entries")):
            name = path.removeprefix(f"{shard_prefix(shard)}/")
            bundle = parse_tile_path(name.encode())
            if bundle.index * TILE_WIDTH + bundle.width > size:
                self.folder.erase(path)

    def tidy(self, shard: str, items: Iterable[Bundle] | Iterable[Tile]) -> None:
        """Remove partial files of those items that are full and published by now.

        A crash in between leaves some; they do no harm.
        """
        for item in items:
            if item.width == TILE_WIDTH:
                self.folder.erase_folder(f"{shard_prefix(shard)}/{item.path}.p")

    def entries(self, shard: str, start: int, stop: int) -> Iterator[bytes]:
        """Verified entries `start` up to `stop` of a shard.

        Raises:
            DamagedError: A bundle is missing or damaged.
        """
        size = self.state.size_of(shard)
        for bundle in bundles_between(start, min(stop, size)):
            last = min(bundle.start + TILE_WIDTH, size)
            held = Bundle(bundle.index, last - bundle.start)
            entries = self._bundle_or_fail(shard, held)
            yield from entries[max(start - bundle.start, 0) : stop - bundle.start]

    def _bundle_or_fail(self, shard: str, bundle: Bundle) -> list[bytes]:
        try:
            entries = self.bundle(shard, bundle)
        except MalformedError:
            entries = None
        if entries is None:
            raise self.damaged(_path(shard, bundle))
        return entries

    def damaged(self, path: str) -> DamagedError:
        """Say that a file does not hold what was verified.

        Args:
            path: The file.

        Returns:
            To be raised.
        """
        return DamagedError(
            f"{path}: expected the entries verified before, got others or none",
            advice=self.folder.remedy,
        )

    # State -------------------------------------------------------------------------

    def commit(
        self, chain: Chain, note: bytes, verified: Sequence[VerifiedEntry]
    ) -> None:
        """Say durably that a checkpoint is verified; its entries are kept already.

        Args:
            chain: The verifier at the checkpoint.
            note: The checkpoint.
            verified: The entries that `chain` gained, all of `chain.shard`.
        """
        state = self.state
        if chain.shard != state.chain.shard:
            end = EndedShard(state.chain.shard, state.chain.size, state.note or b"")
            state = replace(state, ended=(*state.ended, end))
        revoked = _revocations(entry.record for entry in verified)
        blocks = self.blocks + [
            Block(chain.shard, entry.index, entry.time, entry.record, entry.policy)
            for entry in verified
            if isinstance(entry.record, BlockRecord)
        ]
        self._save(
            replace(
                state,
                chain=chain,
                note=note,
                policies=state.policies + _adopted(PolicyRecord, chain, verified),
                configurations=state.configurations
                + _adopted(ConfigurationRecord, chain, verified),
                revoked=state.revoked | revoked,
                live=_first_live(blocks, chain),
            )
        )
        self.blocks = blocks

    def _save(self, state: State) -> None:
        self.folder.put(STATE_PATH, encode_state(state))
        self.state = state

    def _live_blocks(self) -> Iterator[Block]:
        shards, (first, index) = self.state.shards, self.state.live
        for shard in shards[shards.index(first) :]:
            start = index if shard == first else 0
            stop = self.state.size_of(shard)
            policies = self._policies(shard)
            for position, entry in self._checked(shard, start, stop):
                record = parse_record(entry.record).record
                if isinstance(record, BlockRecord):
                    policy = [item for at, item in policies if at < position][-1]
                    yield Block(shard, position, entry.time, record, policy)

    def _checked(
        self, shard: str, start: int, stop: int
    ) -> Iterator[tuple[int, Entry]]:
        """Index and entry of those that still lead to the last one verified."""
        leaf: bytes | None = None
        for position, data in enumerate(self.entries(shard, start, stop), start):
            try:
                entry = parse_entry(data)
            except MalformedError:
                entry = None
            if entry is None or leaf not in (None, entry.prev):
                raise self.damaged(_path(shard, Bundle(position // TILE_WIDTH)))
            yield position, entry
            leaf = leaf_hash(data)
        chain = self.state.chain
        if shard == chain.shard and leaf not in (None, chain.last_leaf):
            raise self.damaged(_path(shard, Bundle((stop - 1) // TILE_WIDTH)))

    def _policies(self, shard: str) -> list[tuple[int, PolicyRecord]]:
        """Index and record of each policy, -1 for those of earlier shards."""
        shards = self.state.shards
        known = shards[: shards.index(shard) + 1]
        found = []
        for item in self.state.policies:
            record = parse_record(item.record).record
            if item.shard in known and isinstance(record, PolicyRecord):
                found.append((item.index if item.shard == shard else -1, record))
        return found

    # Bodies ------------------------------------------------------------------------

    def revoked(self, block: Block) -> bool:
        """Whether the block's own issuer withdrew it."""
        return (block.record.issuer, block.record.commit) in self.state.revoked

    def has_body(self, block: Block) -> bool:
        """Whether the block's body is on the disk."""
        return self.folder.has(block.path)

    def body(self, block: Block) -> bytes | None:
        """A verified body, or None; one that does not fit its record is dropped."""
        data = self.folder.read(block.path)
        if data is not None and commit(data) != block.record.commit:
            self.folder.erase(block.path)
            return None
        return data

    def keep_bodies(self, bodies: Iterable[tuple[Block, bytes]]) -> None:
        """Write verified bodies to the disk."""
        self.folder.put_all((block.path, data) for block, data in bodies)

    def erase_expired(self, now: int) -> int:
        """Remove every body file that no unexpired block names.

        A crash in between leaves files that the next call removes: only afterwards
        does the state move on.

        Args:
            now: Unix seconds.

        Returns:
            How many files were removed.
        """
        self.blocks = [item for item in self.blocks if item.record.expires > now]
        live = {block.path for block in self.blocks}
        erased = sum(
            self.folder.erase(path)
            for shard in self.state.shards
            for path in list(self.folder.files(f"{shard_prefix(shard)}/body"))
            if path not in live
        )
        first = _first_live(self.blocks, self.state.chain)
        if first != self.state.live:
            self._save(replace(self.state, live=first))
        return erased

    # Evidence ----------------------------------------------------------------------

    def keep_evidence(self, evidence: Evidence) -> str | None:
        """Write an evidence file.

        Returns:
            Its path below the folder; None when enough are kept already.
        """
        return self._keep(evidence.file_name, evidence.encode())

    def keep_refused(self, note: bytes) -> str | None:
        """Write down a checkpoint that was refused, though nobody is convicted by it.

        Returns:
            Its path below the folder; None when enough are kept already.
        """
        return self._keep(f"{sha256(note).hexdigest()}.refused", note)

    def _keep(self, name: str, data: bytes) -> str | None:
        _, _, ending = name.partition(".")
        names = self.folder.names(EVIDENCE_FOLDER)
        kept = [item for item in names if item.endswith(f".{ending}")]
        if name not in kept and len(kept) >= MAX_KEPT:
            return None
        path = f"{EVIDENCE_FOLDER}/{name}"
        self.folder.put(path, data)
        return path


def _path(shard: str, bundle: Bundle) -> str:
    return f"{shard_prefix(shard)}/{bundle.path}"


def _first_live(blocks: Sequence[Block], chain: Chain) -> tuple[str, int]:
    first = blocks[0] if blocks else None
    return (first.shard, first.index) if first else (chain.shard, chain.size)


def _adopted(
    kind: type[Record], chain: Chain, verified: Iterable[VerifiedEntry]
) -> tuple[AdoptedRecord, ...]:
    return tuple(
        AdoptedRecord(chain.shard, entry.index, entry.record_bytes)
        for entry in verified
        if isinstance(entry.record, kind)
    )


def _revocations(records: Iterable[Record]) -> frozenset[tuple[str, bytes]]:
    return frozenset(
        (record.issuer, record.commit)
        for record in records
        if isinstance(record, RevocationRecord)
    )
