"""`cosignal fsck`: audit a folder of chain files."""

from pathlib import Path
from typing import Annotated

import typer

from cosignal.client.fsck import Audit, audit
from cosignal.server.clock import system_clock
from cosignal.server.commands.terminal import (
    EXIT_FALSE,
    Json,
    PolicyFile,
    count,
    progress_bars,
    read_policy,
    say,
)


def command(
    folder: Annotated[
        Path,
        typer.Argument(
            help="A mirror, or a node's public folder.", exists=True, file_okay=False
        ),
    ],
    policy: PolicyFile,
    *,
    as_json: Json = False,
) -> None:
    """Check every tile, entry and body below a folder; name each bad file.

    Nothing is changed: replace a bad file with another mirror's, or run
    `cosignal mirror` into a new folder.

    Example: cosignal fsck mirror --policy policy
    """
    with progress_bars(as_json=as_json) as progress:
        found = audit(folder, read_policy(policy), system_clock(), progress)
    say(_lines(found), _value(found), as_json=as_json)
    if found.faults:
        raise typer.Exit(EXIT_FALSE)


def _lines(found: Audit) -> list[str]:
    lines = [f"{path}: {problem}" for path, problem in found.faults.items()]
    ahead = f", {count(len(found.ahead), 'file')} ahead" if found.ahead else ""
    verdict = count(len(found.faults), "fault") if found.faults else "no fault"
    checked = ", ".join(
        count(number, noun)
        for number, noun in (
            (found.entries, "entry"),
            (found.tiles, "tile"),
            (found.bodies, "body"),
        )
    )
    return [*lines, f"{checked}{ahead}: {verdict}"]


def _value(found: Audit) -> dict[str, object]:
    return {
        "ok": not found.faults,
        "entries": found.entries,
        "tiles": found.tiles,
        "bodies": found.bodies,
        "ahead": len(found.ahead),
        "faults": [
            {"path": path, "problem": problem} for path, problem in found.faults.items()
        ],
    }
