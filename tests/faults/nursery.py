"""Start nodes as processes of their own, quickly: imported once, forked for each.

Importing takes ten times as long as starting. This process imports everything, then
forks a node whenever it is asked to; the tests end nodes by their process id. A node's
standard input is a pipe that only this process holds open, and this process ends with
its own standard input: whatever happens to the tests, nothing is left running.

One JSON object a line goes in, one comes out:

    {"start": [ARGUMENT...], "log": FILE}  ->  {"pid": NUMBER}
    {"poll": PID}                          ->  {"code": NUMBER, or null while it runs}
"""

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any, Self

from tests.faults import node

ROOT = Path(__file__).parents[2]
POLL_SECONDS = 0.01


class Nursery:
    """The tests' end."""

    def __enter__(self) -> Self:
        """Start the process that forks."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # A library's threads would not be there after a fork.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
        return self

    def __exit__(self, *_: object) -> None:
        """End it, and with it every node."""
        self._process.communicate()

    def start(self, arguments: list[str], log: Path) -> int:
        """Start a node.

        Args:
            arguments: As for `tests.faults.node`.
            log: Gets what it prints.

        Returns:
            Its process id.
        """
        return int(self._ask({"start": arguments, "log": str(log)})["pid"])

    def poll(self, pid: int) -> int | None:
        """How a node ended, as `subprocess` says it; None while it runs."""
        code: int | None = self._ask({"poll": pid})["code"]
        return code

    def end(self, pid: int, number: signal.Signals, seconds: float) -> int | None:
        """Send a signal, and wait until the node has ended.

        Returns:
            How it ended; None when it has not within `seconds`.
        """
        os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while (code := self.poll(pid)) is None and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        return code

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


def main() -> None:
    """Answer until standard input ends."""
    lifeline, held = os.pipe()
    for line in sys.stdin:
        question = json.loads(line)
        if "start" in question:
            pid = os.fork()
            if pid == 0:
                os.close(held)
                _be_a_node(question["start"], question["log"], lifeline)
            answer: dict[str, int | None] = {"pid": pid}
        else:
            ended, status = os.waitpid(question["poll"], os.WNOHANG)
            answer = {"code": os.waitstatus_to_exitcode(status) if ended else None}
        print(json.dumps(answer), flush=True)  # noqa: T201 - the answer


def _be_a_node(arguments: list[str], log: str, lifeline: int) -> None:
    """Run a node in this process; never returns."""
    target = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for source, number in ((lifeline, 0), (target, 1), (target, 2)):
        os.dup2(source, number)
    code = 1
    try:
        node.main(arguments)
        code = 0
    except BaseException:  # noqa: BLE001 - the last word of this process
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
