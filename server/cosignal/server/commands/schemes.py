"""`cosignal schemes`: compare ways to broadcast and publish identifiers."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import shake_256
from itertools import count
from statistics import median
from typing import Annotated, Any

import typer

from cosignal.protocol.identifiers.candidates import CANDIDATES
from cosignal.protocol.identifiers.comparison import (
    LOG_SIGHTINGS,
    MAX_PEOPLE,
    START,
    Comparison,
    compare,
    prepare,
)
from cosignal.protocol.identifiers.schemes import MAX_DAYS, Entropy, Scheme
from cosignal.server.commands.terminal import Json, progress_bars, say
from cosignal.server.commands.terminal import count as counted

ROUNDS = 3

_UNITS = ((86_400, "day"), (3_600, "h"), (60, "min"))
_HEADINGS = (
    *("scheme", "bytes", "sha256", "aes", "ed25519", "sha256 heard"),
    *("linked", "pieces", "replay", "derive us", "match ms"),
)


@dataclass(frozen=True, slots=True)
class _Row:
    """A scheme, its figures, and how long this machine takes.

    Attributes:
        scheme: Which.
        shown: The figures.
        derive_us: Time in which a phone derives what it broadcasts in a day.
        match_ms: Time in which a phone compares the file with 2,000 sightings.
    """

    scheme: Scheme
    shown: Comparison
    derive_us: float
    match_ms: float


def command(
    *,
    days: Annotated[
        int, typer.Option(min=1, max=MAX_DAYS, help="Days that are published.")
    ] = 5,
    people: Annotated[
        int, typer.Option(min=1, max=MAX_PEOPLE, help="How many are infected.")
    ] = 50,
    as_json: Json = False,
) -> None:
    """Compare schemes of identifiers: bytes, work, and what an outsider learns.

    Each scheme is run with made-up people; a published file is searched by a phone and
    by an outsider who recorded every broadcast. Bytes, hashes, ciphers and signatures
    are for each day of each infected person. Only the last two columns depend on this
    machine.

    Example: cosignal schemes --days 5 --people 50
    """
    rows: list[_Row] = []
    with progress_bars(as_json=as_json) as progress:
        for number, scheme in enumerate(CANDIDATES, 1):
            rows.append(_row(scheme, people, days))
            progress("schemes", number, len(CANDIDATES))
    value = {
        "days": days,
        "people": people,
        "sightings": LOG_SIGHTINGS,
        "schemes": [_value(row) for row in rows],
    }
    say(_lines(rows, people, days), value, as_json=as_json)


def _row(scheme: Scheme, people: int, days: int) -> _Row:
    entropy = _repeatable_entropy(scheme.name)
    experiment = prepare(scheme, people, days, entropy)
    diary = experiment.diary()
    derive = _median_seconds(lambda: scheme.derive(START, days, entropy))
    match = _median_seconds(lambda: scheme.match(experiment.published, diary))
    return _Row(scheme, compare(experiment), derive / days * 1e6, match * 1e3)


def _repeatable_entropy(name: str) -> Entropy:
    """Bytes for made-up people: the same in every run, so that figures are too."""
    calls = count()
    return lambda size: shake_256(f"{name} {next(calls)}".encode()).digest(size)


def _median_seconds(work: Callable[[], object]) -> float:
    taken: list[float] = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return median(taken)


def _lines(rows: list[_Row], people: int, days: int) -> list[str]:
    table = [_HEADINGS, *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        f"{people} infected, {counted(days, 'day')}, {LOG_SIGHTINGS} sightings",
        "",
        *("  ".join(map(str.ljust, cells, widths)).rstrip() for cells in table),
    ]


def _cells(row: _Row) -> tuple[str, ...]:
    work, shown = row.scheme.work, row.shown
    return (
        row.scheme.name,
        f"{shown.bytes_per_day:.1f}",
        f"{work.hashes_per_day}",
        f"{work.ciphers_per_day}",
        f"{work.signatures_per_day}",
        f"{work.hashes_per_sighting}",
        _span(shown.linked_seconds),
        f"{shown.pieces:g}",
        "no limit" if shown.replay_seconds is None else _span(shown.replay_seconds),
        f"{row.derive_us:.0f}",
        f"{row.match_ms:.1f}",
    )


def _span(seconds: int) -> str:
    """Say how long something lasts: 2 h 10 min."""
    parts: list[str] = []
    for size, unit in _UNITS:
        whole, seconds = divmod(seconds, size)
        if whole:
            parts.append(counted(whole, unit) if unit == "day" else f"{whole} {unit}")
    return " ".join(parts)


def _value(row: _Row) -> dict[str, Any]:
    return {
        "name": row.scheme.name,
        **asdict(row.shown),
        "bytes_per_day": row.shown.bytes_per_day,
        **asdict(row.scheme.work),
        "derive_us_per_day": row.derive_us,
        "match_ms": row.match_ms,
    }
