"""The keys that wait for the chain, known by heart.

An index over random keys would cost more than all other work on an upload: nearly every
new key changes a page of its own. Here the keys are in memory, and their rows lie close
together.

What this module guarantees:

* A key counts as known only after its transaction; after one that failed, everything
  is read again before the next.
* Rows lie in random order within groups of 4,096 keys, some hundred uploads, so that
  neighbours in the file need not have come together. A restart begins a new group.

Memory: about 100 bytes a key, until `forget`.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cosignal.server.clock import Entropy
from cosignal.server.storage.tables import pending_keys

GROUP = 4_096
#: So many keys may be remembered that wait no longer, and as many as wait besides.
SPARE = 10_000

_RANK_BYTES = 8


class WaitingKeys:
    """Which keys have rows in `pending_keys`, and where the next rows go."""

    def __init__(self, entropy: Entropy) -> None:
        """Know nothing yet; `load` reads the table."""
        self._entropy = entropy
        self._known: set[bytes] | None = None
        self._arriving: list[bytes] = []
        self._group = 0
        self._places: list[int] = []

    async def load(self, connection: AsyncConnection) -> AbstractSet[bytes]:
        """Read the table, unless it is known already.

        Args:
            connection: In the write transaction that will insert.

        Returns:
            All keys that wait. It is not a copy.
        """
        if self._known is None:
            rows = await connection.execute(select(pending_keys.c.key))
            self._known = set(rows.scalars())
            query = select(func.coalesce(func.max(pending_keys.c.id), 0))
            last: int = (await connection.execute(query)).scalar_one()
            self._group = max(self._group, last // GROUP + 1)
            self._places = []
        return self._known

    def place(self, keys: Iterable[bytes]) -> list[int]:
        """Choose rows for keys that are about to be inserted.

        Args:
            keys: Not among those of `load`.

        Returns:
            A free row id for each.
        """
        self._arriving = list(keys)
        while len(self._places) < len(self._arriving):
            self._places = self._new_group() + self._places
        cut = len(self._places) - len(self._arriving)
        self._places, chosen = self._places[:cut], self._places[cut:]
        return chosen

    def settle(self, *, stored: bool) -> None:
        """Learn how the transaction ended that `place` was called for.

        Args:
            stored: Whether it was committed.
        """
        if stored and self._known is not None:
            self._known.update(self._arriving)
        else:
            # What is on the disk is uncertain until somebody looks.
            self._known = None
        self._arriving = []

    async def forget(self, connection: AsyncConnection) -> None:
        """Read the table again next time, if many keys have left it.

        Args:
            connection: Any.
        """
        query = select(func.count()).select_from(pending_keys)
        waiting: int = (await connection.execute(query)).scalar_one()
        if self._known is not None and len(self._known) > 2 * waiting + SPARE:
            self._known = None

    def _new_group(self) -> list[int]:
        """The ids of one group, shuffled."""
        ranks = self._entropy(GROUP * _RANK_BYTES)
        first = self._group * GROUP
        self._group += 1
        return sorted(
            range(first, first + GROUP),
            key=lambda place: _rank(ranks, place - first),
        )


def _rank(ranks: bytes, number: int) -> bytes:
    return ranks[number * _RANK_BYTES : (number + 1) * _RANK_BYTES]
