"""End a process with the one that started it, even when that one was killed.

The parent holds the other end of standard input. Whatever becomes of the parent, the
kernel closes it, and this process ends as if it had been asked to.
"""

import os
import signal
import sys
import threading


def follow_stdin() -> None:
    """Send SIGTERM to this process once standard input ends."""
    threading.Thread(target=_wait, name="lifeline", daemon=True).start()


def _wait() -> None:
    # Not sys.stdin: its lock would block the interpreter's exit.
    handle = sys.stdin.fileno()
    while os.read(handle, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
