"""`cosignal-sim sweep`, `calibrate` and `study`: many runs."""

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from cosignal.protocol.errors import CosignalError, UsageError
from cosignal.simulator.commands.terminal import (
    EXIT_FALSE,
    FolderOption,
    Json,
    NetworkOption,
    PeopleOption,
    Scenario,
    Set,
    WorkersOption,
    note,
    say,
    scenario_of,
    tell_idle,
    workers_of,
)
from cosignal.simulator.parameters.paths import seen_from
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.scenarios import parse_value, write_scenario
from cosignal.simulator.series import SERIES


def sweep_points(
    scenario: Scenario = None,
    *,
    vary: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=V1,V2,...",
            help="Values of a parameter; repeatable, for all combinations.",
        ),
    ],
    settings: Set = None,
    people: PeopleOption = None,
    network: NetworkOption = None,
    replicates: Annotated[int, typer.Option(min=1, help="Runs of each point.")] = 10,
    vs: Annotated[
        str, typer.Option(help="Point to compare with, such as app.adoption=0.")
    ] = "",
    measure: Annotated[
        list[str] | None,
        typer.Option(
            help="Figure to show, or sum:SERIES or mean:SERIES, of all days; "
            "repeatable."
        ),
    ] = None,
    per: Annotated[
        float, typer.Option(min=0, help="Counts for so many people, such as 100000.")
    ] = 0,
    relative: Annotated[
        bool, typer.Option("--relative", help="Differences in percent of --vs.")
    ] = False,
    workers: WorkersOption = "auto",
    folder: FolderOption = None,
    as_json: Json = False,
) -> None:
    """Run a scenario at many points, with the same luck at each.

    Example: cosignal-sim sweep scenario.toml --vary app.adoption=0,0.15,0.3
    --vs app.adoption=0 --replicates 20 --folder adoption
    """
    from cosignal.simulator.experiments import sweep  # noqa: PLC0415 - numpy, rich
    from cosignal.simulator.experiments.jobs import Setting  # noqa: PLC0415
    from cosignal.simulator.experiments.study import (  # noqa: PLC0415
        MEASURES,
        Study,
        grid,
    )

    base, values = scenario_of(scenario, settings, people, network), _ranges(vary)
    # Before the first run, or all of them would be for nothing.
    points = grid(values)
    _require_figures(measure or (), base)
    if relative and not vs:
        raise UsageError(
            "--relative: expected --vs beside it, got none",
            advice="Name the point to compare with, such as --vs app.adoption=0.",
        )
    if vs:
        Study(Setting(base), points, replicates, {}).find(vs)
    tell_idle(base.with_values(point) for point in points)
    with _resumable(folder):
        study = sweep(
            base,
            values,
            replicates=replicates,
            workers=workers_of(workers),
            folder=folder,
            progress=not as_json,
        )
    table = study.table(vs or None, measure or MEASURES, per=per, relative=relative)
    whole = study.finished == study.total
    say(
        table.lines(),
        {
            "ok": whole,
            "finished": study.finished,
            "total": study.total,
            "vs": table.vs,
            "per": per or None,
            "relative": relative,
            "about": table.caption,
            "points": table.as_values(),
        },
        as_json=as_json,
    )
    if not whole:
        note(f"interrupted: {study.finished} of {study.total} runs are finished")
        note(_how_to_go_on(folder))
        raise typer.Exit(EXIT_FALSE)


