"""Show the story: a live picture on a terminal, plain lines elsewhere.

What this module guarantees:

* Both say the same sentences in the same order.
* What is shown of nodes and phones is what the story put on the stage, nothing else.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

PHONES_A_ROW = 30


class PhoneState(StrEnum):
    """What a phone knows, with the style in which it is shown."""

    WAITING = "dim"
    CLEAR = "green"
    ALERTED = "bold white on red"


@dataclass(slots=True)
class NodeState:
    """What is seen of a node.

    Attributes:
        name: The authority.
        alive: Whether its process runs.
        size: Size of the certified checkpoint that it shows.
        cosignatures: How many authorities signed that one.
    """

    name: str
    alive: bool = False
    size: int = 0
    cosignatures: int = 0


@dataclass(slots=True)
class Stage:
    """Everything there is to see.

    Attributes:
        elapsed: Gives seconds since the beginning.
        nodes: By number.
        phones: By number.
        on_line: Told every new line.
    """

    elapsed: Callable[[], float]
    nodes: dict[int, NodeState] = field(default_factory=dict)
    phones: dict[int, PhoneState] = field(default_factory=dict)
    on_line: Callable[[str], None] = lambda _line: None

    def say(self, text: str) -> None:
        """Say a sentence."""
        self.on_line(f"{self.elapsed():5.1f} s  {text}")

    def detail(self, text: str) -> None:
        """Say what belongs to the sentence before."""
        self.on_line(f"         {text}")


@contextmanager
def shown(stage: Stage, *, live: bool, stream: TextIO | None = None) -> Iterator[None]:
    """Show a stage as long as the context lasts.

    Args:
        stage: What to show.
        live: A picture that changes, instead of lines.
        stream: Where to; default standard output.

    Yields:
        Nothing.
    """
    out = stream or sys.stdout
    if not live:

        def write(line: str) -> None:
            out.write(f"{line}\n")
            out.flush()

        stage.on_line = write
        yield
        return
    console = Console(file=out)
    picture = Live(
        get_renderable=lambda: _picture(stage), console=console, refresh_per_second=8
    )
    with picture:
        # Lines scroll by above the picture.
        stage.on_line = lambda line: console.print(line, markup=False, highlight=False)
        yield


def _picture(stage: Stage) -> Group:
    return Group(
        Panel(_nodes(stage), title="authorities", title_align="left"),
        Panel(_phones(stage), title="phones", title_align="left"),
    )


def _nodes(stage: Stage) -> Table:
    table = Table.grid(padding=(0, 3))
    for node in stage.nodes.values():
        shown_size = f"size {node.size}, {node.cosignatures} co-signatures"
        table.add_row(
            Text("●", "green" if node.alive else "red"),
            node.name,
            shown_size if node.size else "no certified checkpoint yet",
            "" if node.alive else Text("killed", "red"),
        )
    return table


def _phones(stage: Stage) -> Group:
    numbers = list(stage.phones)
    rows = []
    for start in range(0, len(numbers), PHONES_A_ROW):
        row = Text()
        for number in numbers[start : start + PHONES_A_ROW]:
            row.append(f"{number:02}", stage.phones[number].value)
            row.append(" ")
        rows.append(row)
    legend = Text("  ").join(
        Text(name, state.value)
        for name, state in (
            ("not synced", PhoneState.WAITING),
            ("clear", PhoneState.CLEAR),
            ("alerted", PhoneState.ALERTED),
        )
    )
    return Group(*rows, legend)
