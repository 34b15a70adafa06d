"""A phone, as an app embeds it.

What this module guarantees:

* Everything the phone knows is one SQLite file; `delete_everything` overwrites it.
* What was downloaded of the chain can be downloaded again: where it is damaged, the
  phone starts over with it, says so, and keeps everything else.
* Any call may be interrupted, the process killed between any two steps: opened again,
  the phone goes on from what it had.
* Sightings and encounters never leave the phone; nothing is logged.

An app gives it three things: radio events, the time, and mirrors to read from; and it
shows a person what `news` says. See docs/how-to/embed-the-client.md.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cosignal.client.configurations import (
    EntryProof,
    StandingConfiguration,
    configuration_in_force,
    prove,
)
from cosignal.client.follower import Progress, silent
from cosignal.client.phone import (
    alerts,
    bandwidth,
    broadcast,
    encounters,
    files,
    findings,
    heard_keys,
    mirrors,
    own_keys,
    sighting_log,
    timekeeping,
    upload_desk,
)
from cosignal.client.phone.alerts import Alert, News
from cosignal.client.phone.assessment import Assessment
from cosignal.client.phone.broadcast import Broadcast
from cosignal.client.phone.database import Database
from cosignal.client.phone.followed_chain import FollowedChain
from cosignal.client.phone.mirrors import MirrorsSynced
from cosignal.client.phone.own_keys import Entropy
from cosignal.client.phone.receipts import Standing, check_receipt, verify_when_given
from cosignal.client.phone.sighting_log import Heard, Scanned
from cosignal.client.phone.upload_jobs import Job
from cosignal.client.sources import HttpSource, Source
from cosignal.client.store import Block, Store
from cosignal.protocol.errors import (
    CosignalError,
    RefusedError,
    UsageError,
)
from cosignal.protocol.exposure.metadata import Metadata
from cosignal.protocol.exposure.summaries import DailySummary
from cosignal.protocol.exposure.windows import ExposureWindow
from cosignal.protocol.matching import match
from cosignal.protocol.policy import Policy

#: Every table of the file.
SCHEMAS: Final = (
    files.SCHEMA,
    timekeeping.SCHEMA,
    own_keys.SCHEMA,
    broadcast.SCHEMA,
    sighting_log.SCHEMA,
    mirrors.SCHEMA,
    heard_keys.SCHEMA,
    alerts.SCHEMA,
    bandwidth.SCHEMA,
    *upload_desk.SCHEMAS,
)
#: Tables that are emptied, rather than refuse the file, where a value is damaged: who
#: failed, what was spent, when to pretend next, what is on air.
EXPENDABLE: Final = ("mirrors", "bandwidth", "chaff", "broadcast")
#: A clock that is off by more makes a phone that nobody recognises, seconds.
MAX_CLOCK_ERROR: Final = 7200

#: In the year 2106; a greater number is of another unit.
_LAST_SECOND: Final = 1 << 32


@dataclass(frozen=True, slots=True)
class PhoneSynced:
    """What a sync did.

    Attributes:
        chain: What was fetched, and from whom.
        keys: How many published keys were looked for among what this phone heard.
        clock_error: Seconds by which this phone's clock is certainly behind the time
            that a quorum signed; 0 if it may be right.
        news: What the person is to be told.
    """

    chain: MirrorsSynced
    keys: int
    clock_error: int
    news: News


class Phone:
    """One person's phone; use it in `with`, by one thread.

    Attributes:
        uploads: What the person publishes, and fake uploads.
    """

    def __init__(
        self,
        path: Path,
        pinned: Policy,
        *,
        entropy: Entropy,
        regions: AbstractSet[str] | None = None,
        matcher: encounters.Matcher = match,
        chaff_per_day: float = upload_desk.CHAFF_PER_DAY,
    ) -> None:
        """Open the phone's file, or make it.

        Args:
            path: The file; its folder must exist.
            pinned: The network's policy file, part of the app.
            entropy: Gives random bytes; `os.urandom`, or a test's.
            regions: Whose keys to download; None for all.
            matcher: How to match; bring one with threads, or `matching.match`.
            chaff_per_day: Fake uploads a day, on average; the same for all phones of
                an app, or it tells one from another.

        Raises:
            RefusedError: Another process holds it, or it is of another network.
            FatalError: It cannot be opened, or what nobody can give back is damaged.
        """
        self._entropy = entropy
        self._regions = regions
        self._matcher = matcher
        self._syncing = asyncio.Lock()
        self._syncs = 0
        self._database = Database(path, SCHEMAS, expendable=EXPENDABLE)
        self._meter = bandwidth.Meter(self._database)
        try:
            self.uploads = upload_desk.UploadDesk(
                self._database,
                self._meter,
                entropy=entropy,
                chaff_per_day=chaff_per_day,
            )
            self._chain = FollowedChain(self._database, pinned)
        except BaseException:
            self._database.close()
            raise

    def __enter__(self) -> Self:
        """Give the phone."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Let other processes open the file."""
        self._database.close()

    def start_over(self) -> None:
        """Forget what was downloaded of the chain; the next sync downloads it again.

        Keys, sightings, alerts, uploads and evidence stay.
        """
        self._chain.start_over("asked for")

    @property
    def restarted(self) -> str | None:
        """Why the chain is downloaded anew, since the phone was opened, if it is."""
        return self._chain.restarted

    @property
    def _store(self) -> Store:
        return self._chain.store

    # Radio -------------------------------------------------------------------------

    def broadcast(self, metadata: Metadata, now: int) -> Broadcast:
        """Say what to advertise now, and until when.

        Args:
            metadata: Transmit power of this kind of phone.
            now: Unix seconds.

        Returns:
            20 bytes of service data; change the Bluetooth address with them.
        """
        _check_time(now)
        return broadcast.current_broadcast(self._database, metadata, now, self._entropy)

    def hear(self, heard: Iterable[Heard], now: int) -> Scanned:
        """Write down what a scan heard; call it after empty scans, too.

        Args:
            heard: Every broadcast of the service.
            now: When the scan ended, Unix seconds.

        Returns:
            What was kept, and why the rest was not.
        """
        _check_time(now)
        timekeeping.time_to_erase_by(self._database, now)
        return sighting_log.keep_scan(self._database, heard, now)

    # Chain -------------------------------------------------------------------------

    async def sync(
        self,
        sources: Sequence[Source],
        now: int,
        *,
        progress: Progress = silent,
        patience: float = mirrors.PATIENCE_SECONDS,
        budget: float = mirrors.BUDGET_SECONDS,
    ) -> PhoneSynced:
        """Catch up with the chain, match what is new, and find out whom to tell.

        What is there already is matched and weighed even if no mirror serves: look at
        `news` in any case.

        Args:
            sources: Mirrors in the order of preference.
            now: Unix seconds.
            progress: Told about long work.
            patience: How long to wait for one file, seconds.
            budget: How long one mirror may take for everything, seconds.

        Returns:
            What was done.

        Raises:
            StaleError: The quorum's word is old at every mirror that answered: this
                phone's clock may be more than a day ahead.
            CosignalError: No mirror served; what was verified before stays.
        """
        _check_time(now)
        self._syncs += 1
        try:
            async with self._syncing:
                patient = [mirrors.PatientSource(item, patience) for item in sources]
                return await self._sync(patient, now, progress, budget)
        finally:
            self._syncs -= 1

    async def _sync(
        self, sources: Sequence[Source], now: int, progress: Progress, budget: float
    ) -> PhoneSynced:
        try:
            with self._meter.booked(now):
                chain = await self._chain.follow(
                    sources,
                    now,
                    regions=self._regions,
                    progress=progress,
                    budget=budget,
                )
        except CosignalError:
            await self._learn(now, progress)
            raise
        behind = chain.synced.certified.fresh_time - now
        if abs(behind) <= timekeeping.MAX_SILENCE:
            timekeeping.confirm_time(self._database, now)
            surely = max(now, chain.synced.certified.fresh_time)
            sighting_log.erase_future_sightings(self._database, surely)
            own_keys.erase_future_keys(self._database, surely)
            self.uploads.confirm_time(now)
        keys = await self._learn(now, progress)
        error = behind if behind > MAX_CLOCK_ERROR else 0
        return PhoneSynced(chain, keys, error, self.news())

    async def _learn(self, now: int, progress: Progress) -> int:
        """Match and weigh what is there; say how many keys were looked for."""
        keys = await encounters.find_encounters(
            self._database, self._store, self._matcher, progress
        )
        self.tidy(now)
        # A clock in doubt, as where no mirror served, must not age what was found.
        surely = timekeeping.time_to_erase_by(self._database, now)
        findings.renew_alerts(self._database, self._store, surely)
        return keys

    @asynccontextmanager
    async def mirrors(self, *urls: str) -> AsyncIterator[list[Source]]:
        """Open mirrors; their traffic is counted, and none recognises the phone.

        Args:
            urls: Base URLs of mirrors or nodes, in the order of preference.

        Yields:
            Sources for `sync`.

        Raises:
            UsageError: A URL is none.
        """
        for url in urls:
            if not url.startswith(("http://", "https://")):
                raise UsageError(
                    f"mirrors: expected http:// or https:// addresses, got {url}"
                )
        async with self._meter.session() as session:
            yield [HttpSource(url, session, anonymous=True) for url in urls]

    def bandwidth(self) -> list[bandwidth.DayTraffic]:
        """What this phone spent on the network, the newest day first."""
        return bandwidth.days(self._database)

    def tidy(self, now: int) -> None:
        """Erase what is too old; a phone that does not sync calls it daily.

        Args:
            now: Unix seconds.
        """
        surely = timekeeping.time_to_erase_by(self._database, now)
        own_keys.erase_old_keys(self._database, surely)
        sighting_log.erase_old_sightings(self._database, surely)
        self.uploads.tidy(surely)
        self._store.erase_expired(surely)
        heard_keys.forget_expired(self._database, self._store)
        alerts.erase_old_alerts(self._database, surely)
        self._database.scrub()

    # Results -----------------------------------------------------------------------

    @property
    def blocks(self) -> Sequence[Block]:
        """Blocks that have not expired, in chain order; their records are public."""
        return tuple(self._store.blocks)

    @property
    def trust(self) -> Policy:
        """Whom the phone believes now: the pinned policy, or what it has become."""
        return self._store.state.chain.trust

    @property
    def configuration(self) -> StandingConfiguration | None:
        """By which encounters are weighed; None while the network has set none."""
        return configuration_in_force(self._store.state)

    def alerts(self) -> list[Alert]:
        """All alerts of the last 15 days, withdrawn ones included, newest first."""
        return alerts.alerts(self._database)

    def news(self) -> News:
        """What the person has not been told yet."""
        return alerts.news(self._database)

    def mark_told(self, news: News) -> None:
        """Remember what the person was told; call it after showing it.

        Args:
            news: What was shown. What has changed since stays news.
        """
        alerts.mark_told(self._database, news)

    def daily_summaries(self, now: int) -> tuple[DailySummary, ...]:
        """Sum up the encounters of each day; empty without a configuration."""
        current = self.configuration
        return self._assess(now, current).summaries if current else ()

    def exposure_windows(self, now: int) -> tuple[ExposureWindow, ...]:
        """All windows, in random order; empty without a configuration."""
        current = self.configuration
        return self._assess(now, current).windows(self._entropy) if current else ()

    def prove(self, alert: Alert) -> EntryProof:
        """Prove offline by which parameters an alert was raised.

        Args:
            alert: From `alerts`.

        Returns:
            The entry of its configuration, and the proof that a quorum certified it;
            `configurations.verify_configuration` checks both.
        """
        return self.prove_entry(alert.ground.shard, alert.ground.index)

    def prove_entry(self, shard: str, index: int) -> EntryProof:
        """Prove offline that an entry is on the chain, for example an alert's block.

        Args:
            shard: Where it stands.
            index: Its number there.

        Returns:
            The entry, and a proof that `cosignal verify` checks.

        Raises:
            UsageError: This phone has not verified such an entry.
        """
        return prove(self._store, shard, index)

    def standing(self, job: Job, now: int) -> Standing:
        """Say whether the authority kept its promise to publish an upload.

        Args:
            job: One that is done, with a receipt.
            now: Unix seconds.

        Returns:
            Whether its keys are on the chain, as far as this phone has followed it.

        Raises:
            UsageError: The upload has no receipt, or the phone has not synced yet.
            MalformedError: The receipt is none.
            SignatureInvalidError: It is no authority's of this network.
        """
        if job.receipt is None:
            raise UsageError(f"receipt: expected one, got none for upload {job.id}")
        receipt = verify_when_given(self._store, job.receipt.encode())
        return check_receipt(self._store, receipt, job.marks or b"", now)

    # Deletion ----------------------------------------------------------------------

    def delete_everything(self) -> None:
        """Overwrite and remove all that this phone knows; it is closed then.

        A disk without room is no obstacle. Flash memory may keep earlier copies of what
        was overwritten, out of reach of any app; an encrypted file system hides them.

        Raises:
            RefusedError: A sync or an upload is under way, or waits for its turn.
        """
        if self._syncs or self.uploads.is_busy:
            raise RefusedError(
                "phone: expected no sync and no upload under way",
                advice="Cancel it, or wait for it, and delete then.",
            )
        self._database.destroy()

    def _assess(self, now: int, by: StandingConfiguration) -> Assessment:
        return findings.weigh(self._database, self._store, by, now)


def _check_time(now: object) -> None:
    if not isinstance(now, int) or not 0 <= now < _LAST_SECOND:
        raise UsageError(
            f"now: expected Unix seconds, got {now}",
            advice="Whole seconds since 1970, not milliseconds.",
        )
