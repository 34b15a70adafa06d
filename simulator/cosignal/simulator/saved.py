"""Results in files: with scenario, seed and version, to be run again bit for bit.

What this module guarantees:

* A JSON or Parquet file, and a folder's `result.json`, say all that decided a run; the
  digest covers every count of every day and age, and every infection.
* `run_again` gives the same digest, and `differences` names whatever a file, the rows
  of a Parquet file, or a table of a folder says otherwise.
* A file is written whole or not at all.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from cosignal.protocol.errors import UsageError
from cosignal.simulator.parameters.paths import found_from, seen_from, with_files
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.results import Results, frames
from cosignal.simulator.version import VERSION

FORMAT: Final = "cosignal-sim/result/1"
_NAME: Final = "result.json"
#: Tables of a folder; and what we call the rows of a Parquet file.
_DAILY: Final = "daily.csv"
_INFECTIONS: Final = "infections.csv"
_COLUMNS: Final = "columns"
_KINDS: Final = "a name that ends in .json or .parquet, or a folder"


@dataclass(frozen=True, slots=True)
class Saved:
    """What a file says of a run.

    Attributes:
        parameters: All of them, seed included.
        seed: The same once more, for readers of the file.
        version: Of Cosignal that ran it.
        digest: SHA-256 of all counts and infections.
        summary: Figures by name.
        series: Daily counts by name.
        r_t: Reproduction number by day of infection, NaN where unknown.
        own: Names of the user's own interventions or people; with these a run cannot be
            repeated from its file.
        agents: How many people there were.
        files: Path and SHA-256 of each file of own people; the people's first.
        tables: What stands beside it, byte for byte: the files of a folder, empty where
            there is none, or `columns` of a Parquet file.
    """

    parameters: Parameters
    seed: int
    version: str
    digest: str
    summary: Mapping[str, float]
    series: Mapping[str, list[float]]
    r_t: Sequence[float]
    own: tuple[str, ...]
    agents: int
    files: tuple[tuple[str, str], ...] = ()
    tables: Mapping[str, bytes] = field(default_factory=dict)


def digest(results: Results) -> str:
    """Name what came out: every count by day and age, and every infection."""
    found = hashlib.sha256()
    for name, rows in sorted(results.by_age.items()):
        found.update(f"{name}\n".encode())
        found.update(np.ascontiguousarray(rows, "<f8").tobytes())
    for name, column in results.infections._asdict().items():
        found.update(f"{name}\n".encode())
        found.update(np.ascontiguousarray(column, "<i8").tobytes())
    return found.hexdigest()


def save(results: Results, path: str | Path) -> None:
    """Write a result.

    Args:
        results: Of a run.
        path: A name that ends in .json or .parquet, or else a folder, which gets
            `result.json`, `daily.csv` and `infections.csv`.

    Raises:
        UsageError: The name has another ending, or pyarrow is needed and missing.
    """
    target = require_name(path)
    folder = target.parent if target.suffix else target
    about = _about(results, folder)
    if target.suffix == ".json":
        _write(target, _encoded(about))
    elif target.suffix == ".parquet":
        frames.write_parquet(results, target, _encoded(about))
    else:
        target.mkdir(parents=True, exist_ok=True)
        _write(target / _NAME, _encoded(about))
        for name in (_DAILY, _INFECTIONS):
            _write(target / name, _table(results, name))


def require_name(path: str | Path) -> Path:
    """Refuse a name that `save` could not write to, before a run takes its time.

    Raises:
        UsageError: It has another ending, or its folder cannot be written to.
    """
    target = Path(path)
    if target.suffix not in ("", ".json", ".parquet") and not target.is_dir():
        raise UsageError(
            f"--out: expected {_KINDS}, got {target.name}",
            advice="Such as result.json.",
        )
    require_folder("--out", target.parent)
    if not target.suffix and target.exists():
        require_folder("--out", target)
    return target


def require_folder(option: str, folder: Path) -> None:
    """Refuse a folder that cannot be written to, before work takes its time.

    Args:
        option: Which option named it.
        folder: That must be there.

    Raises:
        UsageError: It is not there, no folder, or not to be written to.
    """
    got = ""
    if not folder.exists():
        got = "none"
    elif not folder.is_dir():
        got = "a file"
    elif not os.access(folder, os.W_OK | os.X_OK):
        got = "one that may not be written to"
    if got:
        raise UsageError(
            f"{option}: expected a folder {folder}, got {got}",
            advice="Make it, or name another place.",
        )


def load(path: str | Path) -> Saved:
    """Read a result.

    Args:
        path: As `save` wrote it.

    Raises:
        UsageError: It cannot be read, or is no result.
    """
    target = Path(path)
    inside = target if target.is_dir() else target.parent
    tables: dict[str, bytes] = {}
    try:
        if target.is_dir():
            tables = {name: _read(target / name) for name in (_DAILY, _INFECTIONS)}
            data = (target / _NAME).read_bytes()
        elif target.suffix == ".parquet":
            data = frames.read_about(target)
        else:
            data = target.read_bytes()
        saved = _parsed(data, str(path), inside)
        if target.suffix == ".parquet" and not target.is_dir():
            tables = {_COLUMNS: frames.exact(frames.read_columns(target))}
    except OSError as error:
        raise UsageError(
            f"{path}: expected a result, got {error.strerror or error}",
            advice="Give the file or folder that --out of cosignal-sim run named.",
        ) from error
    return replace(saved, tables=tables)


def run_again(
    saved: Saved, people: Path | None = None, networks: list[Path] | None = None
) -> Results:
    """Run what a file says, on one thread.

    Args:
        saved: What the file says.
        people: Where the file of own people is now, if not where it was.
        networks: Where those of networks are now.

    Raises:
        UsageError: The run had interventions or people that no file holds, or other
            people than these.
    """
    from cosignal.simulator.simulation import Sim  # noqa: PLC0415 - compiles

    if saved.own:
        raise UsageError(
            f"result: expected no interventions but built-in ones, "
            f"got {', '.join(saved.own)}",
            advice="Run it again with the program that made it, and compare digests.",
        )
    if people and not networks:
        networks = [Path(path) for path in saved.parameters.population.networks]
    sim = Sim(parameters=with_files(saved.parameters, people, networks))
    _require_same(saved.files, sim.files.digests if sim.files else ())
    return sim.run()


def differences(saved: Saved, results: Results) -> list[str]:
    """Name what a file says otherwise than a run.

    Args:
        saved: What the file says.
        results: The run, for instance from `run_again`.

    Returns:
        `seed`, `digest`, `summary`, `series`, `r_t`; `columns` of a Parquet file;
        `daily.csv`, `infections.csv` of a folder; `version` if another one made the
        file, since the running one cannot speak for it. Nothing where all is the same.
    """
    # As text, for there a number that is not one equals itself.
    fresh = json.loads(_encoded(_about(results, Path())))
    found = [
        name
        for name in ("version", "seed", "digest", "summary", "series", "r_t")
        if json.dumps(getattr(saved, name)) != json.dumps(fresh[name])
    ]
    return found + [
        name
        for name, content in saved.tables.items()
        if content != _table(results, name)
    ]


def _table(results: Results, name: str) -> bytes:
    """What stands beside a result under a name."""
    if name == _INFECTIONS:
        return frames.csv(results.infections._asdict())
    daily = frames.daily(results)
    return frames.csv(daily) if name == _DAILY else frames.exact(daily)


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _require_same(
    files: Sequence[tuple[str, str]], now: Sequence[tuple[str, str]]
) -> None:
    if len(files) != len(now):
        names = ", ".join(path for path, _ in files) or "no files of people"
        raise UsageError(
            f"people: expected {names}, as the result says, got "
            f"{', '.join(path for path, _ in now) or 'none'}",
            advice="Give as many files with --people and --network as the run had.",
        )
    for (_, expected), (path, found) in zip(files, now, strict=True):
        if expected != found:
            raise UsageError(
                f"{path}: expected the file of the run, SHA-256 {expected}, "
                f"got another, {found}",
                advice="Give the right one with --people or --network.",
            )


def _about(results: Results, folder: Path) -> dict[str, Any]:
    """What a file in a folder says."""
    parameters = seen_from(results.parameters, folder)
    named = parameters.population
    paths = (named.people, *named.networks) if results.files else ()
    return {
        "format": FORMAT,
        "version": VERSION,
        "seed": results.parameters.seed,
        "scenario": parameters.as_values(),
        "own": list(results.own),
        "agents": results.agents,
        "files": [
            {"path": path, "sha256": sha256}
            for path, (_, sha256) in zip(paths, results.files, strict=True)
        ],
        "digest": digest(results),
        "summary": dict(results.summary()),
        "r_t": results.r_t().tolist(),
        "series": {
            name: column.tolist() for name, column in frames.daily(results).items()
        },
    }


def _parsed(data: bytes, place: str, folder: Path) -> Saved:
    try:
        value = json.loads(data)
        kind = value["format"]
        if kind != FORMAT:
            raise UsageError(f"{place}: expected {FORMAT}, got {kind!r}")
        parameters = Parameters.from_values(value["scenario"])
        return Saved(
            parameters=found_from(parameters, folder),
            seed=value["seed"],
            version=str(value["version"]),
            digest=str(value["digest"]),
            summary=dict(value["summary"]),
            series=dict(value["series"]),
            r_t=list(value["r_t"]),
            own=tuple(map(str, value["own"])),
            agents=int(value["agents"]),
            files=tuple((item["path"], item["sha256"]) for item in value["files"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{place}: expected a result of cosignal-sim run, got something else",
            advice="Give the file or folder that --out named.",
        ) from error


def _encoded(about: Mapping[str, Any]) -> bytes:
    return f"{json.dumps(about)}\n".encode()


def _write(path: Path, data: bytes) -> None:
    """Write beside, then rename: a crash leaves the old file or the new one."""
    beside = path.with_name(f".{path.name}.part")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
