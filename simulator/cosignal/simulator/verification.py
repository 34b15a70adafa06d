"""Whether a result is what its run gives: run again, and compared.

What this module guarantees:

* `run_again` gives the same digest, and `differences` names whatever a file, the rows
  of a Parquet file, or a table of a folder says otherwise, and where first.
* `require_consistent` finds figures that contradict the daily counts beside them,
  without a run; that alone does not make a file true.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from cosignal.protocol.errors import UsageError, VerificationError
from cosignal.simulator.parameters.paths import with_files
from cosignal.simulator.results import Results
from cosignal.simulator.results.figures import UNITS, of_series, reproduction_of
from cosignal.simulator.saved import COLUMNS, Saved, about, table
from cosignal.simulator.words import number

_VARIANT: Final = "infections_variant_"
#: Fields that are compared as they are.
_WHOLE: Final = ("version", "seed", "own", "agents", "digest")


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


def differences(saved: Saved, results: Results) -> dict[str, str]:
    """Name what a file says otherwise than a run.

    Args:
        saved: What the file says.
        results: The run, for instance from `run_again`.

    Returns:
        By `seed`, `own`, `agents`, `digest`, `summary`, `series`, `r_t`; `columns` of a
        Parquet file; `daily.csv`, `infections.csv` of a folder; `version` if another
        one made the file, since the running one cannot speak for it: what differs
        first, in words. Nothing where all is the same.
    """
    fresh = about(results, Path())
    found = {
        name: f"{_listed(getattr(saved, name))} in the file, {_listed(fresh[name])} now"
        for name in _WHOLE
        if _listed(getattr(saved, name)) != _listed(fresh[name])
    }
    found["summary"] = _first(
        ("", saved.summary.keys(), fresh["summary"].keys()),
        _unlike_figures(saved.summary, fresh["summary"]),
    )
    found["series"] = _first(
        ("a series ", saved.series.keys(), fresh["series"].keys()),
        (
            _unlike_rows(name, saved.series[name], row)
            for name, row in fresh["series"].items()
            if name in saved.series
        ),
    )
    found["r_t"] = _unlike_rows("r_t", saved.r_t, fresh["r_t"])
    found |= {
        name: _unlike_lines(name, content, table(results, name))
        for name, content in saved.tables.items()
    }
    return {name: words for name, words in found.items() if words}


def require_consistent(saved: Saved, place: str) -> None:
    """Refuse a result whose figures are not those of its own daily counts.

    Reproduction number and growth of all days, totals and peaks follow from daily
    counts; what follows from single infections only is not looked at.

    Args:
        saved: What the file says.
        place: What to call it in the message.

    Raises:
        VerificationError: It names the figure, or what cannot be a run's.
    """
    wrong = _first(
        ("a figure ", [n for n in saved.summary if n not in _known(saved)], ()), ()
    )
    lengths = {len(row) for row in (*saved.series.values(), saved.r_t)}
    if len(lengths) != 1:
        wrong = f"rows of {', '.join(map(str, sorted(lengths)))} days"
    wrong = wrong or _contradiction(saved)
    if wrong:
        raise VerificationError(
            f"{place}: expected the figures of its own daily counts, got {wrong}",
            advice="The file was changed after its run; `verify` says where.",
        )


def _contradiction(saved: Saved) -> str:
    series = {name: np.asarray(row, np.float64) for name, row in saved.series.items()}
    figures = of_series(series, saved.parameters, saved.agents)
    stated = {name: saved.summary.get(name, math.nan) for name in figures}
    for name, value in figures.items():
        if _bits(value) != _bits(stated[name]):
            return f"{name} {number(stated[name])} in place of {number(value)}"
    least = figures["infections"] - saved.summary.get("reinfections", 0)
    rate, expected = saved.summary.get("attack_rate", math.nan), least / saved.agents
    if _bits(rate) != _bits(expected):
        return (
            f"attack_rate {number(rate)} in place of {number(expected)}, infections "
            "less reinfections by people"
        )
    variants = [x for n, x in saved.summary.items() if n.startswith(_VARIANT)]
    if variants and sum(variants) != figures["infections"]:
        return f"{number(sum(variants))} infections of all variants together"
    r_t = reproduction_of(series, saved.parameters).tolist()
    return _unlike_rows("r_t", saved.r_t, r_t)


def _known(saved: Saved) -> set[str]:
    variants = {name for name in saved.summary if name.startswith(_VARIANT)}
    return set(UNITS) | (variants if saved.parameters.variants else set())


def _first(
    names: tuple[str, Iterable[str], Iterable[str]], unlike: Iterable[str]
) -> str:
    """What differs first: a name too much or too few, or what stands below one."""
    what, stated, fresh = names[0], list(names[1]), list(names[2])
    for name in stated:
        if name not in fresh:
            return f"{what}{name!r} that no such run has"
    for name in fresh:
        if name not in stated:
            return f"{what}{name!r} is missing"
    return next((words for words in unlike if words), "")


def _unlike_figures(
    stated: Mapping[str, float], fresh: Mapping[str, float]
) -> Iterable[str]:
    for name, value in fresh.items():
        if _bits(stated.get(name, value)) != _bits(value):
            yield f"{name}: {stated[name]!r} in the file, {value!r} now"


def _unlike_rows(name: str, stated: Sequence[float], fresh: Sequence[float]) -> str:
    for day, (one, other) in enumerate(zip(stated, fresh, strict=False)):
        if _bits(one) != _bits(other):
            return f"{name} on day {day}: {one!r} in the file, {other!r} now"
    if len(stated) != len(fresh):
        return f"{name}: {len(stated)} days in the file, {len(fresh)} now"
    return ""


def _unlike_lines(name: str, stated: bytes, fresh: bytes) -> str:
    if stated == fresh:
        return ""
    if name == COLUMNS:
        return _unlike_columns(stated, fresh)
    ours, theirs = fresh.splitlines(), stated.splitlines()
    for place, (one, other) in enumerate(zip(theirs, ours, strict=False), 1):
        if one != other:
            return f"line {place}: {_text(one)} in the file, {_text(other)} now"
    return f"{len(theirs)} lines in the file, {len(ours)} now"


def _unlike_columns(stated: bytes, fresh: bytes) -> str:
    """Compare what `frames.exact` wrote: a line and the bytes of each column."""
    theirs, ours = (_columns(content) for content in (stated, fresh))
    names = ("a column ", list(theirs), list(ours))
    return (
        _first(
            names,
            (_unlike_column(name, theirs.get(name), row) for name, row in ours.items()),
        )
        or "the order of columns"
    )


def _columns(content: bytes) -> dict[str, Any]:
    found, at = {}, 0
    while at < len(content):
        end = content.index(b"\n", at)
        name, kind, length = content[at:end].decode().rsplit(" ", 2)
        size = np.dtype(kind).itemsize * int(length)
        found[name] = np.frombuffer(content[end + 1 : end + 1 + size], kind)
        at = end + 1 + size
    return found


def _unlike_column(name: str, stated: Any, fresh: Any) -> str:  # noqa: ANN401 - arrays
    if stated is not None and stated.dtype != fresh.dtype:
        return f"{name}: {stated.dtype} in the file, {fresh.dtype} now"
    return "" if stated is None else _unlike_rows(name, stated.tolist(), fresh.tolist())


def _bits(value: float) -> str:
    """The same for all that is no number; else for equal numbers only."""
    return float(value).hex() if math.isfinite(value) else "none"


def _listed(value: Any) -> str:  # noqa: ANN401 - text, number or texts
    return repr(list(value)) if isinstance(value, tuple | list) else repr(value)


def _text(line: bytes) -> str:
    return repr(line.decode("utf-8", "replace"))


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
