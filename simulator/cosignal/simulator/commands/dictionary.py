"""`cosignal-sim parameters`: what can be set."""

from dataclasses import asdict
from typing import Annotated

import typer

from cosignal.protocol.errors import UsageError
from cosignal.simulator.commands.terminal import Json, say
from cosignal.simulator.parameters.dictionary import Entry, entries, markdown


def command(
    name: Annotated[
        str, typer.Argument(help="Only names with this text in them.")
    ] = "",
    *,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="As tables of Markdown.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List every parameter with meaning, unit, default, range and source.

    Example: cosignal-sim parameters adoption
    """
    found = [entry for entry in entries() if name in entry.name]
    if not found:
        raise UsageError(
            f"NAME: expected a part of a parameter's name, got {name!r}",
            advice="cosignal-sim parameters lists all of them.",
        )
    if as_markdown:
        say(markdown().splitlines(), {}, as_json=False)
        return
    say(
        [line for entry in found for line in _lines(entry)],
        {"parameters": [asdict(entry) for entry in found]},
        as_json=as_json,
    )


def _lines(entry: Entry) -> list[str]:
    unit = "" if entry.unit in ("", "1") else f" {entry.unit}"
    allowed = f"; {entry.allowed}" if entry.allowed else ""
    return [
        f"{entry.name} = {entry.default}{unit}{allowed}",
        f"    {entry.meaning}. Source: {entry.source}",
    ]
