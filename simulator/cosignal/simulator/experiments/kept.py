"""Keep finished runs in a folder, so that an experiment can go on where it ended.

What this module guarantees:

* A run is written in one line, at once, after it has finished; a line that a crash cut
  off is not read, and its run is done again.
* A run is found again by all that decides it, so that a folder may serve a study with
  more values or replicates, and never one with other parameters or another version.
"""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cosignal.protocol.errors import UsageError
from cosignal.simulator.experiments.jobs import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

_RUNS: Final = "runs.jsonl"


class Kept:
    """Finished runs of an experiment, by key; in memory, or in a folder too."""

    def __init__(self, folder: str | Path | None = None) -> None:
        """Read what a folder has.

        Args:
            folder: Made if it does not exist; None to keep nothing.

        Raises:
            UsageError: It is no folder, or cannot be used.
        """
        self._outcomes: dict[str, Outcome] = {}
        self._path: Path | None = None
        if folder is None:
            return
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"{folder}: expected a folder for finished runs, got {error.strerror}",
                advice="Name a folder that is there, or can be made.",
            ) from error
        self._path = Path(folder) / _RUNS
        self._read(self._path)

    def get(self, key: str) -> Outcome | None:
        """A finished run, if it is there."""
        return self._outcomes.get(key)

    def add(self, key: str, outcome: Outcome) -> None:
        """Keep a run."""
        self._outcomes[key] = outcome
        if self._path is None:
            return
        line = {
            "key": key,
            "summary": dict(outcome.summary),
            "series": {name: _short(row) for name, row in outcome.series.items()},
        }
        _append(self._path, f"{json.dumps(line)}\n".encode())

    def _read(self, path: Path) -> None:
        if not path.exists():
            return
        data = path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            with path.open("ab") as file:
                file.truncate(whole)
        for number, text in enumerate(data[:whole].splitlines(), 1):
            self._outcomes.update([_outcome(text, f"{path}:{number}")])


def _append(path: Path, line: bytes) -> None:
    """Write a whole line, or none of it: a part would spoil the next one."""
    with path.open("ab", buffering=0) as file:
        end, rest = file.tell(), memoryview(line)
        try:
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
        except BaseException:  # interrupted, or the disk is full
            if file.seek(0, os.SEEK_END) < end + len(line):
                file.truncate(end)
            raise


def _outcome(text: bytes, place: str) -> tuple[str, Outcome]:
    try:
        line: Mapping[str, Any] = json.loads(text)
        series = {
            name: np.asarray(row, np.float64) for name, row in line["series"].items()
        }
        return line["key"], Outcome(line["summary"], series)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{place}: expected a finished run, got something else",
            advice="Remove the line, or name another folder.",
        ) from error


def _short(row: "np.ndarray[Any, Any]") -> list[float]:
    """Counts as whole numbers, which are shorter."""
    return [int(value) if value == int(value) else value for value in row.tolist()]
