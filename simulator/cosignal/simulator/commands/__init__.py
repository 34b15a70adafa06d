"""The `cosignal-sim` command.

What this module guarantees:

* Every command has `--help` with an example and `--json`; it exits with 0 when done, 1
  when the thing it checked is false or was interrupted, 2 for wrong usage or settings.
* A person never sees a traceback for what a person did.
"""

import sys
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Annotated, NoReturn

import typer

from cosignal.protocol.errors import CosignalError, UsageError
from cosignal.simulator.commands import dictionary, experiments, machine, runs
from cosignal.simulator.commands.terminal import (
    EXIT_FALSE,
    EXIT_USAGE,
    complain,
    say,
)
from cosignal.simulator.version import VERSION

app = typer.Typer(
    help="What an exposure-notification app does to an epidemic.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _say_version(*, wanted: bool) -> None:
    if wanted:
        say([f"cosignal-sim {VERSION}"], {}, as_json=False)
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version and end.",
            callback=_say_version,
            is_eager=True,
        ),
    ] = False,
) -> None:
    pass


def _stoppable(command: Callable[..., None]) -> Callable[..., None]:
    """Turn Ctrl-C into an error like others; typer would end without a word."""

    @wraps(command)
    def stopping(*arguments: object, **options: object) -> None:
        try:
            command(*arguments, **options)
        except KeyboardInterrupt as stop:
            raise CosignalError(
                "expected to finish, got interrupted",
                advice="Nothing is kept of it; the same command does it all again.",
            ) from stop

    return stopping


for _name, _command in (
    ("run", runs.run),
    ("sweep", experiments.sweep_points),
    ("calibrate", experiments.fit),
    ("study", experiments.study),
    ("verify", runs.verify),
    ("report", runs.report),
    ("parameters", dictionary.command),
    ("bench", machine.bench),
    ("warm", machine.warm),
):
    app.command(_name)(_stoppable(_command))


def main() -> None:
    """Run the command and turn errors into exit codes."""
    try:
        app(standalone_mode=True)
    except UsageError as error:
        _fail(error, EXIT_USAGE)
    except CosignalError as error:
        _fail(error, EXIT_FALSE)
    except MemoryError:
        refusal = CosignalError(
            "memory: expected enough of it, got too little",
            advice="A person takes about 250 bytes; set population.agents lower.",
        )
        _fail(refusal, EXIT_FALSE)
    except OSError as error:
        refusal = CosignalError(
            f"{error.filename or 'file'}: expected to be able to use it, got "
            f"{error.strerror}",
            advice="Check its path, its owner and the free space, or name another.",
        )
        _fail(refusal, EXIT_FALSE)


def _fail(error: CosignalError, code: int) -> NoReturn:
    """Complain to people, and with `--json` to programs as well."""
    complain(error)
    if "--json" in sys.argv:
        value = {"ok": False, "error": str(error), "advice": error.advice}
        with suppress(OSError):  # standard output may be what failed
            say([], value, as_json=True)
    sys.exit(code)
