"""The chain as a phone follows it: kept in its file, begun anew where it is damaged.

What this module guarantees:

* What can be downloaded again never locks a phone: where it is damaged, it is dropped,
  and the next sync begins anew. Keys, sightings, alerts, uploads and evidence stay.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from cosignal.client.follower import Progress
from cosignal.client.paths import EVIDENCE_FOLDER
from cosignal.client.phone.database import Database
from cosignal.client.phone.files import DatabaseFiles
from cosignal.client.phone.mirrors import MirrorsSynced, sync_from_mirrors
from cosignal.client.sources import Source
from cosignal.client.store import DamagedError, Store
from cosignal.protocol.errors import FatalError, MalformedError
from cosignal.protocol.policy import Policy


class FollowedChain:
    """What a phone has verified.

    Attributes:
        store: Where it is kept; another one after `start_over`.
        restarted: Why it is downloaded anew, since the phone was opened, if it is.
    """

    def __init__(self, database: Database, pinned: Policy) -> None:
        """Read what an earlier run left.

        Args:
            database: The phone's.
            pinned: The network's policy file.

        Raises:
            RefusedError: It is of another network.
        """
        self._database = database
        self._pinned = pinned
        self.restarted: str | None = None
        try:
            self.store = self._open()
        except (MalformedError, FatalError) as error:
            self.start_over(str(error))

    def start_over(self, reason: str) -> None:
        """Forget what was downloaded; the next sync downloads it again.

        Args:
            reason: What `restarted` says from now on.
        """
        with self._database.write() as connection:
            DatabaseFiles(self._database).erase_all_but(EVIDENCE_FOLDER)
            # What was found in the blocks is found again.
            connection.execute("DELETE FROM matched_blocks")
        self.store = self._open()
        self.restarted = reason

    async def follow(
        self,
        sources: Sequence[Source],
        now: int,
        *,
        regions: AbstractSet[str] | None,
        progress: Progress,
        budget: float,
    ) -> MirrorsSynced:
        """Catch up; see `sync_from_mirrors`.

        Raises:
            DamagedError: What was verified before is damaged; it is forgotten by now.
        """
        try:
            return await sync_from_mirrors(
                self._database,
                self.store,
                sources,
                now,
                regions=regions,
                progress=progress,
                budget=budget,
            )
        except DamagedError as error:
            self.start_over(str(error))
            raise

    def _open(self) -> Store:
        return Store(DatabaseFiles(self._database), self._pinned)
