"""Stand in front of every durable step of a node, and let one of them fail.

A step is one call that ends with bytes on the disk: a transaction, or a call that
writes, replaces or erases files. Each has a label without numbers, the same for every
block; `DurableSteps` counts them and carries out one `Fault`.

Source: Sunlight, TestSequenceErrors; reference: SQLite's own test of full disks.
"""

import errno
import os
import signal
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from aiohttp import web
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from cosignal.server.app_keys import DATABASE, FILES
from cosignal.server.storage.database import Database
from cosignal.server.storage.files import DurableFiles

T = TypeVar("T")

BEFORE = "before"
HALFWAY = "halfway"
AFTER = "after"
MOMENTS = (BEFORE, HALFWAY, AFTER)
ANY = "any"
FULL = "full"
KILL = "kill"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is to go wrong.

    Attributes:
        label: The step; `ANY` for whichever is the `nth` of all.
        moment: Before it, halfway (some files of several), or after it is durable.
        way: `full`, an error as from a full disk; `kill`, the process dies at once.
        nth: At which time the step is reached, from 1.
    """

    label: str
    moment: str
    way: str = FULL
    nth: int = 1

    def __str__(self) -> str:
        """As on the command line of `tests.faults.node`."""
        return f"{self.moment}:{self.way}:{self.nth}:{self.label}"

    @classmethod
    def parse(cls, text: str) -> "Fault":
        """Read what `str` wrote."""
        moment, way, nth, label = text.split(":", 3)
        return cls(label, moment, way, int(nth))


@dataclass
class DurableSteps:
    """Counts steps, and lets the one fail that a test asked for.

    Attributes:
        fault: What is to go wrong, once.
        counts: How often each step began since `arm`.
        reached: Every step and moment so far.
        fired: Whether the fault has happened.
    """

    fault: Fault | None = None
    counts: Counter[str] = field(default_factory=Counter)
    reached: set[tuple[str, str]] = field(default_factory=set)
    fired: bool = False

    def arm(self, fault: Fault) -> None:
        """Let the next such step fail, counting from now on."""
        self.counts.clear()
        self.fired = False
        self.fault = fault

    def reach(self, label: str, moment: str) -> None:
        """Say that a step is at this moment; does not return from a fault."""
        self.reached.add((label, moment))
        if moment == BEFORE:
            self.counts[label] += 1
        fault = self._due(label)
        if self.fired or fault is None or fault.moment != moment:
            return
        self.fired = True
        if fault.way == KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        if label.startswith("database"):
            full = sqlite3.OperationalError("database or disk is full")
            raise OperationalError("COMMIT", None, full)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _due(self, label: str) -> Fault | None:
        """The fault, when this is the step at which it is to happen."""
        fault = self.fault
        if fault is None:
            return None
        if fault.label == ANY and self.counts.total() >= fault.nth:
            # From now on it is this step, should others begin before it is over.
            self.fault = fault = replace(fault, label=label, nth=1)
        due = fault.label == label and self.counts[label] >= fault.nth
        return fault if due else None


class FaultyFiles(DurableFiles):
    """Durable files whose steps can fail."""

    def __init__(self, files: DurableFiles, steps: DurableSteps) -> None:
        """Stand in front of `files`."""
        super().__init__(files.root)
        self._steps = steps

    def write_many(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Write; halfway means that the first half is on the disk."""
        files = list(files)
        label = _label("write", *(path for path, _ in files))
        self._steps.reach(label, BEFORE)
        if len(files) > 1:
            super().write_many(files[: len(files) // 2])
            self._steps.reach(label, HALFWAY)
        super().write_many(files)
        self._steps.reach(label, AFTER)

    def replace(self, path: str, data: bytes) -> None:
        """Replace."""
        label = _label("replace", path)
        self._steps.reach(label, BEFORE)
        super().replace(path, data)
        self._steps.reach(label, AFTER)

    def erase(self, path: str) -> bool:
        """Erase."""
        label = _label("erase", path)
        self._steps.reach(label, BEFORE)
        found = super().erase(path)
        self._steps.reach(label, AFTER)
        return found


class FaultyDatabase(Database):
    """A database whose transactions can fail, with or without being kept."""

    def __init__(self, database: Database, steps: DurableSteps) -> None:
        """Stand in front of `database`."""
        self._inner = database
        self._steps = steps

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Read as ever."""
        async with self._inner.read() as connection:
            yield connection

    async def write(self, job: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Write; halfway means that the transaction is rolled back at its end."""
        label = f"database {_name(job)}"

        async def watched(connection: AsyncConnection) -> T:
            result = await job(connection)
            self._steps.reach(label, HALFWAY)
            return result

        self._steps.reach(label, BEFORE)
        result = await self._inner.write(watched)
        self._steps.reach(label, AFTER)
        return result

    async def read_at_once(self, job: Callable[[Connection], T]) -> T:
        """Read as ever."""
        return await self._inner.read_at_once(job)

    async def write_at_once(self, job: Callable[[Connection], T]) -> T:
        """Write like `write`, in one thread."""
        label = f"database {_name(job)}"

        def watched(connection: Connection) -> T:
            result = job(connection)
            self._steps.reach(label, HALFWAY)
            return result

        self._steps.reach(label, BEFORE)
        result = await self._inner.write_at_once(watched)
        self._steps.reach(label, AFTER)
        return result

    async def scrub(self) -> bool:
        """Scrub."""
        self._steps.reach("database scrub", BEFORE)
        done = await self._inner.scrub()
        self._steps.reach("database scrub", AFTER)
        return done

    async def close(self) -> None:
        """Close."""
        await self._inner.close()


def stand_in_front(app: web.Application, steps: DurableSteps) -> None:
    """Make a node's storage faulty, before it starts.

    The storage opens second, after the folder's lock; whoever opens later gets what
    is put in its place here.
    """

    async def storage(app: web.Application) -> AsyncIterator[None]:
        app[FILES] = FaultyFiles(app[FILES], steps)
        app[DATABASE] = FaultyDatabase(app[DATABASE], steps)
        yield

    app.cleanup_ctx.insert(2, storage)


def _label(verb: str, *paths: str) -> str:
    """Name a step by what kind of file it is about: `write tile`."""
    kinds = {path.removeprefix("chain/").lstrip("0123456789/") for path in paths}
    names = sorted({kind.split("/")[0] for kind in kinds})
    return f"files {verb} {'+'.join(names)}"


def _name(job: object) -> str:
    """Name a transaction by the function that makes it."""
    while isinstance(job, partial):
        job = job.func
    name = str(getattr(job, "__qualname__", type(job).__name__))
    module = str(getattr(job, "__module__", "")).rpartition(".")[2]
    return f"{module} {name.replace('.<locals>', '').replace('.<lambda>', '')}"
