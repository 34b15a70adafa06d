"""Speed and memory of the simulator, and of what others have."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

from tests.benchmarks.figures import NotHereError, note
from tests.benchmarks.machine import two_cores

_ROUNDS: Final = 3
_PEER_AGENTS: Final = 100_000
_DAYS: Final = 100
_INSTALL_SECONDS: Final = 600
_RUN_SECONDS: Final = 900

#: Starsim's infections last for years by default, so that all people have one in the
#: end; it is slower where they last for days, and people are infected over all of them.
#: Both print processor seconds of the day loop alone, after a small run that compiles:
#: with one thread that never waits, it is what a clock would say on an idle core.
_COVASIM: Final = """
import sys, time, covasim as cv
def sim(n, days):
    return cv.Sim(pop_size=n, n_days=days, pop_type="hybrid", pop_infected=n // 1000,
        rescale=False, rand_seed=1, verbose=0, interventions=[
            cv.test_prob(symp_prob=0.2, asymp_prob=0.0),
            cv.contact_tracing(trace_probs=dict(h=1, s=0.5, w=0.5, c=0.3))])
sim(2000, 10).run()
it = sim(int(sys.argv[1]), int(sys.argv[2])); it.initialize()
start = time.process_time(); it.run(); print(time.process_time() - start)
"""
_STARSIM: Final = """
import sys, time, starsim as ss
def sim(n, days):
    return ss.Sim(n_agents=n, dt=ss.days(1), dur=ss.days(days), rand_seed=1, verbose=0,
        diseases=ss.SIR(beta=ss.perday(0.02), init_prev=0.001),
        networks=ss.RandomNet(n_contacts=10))
sim(2000, 10).run()
it = sim(int(sys.argv[1]), int(sys.argv[2])); it.init()
start = time.process_time(); it.run(); print(time.process_time() - start)
"""


def agent_days_per_s() -> float:
    """A million people on one core.

    Returns:
        Agent-days a second of processor time, median of some runs.
    """
    return median(1_000_000 * _DAYS / run["cpu_s"] for run in _million())


def peak_mb() -> float:
    """Greatest memory of a run of a million people, in MB."""
    return max(run["peak_mb"] for run in _million())


def peak_mb_10m() -> float:
    """Greatest memory of a run of ten million people, in MB."""
    return _bench(10_000_000, threads=1)["peak_mb"]


def start_seconds() -> float:
    """From nothing to the end of the smallest run, with kernels that are kept.

    Returns:
        Seconds of a whole process by the clock, median of some.
    """
    command = [
        *(sys.executable, "-m", "cosignal.simulator", "run", "--json"),
        *("--set", "population.agents=1000", "--set", "days=1"),
    ]
    subprocess.run(command, capture_output=True, check=True)
    found = []
    for _ in range(_ROUNDS):
        start = perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        found.append(perf_counter() - start)
    return median(found)


def thread_speedup(threads: int) -> float:
    """By how much more threads make a run of a million people shorter.

    Raises:
        NotHereError: There are not as many cores.
    """
    two_cores()
    ratios = []
    for _ in range(_ROUNDS):
        one = _bench(1_000_000, threads=1)["run_s"]
        more = _bench(1_000_000, threads=threads)["run_s"]
        ratios.append(one / more)
    return median(ratios)


def sweep_seconds() -> float:
    """A study of usual size on two worker processes, their start included."""
    from cosignal.simulator.experiments import sweep  # noqa: PLC0415 - compiles
    from cosignal.simulator.parameters.tree import Parameters  # noqa: PLC0415

    base = Parameters(days=180).with_values({"population.agents": 200_000})
    start = perf_counter()
    adoptions = [0.0, 0.15, 0.3, 0.45, 0.6, 0.75]
    sweep(base, {"app.adoption": adoptions}, replicates=20, workers=2, progress=False)
    return perf_counter() - start


def ratio_to_covasim() -> float:
    """Our rate over that of Covasim 3 with testing and tracing."""
    return _ratio("covasim==3.1.6", _COVASIM)


def ratio_to_starsim() -> float:
    """Our rate over that of Starsim's SIR on a random network."""
    return _ratio("starsim", _STARSIM)


@lru_cache(maxsize=1)
def _million() -> tuple[dict[str, float], ...]:
    return tuple(_bench(1_000_000, threads=1) for _ in range(_ROUNDS))


def _bench(agents: int, *, threads: int) -> dict[str, float]:
    """Run `cosignal-sim bench` in a process of its own."""
    command = [
        *(sys.executable, "-m", "cosignal.simulator", "bench", "--json"),
        *("--agents", str(agents), "--days", str(_DAYS), "--app", "0.6"),
        *("--threads", str(threads)),
    ]
    core = two_cores()[0] if threads == 1 else None
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, preexec_fn=_pinned(core)
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    rate = agents * _DAYS / found["cpu_s"]
    note(f"{rate / 1e6:.1f} M agent-days a processor second, {found['peak_mb']:.0f} MB")
    return found


def _pinned(core: int | None) -> Callable[[], None] | None:
    if core is None:
        return None
    return lambda: os.sched_setaffinity(0, {core})


def _ratio(peer: str, script: str) -> float:
    """Take ours and a peer's time in turn, on one core."""
    core, _ = two_cores()
    with tempfile.TemporaryDirectory() as folder:
        python = _installed(peer, Path(folder))
        ratios = []
        for _ in range(_ROUNDS):
            ours = _bench(_PEER_AGENTS, threads=1)["cpu_s"]
            theirs = _seconds(python, script, core)
            note(f"{peer}: {theirs:.2f} s, ours {ours:.2f} s")
            ratios.append(theirs / ours)
        return median(ratios)


def _installed(peer: str, folder: Path) -> Path:
    """Install a peer into an environment of its own.

    Raises:
        NotHereError: It cannot be had.
    """
    python = folder / "bin" / "python"
    try:
        for command in (
            [sys.executable, "-m", "venv", str(folder)],
            [str(python), "-m", "pip", "install", "--quiet", "setuptools<81", peer],
        ):
            subprocess.run(
                command, capture_output=True, check=True, timeout=_INSTALL_SECONDS
            )
    except (subprocess.SubprocessError, OSError) as error:
        raise NotHereError(f"{peer} cannot be installed") from error
    return python


def _seconds(python: Path, script: str, core: int) -> float:
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(python), "-c", script, str(_PEER_AGENTS), str(_DAYS)],
        capture_output=True,
        text=True,
        check=False,
        timeout=_RUN_SECONDS,
        env={**clean, "MPLBACKEND": "agg"},
        preexec_fn=_pinned(core),
    )
    if done.returncode:
        raise NotHereError(f"the peer does not run: {done.stderr[-200:]}")
    return float(done.stdout.split()[-1])
