"""Follow a chain: fetch what is new, verify it all, keep it.

What this module guarantees:

* A checkpoint counts only with the quorum of the policy in force, not older than 24
  hours, not smaller than before, and with the root that its entries lead to.
* Only new entries are fetched, and only bodies of the regions asked for that have not
  expired; each is verified before it is kept. One that is damaged or withheld costs
  none of the others.
* What was verified before is known by its hashes: where the disk holds something else
  by now, or another source does, it does not count.
* Policies are followed version by version, shards seal by seal.
* A refused checkpoint changes nothing. It is kept: as evidence where somebody is
  convicted by it, else as it came.
* A sync can end at any moment, and the next one goes on from what is on the disk; see
  `store`.

The clock is the caller's, and so is what to do about blocks whose body a source does
not have, or gives damaged.

Source: docs/reference/protocol.md, "Chain rules".
"""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from cosignal.client.certify import certify
from cosignal.client.disputes import find_disputes, head_of
from cosignal.client.downloads import fetch_all, fetch_bundle, fetch_shards, windows
from cosignal.client.paths import EVIDENCE_FOLDER, checkpoint_path
from cosignal.client.sources import MAX_FILE_BYTES, Source, TooLargeError
from cosignal.client.store import Block, Store
from cosignal.protocol.blocks import verify_body
from cosignal.protocol.chain import Chain, VerifiedEntry
from cosignal.protocol.checkpoints import (
    CertifiedCheckpoint,
    check_fresh,
    verify_checkpoint,
)
from cosignal.protocol.errors import (
    BodyMismatchError,
    ConsistencyError,
    CosignalError,
    GoneError,
    MalformedError,
    NotFoundError,
    SplitViewError,
    StaleError,
    UnavailableError,
    VerificationError,
)
from cosignal.protocol.merkle import CompactRange, leaf_hash
from cosignal.protocol.notes import MAX_NOTE_BYTES
from cosignal.protocol.tiles import TILE_WIDTH, Bundle, bundles_between

#: Told what is being done, how much of it is done, and of how much.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Synced:
    """What one sync did.

    Attributes:
        certified: The newest checkpoint.
        entries: Number of new entries.
        bodies: Number of bodies fetched.
        erased: Number of bodies erased because they expired.
        missing: Blocks whose body is wanted, but was not to be had.
        error: Why the first of these was not, unless the source just lacks it.
    """

    certified: CertifiedCheckpoint
    entries: int
    bodies: int
    erased: int
    missing: tuple[Block, ...]
    error: CosignalError | None = None


def silent(stage: str, done: int, total: int) -> None:
    """Tell nobody."""


