"""Results in files: with scenario, seed and version, to be run again bit for bit.

What this module guarantees:

* A JSON or Parquet file, and a folder's `result.json`, say all that decided a run; the
  digest covers every count of every day and age, and every infection.
* A file is written whole or not at all. It is JSON as its standard has it: a number
  that is none is null.
* A file with a field that no result has, or has twice, is refused.

Whether a file is true is another question: see `verification`.
"""

import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from cosignal.protocol.errors import UsageError
from cosignal.simulator.parameters.paths import found_from, seen_from
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.results import Results, frames
from cosignal.simulator.version import VERSION

FORMAT: Final = "cosignal-sim/result/1"
_NAME: Final = "result.json"
_FIELDS: Final = (
    *("format", "version", "seed", "scenario", "own", "agents", "files"),
    *("digest", "summary", "r_t", "series"),
)
#: Tables of a folder; and what we call the rows of a Parquet file.
_DAILY: Final = "daily.csv"
_INFECTIONS: Final = "infections.csv"
COLUMNS: Final = "columns"
_SUFFIXES: Final = (".json", ".parquet")
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
            `result.json`, `daily.csv` and `infections.csv`. What follows a point is an
            ending if it is of letters: `a0.7` is a folder.

    Raises:
        UsageError: The name has another ending, or pyarrow is needed and missing.
    """
    target = require_name(path)
    folder = target.parent if target.suffix in _SUFFIXES else target
    found = about(results, folder)
    if target.suffix == ".json":
        _write(target, _encoded(found))
    elif target.suffix == ".parquet":
        frames.write_parquet(results, target, _encoded(found))
    else:
        target.mkdir(parents=True, exist_ok=True)
        _write(target / _NAME, _encoded(found))
        for name in (_DAILY, _INFECTIONS):
            _write(target / name, table(results, name))


def require_name(path: str | Path) -> Path:
    """Refuse a name that `save` could not write to, before a run takes its time.

    Raises:
        UsageError: It has another ending, or its folder cannot be written to.
    """
    target = Path(path)
    is_other = target.suffix not in _SUFFIXES and target.suffix[1:].isalpha()
    if is_other and not target.is_dir():
        raise UsageError(
            f"--out: expected {_KINDS}, got {target.name}",
            advice="Such as result.json.",
        )
    require_folder("--out", target.parent)
    if target.suffix not in _SUFFIXES and target.exists():
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
            tables = {COLUMNS: frames.exact(frames.read_columns(target))}
    except OSError as error:
        raise UsageError(
            f"{path}: expected a result, got {error.strerror or error}",
            advice="Give the file or folder that --out of cosignal-sim run named.",
        ) from error
    return replace(saved, tables=tables)


def as_saved(results: Results) -> Saved:
    """What a file would say of a run, without writing it."""
    return _parsed(_encoded(about(results, Path())), "result", Path())


def table(results: Results, name: str) -> bytes:
    """What stands beside a result under a name, byte for byte.

    Args:
        results: Of a run.
        name: `daily.csv` or `infections.csv`; or `columns`, of a Parquet file.
    """
    if name == _INFECTIONS:
        return frames.csv(results.infections._asdict())
    daily = frames.daily(results)
    return frames.csv(daily) if name == _DAILY else frames.exact(daily)


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def about(results: Results, folder: Path) -> dict[str, Any]:
    """What a file in a folder says.

    Args:
        results: Of a run.
        folder: Paths of own people are from there.

    Returns:
        By name; a number that is none is NaN, and null in the file.
    """
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
        value = json.loads(data, object_pairs_hook=_once, parse_constant=_no_number)
        kind = value["format"]
        if kind != FORMAT:
            raise UsageError(f"{place}: expected {FORMAT}, got {kind!r}")
        _refuse_more(place, value)
        parameters = Parameters.from_values(value["scenario"])
        return Saved(
            parameters=found_from(parameters, folder),
            seed=value["seed"],
            version=str(value["version"]),
            digest=str(value["digest"]),
            summary={name: _number(x) for name, x in value["summary"].items()},
            series={name: _row(row) for name, row in value["series"].items()},
            r_t=_row(value["r_t"]),
            own=tuple(map(str, value["own"])),
            agents=_people(value["agents"]),
            files=tuple((item["path"], item["sha256"]) for item in value["files"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{place}: expected a result of cosignal-sim run, got something else",
            advice="Give the file or folder that --out named.",
        ) from error


def _refuse_more(place: str, value: Mapping[str, Any]) -> None:
    """Refuse what no result says: nobody would compare it with a run."""
    for name in value:
        if name not in _FIELDS:
            raise UsageError(
                f"{place}: expected the fields {', '.join(_FIELDS)}, got {name!r} too",
                advice="Remove it: nothing vouches for what a run does not give.",
            )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice")
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no JSON")


def _people(value: Any) -> int:  # noqa: ANN401 - whatever a file holds
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise TypeError("expected a number of people")
    return value


def _row(values: Any) -> list[float]:  # noqa: ANN401 - whatever a file holds
    if not isinstance(values, list):
        raise TypeError("expected a list")
    return [_number(value) for value in values]


def _number(value: Any) -> float:  # noqa: ANN401 - whatever a file holds
    """A number, or NaN for null."""
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("expected a number")
    return float(value)


def _plain(value: Any) -> Any:  # noqa: ANN401 - what JSON can hold
    """The same with null for numbers that are none."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _encoded(found: dict[str, Any]) -> bytes:
    return f"{json.dumps(_plain(found), allow_nan=False)}\n".encode()


def _write(path: Path, data: bytes) -> None:
    """Write beside, then rename: a crash leaves the old file or the new one."""
    beside = path.with_name(f".{path.name}.part")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
