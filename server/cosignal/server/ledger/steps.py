"""Finish what was begun: a durable step is not cut in two by whoever waited for it.

What this module guarantees:

* A step runs to its end even when the request behind it is cancelled or timed out, so
  what is in memory never falls behind what is on the disk.
* `drain` returns when no step is running, so a graceful stop loses nothing.
* The first `FatalError` of any step or task is reported once.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from cosignal.protocol.errors import FatalError
from cosignal.server.logs import get_logger

T = TypeVar("T")

RESTART_SECONDS = 1.0

_log = get_logger("ledger")


class Steps:
    """The steps and tasks of one ledger."""

    def __init__(self, on_fatal: Callable[[FatalError], None]) -> None:
        """Report a fatal error to `on_fatal`."""
        self._on_fatal = on_fatal
        # Owned by the event loop's thread; tasks leave it when they are done.
        self._running: set[asyncio.Task[Any]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, step: Coroutine[Any, Any, T]) -> T:
        """Run a step to its end.

        Args:
            step: What to do.

        Returns:
            What it returned.
        """
        task = asyncio.create_task(step)
        self._running.add(task)
        task.add_done_callback(self._finished)
        return await asyncio.shield(task)

    def keep(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Keep a task going until `stop`; what fails is logged and begun again.

        Args:
            name: For the log.
            work: Makes the coroutine.
        """
        self._tasks.add(asyncio.create_task(self._keep(name, work), name=name))

    def cancel(self) -> None:
        """Cancel the tasks; steps in progress go on."""
        for task in self._tasks:
            task.cancel()

    async def stop(self) -> None:
        """Cancel the tasks, and wait for every step in progress."""
        self.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        while self._running:
            await asyncio.wait(self._running)

    async def _keep(
        self, name: str, work: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        while True:
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - such as a full disk
                _log.error("task_failed", task=name, error=error)
                if fatal := _fatal_in(error):
                    self._on_fatal(fatal)
                    return
            else:
                return
            await asyncio.sleep(RESTART_SECONDS)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, FatalError):
            self._on_fatal(error)


def _fatal_in(error: BaseException) -> FatalError | None:
    """Find a fatal error, also among those that a group of tasks raised."""
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(_fatal_in, error.exceptions)), None)
    return error if isinstance(error, FatalError) else None