def fit(
    scenario: Annotated[Path, typer.Argument(help="TOML file.")],
    data: Annotated[Path, typer.Argument(help="CSV file: day, and daily counts.")],
    *,
    fit: Annotated[
        list[str],
        typer.Option(metavar="NAME=LOW:HIGH", help="Range of a parameter; repeatable."),
    ],
    settings: Set = None,
    people: PeopleOption = None,
    network: NetworkOption = None,
    method: Annotated[str, typer.Option(help="optuna or abc-smc.")] = "optuna",
    trials: Annotated[int, typer.Option(min=1, help="Trials, or samples.")] = 60,
    replicates: Annotated[int, typer.Option(min=1, help="Seeds a trial.")] = 2,
    workers: WorkersOption = "auto",
    folder: FolderOption = None,
    out: Annotated[
        Path | None, typer.Option(help="Scenario with the best values, to write.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Find the parameters under which a scenario does what was observed.

    Example: cosignal-sim calibrate scenario.toml cases.csv --fit disease.r0=1.5:4
    """
    from cosignal.simulator.experiments import calibrate  # noqa: PLC0415 - numpy, rich
    from cosignal.simulator.saved import require_folder  # noqa: PLC0415

    if out is not None:
        require_folder("--out", out.parent)
    with _resumable(folder):
        found = calibrate(
            scenario_of(scenario, settings, people, network),
            data,
            _fits(fit),
            method=method,
            trials=trials,
            replicates=replicates,
            workers=workers_of(workers),
            folder=folder,
            progress=not as_json,
        )
    intervals = (
        {name: found.interval(name) for name in found.ranges}
        if method == "abc-smc"
        else {}
    )
    if out is not None:
        fitted = seen_from(found.parameters, out.parent)
        out.write_text(write_scenario(fitted), "utf-8")
    distance = float(found.distances.min())
    if intervals and found.warning:
        note(f"note: {found.warning}")
    # A posterior's nearest run is luck; how strict it was is not.
    reached = (
        f"tolerance {found.tolerance:.4g}" if intervals else f"distance {distance:.4g}"
    )
    say(
        [_fitted(name, value, intervals) for name, value in found.best.items()]
        + [reached]
        + ([f"in parentheses: {found.label}"] if intervals else []),
        {
            "ok": True,
            "best": found.best,
            "intervals": {name: list(ends) for name, ends in intervals.items()},
            "distance": distance,
            "tolerance": found.tolerance if intervals else None,
            "samples": len(found.distances) if intervals else None,
        },
        as_json=as_json,
    )


def study(
    name: Annotated[
        str, typer.Argument(help="Such as P5; without it, all are listed.")
    ] = "",
    *,
    agents: Annotated[int, typer.Option(min=0, help="People; 0 for its own.")] = 0,
    replicates: Annotated[int, typer.Option(min=0, help="Runs; 0 for its own.")] = 0,
    workers: WorkersOption = "auto",
    folder: FolderOption = None,
    as_json: Json = False,
) -> None:
    """Do a published study again, and print ours beside what was published.

    Example: cosignal-sim study P5 --agents 20000 --replicates 4
    """
    from cosignal.simulator import studies  # noqa: PLC0415 - numpy, rich

    if not name:
        say(
            [f"{item.name:<5} {item.title}" for item in studies.ALL],
            {"studies": [item.name for item in studies.ALL]},
            as_json=as_json,
        )
        return
    found = studies.find(name)
    with _resumable(folder):
        rows = found.run(
            agents=agents or None,
            replicates=replicates or None,
            workers=workers_of(workers),
            folder=folder,
            progress=not as_json,
        )
    smaller = found.smaller(agents or None, replicates or None)
    say(
        [found.title, found.source, "", *studies.lines(rows)]
        + ([smaller] if smaller else []),
        {
            "ok": True,
            "study": found.name,
            "source": found.source,
            "smaller": bool(smaller),
            "rows": [studies.as_values(row) for row in rows],
        },
        as_json=as_json,
    )


def _how_to_go_on(folder: Path | None) -> str:
    if folder is None:
        return "  With --folder FOLDER finished runs are kept, and one can go on."
    return f"  They are kept in {folder}; the same command goes on from there."


@contextmanager
def _resumable(folder: Path | None) -> Iterator[None]:
    """Say after Ctrl-C how to go on.

    Raises:
        CosignalError: The work was interrupted.
    """
    try:
        yield
    except KeyboardInterrupt as stop:
        raise CosignalError(
            "expected to finish, got interrupted", advice=_how_to_go_on(folder).strip()
        ) from stop


def _ranges(vary: list[str]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for text in vary:
        name, equals, values = (part.strip() for part in text.partition("="))
        if not equals or not name or not values:
            raise UsageError(
                f"--vary: expected NAME=V1,V2,..., got {text!r}",
                advice="For example --vary app.adoption=0,0.15,0.3",
            )
        if name in found:
            raise UsageError(
                f"--vary: expected {name} once, got it twice",
                advice=f"Give all its values together: --vary {name}=V1,V2,...",
            )
        whole = parse_value(f"[{values}]")
        found[name] = (
            whole
            if isinstance(whole, list)
            else [item.strip() for item in values.split(",")]
        )
    return found


def _require_figures(names: Iterable[str], base: Parameters) -> None:
    """Refuse figures that no run has.

    Raises:
        UsageError: It names those that there are.
    """
    from cosignal.simulator.experiments.study import WAYS  # noqa: PLC0415 - numpy
    from cosignal.simulator.results.figures import UNITS  # noqa: PLC0415 - numpy

    known = [*UNITS, *(f"{way}:{name}" for way in WAYS for name in SERIES)]
    for name in names:
        is_variant = name.startswith("infections_variant_") and base.variants
        if name in known or is_variant:
            continue
        near = difflib.get_close_matches(name, known)
        raise UsageError(
            f"--measure: expected a figure of a run, got {name!r}",
            advice=f"Did you mean {', '.join(near)}?"
            if near
            else f"Known are {', '.join(UNITS)}; and sum:NAME or mean:NAME, over all "
            f"days, of {', '.join(SERIES)}.",
        )


def _fits(texts: list[str]) -> dict[str, tuple[float, float]]:
    found: dict[str, tuple[float, float]] = {}
    for text in texts:
        name, ends = _range(text)
        if name in found:
            raise UsageError(f"--fit: expected {name} once, got it twice")
        found[name] = ends
    return found


def _range(text: str) -> tuple[str, tuple[float, float]]:
    name, _, ends = text.partition("=")
    low, _, high = ends.partition(":")
    try:
        return name.strip(), (float(low), float(high))
    except ValueError as error:
        raise UsageError(
            f"--fit: expected NAME=LOW:HIGH, got {text!r}",
            advice="For example --fit disease.r0=1.5:4",
        ) from error


def _fitted(name: str, value: float, intervals: dict[str, tuple[float, float]]) -> str:
    ends = intervals.get(name)
    beside = f" ({ends[0]:.4g} to {ends[1]:.4g})" if ends else ""
    return f"{name} = {value:.4g}{beside}"