class Follower:
    """Keeps a store up to date with a source."""

    def __init__(
        self,
        store: Store,
        source: Source,
        *,
        regions: AbstractSet[str] | None = None,
        progress: Progress = silent,
        erase: bool = True,
    ) -> None:
        """Follow `source` into `store`.

        Args:
            store: Where everything is kept.
            source: Where it comes from; may be another one in every run.
            regions: Whose bodies to fetch; None for all.
            progress: Told about long work.
            erase: Whether to erase what has expired; else the caller does.
        """
        self.store = store
        self.source = source
        self._regions = regions
        self._progress = progress
        self._erase = erase

    async def sync(self, now: int) -> Synced:
        """Catch up with the source.

        Args:
            now: Unix seconds.

        Returns:
            What was done.

        Raises:
            SplitViewError: The source shows a history that contradicts the one verified
                before; evidence is written.
            VerificationError: The source shows what no quorum certified, or what is
                stale, smaller than before, or not what was certified.
            SourceError: The source does not answer, or lacks a file.
            MalformedError: It gives something else than a chain.
        """
        certified, entries = await self._follow_chain(now)
        erased = self.store.erase_expired(now) if self._erase else 0
        bodies, missing, error = await self._fetch_bodies(now)
        return Synced(certified, entries, bodies, erased, missing, error)

    # Chain -------------------------------------------------------------------------

    async def _follow_chain(self, now: int) -> tuple[CertifiedCheckpoint, int]:
        """Follow shard after shard; return the last checkpoint and count entries."""
        count = 0
        while True:
            chain = self.store.state.chain
            successor = await self._successor(chain.shard) if chain.sealed else None
            if successor is not None:
                chain = chain.follow(successor)
            size = chain.size
            certified = await self._advance(chain, now)
            chain = self.store.state.chain
            count += chain.size - size
            if not chain.sealed:
                return certified, count
            # A sealed shard is not signed again; whether news are withheld shows in
            # the next one. While there is none, its age counts like any other's.
            if await self._successor(chain.shard) is None:
                return check_fresh(certified, now), count

    async def _successor(self, shard: str) -> str | None:
        """The shard that the source lists after this one."""
        shards = await fetch_shards(self.source)
        if shard not in shards:
            return None
        after = shards[shards.index(shard) + 1 :]
        return after[0] if after else None

    async def _advance(self, chain: Chain, now: int) -> CertifiedCheckpoint:
        """Move one shard to the source's checkpoint, or keep it and raise."""
        path = checkpoint_path(chain.shard)
        note = await self.source.get(path, MAX_NOTE_BYTES)
        try:
            return await self._accept(chain, note, now)
        except StaleError:
            raise
        except VerificationError as error:
            raise await self._dispute(chain, note, error) from error

    async def _accept(self, chain: Chain, note: bytes, now: int) -> CertifiedCheckpoint:
        certified, _ = await certify(self.source, note, chain)
        _check_head(chain, certified)
        try:
            # What an interrupted sync left spares downloads, but was never verified.
            return await self._extend(chain, note, certified, now, trust_disk=True)
        except StaleError:
            raise
        except (VerificationError, MalformedError):
            self.store.drop_ahead(chain.shard, chain.size)
        try:
            return await self._extend(chain, note, certified, now, trust_disk=False)
        except (VerificationError, MalformedError):
            self.store.drop_ahead(chain.shard, chain.size)
            raise

    async def _extend(
        self,
        chain: Chain,
        note: bytes,
        certified: CertifiedCheckpoint,
        now: int,
        *,
        trust_disk: bool,
    ) -> CertifiedCheckpoint:
        """Fetch and verify entries, then commit the checkpoint to the disk."""
        shard, start, size = chain.shard, chain.size, certified.checkpoint.size
        verified: list[VerifiedEntry] = []
        # The first bundle begins with entries verified before. It takes their place on
        # the disk, and the root would not notice if they were others.
        known = start % TILE_WIDTH
        for part in windows(bundles_between(start, size)):
            bundles = await self._fetch_bundles(shard, part, trust_disk=trust_disk)
            fresh = [entry for bundle in bundles for entry in bundle]
            _check_known(chain, fresh[:known])
            chain, gained = chain.extend(fresh[known:])
            known = 0
            verified += gained
            self.store.keep_bundles(shard, zip(part, bundles, strict=True))
            self._progress("entries", chain.size, size)
        moment = certified.fresh_time if chain.sealed else now
        chain, certified, _ = chain.advance(note, (), moment)
        if verified or self._is_news(chain, certified):
            self.store.commit(chain, note, verified)
            self.store.tidy(shard, bundles_between(start, size))
        return certified

    def _is_news(self, chain: Chain, certified: CertifiedCheckpoint) -> bool:
        """Whether it is another shard's, or signed later than the known one."""
        known = self.store.state.note
        if known is None or chain.shard != self.store.state.chain.shard:
            return True
        return verify_checkpoint(known, chain.trust).fresh_time < certified.fresh_time

    async def _fetch_bundles(
        self, shard: str, bundles: Sequence[Bundle], *, trust_disk: bool
    ) -> list[list[bytes]]:
        async def one(bundle: Bundle) -> list[bytes]:
            kept = None
            if trust_disk and bundle.width == TILE_WIDTH:
                kept = self.store.bundle(shard, bundle)
            return kept or await fetch_bundle(self.source, shard, bundle)

        return await fetch_all(one(bundle) for bundle in bundles)

    async def _dispute(
        self, chain: Chain, note: bytes, error: VerificationError
    ) -> VerificationError:
        """Keep a refused checkpoint; say what to raise."""
        found = await find_disputes(self.store, self.source, note, chain.trust)
        if not found:
            # A mirror that lags shows a smaller size every day; that is no secret.
            if head_of(note).size >= chain.size:
                self.store.keep_refused(note)
            return error
        for item in found:
            self.store.keep_evidence(item)
        return SplitViewError(
            f"checkpoint: expected an extension of the history verified before, got "
            f"another history that {self.source.name} shows",
            evidence=found[0].encode(),
            advice=f"Evidence is in {self.store.folder.where(EVIDENCE_FOLDER)}; send "
            "it to the other authorities, and use another mirror.",
        )

    # Bodies ------------------------------------------------------------------------

    async def _fetch_bodies(
        self, now: int
    ) -> tuple[int, tuple[Block, ...], CosignalError | None]:
        """Fetch bodies that are wanted; count them, and list those not to be had."""
        wanted = [block for block in self.store.blocks if self._wants(block, now)]
        kept: set[Block] = set()
        errors: list[CosignalError] = []
        for part in windows(wanted):
            found = await fetch_all(self._fetch_body(block) for block in part)
            pairs = list(zip(part, found, strict=True))
            good = [(block, data) for block, data in pairs if isinstance(data, bytes)]
            self.store.keep_bodies(good)
            kept.update(block for block, _ in good)
            failed = [error for error in found if isinstance(error, CosignalError)]
            errors += failed
            self._progress("bodies", len(kept), len(wanted))
            if not good and any(isinstance(item, UnavailableError) for item in failed):
                # It does not answer any more.
                break
        missing = tuple(block for block in wanted if block not in kept)
        return len(kept), missing, errors[0] if errors else None

    def _wants(self, block: Block, now: int) -> bool:
        here = self._regions is None or block.record.region in self._regions
        return here and block.record.expires > now and not self.store.has_body(block)

    async def _fetch_body(self, block: Block) -> bytes | CosignalError | None:
        """A verified body; what was wrong with it; or None where there is none."""
        try:
            # What an issuer states may be more than anybody could hold.
            limit = min(block.record.body_bytes, MAX_FILE_BYTES)
            data = await self.source.get(block.path, limit)
            verify_body(block.record, data, block.policy, block.time)
        except (NotFoundError, GoneError):
            return None
        except TooLargeError as error:
            return BodyMismatchError(str(error), advice=error.advice)
        except (VerificationError, UnavailableError) as error:
            return error
        return data


def _check_head(chain: Chain, certified: CertifiedCheckpoint) -> None:
    """Refuse another log's checkpoint, or a smaller one, before fetching anything."""
    head = certified.checkpoint
    if head.origin != chain.origin:
        raise ConsistencyError(f"origin: expected {chain.origin}, got {head.origin}")
    if head.size < chain.size:
        raise ConsistencyError(
            f"size: expected {chain.size} or more, got {head.size}",
            advice="The source is behind or rolled back; ask another mirror.",
        )


def _check_known(chain: Chain, again: list[bytes]) -> None:
    """Refuse a bundle that changes entries verified before, the last ones of a chain.

    A bundle begins where a complete subtree does, so the entries of the last one are
    the leaves of the compact range's last hashes.
    """
    found = CompactRange().extend(map(leaf_hash, again)).hashes
    if found != chain.range.hashes[len(chain.range.hashes) - len(found) :]:
        raise ConsistencyError(
            f"entries up to {chain.size}: expected those verified before, got others",
            advice="The source changed or damaged its files; ask another mirror.",
        )
