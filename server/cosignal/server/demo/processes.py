"""Processes of this program that never outlive it.

What this module guarantees:

* A child ends when this process does, also when this process is killed: the pipe to its
  standard input closes, and it watches that (`commands.lifeline`).
* `stop` asks first and kills after a while; `kill` is SIGKILL at once.
"""

import asyncio
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import ExitStack
from pathlib import Path

from cosignal.protocol.errors import CosignalError

STOP_SECONDS = 10
_LAST_LINES = 5


class ChildFailedError(CosignalError):
    """A command did not do what it was started for."""


class Child:
    """One process that can be started again after it ended.

    Attributes:
        name: What to call it.
        log: File of its standard output and error.
    """

    def __init__(self, name: str, arguments: list[str], log: Path) -> None:
        """Run Python with `arguments`; nothing runs yet."""
        self.name = name
        self.log = log
        self._arguments = arguments
        self._process: Process | None = None

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start the process; it may not serve yet."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self._arguments,
                stdin=PIPE,
                stdout=log,
                stderr=log,
                # Ctrl-C reaches this process only, which then stops the children in
                # the right order.
                start_new_session=True,
            )

    async def kill(self) -> None:
        """End it as a power cut would."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """Ask it to end; insist after a while."""
        await self._end(signal.SIGTERM)

    def last_lines(self) -> str:
        """The end of its log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-_LAST_LINES:])

    async def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.send_signal(number)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        if process.stdin is not None:
            process.stdin.close()


async def run(*arguments: str) -> str:
    """Run a `cosignal` command to its end.

    Args:
        arguments: Of the command.

    Returns:
        Its standard output.

    Raises:
        ChildFailedError: It failed.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cosignal.server", *arguments, stdout=PIPE, stderr=PIPE
    )
    try:
        output, errors = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        raise
    if process.returncode:
        raise ChildFailedError(
            f"cosignal {arguments[0]}: expected to succeed, got {process.returncode}",
            advice=errors.decode(errors="replace").strip(),
        )
    return output.decode()


def free_ports(count: int) -> list[int]:
    """Find loopback ports that nobody listens on.

    Args:
        count: How many.

    Returns:
        Different ports; held all at once while looking, free again afterwards.
    """
    with ExitStack() as stack:
        found = [stack.enter_context(socket.socket()) for _ in range(count)]
        for item in found:
            item.bind(("127.0.0.1", 0))
        return [item.getsockname()[1] for item in found]
