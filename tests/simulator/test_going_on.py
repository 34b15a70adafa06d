"""Experiments that are killed or interrupted, and go on from their folder."""

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from cosignal.simulator.experiments import Study, calibrate, sweep
from cosignal.simulator.parameters.tree import Parameters
from tests.docs.pages import ROOT

BASE = Parameters().with_values(
    {"population.agents": 500, "days": 20, "disease.seeds": 20, "seed": 3}
)
ADOPTIONS = {"app.adoption": [0.0, 0.6]}
#: So many that none of the processes below comes to the end by itself.
REPLICATES = 10
SWEEP = (
    *("sweep", "scenario.toml", "--vary", "app.adoption=0.0,0.6"),
    *("--replicates", str(REPLICATES), "--folder", "runs"),
)
CALIBRATE = (
    *("calibrate", "scenario.toml", "cases.csv", "--fit", "disease.r0=1:4"),
    *("--trials", "12", "--replicates", "1", "--workers", "1", "--folder", "runs"),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "scenario.toml").write_text(
        "days = 20\nseed = 3\n[population]\nagents = 500\n[disease]\nseeds = 20\n"
    )
    (tmp_path / "cases.csv").write_text("day,cases\n8,2\n12,5\n16,9\n")
    return tmp_path


def stopped(folder: Path, words: tuple[str, ...], sent: int, runs: int) -> str:
    """Start a command, and send a signal once some runs are kept; its last words."""
    kept = folder / "runs" / "runs.jsonl"
    with subprocess.Popen(
        [sys.executable, "-m", "cosignal.simulator", *words],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        while lines(kept) < runs:
            assert process.poll() is None
            time.sleep(0.01)
        os.killpg(process.pid, sent)
        _, complaint = process.communicate()
    expected = -signal.SIGKILL if sent == signal.SIGKILL else 1
    assert expected == process.returncode
    assert "Traceback" not in complaint
    return complaint


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def bits(study: Study) -> list[str]:
    """All that a study has, to the last bit."""
    return [
        repr(
            (place, dict(item.summary), [row.tolist() for row in item.series.values()])
        )
        for place, item in sorted(study.outcomes.items())
    ]


def test_a_study_that_was_killed_and_interrupted_is_that_which_never_was(
    folder: Path,
) -> None:
    stopped(folder, (*SWEEP, "--workers", "1"), signal.SIGKILL, 2)
    before = lines(folder / "runs" / "runs.jsonl")
    told = stopped(folder, (*SWEEP, "--workers", "2"), signal.SIGINT, before + 2)

    assert "of 20 runs are finished" in told
    assert "They are kept in runs; the same command goes on from there." in told
    after = lines(folder / "runs" / "runs.jsonl")
    assert before + 2 <= after < 20

    gone_on = sweep(
        BASE, ADOPTIONS, replicates=REPLICATES, workers=1, folder=folder / "runs"
    )
    at_once = sweep(BASE, ADOPTIONS, replicates=REPLICATES, workers=1)
    assert lines(folder / "runs" / "runs.jsonl") == 20
    assert bits(at_once) == bits(gone_on)


def test_a_calibration_that_was_interrupted_goes_the_same_way(folder: Path) -> None:
    pytest.importorskip("optuna")
    told = stopped(folder, CALIBRATE, signal.SIGINT, 2)
    kept = lines(folder / "runs" / "runs.jsonl")

    assert "expected to finish, got interrupted" in told
    assert "the same command goes on from there" in told
    fits = [
        calibrate(
            BASE,
            folder / "cases.csv",
            {"disease.r0": (1.0, 4.0)},
            trials=12,
            replicates=1,
            workers=1,
            folder=where,
        )
        for where in (None, folder / "runs")
    ]
    one, two = (fit.samples["disease.r0"].tolist() for fit in fits)
    assert one == two
    assert fits[0].distances.tolist() == fits[1].distances.tolist()
    assert 2 <= kept < 12
    assert lines(folder / "runs" / "runs.jsonl") == 12


def test_a_run_that_is_interrupted_says_so_and_shows_its_bar_on_a_terminal_only(
    folder: Path,
) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "cosignal.simulator", "run", "--set", "days=10000"]
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**environment(), "TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        shown = b""
        while b"days" not in shown:
            shown += os.read(ours, 4096)
        os.killpg(process.pid, signal.SIGINT)
        shown = b"".join(_until_the_end(ours))
        out, _ = process.communicate()
    os.close(ours)

    assert process.returncode == 1
    assert b"cosignal-sim: expected to finish, got interrupted" in shown
    assert b"Traceback" not in shown
    assert out == b""


def _until_the_end(terminal: int) -> Iterator[bytes]:
    with suppress(OSError):  # how a terminal ends
        while data := os.read(terminal, 4096):
            yield data


def test_other_data_find_no_distances_of_these(folder: Path) -> None:
    pytest.importorskip("optuna")
    options = {"trials": 4, "replicates": 1, "workers": 1, "folder": folder / "runs"}
    for cases in ([1.0, 2.0], [1.0, 3.0]):
        calibrate(BASE, {"cases": cases}, {"disease.r0": (1.0, 4.0)}, **options)  # type: ignore[arg-type]

    assert lines(folder / "runs" / "runs.jsonl") == 8
