"""`cosignal-sim run`, `verify` and `report`: one run and its files."""

from pathlib import Path
from typing import Annotated, Final

import typer

from cosignal.protocol.errors import UsageError
from cosignal.simulator.commands.terminal import (
    EXIT_FALSE,
    Json,
    NetworkOption,
    PeopleOption,
    Scenario,
    Set,
    say,
    scenario_of,
    tell_idle,
)
from cosignal.simulator.experiments.bars import bar
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.version import VERSION

_FIGURES: Final = (".svg", ".pdf", ".png")
_SAME: Final = "the same, bit for bit"


def run(
    scenario: Scenario = None,
    *,
    settings: Set = None,
    people: PeopleOption = None,
    network: NetworkOption = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Result: .json, .parquet, or a folder."),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="They change no number.")] = 1,
    as_json: Json = False,
) -> None:
    """Run one scenario.

    Example: cosignal-sim run scenario.toml --set app.adoption=0.45 --out result.json
    """
    parameters = scenario_of(scenario, settings, people, network)
    tell_idle([parameters])
    summary, digest = _run(parameters, out, threads, show=not as_json)
    say(
        [f"{name:<28} {value}" for name, value in _lines(summary)]
        + ([f"result in {out}"] if out else []),
        {
            "ok": True,
            "version": VERSION,
            "seed": parameters.seed,
            "digest": digest,
            "summary": summary,
            "out": str(out) if out else None,
        },
        as_json=as_json,
    )


def verify(
    result: Annotated[Path, typer.Argument(help="What --out of run has named.")],
    *,
    people: PeopleOption = None,
    network: NetworkOption = None,
    as_json: Json = False,
) -> None:
    """Run a result again, and compare every count, infection and table, bit for bit.

    Own people are read again from where they were, or from the files named here; other
    people than those of the run are refused.

    Example: cosignal-sim verify result.json
    """
    from cosignal.simulator.saved import digest, load  # noqa: PLC0415
    from cosignal.simulator.verification import (  # noqa: PLC0415
        differences,
        run_again,
    )

    saved = load(result)
    run = run_again(saved, people, network)
    again, where = digest(run), differences(saved, run)
    same = not where
    numbers = [name for name in where if name != "version"]
    verdict = f"not the same: {', '.join(numbers)}" if numbers else _SAME
    made = "" if saved.version == VERSION else _made(saved.version)
    say(
        [f"{result}: {verdict}{made}"]
        + [f"  {name}: {where[name]}" for name in numbers],
        {
            "ok": same,
            "same_numbers": not numbers,
            "differences": list(where),
            "first": where,
            "digest": again,
            "expected": saved.digest,
            "version": VERSION,
            "made_by": saved.version,
        },
        as_json=as_json,
    )
    if not same:
        raise typer.Exit(EXIT_FALSE)


def report(
    result: Annotated[Path, typer.Argument(help="What --out of run has named.")],
    *,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="HTML file to write.")
    ] = Path("report.html"),
    title: Annotated[
        str, typer.Option(help="Of the page; what was run, if not given.")
    ] = "",
    figure: Annotated[
        Path | None,
        typer.Option(help="Write the plots too: .svg, .pdf or .png."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a page about a result: figures, plots, and every parameter changed.

    It does not run the result again; verify does. A result whose totals are not those
    of its own daily counts is refused.

    Example: cosignal-sim report result.json -o report.html
    """
    from cosignal.simulator.report import (  # noqa: PLC0415 - an extra
        drawing_of,
        write_report,
    )
    from cosignal.simulator.saved import load, require_folder  # noqa: PLC0415

    if out.suffix != ".html":
        raise UsageError(
            f"--out: expected a name that ends in .html, got {out.name}",
            advice="Such as report.html.",
        )
    require_folder("--out", out.parent)
    if figure is not None and figure.suffix not in _FIGURES:
        raise UsageError(
            f"--figure: expected a name that ends in {' or '.join(_FIGURES)}, "
            f"got {figure.name}",
            advice="Such as figure.svg.",
        )
    if figure is not None:
        require_folder("--figure", figure.parent)
    saved = load(result)
    write_report(saved, out, title=title, place=str(result))
    if figure is not None:
        drawing_of(saved).savefig(figure)
    say(
        [f"report in {out}"] + ([f"figure in {figure}"] if figure else []),
        {
            "ok": True,
            "report": str(out),
            "figure": str(figure) if figure else None,
            "verified": False,
        },
        as_json=as_json,
    )


def _run(
    parameters: Parameters, out: Path | None, threads: int, *, show: bool
) -> tuple[dict[str, float], str]:
    # Only here: whoever asks for help need not wait for compiled code.
    from cosignal.simulator.saved import digest, require_name, save  # noqa: PLC0415
    from cosignal.simulator.simulation import Sim  # noqa: PLC0415

    if out is not None:
        require_name(out)
    sim = Sim(parameters=parameters, threads=threads)
    with bar("days", parameters.days, wanted=show) as advance:
        results = sim.run(lambda _day, _days: advance())
    if out is not None:
        save(results, out)
    return dict(results.summary()), digest(results)


def _lines(summary: dict[str, float]) -> list[tuple[str, str]]:
    """Figures with units, but for what the scenario does not have."""
    from cosignal.simulator.results.figures import (  # noqa: PLC0415 - numpy
        worth_showing,
        written,
    )

    return [(name, written(name, x)) for name, x in worth_showing(summary).items()]


def _made(version: str) -> str:
    return (
        f"; but it says that {version} made it, and this is {VERSION}: "
        "run it again with that version"
    )
