"""The dictionary of parameters, made from their declarations.

What this module guarantees:

* Every parameter stands in it once, with symbol, meaning, unit, default, range, source.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cosignal.simulator.parameters.behaviour import Closure
from cosignal.simulator.parameters.declaration import (
    Declaration,
    declarations,
    range_of,
)
from cosignal.simulator.parameters.disease import Variant
from cosignal.simulator.parameters.tree import Parameters


@dataclass(frozen=True, slots=True)
class Entry:
    """One parameter as a reader meets it.

    Attributes:
        name: Dotted, as in a scenario or after `--set`.
        symbol: As in the explanation of the model; may be empty.
        meaning: One sentence.
        unit: "1" for a pure number, empty for text.
        default: As it is typed.
        allowed: Range or choices; empty for any.
        source: Of the default.
    """

    name: str
    symbol: str
    meaning: str
    unit: str
    default: str
    allowed: str
    source: str


def entries() -> list[Entry]:
    """All parameters, in the order of their groups."""
    found = [_entry(*item) for item in declarations(Parameters())]
    for group, item in (("variants", Variant()), ("closures", Closure())):
        found += [
            _entry(f"{group}.{name}", declared, value)
            for name, declared, value in declarations(item)
        ]
    return found


def markdown() -> str:
    """The dictionary as a page's tables, one for each group."""
    lines: list[str] = []
    for group, items in _groups():
        lines += [f"## {group}", ""]
        lines += ["| name | symbol | meaning | unit | default | range | source |"]
        lines += ["|---|---|---|---|---|---|---|"]
        lines += [_row(item) for item in items] + [""]
    return "\n".join(lines)


def _groups() -> Iterator[tuple[str, list[Entry]]]:
    groups: dict[str, list[Entry]] = {}
    for entry in entries():
        group, dot, _ = entry.name.partition(".")
        groups.setdefault(group if dot else "run", []).append(entry)
    yield from groups.items()


def _row(entry: Entry) -> str:
    cells = (
        f"`{entry.name}`",
        entry.symbol and f"`{entry.symbol}`",
        entry.meaning,
        entry.unit,
        f"`{entry.default}`",
        entry.allowed,
        entry.source,
    )
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _entry(name: str, declared: Declaration, value: Any) -> Entry:  # noqa: ANN401
    return Entry(
        name=name,
        symbol=declared.symbol,
        meaning=declared.meaning,
        unit=declared.unit,
        default=_typed(value),
        allowed=_allowed(declared, value),
        source=declared.source,
    )


def _typed(value: Any) -> str:  # noqa: ANN401 - any value of a field
    if isinstance(value, str) and not value:
        return '""'
    if isinstance(value, tuple):
        return f"[{', '.join(map(_typed, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value is None else str(value)


def _allowed(declared: Declaration, value: Any) -> str:  # noqa: ANN401
    if isinstance(value, bool):
        return "true, false"
    if declared.choices:
        return ", ".join(declared.choices)
    low, high = declared.low, declared.high
    return "" if low is None and high is None else range_of(low, high)
