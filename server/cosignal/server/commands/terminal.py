"""What every command shares: results, progress, policy files.

What this module guarantees:

* Results go to standard output, everything else to standard error.
* No character of a chain, a file or another node reaches the terminal as an order.
* Progress bars appear on a terminal only, and never with `--json`.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.progress import TimeRemainingColumn as RemainingColumn

from cosignal.client import follower
from cosignal.protocol.errors import CosignalError, MalformedError, UsageError
from cosignal.protocol.policy import Policy, parse_policy
from cosignal.server.printing import printable

EXIT_FALSE = 1
EXIT_USAGE = 2

Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on the last line.")
]
PolicyFile = Annotated[
    Path,
    typer.Option(
        "--policy", help="The network's pinned C2SP tlog-policy.", exists=True
    ),
]


def say(lines: Iterable[str], value: Mapping[str, Any], *, as_json: bool) -> None:
    """Print a command's result on standard output.

    Args:
        lines: For people.
        value: The same for programs.
        as_json: Which of the two.
    """
    # On a chain stands what others wrote, and they may have meant the terminal.
    for line in [json.dumps(value)] if as_json else map(printable, lines):
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def count(number: int, noun: str) -> str:
    """Say how many there are of something whose plural ends in -s or -ies."""
    if number == 1:
        return f"1 {noun}"
    turned = noun.endswith("y") and noun[-2] not in "aeou"
    plural = f"{noun[:-1]}ies" if turned else f"{noun}s"
    return f"{number} {plural}"


def complain(error: CosignalError) -> None:
    """Print an error and what to do about it on standard error."""
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    console.print(printable(f"cosignal: {error}"))
    if error.advice:
        console.print(f"  {printable(error.advice)}")


def read_policy(path: Path) -> Policy:
    """Read a pinned policy.

    Args:
        path: The file.

    Returns:
        The policy.

    Raises:
        UsageError: It is not a tlog-policy file.
    """
    try:
        return parse_policy(read_file(path, "--policy"))
    except MalformedError as error:
        raise UsageError(f"--policy: {error}", advice=error.advice) from error


def read_file(path: Path, option: str) -> bytes:
    """Read a file that a person named.

    Args:
        path: The file.
        option: How it was named, for the message.

    Returns:
        Its bytes.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{option}: expected a readable file, got {error.strerror}"
        ) from error


@contextmanager
def progress_bars(*, as_json: bool) -> Iterator[follower.Progress]:
    """Show long work on a terminal.

    Args:
        as_json: Stay silent.

    Yields:
        To be told what is done.
    """
    console = Console(stderr=True)
    if as_json or not console.is_terminal:
        yield follower.silent
        return
    columns = (
        TextColumn("{task.description:<9}"),
        BarColumn(),
        MofNCompleteColumn(),
        RemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        tasks: dict[str, Any] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield show
