"""What a person publishes through this phone, and the fake uploads beside it.

What this module guarantees:

* Keys are given out and the upload is written down in one change: none is lost, and
  none goes up twice. Keys of an upload that was refused are there for the next code.
* Real and fake uploads are carried on alike, one after the other.

How an upload survives crashes and lost answers is for `uploads`, when fake ones come
for `chaff`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from cosignal.client.phone import (
    broadcast,
    chaff,
    own_keys,
    upload_advice,
    upload_jobs,
    uploads,
)
from cosignal.client.phone.bandwidth import Meter
from cosignal.client.phone.chaff import ConditionsNow
from cosignal.client.phone.database import Database
from cosignal.client.phone.own_keys import Entropy
from cosignal.client.phone.pacing import PAUSES
from cosignal.client.phone.upload_jobs import Job
from cosignal.client.phone.upload_outcomes import may_be_published
from cosignal.client.upload import UploadClient
from cosignal.protocol.errors import RefusedError
from cosignal.protocol.intervals import interval_at, unix_at

SCHEMAS: Final = (upload_jobs.SCHEMA, chaff.SCHEMA)
#: About 15 kB a day, and enough that the few real uploads of a lifetime drown in them.
CHAFF_PER_DAY: Final = 0.5
#: How long an upload that has ended is remembered, seconds.
RETENTION_SECONDS: Final = 31 * 86_400


class UploadDesk:
    """The phone's way to health authorities."""

    def __init__(
        self,
        database: Database,
        meter: Meter,
        *,
        entropy: Entropy,
        chaff_per_day: float = CHAFF_PER_DAY,
    ) -> None:
        """Work on the phone's file.

        Args:
            database: The phone's.
            meter: Books what is spent.
            entropy: Gives as many random bytes as asked for.
            chaff_per_day: Fake uploads a day, on average.

        Raises:
            UsageError: So many cannot be.
        """
        chaff.check_rate(chaff_per_day)
        self._database = database
        self._meter = meter
        self._entropy = entropy
        self._chaff_per_day = chaff_per_day
        self._turn = asyncio.Lock()
        self._runs = 0

    @property
    def is_busy(self) -> bool:
        """Whether `carry_on` is at work, or waits for its turn."""
        return self._runs > 0

    def begin(
        self,
        code: str,
        now: int,
        *,
        since: int = 0,
        onset: int | None = None,
        wait_until: int | None = None,
    ) -> int:
        """Take a person's keys and code, to be uploaded by `carry_on`.

        Today's key ends with the interval on air, and the phone goes on with another.

        Args:
            code: From the health authority, as typed.
            now: Unix seconds.
            since: First interval whose keys are published, 10-minute units since 1970;
                0 for all that may be.
            onset: An interval of the day symptoms began, if known.
            wait_until: The person accepts that the upload takes the place of a fake
                one until then, so that nobody sees one more; Unix seconds, well before
                the code ends. None, or no fake one in time: at once. After it, bad
                conditions put the upload off no longer.

        Returns:
            The upload's number.

        Raises:
            UsageError: The code cannot be one.
            RefusedError: This phone has no key of that time that is not published.
        """
        uploads.check_code(code)
        # All or nothing: keys that an upload has are not given out again.
        with self._database.write():
            self._take_back_refused()
            keys = own_keys.give_out(self._database, since, now)
            if not keys:
                raise self._no_keys()
            broadcast.end_broadcast(self._database, unix_at(interval_at(now) + 1))
            number = uploads.begin(
                self._database,
                code,
                keys,
                onset=onset,
                now=now,
                entropy=self._entropy,
                at=self._slot(now, wait_until),
                wait_until=wait_until,
            )
            own_keys.hand_over(self._database, keys, number)
        return number

    @asynccontextmanager
    async def client(
        self, url: str, *, api_key: str, health_authority: str
    ) -> AsyncIterator[UploadClient]:
        """Open a way to an authority whose traffic is counted.

        Args:
            url: Base URL of its node.
            api_key: The app's device key there.
            health_authority: Its id, as its configuration says.

        Yields:
            For `carry_on`.
        """
        async with self._meter.session() as session:
            yield UploadClient(
                session,
                url,
                api_key=api_key,
                health_authority=health_authority,
                entropy=self._entropy,
            )

    async def carry_on(
        self,
        client: UploadClient,
        clock: Callable[[], int],
        conditions: ConditionsNow,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> int:
        """Carry on what is due of uploads, real and fake.

        It takes some seconds, for the requests are spread in time, and up to a minute
        and a half where nobody answers. Call it after `begin`, and whenever the app
        runs; it may be cancelled anywhere.

        Args:
            client: Talks to the authority.
            clock: Gives Unix seconds.
            conditions: Gives those of the phone; asked when something that can wait is
                due.
            sleep: Waits so many seconds between two requests.

        Returns:
            When to call again, Unix seconds.

        Raises:
            Exception: What went wrong with one upload, after the others were carried
                on; the next call tries it again.
        """
        self._runs += 1
        try:
            async with self._turn:
                planned = chaff.plan(
                    self._database, clock(), self._entropy, self._chaff_per_day
                )
                with self._meter.booked(clock()):
                    await self._carry_on_all(client, clock, conditions, sleep)
                return min(planned, uploads.next_time(self._database) or planned)
        finally:
            self._runs -= 1

    async def _carry_on_all(
        self,
        client: UploadClient,
        clock: Callable[[], int],
        conditions: ConditionsNow,
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        seen: set[int] = set()
        waiting: list[int] = []
        failures: list[Exception] = []
        while True:
            due = self._due(clock(), conditions)
            # What takes over from a refused one goes first: nothing comes between the
            # requests of a fake one either. What was forgotten meanwhile is not due.
            waiting = [
                number for number in due if number not in seen or number in waiting
            ]
            waiting.sort(key=lambda number: number in seen)
            seen.update(waiting)
            if not waiting:
                break
            number = waiting.pop(0)
            try:
                await uploads.run(
                    self._database, client, number, clock, self._entropy, sleep=sleep
                )
            except Exception as error:  # noqa: BLE001 - the others must not wait for it
                failures.append(error)
        if failures:
            raise failures[0]

    def _due(self, now: int, conditions: ConditionsNow) -> list[int]:
        """What is due, or will be after a pause: what goes on from a refusal, too."""
        soon = now + PAUSES.stop
        urgent = uploads.due(self._database, soon, good=False)
        everything = uploads.due(self._database, soon, good=True)
        return everything if everything != urgent and conditions().good() else urgent

    def jobs(self) -> list[Job]:
        """The person's own uploads, oldest first, ended ones included."""
        return uploads.uploads(self._database)

    def advice(self, job: Job) -> str:
        """Say in one sentence what the person can do about an upload, if anything."""
        return upload_advice.advice(job)

    def forget(self, number: int) -> None:
        """Give up an upload, or forget one that has ended, with all its secrets.

        Keys that the authority cannot have may be published by another one.
        """
        kept = [job.id for job in self.jobs() if may_be_published(job)]
        with self._database.write():
            if number not in kept:
                own_keys.take_back(self._database, number)
            upload_jobs.remove_job(self._database, number)
        self._database.scrub()

    def tidy(self, now: int) -> None:
        """Forget uploads that ended a month ago."""
        for job in self.jobs():
            if job.ended and now - job.since > RETENTION_SECONDS:
                self.forget(job.id)

    def confirm_time(self, now: int) -> None:
        """Date no upload later than a time that a quorum's word confirms."""
        upload_jobs.date_no_later(self._database, now)

    def _no_keys(self) -> RefusedError:
        if any(not job.ended for job in self.jobs()):
            return RefusedError(
                "keys: expected some that no upload has, got none",
                advice="An upload with these keys is under way; call carry_on.",
            )
        return RefusedError(
            "keys: expected some that are not published yet, got none",
            advice="The phone was new or off in these days, or an earlier upload has "
            "published them.",
        )

    def _slot(self, now: int, wait_until: int | None) -> int | None:
        if wait_until is None:
            return None
        return chaff.take_slot(
            self._database, now, self._entropy, self._chaff_per_day, wait_until
        )

    def _take_back_refused(self) -> None:
        """A new code is for the same keys, unless these are published already."""
        for job in self.jobs():
            if job.ended and not may_be_published(job):
                own_keys.take_back(self._database, job.id)
