"""Run a scenario at many points, with the same luck at each.

What this module guarantees:

* Every point is checked before the first run starts.
* Interrupted work is kept: the study has what is finished, and with a folder the same
  call goes on from there.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cosignal.protocol.errors import UsageError
from cosignal.simulator.experiments.bars import bar
from cosignal.simulator.experiments.jobs import (
    Outcome,
    Setting,
    job_key,
    refuse_fixed,
    run_job,
    setting_key,
    setting_of,
)
from cosignal.simulator.experiments.kept import Kept
from cosignal.simulator.experiments.pool import Workers, run_jobs, take_all
from cosignal.simulator.experiments.study import Point, Study, grid


def sweep(
    base: object,
    values: Mapping[str, Sequence[Any]] | Sequence[Point],
    *,
    replicates: int = 10,
    workers: Workers = "auto",
    folder: str | Path | None = None,
    progress: bool = True,
) -> Study:
    """Run all combinations of some values, or some listed points.

    Args:
        base: A `Sim` or parameters; replicate r has its seed plus r.
        values: By dotted name, for all combinations; or a list of points, each with the
            values that it changes.
        replicates: Runs of each point.
        workers: A number, "auto", "dask", or the address of a Dask scheduler.
        folder: To keep finished runs in, and to find those of an earlier call.
        progress: Whether to show a bar, on a terminal.

    Returns:
        The study. After Ctrl-C it has less than `total` runs.

    Raises:
        UsageError: A parameter does not exist, a value is out of range, or there is
            nothing to run.
    """
    setting = setting_of(base)
    points = grid(values) if isinstance(values, Mapping) else [dict(v) for v in values]
    _check(setting, points, replicates)
    study = Study(setting, points, replicates, {})
    kept = Kept(folder)
    # All points of a seed follow each other, so that its people are made once.
    wanted = [(p, r) for r in range(replicates) for p in range(len(points))]
    jobs = {place: _values(setting, points[place[0]], place[1]) for place in wanted}
    keys = {}
    if folder is not None:
        common = setting_key(setting)
        keys = {place: job_key(setting, job, common) for place, job in jobs.items()}
    for place, key in keys.items():
        outcome = kept.get(key)
        if outcome is not None:
            study.outcomes[place] = outcome
    todo = [place for place in wanted if place not in study.outcomes]
    _fill(study, kept, todo, jobs, keys, workers=workers, progress=progress)
    return study


def ensemble(
    base: object,
    *,
    replicates: int = 20,
    workers: Workers = "auto",
    folder: str | Path | None = None,
    progress: bool = True,
) -> Study:
    """Run one scenario many times, to see how much is luck.

    Args and returns: as `sweep`, with one point that changes nothing.
    """
    return sweep(
        base,
        [{}],
        replicates=replicates,
        workers=workers,
        folder=folder,
        progress=progress,
    )


def sensitivity(
    base: object,
    ranges: Mapping[str, tuple[Any, Any]],
    *,
    replicates: int = 10,
    workers: Workers = "auto",
    folder: str | Path | None = None,
    progress: bool = True,
) -> Study:
    """Change one parameter at a time, down and up.

    Args:
        base: As for `sweep`.
        ranges: Low and high value by dotted name.
        replicates: Runs of each point.
        workers: As for `sweep`.
        folder: As for `sweep`.
        progress: As for `sweep`.

    Returns:
        A study whose first point is the base; `plots.tornado` draws it.
    """
    points: list[Point] = [{}]
    for name, (low, high) in ranges.items():
        points += [{name: low}, {name: high}]
    return sweep(
        base,
        points,
        replicates=replicates,
        workers=workers,
        folder=folder,
        progress=progress,
    )


def _check(setting: Setting, points: Sequence[Point], replicates: int) -> None:
    if replicates < 1:
        raise UsageError(f"replicates: expected 1 or more, got {replicates}")
    if not points:
        raise UsageError("values: expected at least one point, got none")
    for point in points:
        if "seed" in point:
            raise UsageError(
                "values: expected parameters other than seed",
                advice="Replicates have seeds of their own; set the base's seed.",
            )
        setting.parameters.with_values(point)
    refuse_fixed(setting, (name for point in points for name in point))
    seen: list[Point] = []
    for point in points:
        if point in seen:
            raise UsageError(f"values: expected each point once, got {point} twice")
        seen.append(point)


def _values(setting: Setting, point: Point, replicate: int) -> dict[str, Any]:
    return {**point, "seed": setting.parameters.seed + replicate}


def _fill(
    study: Study,
    kept: Kept,
    todo: Sequence[tuple[int, int]],
    jobs: Mapping[tuple[int, int], Mapping[str, Any]],
    keys: Mapping[tuple[int, int], str],
    *,
    workers: Workers,
    progress: bool,
) -> None:
    runs = run_jobs(
        run_job, study.setting, [jobs[place] for place in todo], workers=workers
    )
    with bar("runs", len(todo), wanted=progress) as advance:

        def take(index: int, outcome: Outcome) -> None:
            _take(study, kept, todo[index], keys.get(todo[index]), outcome)
            advance()

        try:
            take_all(runs, take)
        except KeyboardInterrupt:
            if not study.outcomes:
                raise


def _take(
    study: Study,
    kept: Kept,
    place: tuple[int, int],
    key: str | None,
    outcome: Outcome,
) -> None:
    study.outcomes[place] = outcome
    if key is not None:
        kept.add(key, outcome)
