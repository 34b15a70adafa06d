"""Show how far an experiment is, on a terminal only."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.progress import TimeRemainingColumn as RemainingColumn


@contextmanager
def bar(what: str, total: int, *, wanted: bool) -> Iterator[Callable[[], None]]:
    """Show a bar on standard error, if that is a terminal.

    Args:
        what: Is counted, for example `runs`.
        total: How many.
        wanted: False for none.

    Yields:
        To be called once for each that is done.
    """
    console = Console(stderr=True)
    if not wanted or not console.is_terminal:
        yield lambda: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        RemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as shown:
        task = shown.add_task(what, total=total)
        yield lambda: shown.advance(task)
