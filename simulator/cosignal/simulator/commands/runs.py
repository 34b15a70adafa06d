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
)
from cosignal.simulator.experiments.bars import bar
from cosignal.simulator.experiments.statistics import number
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.version import VERSION

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
    summary, digest = _run(parameters, out, threads, show=not as_json)
    say(
        [f"{name:<28} {number(value)}" for name, value in summary.items()]
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
    from cosignal.simulator.saved import (  # noqa: PLC0415
        differences,
        digest,
        load,
        run_again,
    )

    saved = load(result)
    run = run_again(saved, people, network)
    again, others = digest(run), differences(saved, run)
    same = not others
    numbers = [name for name in others if name != "version"]
    verdict = f"not the same: {', '.join(numbers)}" if numbers else _SAME
    made = "" if saved.version == VERSION else _made(saved.version)
    say(
        [f"{result}: {verdict}{made}"],
        {
            "ok": same,
            "same_numbers": not numbers,
            "differences": others,
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
    as_json: Json = False,
) -> None:
    """Write a page about a result: figures, plots, and every parameter changed.

    Example: cosignal-sim report result.json -o report.html
    """
    from cosignal.simulator.report import write_report  # noqa: PLC0415 - an extra
    from cosignal.simulator.saved import load, require_folder  # noqa: PLC0415

    if out.suffix != ".html":
        raise UsageError(
            f"--out: expected a name that ends in .html, got {out.name}",
            advice="Such as report.html.",
        )
    require_folder("--out", out.parent)
    write_report(load(result), out, title=result.stem)
    say([f"report in {out}"], {"ok": True, "report": str(out)}, as_json=as_json)


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


def _made(version: str) -> str:
    return (
        f"; but it says that {version} made it, and this is {VERSION}: "
        "run it again with that version"
    )
