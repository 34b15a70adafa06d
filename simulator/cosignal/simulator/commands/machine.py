"""`cosignal-sim bench` and `warm`: what this machine does."""

import resource
import sys
from time import perf_counter, process_time
from typing import Annotated

import typer

from cosignal.simulator.commands.terminal import Json, say
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.words import number

#: Linux counts in kilobytes, macOS in bytes.
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
_WARM_AGENTS = 2_000
_WARM_DAYS = 20


def bench(
    *,
    agents: Annotated[int, typer.Option(help="People.")] = 1_000_000,
    days: Annotated[int, typer.Option(help="Days.")] = 100,
    app: Annotated[float, typer.Option(help="Adoption of the app; 0 for none.")] = 0.6,
    threads: Annotated[int, typer.Option(help="Threads of the run.", min=1)] = 1,
    seed: Annotated[int, typer.Option(help="Of the run.")] = 1,
    as_json: Json = False,
) -> None:
    """Measure the complete model on this machine, once its code is compiled.

    Example: cosignal-sim bench --agents 1000000 --days 100 --app 0.6 --json
    """
    _run(_WARM_AGENTS, _WARM_DAYS, app, threads, seed)
    found = _run(agents, days, app, threads, seed)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT / 1e6
    found |= {"peak_mb": peak}
    say(
        [f"{name:<18} {number(value)}" for name, value in found.items()],
        found,
        as_json=as_json,
    )


def warm(*, as_json: Json = False) -> None:
    """Compile the kernels now, and keep them, so that later runs start at once.

    Example: cosignal-sim warm
    """
    start = perf_counter()
    for threads in (1, 2):
        _run(_WARM_AGENTS, _WARM_DAYS, 0.6, threads, 1)
    seconds = perf_counter() - start
    say(
        [f"ready after {seconds:.1f} s"],
        {"ok": True, "seconds": seconds},
        as_json=as_json,
    )


def _run(
    agents: int, days: int, app: float, threads: int, seed: int
) -> dict[str, float]:
    # Only here: whoever asks for help need not wait for compiled code.
    from cosignal.simulator.simulation import Sim  # noqa: PLC0415

    parameters = Parameters().with_values(
        {
            "population.agents": agents,
            "days": days,
            "seed": seed,
            "app.adoption": app,
            "disease.seeds": min(agents, max(10, agents // 1000)),
        }
    )
    start = perf_counter()
    sim = Sim(parameters=parameters, threads=threads)
    init = _built(sim, start)
    start, busy = perf_counter(), process_time()
    results = sim.run()
    seconds, busy = perf_counter() - start, process_time() - busy
    return {
        "agent_days_per_s": agents * days / seconds,
        "attack_rate": results.summary()["attack_rate"],
        "init_s": init,
        "run_s": seconds,
        "cpu_s": busy,
        "threads": threads,
    }


def _built(sim: object, start: float) -> float:
    """Seconds until people and their first state are there."""
    for name in ("people", "state", "outbreak", "interventions"):
        getattr(sim, name)
    return perf_counter() - start
