import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from cosignal.protocol.errors import CosignalError, UsageError
from cosignal.simulator.experiments.pool import run_jobs, take_all
from tests.docs.pages import ROOT
from tests.simulator.pool_jobs import killed, scaled

JOBS = [{"x": number} for number in range(5)]


def test_any_workers_give_the_same() -> None:
    expected = {0: 0.0, 1: 2.0, 2: 4.0, 3: 6.0, 4: 8.0}

    assert expected == dict(run_jobs(scaled, 2.0, JOBS, workers=1))
    assert expected == dict(run_jobs(scaled, 2.0, JOBS, workers=2))


def test_a_worker_that_is_killed_is_an_error_with_advice() -> None:
    with pytest.raises(CosignalError, match="got one that was killed") as caught:
        list(run_jobs(killed, 2.0, JOBS, workers=2))

    assert "memory" in caught.value.advice


@pytest.mark.parametrize("workers", [0, -1, "many", True, 1.5])
def test_workers_that_do_not_exist_are_refused(workers: int | str) -> None:
    with pytest.raises(UsageError, match="workers: expected"):
        list(run_jobs(scaled, 2.0, JOBS, workers=workers))


def test_no_scheduler_is_an_error_with_advice() -> None:
    pytest.importorskip("distributed")
    script = (
        "import dask; dask.config.set({'distributed.comm.timeouts.connect': '0.5s'})\n"
        "from cosignal.simulator.experiments.pool import run_jobs\n"
        "from cosignal.protocol.errors import UsageError\n"
        "from tests.simulator.pool_jobs import scaled\n"
        "try: list(run_jobs(scaled, 1.0, [{'x': 1}], workers='tcp://127.0.0.1:9'))\n"
        "except UsageError as error: print(error.advice)\n"
    )

    done = _python(script)

    assert done == "Start one with: dask scheduler\n"


def test_runs_may_start_at_a_programs_top_level() -> None:
    script = (
        "from cosignal.simulator.experiments.pool import run_jobs\n"
        "from tests.simulator.pool_jobs import scaled\n"
        "jobs = [{'x': 1}, {'x': 2}]\n"
        "print(sorted(run_jobs(scaled, 1.0, jobs, workers=2)))\n"
    )

    assert _python(script) == "[(0, 1.0), (1, 2.0)]\n"


def test_ctrl_c_gives_what_is_running_and_starts_no_more(tmp_path: Path) -> None:
    script = (
        "import pathlib, sys\n"
        "from cosignal.simulator.experiments.pool import run_jobs\n"
        "from tests.simulator.pool_jobs import marked\n"
        "jobs = [{'x': n} for n in range(50)]\n"
        "try:\n"
        "    for _, number in run_jobs(marked, pathlib.Path(sys.argv[1]), jobs,\n"
        "                              workers=2):\n"
        "        print(number, flush=True)\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted')\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=ROOT,
        env=_environment(),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        while len(list(tmp_path.glob("*.begun"))) < 2:
            assert process.poll() is None
            time.sleep(0.01)

        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.2)
        (tmp_path / "go").touch()
        out, _ = process.communicate()

    *numbers, last = out.splitlines()
    assert last == "interrupted"
    assert {"0", "1"} <= set(numbers)
    assert len(numbers) < 10


def test_processes_end_with_a_program_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import pathlib, sys\n"
        "from cosignal.simulator.experiments.pool import run_jobs\n"
        "from tests.simulator.pool_jobs import marked\n"
        "jobs = [{'x': n} for n in range(50)]\n"
        "list(run_jobs(marked, pathlib.Path(sys.argv[1]), jobs, workers=2))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=ROOT,
        env=_environment(),
        stdout=subprocess.PIPE,
    ) as process:
        while len(list(tmp_path.glob("*.begun"))) < 2:
            assert process.poll() is None
            time.sleep(0.01)

        process.kill()
        # Workers hold the pipe too: it ends when the last of them has ended.
        out, _ = process.communicate(timeout=30)

    assert out == b""


def test_what_runs_when_ctrl_c_comes_between_two_outcomes_is_taken_too() -> None:
    taken: list[int] = []

    def runs() -> Generator[tuple[int, int], None, None]:
        try:
            yield 0, 10
            yield 1, 11
        except KeyboardInterrupt:
            yield 2, 12
            raise

    def take(index: int, outcome: int) -> None:
        taken.append(outcome)
        if index == 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take_all(runs(), take)

    assert taken == [10, 12]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def _python(script: str) -> str:
    return subprocess.run(
        [sys.executable, "-"],
        input=script,
        cwd=ROOT,
        env=_environment(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
