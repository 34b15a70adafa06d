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
from cosignal.client.phone.chaff import Conditions
from cosignal.client.phone.database import Database
from cosignal.client.phone.own_keys import Entropy
from cosignal.client.phone.upload_jobs import Job, State
from cosignal.client.phone.upload_outcomes import KNOWN_KEYS
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

    @property
    def is_busy(self) -> bool:
        """Whether `carry_on` is at work."""
        return self._turn.locked()

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
                the code ends. None, or no fake one in time: at once.

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
        conditions: Conditions,
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
            conditions: Of the phone at the moment; only what can wait asks for good
                ones.
            sleep: Waits so many seconds between two requests.

        Returns:
            When to call again, Unix seconds.
        """
        async with self._turn:
            planned = chaff.plan(
                self._database, clock(), self._entropy, self._chaff_per_day
            )
            due = uploads.due(self._database, clock(), good=conditions.good())
            with self._meter.booked(clock()):
                for number in due:
                    await uploads.run(
                        self._database,
                        client,
                        number,
                        clock,
                        self._entropy,
                        sleep=sleep,
                    )
            return min(planned, uploads.next_time(self._database) or planned)

    def jobs(self) -> list[Job]:
        """The person's own uploads, oldest first, ended ones included."""
        return uploads.uploads(self._database)

    def advice(self, job: Job) -> str:
        """Say in one sentence what the person can do about an upload, if anything."""
        return upload_advice.advice(job)

    def forget(self, number: int) -> None:
        """Give up an upload, or forget one that has ended, with all its secrets.

        Keys of one that was given up may be published by another one.
        """
        done = [job.id for job in self.jobs() if job.state is State.DONE]
        if number not in done:
            own_keys.take_back(self._database, number)
        # Two changes, for this one empties the journal as well. A crash in between
        # leaves an upload that goes on, and keys that a second one could repeat; the
        # authority drops keys that it knows.
        uploads.forget(self._database, number)

    def tidy(self, now: int) -> None:
        """Forget uploads that ended a month ago."""
        for job in self.jobs():
            if job.ended and now - job.since > RETENTION_SECONDS:
                self.forget(job.id)

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
            if job.state is State.REFUSED and job.error != KNOWN_KEYS:
                own_keys.take_back(self._database, job.id)
