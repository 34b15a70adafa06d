"""A phone's file whose process dies before or after its n-th durable change."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from cosignal.client.phone.database import Database


class PowerCutError(BaseException):
    """The process is gone; nothing in it may go on."""


class DyingDatabase(Database):
    """Counts durable changes, and dies at one of them."""

    left = 0
    after = False
    depth = 0

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        self.depth += 1
        try:
            with super().write() as connection:
                yield connection
                if self.depth == 1 and self.left == 1 and not self.after:
                    raise PowerCutError
        finally:
            self.depth -= 1
        if self.depth == 0:
            self.left -= 1
            if self.left == 0 and self.after:
                raise PowerCutError
