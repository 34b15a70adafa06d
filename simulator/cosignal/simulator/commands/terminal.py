"""What every command shares: options, results, complaints.

What this module guarantees:

* Results go to standard output, everything else to standard error.
"""

import json
import math
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cosignal.protocol.errors import CosignalError
from cosignal.simulator.parameters.paths import with_files
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.scenarios import parse_settings, read_scenario

EXIT_FALSE = 1
EXIT_USAGE = 2

Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on the last line.")
]
Scenario = Annotated[
    Path | None,
    typer.Argument(help="TOML file; without it every parameter is a default."),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Change a parameter; repeatable."),
]
PeopleOption = Annotated[
    Path | None,
    typer.Option(
        "--people",
        metavar="FILE",
        help="Own people, CSV or Parquet, in place of synthetic ones.",
    ),
]
NetworkOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--network", metavar="FILE", help="Contacts between own people; repeatable."
    ),
]
FolderOption = Annotated[
    Path | None,
    typer.Option("--folder", help="Keep finished runs here, and go on from them."),
]
WorkersOption = Annotated[
    str,
    typer.Option(
        "--workers", help="A number, auto, dask, or the address of a Dask scheduler."
    ),
]


def say(lines: Iterable[str], value: Mapping[str, Any], *, as_json: bool) -> None:
    """Print a command's result on standard output.

    Args:
        lines: For people.
        value: The same for programs; what is not a number becomes null.
        as_json: Which of the two.
    """
    for line in [json.dumps(_finite(value))] if as_json else lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Tell whoever watches something, on standard error."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def complain(error: CosignalError) -> None:
    """Print an error and what to do about it on standard error."""
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    console.print(f"cosignal-sim: {error}")
    if error.advice:
        console.print(f"  {error.advice}")


def scenario_of(
    path: Path | None,
    settings: list[str] | None,
    people: Path | None = None,
    networks: list[Path] | None = None,
) -> Parameters:
    """Read a scenario and change what the command line says.

    Args:
        path: Of the scenario.
        settings: Of `--set`.
        people: File of own people, in place of the scenario's.
        networks: Files of their networks.

    Raises:
        UsageError: The file or a setting is not right.
    """
    parameters = Parameters() if path is None else read_scenario(path)
    parameters = parameters.with_values(parse_settings(settings or []))
    return with_files(parameters, people, networks)


def tell_idle(scenarios: Iterable[Parameters]) -> None:
    """Say on standard error which settings do nothing in any of some scenarios.

    Args:
        scenarios: One at least; the points of a sweep.
    """
    from cosignal.simulator.notes import idle  # noqa: PLC0415 - numpy

    first, *others = (idle(parameters) for parameters in scenarios)
    for text in first:
        if all(text in other for other in others):
            note(f"note: {text}")


def workers_of(text: str) -> int | str:
    """Workers as `sweep` takes them."""
    return int(text) if text.isdigit() else text


def _finite(value: Any) -> Any:  # noqa: ANN401 - anything that JSON can hold
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
